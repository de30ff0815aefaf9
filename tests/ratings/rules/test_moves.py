"""The tables of moves: whole, consistent, and drawn in the README as they are."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ratings.rules import moves
from ratings.rules.moves import Move, demands_table, find, mermaid, moves_from
from ratings.rules.vocabulary import Vocabulary

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
LIVES = {
    "period-life": (moves.PERIOD_STATES, moves.PERIOD_MOVES),
    "objection-life": (moves.OBJECTION_STATES, moves.OBJECTION_MOVES),
    "repair-life": (moves.REPAIR_STATES, moves.REPAIR_MOVES),
}
EACH = pytest.mark.parametrize(("states", "table"), LIVES.values(), ids=LIVES)


def drawn(name: str) -> str:
    """What stands between the markers of this name in the README."""
    begin, end = f"<!-- {name}:begin -->\n", f"\n<!-- {name}:end -->"
    assert README.count(begin) == README.count(end) == 1
    return README[README.index(begin) + len(begin) : README.index(end)]


@pytest.mark.parametrize("name", LIVES)
def test_the_readme_draws_the_table(name: str) -> None:
    assert drawn(name) == f"```mermaid\n{mermaid(*LIVES[name])}\n```", "copy it from mermaid()"


def test_the_readme_says_what_each_move_of_a_period_demands() -> None:
    assert drawn("period-moves") == demands_table(*LIVES["period-life"]), "copy it from demands_table()"


@EACH
def test_every_state_is_reached_from_the_first(states: Vocabulary, table: Sequence[Move]) -> None:
    reached = {states.terms[0].id}
    for _ in states:
        reached |= {move.target for move in table if move.source in reached}
    assert reached == set(states.ids)


@EACH
def test_rows_of_one_name_differ_in_their_source_only(states: Vocabulary, table: Sequence[Move]) -> None:
    assert len({(move.name, move.source) for move in table}) == len(table)
    for name in {move.name for move in table}:
        same = {(m.target, m.title, m.permission, m.demands) for m in table if m.name == name}
        assert len(same) == 1, name
    assert all(move.source in states and move.target in states for move in table)


def test_what_is_allowed_from_each_state_of_a_period() -> None:
    allowed = {
        state: {move.name for move in moves_from(moves.PERIOD_MOVES, state)}
        for state in moves.PERIOD_STATES.ids
    }
    assert allowed == {
        "COMPUTED": {"review", "abandon"},
        "UNDER_REVIEW": {"give_notice", "abandon"},
        "PUBLIC_NOTICE": {"recall", "finalise", "abandon"},
        "FINAL": {"reopen", "publish", "abandon"},
        "PUBLISHED": {"close"},
        "CLOSED": set(),
        "ABANDONED": set(),
    }


def test_find() -> None:
    assert find(moves.PERIOD_MOVES, "abandon").source == "COMPUTED"
    assert find(moves.PERIOD_MOVES, "abandon", "FINAL").source == "FINAL"
    with pytest.raises(KeyError):
        find(moves.PERIOD_MOVES, "abandon", "PUBLISHED")
    with pytest.raises(KeyError):
        find(moves.PERIOD_MOVES, "grant")


def test_whoever_sends_back_or_decides_gives_a_reason() -> None:
    for name in ("recall", "reopen", "abandon"):
        assert find(moves.PERIOD_MOVES, name).needs_reason
    assert not find(moves.PERIOD_MOVES, "publish").needs_reason
    for table in (moves.OBJECTION_MOVES, moves.REPAIR_MOVES):
        assert all(move.needs_reason for move in table if move.permission.startswith("decide_"))
