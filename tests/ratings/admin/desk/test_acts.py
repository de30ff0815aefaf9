"""The buttons of objections and repairs are the moves of the table, with its words and its rights."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.http import HttpRequest
from django.utils import timezone

from ratings.models import CreditRepair, Objection
from ratings.rules import moves

#: What can be done without moving the matter on.
BESIDE = {"增列所涉事实", "延长期限", "补充证据材料", "登记答复", "登记送达"}
STATES = [
    (model, table, state)
    for model, table, states in (
        (Objection, moves.OBJECTION_MOVES, moves.OBJECTION_STATES),
        (CreditRepair, moves.REPAIR_MOVES, moves.REPAIR_STATES),
    )
    for state in states.ids
]


def _row(model: type, state: str, outcome: str) -> Any:
    more = {"review_outcome": outcome} if model is Objection else {}
    return model(state=state, proposed_outcome=outcome, decided_at=timezone.now(), **more)


@pytest.mark.parametrize(("model", "table", "state"), STATES)
def test_acts_are_the_moves_of_the_table(model: type, table: tuple[moves.Move, ...], state: str) -> None:
    admin: Any = site._registry[model]
    offered = {
        (act.title, act.permission)
        for outcome in ("UPHELD", "GRANTED", "REJECTED")
        for act in admin.acts_of(HttpRequest(), _row(model, state, outcome))
        if act.title not in BESIDE
    }
    assert offered == {(move.title, move.permission) for move in moves.moves_from(table, state)}
