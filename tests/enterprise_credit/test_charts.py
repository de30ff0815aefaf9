"""Charts that can be read without colour, and values in words."""

import re
from datetime import date, timedelta
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


def test_scores_are_drawn_with_their_grades() -> None:
    assert charts.score_chart(scores(), 4) == ""
    assert charts.score_chart(scores(None), 4) == ""
    drawn = charts.score_chart(scores(90_000, None, 85_500), 4)
    said = re.findall(r">([^<>]+)</text>", drawn)
    assert {"A 90", "无等级", "A 85.5", "2026年1月1日", "2026年3月2日"} <= set(said)


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
