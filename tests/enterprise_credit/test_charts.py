"""Charts that can be read without colour, and values in words."""

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from applications.enterprise_credit import charts, words
from applications.enterprise_credit.profiles import Score
from applications.enterprise_credit.rules.catalogue import RecordField

DAY = date(2026, 1, 1)


def scores(*values: int | None) -> list[Score]:
    return [
        Score(DAY + timedelta(days=30 * place), value, "" if value is None else "A", 0)
        for place, value in enumerate(values)
    ]


def test_without_scores_there_is_no_chart() -> None:
    assert charts.score_line(scores(None)) is None
    assert charts.score_chart(scores()) == ""


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((92_500, 81_000), 80_000, 95_000),
        ((90_000,), 80_000, 90_000),
        ((91_000,), 85_000, 95_000),
        ((0,), 0, 10_000),
        ((2_000,), 0, 10_000),
        ((100_000,), 90_000, 100_000),
    ],
)
def test_the_axis_holds_all_scores(values: tuple[int, ...], low: int, high: int) -> None:
    line = charts.score_line(scores(*values))
    assert line is not None
    assert (line.low, line.high) == (low, high)
    for run in line.runs:
        for point in run:
            assert charts.TOP <= point.y <= charts.BASE
            assert charts.LEFT <= point.x <= charts.WIDTH - charts.RIGHT


def test_days_without_a_grade_part_the_line() -> None:
    line = charts.score_line(scores(90_000, None, None, 85_000, 86_000, None))
    assert line is not None
    assert [len(run) for run in line.runs] == [1, 2]
    drawn = charts.score_chart(scores(90_000, None, 85_000, 86_000))
    assert drawn.count('class="cs-line"') == 2


def test_labels_stand_apart_and_below_where_the_score_fell() -> None:
    line = charts.score_line(scores(90_000, 80_000))
    assert line is not None
    assert [one.fell for one in line.runs[0]] == [False, True]
    crowded = charts.score_line(
        [Score(DAY + timedelta(days=n), 90_000 + n * 100, "A", 0) for n in range(100)]
    )
    assert crowded is not None
    xs = [one.x for one in charts.labelled(crowded.runs)]
    assert len(xs) <= 3
    assert all(after - before >= 40 for before, after in pairwise(xs))


def test_grades_are_counted_in_words_beside_their_bars() -> None:
    drawn = charts.grade_chart({"A": 30, "D": 1, "": 2})
    assert re.findall(r">([^<>]+)</text>", drawn) == ["30", "A", "1", "D", "2", "无等级"]
    assert charts.grade_chart({}) == ""
    assert "药店等级分布：" in drawn and "数值见下表" in drawn


@pytest.mark.parametrize(
    ("type_", "given", "text"),
    [
        ("text", "警告", "警告"),
        ("text", "", "—"),
        ("text", None, "—"),
        ("amount_fen", 123_456, "1,234.56 元"),
        ("amount_fen", -5, "-0.05 元"),
        ("amount_fen", "五元", "五元"),
        ("date", "2026-01-31", "2026年1月31日"),
        ("date", "一月", "一月"),
        ("date", 5, "5"),
        ("integer", 2025, "2025"),
        ("designated_code", "P33060200672", "P33060200672"),
    ],
)
def test_fields_in_words(type_: Any, given: Any, text: str) -> None:
    assert words.value(RecordField(key="one", label="一", type=type_), given) == text


def test_grades_days_and_ranks_in_words() -> None:
    assert words.days(DAY, None) == "2026年1月1日起，失效日未定"
    assert words.days(DAY, date(2027, 1, 1)) == "2026年1月1日起，2027年1月1日失效"
    assert words.points(None) == "—"
    assert words.grade(None) == "尚未公布等级"
    assert words.grade({"grade": "", "reason": "未满半年"}) == "不予评级：未满半年"
    assert words.grade({"grade": "A", "label": "优秀", "score": 95_500}) == "A 优秀（95.5 分）"
    assert words.rank(1_200, 3_000) == "第 1,200 名 / 共 3,000 家"
    assert words.rank(0, 3) == "不参加排名"
