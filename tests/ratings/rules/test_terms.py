"""Legal terms: which holds when, and what is said of a faulty file."""

from datetime import date
from pathlib import Path

import pytest

from ratings.rules import SchemeError
from ratings.rules.terms import SHIPPED_TERMS, TERMS, load_terms

SHIPPED = load_terms()
TEXT = SHIPPED_TERMS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("term_id", "day", "length", "unit"),
    [
        ("objection_answer", date(2020, 7, 1), 5, "working_days"),
        ("objection_last", date(2020, 7, 1), 20, "working_days"),
        ("withdraw_annulled", date(2021, 7, 15), 3, "working_days"),
        ("reconsideration_apply", date(2023, 12, 31), 60, "days"),
        ("reconsideration_apply", date(2024, 1, 1), 60, "days"),
        ("repair_decide", date(2026, 3, 31), 15, "working_days"),
        ("repair_decide", date(2026, 4, 1), 7, "working_days"),
        ("repair_wait_minor", date(2026, 3, 31), 6, "months"),
        ("repair_wait_minor", date(2026, 4, 1), 0, "months"),
        ("repair_wait_general", date(2026, 4, 1), 3, "months"),
        ("repair_wait_serious", date(2026, 4, 1), 12, "months"),
    ],
)
def test_the_latest_that_has_begun_holds(term_id: str, day: date, length: int, unit: str) -> None:
    term = SHIPPED.on(term_id, day)
    assert (term.length, term.unit) == (length, unit)


def test_what_the_law_does_not_say_is_marked_as_an_example() -> None:
    assert SHIPPED.on("repair_decide", date(2026, 3, 31)).source.startswith("示例")
    assert SHIPPED.on("repair_decide", date(2026, 4, 1)).source.startswith("《信用修复管理办法》")
    assert all(term.source.startswith(("《", "示例")) for term in SHIPPED.rows)


def test_titles_are_those_that_the_code_knows() -> None:
    assert {term.id: term.title for term in SHIPPED.rows} == TERMS


def test_before_the_first_one() -> None:
    with pytest.raises(LookupError) as caught:
        SHIPPED.on("repair_accept", date(2017, 12, 31))
    assert caught.value.args[0] == (
        "terms.toml：期限“信用修复受理”（repair_accept）在 2017-12-31 尚无规定。"
        "改正办法：补写一条 from 不晚于 2017-12-31 的。"
    )
    with pytest.raises(KeyError):
        SHIPPED.on("repair_wish", date(2020, 1, 1))


FIRST = """id = "objection_answer"
title = "异议处理"
from = 2018-01-01
length = 5
unit = "working_days"
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'title = "异议处理"',
            f'title = "{"期" * 201}"',
            f"terms[0].title：“{'期' * 37}……”过长。改正办法：不超过 200 个字。",
        ),
        (
            "length = 5",
            "length = -5",
            "terms[0].length：-5 不是非负整数。改正办法：写成 0、1、2 这样的整数。",
        ),
        (
            "from = 2018-01-01",
            'from = "2018"',
            "terms[0].from：“2018”不是日期。改正办法：写成不带引号的日期，例如 2026-01-01。",
        ),
        (
            "from = 2018-01-01\n",
            "",
            "terms[0].from：缺少必写的 from。改正办法：补上 from（施行日期），例如 from = 2018-01-01。",
        ),
        (
            'unit = "working_days"',
            'unit = "weeks"',
            "terms[0].unit：“weeks”不在允许的取值之列。改正办法：改为 working_days、days、months 之一。",
        ),
        (
            'id = "objection_answer"',
            'id = "objection_anwser"',
            "terms[0].id：没有名为“objection_anwser”的期限。改正办法：是否应为 objection_answer？\n"
            "mine.toml：terms：缺少期限“异议处理”（objection_answer）。"
            '改正办法：补写 id = "objection_answer" 的一条。',
        ),
        (
            'id = "objection_answer"',
            'id = "objection_last"',
            "terms[1].from：期限“objection_last”自 2018-01-01 起写了两条。改正办法：保留其一，或改正施行日期。\n"
            "mine.toml：terms：缺少期限“异议处理”（objection_answer）。"
            '改正办法：补写 id = "objection_answer" 的一条。',
        ),
        (
            "length = 5",
            "length 5",
            "第12行第8列：键之后缺少等号。改正办法：改正此处（或其上一行）的书写后再试。",
        ),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    assert TEXT.count(FIRST) == 1
    path.write_text(TEXT.replace(FIRST, FIRST.replace(old, new)), encoding="utf-8")
    with pytest.raises(SchemeError) as caught:
        load_terms(path)
    assert str(caught.value) == f"mine.toml：{told}"


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("terms = []", encoding="utf-8")
    with pytest.raises(SchemeError, match=r"mine\.toml：terms：列表为空或过短。"):
        load_terms(path)


def test_another_file_may_say_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(FIRST, FIRST.replace("length = 5", "length = 4")), encoding="utf-8")
    assert load_terms(path).on("objection_answer", date(2020, 1, 1)).length == 4
