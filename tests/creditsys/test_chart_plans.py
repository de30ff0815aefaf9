"""Plans of charts: everything lies within the drawing, pieces are in proportion, many rows go on at the same scale."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditsys import chart_plans
from creditsys.chart_parts import (
    FILLS,
    TEXT,
    Box,
    Curve,
    Label,
    Mark,
    Plan,
    Rule,
    Series,
    cut,
    plain,
    width_of,
)
from creditsys.chart_plans import ScorePoint

DAY = date(2026, 1, 1)
GRADES = [Series(name, fill) for name, fill in zip("ABCD", ("0", "1", "2", "worst"), strict=True)]
WORDS = st.text(st.characters(codec="gb2312", exclude_categories=["C"]), max_size=40)
COUNTS = st.integers(0, 10**7)


def boxes(plan: Plan) -> list[Box]:
    return [part for part in plan.parts if isinstance(part, Box)]


def labels(plan: Plan) -> list[Label]:
    return [part for part in plan.parts if isinstance(part, Label)]


def edges(label: Label) -> tuple[float, float]:
    """The left and the right edge."""
    wide = width_of(label.words)
    left = label.x - {"start": 0.0, "middle": wide / 2, "end": wide}[label.anchor]
    return left, left + wide


def holds_all(plan: Plan, room: float | None = None) -> None:
    """Nothing lies outside of the drawing, and it is no wider than there is room."""
    if room is not None:
        assert plan.width <= room + 0.01
    for part in plan.parts:
        match part:
            case Box(_, x, y, width, height):
                found = [(x, y), (x + width, y + height)]
            case Label(_, y):
                found = [(edge, at) for edge in edges(part) for at in (y - TEXT * 0.9, y + TEXT * 0.3)]
            case Rule(x1, y1, x2, y2):
                found = [(x1, y1), (x2, y2)]
            case Curve():
                found = [point for point in part.points if point]
            case Mark(_, x, y, size):
                found = [(x - size, y - size), (x + size, y + size)]
        for x, y in found:
            assert -0.51 <= x <= plan.width + 0.51
            assert -0.01 <= y <= plan.height + 0.01


ROWS = st.lists(st.tuples(WORDS, st.lists(COUNTS, min_size=4, max_size=4)), min_size=1, max_size=12)


@given(ROWS, st.booleans(), st.sampled_from([None, 480.0, 680.0, 1090.0]), st.sampled_from([None, 1, 5]))
def test_pieces_fill_their_bar_in_proportion(
    rows: list[tuple[str, list[int]]], share: bool, room: float | None, most_rows: int | None
) -> None:
    plans = chart_plans.stacked("标题", GRADES, rows, share=share, room=room, most_rows=most_rows)
    most = max(sum(values) for _, values in rows)
    if not most:
        assert plans == []
        return
    long = 420 if room is None else room - max(width_of(cut(label, 190)) for label, _ in rows) - 26
    if room is not None:
        long -= max(width_of(f"{sum(values):,}") for _, values in rows)
    pieces = iter([box for plan in plans for box in boxes(plan)])
    for _, values in rows:
        whole = (sum(values) if share else most) or 1
        drawn = [(one.fill, next(pieces)) for one, value in zip(GRADES, values, strict=True) if value]
        for (fill, box), value in zip(drawn, filter(None, values), strict=True):
            assert box.fill == fill
            assert box.width == pytest.approx(max(long * value / whole, 0.5))
        assert sum(value * long / whole for value in values) == pytest.approx(
            long if share and sum(values) else long * sum(values) / whole
        )
        for (_, before), (_, after) in pairwise(drawn):
            assert after.x >= before.x + before.width - 0.5
    assert next(pieces, None) is None
    assert len(plans) == (1 if most_rows is None else -(-len(rows) // most_rows))
    for plan in plans:
        holds_all(plan, room)


@given(
    st.lists(
        st.tuples(WORDS, st.lists(st.none() | st.integers(-100, 10**6), min_size=2, max_size=2)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([None, 480.0, 680.0]),
    st.data(),
)
def test_bars_stand_within_their_drawings(
    rows: list[tuple[str, list[int | None]]], room: float | None, data: st.DataObject
) -> None:
    mark = data.draw(st.none() | st.tuples(st.integers(0, len(rows) - 1), WORDS))
    plans = chart_plans.bars("标题", plain("甲", "乙"), rows, mark=mark, room=room)
    most = max(value or 0 for _, values in rows for value in values)
    if most <= 0:
        assert plans == []
        return
    heights = [box.height for plan in plans for box in boxes(plan)]
    assert heights == [round(max(value or 0, 0) * 150 / most) for _, values in rows for value in values]
    starts = [
        part for plan in plans for part in plan.parts if isinstance(part, Rule) and part.kind == "start"
    ]
    assert len(starts) == (mark is not None)
    for plan in plans:
        holds_all(plan, room)
        values = [one for one in labels(plan) if one.words.replace(",", "").lstrip("-—").isdecimal()]
        for one, other in pairwise(values):
            if one.y == other.y and one.y < plan.height - 24:
                assert edges(one)[1] <= edges(other)[0] + 1


@given(
    st.lists(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=60), min_size=1, max_size=4),
    st.sampled_from([None, 680.0]),
    WORDS,
    st.data(),
)
def test_lines_lie_within_their_drawings(
    values: list[list[float | None]], room: float | None, unit: str, data: st.DataObject
) -> None:
    count = min(map(len, values))
    values = [row[:count] for row in values]
    names = data.draw(st.lists(WORDS, min_size=count, max_size=count))
    mark = data.draw(st.none() | st.tuples(st.integers(0, count - 1), WORDS))
    series = plain("甲", "乙", "丙", "丁")[: len(values)]
    plans = chart_plans.lines("标题", series, names, values, unit=cut(unit, 60), mark=mark, room=room)
    known = sum(value is not None for row in values for value in row)
    assert len(plans) == (known > 0)
    for plan in plans:
        holds_all(plan, room)
        assert sum(isinstance(part, Mark) for part in plan.parts) == known


def scores(*values: int | None, step: int = 30) -> list[ScorePoint]:
    return [
        ScorePoint(
            DAY + timedelta(days=step * place),
            f"第{place}期",
            value,
            "A" if value else "",
            0 if value else -1,
        )
        for place, value in enumerate(values)
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 2_000), WORDS, st.none() | st.integers(-(10**6), 10**6), st.integers(0, 3)),
        max_size=60,
    )
)
def test_scores_lie_within_their_drawing(rows: list[tuple[int, str, int | None, int]]) -> None:
    points = [
        ScorePoint(DAY + timedelta(days=day), label, score, "" if score is None else "ABCD"[grade], grade)
        for day, label, score, grade in sorted(rows, key=lambda row: row[0])
    ]
    last = {one.on: one for one in points}
    plans = chart_plans.score_line("标题", points, 4, room=688)
    assert len(plans) == any(one.score is not None for one in last.values())
    for plan in plans:
        holds_all(plan, 688)
        assert sum(isinstance(part, Mark) for part in plan.parts) == len(last)
        below = [one for one in labels(plan) if one.y > plan.height - 12]
        assert all(edges(one)[1] < edges(other)[0] for one, other in pairwise(below))


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ((92_500, 81_000), (80_000, 95_000)),
        ((90_000,), (80_000, 90_000)),
        ((91_000,), (85_000, 95_000)),
        ((0,), (0, 10_000)),
        ((2_000,), (0, 10_000)),
        ((100_000,), (90_000, 100_000)),
    ],
)
def test_the_axis_holds_all_scores(values: tuple[int, ...], bounds: tuple[int, int]) -> None:
    assert chart_plans.score_bounds(values) == bounds


def test_a_score_holds_until_the_next_and_no_grade_parts_the_line() -> None:
    (plan,) = chart_plans.score_line("标题", scores(90_000, None, 85_000, 86_000), 4)
    (curve,) = (part for part in plan.parts if isinstance(part, Curve))
    first, gap, start, corner, end = curve.points
    assert first and start and corner and end
    assert gap is None
    assert corner == (end[0], start[1])
    words = [one.words for one in labels(plan)]
    assert {"A 90", "无等级", "A 85", "A 86", "2026年1月1日", "2026年4月1日", "第0期"} <= set(words)


def test_labels_stand_apart_and_below_where_the_score_fell() -> None:
    (plan,) = chart_plans.score_line("标题", scores(90_000, 80_500), 4)
    before, after = (part for part in plan.parts if isinstance(part, Mark))
    placed = {one.words: one.y for one in labels(plan)}
    assert placed["A 90"] < before.y
    assert placed["A 80.5"] > after.y
    (crowded,) = chart_plans.score_line("标题", scores(*range(80_000, 90_000, 100), step=1), 4)
    said = [one for one in labels(crowded) if one.words.startswith("A ")]
    assert 2 <= len(said) < 12
    assert said[-1].words == "A 89.9"


def test_the_last_score_of_a_day_counts() -> None:
    points = [ScorePoint(DAY, "", 98_100, "A", 0), ScorePoint(DAY, "", 98_100, "D", 3)]
    (plan,) = chart_plans.score_line("标题", points, 4)
    assert [part.fill for part in plan.parts if isinstance(part, Mark)] == ["worst"]
    assert "D 98.1" in [one.words for one in labels(plan)]


def test_legends_take_as_many_lines_as_they_need() -> None:
    series = [Series(f"第{number}种很长的名称", fill) for number, fill in enumerate(FILLS)]
    plan = chart_plans.legend(series, 300)
    holds_all(plan, 300)
    assert len({box.y for box in boxes(plan)}) > 2
    assert plan.fills == list(FILLS)


def test_fills_are_told_apart_without_colour() -> None:
    for group in (("0", "1", "2", "3", "worst", "none"), ("a", "b", "c", "d")):
        assert len({FILLS[fill].hatch for fill in group}) == len(group)


@given(WORDS, st.floats(20, 400))
def test_what_is_cut_fits(words: str, room: float) -> None:
    assert width_of(cut(words, room)) <= room
    assert cut(words, width_of(words)) == words
