"""Comparing two sets of grades: every figure as a plain loop counts it."""

from collections import Counter
from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ratings.insight.lab import (
    SIZES,
    Comparison,
    Move,
    Side,
    compare,
    fund_payments,
    size_groups,
)
from ratings.insight.lab_reasons import Rated, reasons
from ratings.rules import Scheme, parse_scheme, rate, shipped_schemes
from ratings.rules.columns import MISSING
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import PERIOD, SCHEMES, cities

SCALES = (("A", "B", "C", "D"), ("A", "B", "C", "D", "E"), ("A+", "A", "B"), ("5", "4", "3"), ("B", "A"))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Side, Side]:
    size = draw(st.integers(0, 30))
    sides = []
    for title in ("原评价", "试算"):
        names = draw(st.sampled_from(SCALES))
        grades = draw(st.lists(st.integers(-1, len(names) - 1), min_size=size, max_size=size))
        scores = [0 if grade < 0 else draw(st.integers(0, 3)) for grade in grades]
        sides.append(Side(title, names, np.array(grades, np.int64), np.array(scores, np.int64)))
    return sides[0], sides[1]


def plain_move(before: Side, after: Side, row: int) -> tuple[Move, int]:
    """The same by a person's rules."""
    was, now = int(before.grade[row]), int(after.grade[row])
    if was < 0 and now < 0:
        return Move.SAME, 0
    if was < 0:
        return Move.ENTERED, 0
    if now < 0:
        return Move.LEFT, 0
    one, other = before.names[was], after.names[now]
    longer = max(before.names, after.names, key=len)
    shorter = min(before.names, after.names, key=len) if longer is not before.names else after.names
    if [name for name in longer if name in shorter] != list(shorter):
        return (Move.SAME if one == other else Move.OTHER), 0
    steps = longer.index(other) - longer.index(one)
    return (Move.WORSE if steps > 0 else Move.BETTER if steps < 0 else Move.SAME), abs(steps)


@given(pairs())
def test_figures_are_those_of_a_plain_count(pair: tuple[Side, Side]) -> None:
    before, after = pair
    found = compare(before, after)
    size = len(before.grade)
    moves = [plain_move(before, after, row) for row in range(size)]
    assert list(zip(found.move.tolist(), found.steps.tolist(), strict=True)) == moves
    cells = Counter(zip(before.grade.tolist(), after.grade.tolist(), strict=True))
    for was in range(-1, len(before.names)):
        for now in range(-1, len(after.names)):
            assert found.matrix[was, now] == cells[was, now]
    assert found.changed == sum(move != Move.SAME for move, _ in moves)
    assert [found.count(move) for move in Move] == [sum(m == move for m, _ in moves) for move in Move]
    counted = Counter(before.grade.tolist())
    assert before.counts().tolist() == [*(counted[place] for place in range(len(before.names))), counted[-1]]


@given(pairs(), st.randoms(use_true_random=False))
def test_groups_and_the_list_are_complete(pair: tuple[Side, Side], random: object) -> None:
    found = compare(*pair)
    size = len(found.move)
    member = np.arange(size, dtype=np.int64) % 3
    groups = found.by(member, 4)
    for group in range(4):
        for move in Move:
            assert groups[group, move] == sum(
                member[row] == group and found.move[row] == move for row in range(size)
            )
    rows = found.moved_rows().tolist()
    assert sorted(rows) == [row for row in range(size) if found.move[row] != Move.SAME]
    fallen = [found.steps[row] for row in rows if found.move[row] == Move.WORSE]
    assert fallen == sorted(fallen, reverse=True)
    assert all(found.move[row] == Move.WORSE for row in rows[: len(fallen)])


@given(cities(20))
def test_sizes_are_quarters_of_the_payments(city: list[Shop]) -> None:
    signals = build(city, PERIOD)
    paid, known = fund_payments(signals)
    for row, shop in enumerate(city):
        months = [amount for amount in shop.this_year if amount is not None]
        assert (paid[row], known[row]) == (sum(months) * 100, bool(months))
    member = size_groups(signals)
    assert ((member == 0) == ~known).all()
    assert member.max(initial=0) < len(SIZES)
    order = np.argsort(paid[known], kind="stable")
    assert (np.diff(member[known][order]) >= 0).all(), "who gets more is in no smaller group"
    for value in np.unique(paid[known]):
        assert len(set(member[known & (paid == value)].tolist())) == 1
    if len(set(paid[known].tolist())) == int(known.sum()):
        assert all(abs(int((member == quarter).sum()) - known.sum() / 4) < 1 for quarter in (1, 2, 3, 4))


def side(rated: Rated) -> Side:
    return Side("", rated.names, rated.outcomes.grade, rated.outcomes.score)


def rated(scheme: Scheme, city: list[Shop]) -> Rated:
    return Rated(scheme, rate(scheme, build(city, PERIOD)))


@given(cities(20), SCHEMES, SCHEMES)
def test_a_move_has_a_reason_and_the_same_scheme_moves_nobody(
    city: list[Shop], one: Scheme, other: Scheme
) -> None:
    before = rated(one, city)
    assert not compare(side(before), side(rated(one, city))).changed
    after = rated(other, city)
    found: Comparison = compare(side(before), side(after))
    rows = found.moved_rows()
    told = list(reasons(before, after, rows))
    assert len(told) == len(rows)
    if found.move[rows].tolist().count(Move.OTHER) == 0:
        assert all(told), "who moves is told why"


def changed(*swaps: tuple[str, str]) -> Scheme:
    text = shipped_schemes()["shaoxing-style"].read_text()
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return parse_scheme(text)


def test_reasons_name_what_differs() -> None:
    city = [
        Shop(),
        Shop(violations=[Fact("ITEM_SUBSTITUTION", date(2025, 12, 31))]),
        Shop(designated_on=date(2023, 6, 1)),
        Shop(designated_on=date(2025, 10, 1)),
        Shop(designated_on=date(2025, 2, 1)),
        Shop(violations=[Fact("OTHER_FRAUD", date(2025, 12, 31), "SERIOUS")]),
    ]
    signals = build(city, "2025")

    def tell(*swaps: tuple[str, str]) -> dict[int, str]:
        before, after = (Rated(each, rate(each, signals)) for each in (changed(), changed(*swaps)))
        rows = compare(side(before), side(after)).moved_rows()
        return dict(zip(rows.tolist(), reasons(before, after, rows), strict=True))

    assert tell(("MINOR = -6, ", "MINOR = -12, ")) == {1: "违法违规 -6 → -12 分"}
    assert tell(("lt = 24 }", "lt = 36 }"))[2] == "受限于“定点未满两年”（最高 B）"
    assert tell(("lt = 24 }", "lt = 6 }"))[4] == "不再受限于“定点未满两年”"
    assert tell(("lt = 6 }", "lt = 12 }"))[4] == "不予评级：定点未满六个月"
    assert tell(("lt = 6 }", "lt = 2 }"))[3] == "原不予评级：定点未满六个月"
    assert "按分数 A → B" in tell(("min = 90", "min = 100"), ("base_score = 100", "base_score = 99.9"))[0]
    assert "基础分、权重、上下限或取整不同" in tell(("base_score = 100", "base_score = 89"))[0]


def test_payments_of_a_day_are_nobodys() -> None:
    signals = build([Shop(this_year=[None] * 3)], PERIOD)
    assert (signals.payments[:, 3:] == MISSING).all()
    assert size_groups(signals).tolist() == [0]
