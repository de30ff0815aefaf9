"""Which keys of two documents differ, and what each changed part is."""

import contextlib

import pytest
from hypothesis import given

from ratings.insight.scheme_changes import Step, differences, steps
from ratings.rules import Scheme, SignalsError, parse_scheme, rate, shipped_schemes
from tests.ratings.rules.building import Shop, build
from tests.ratings.rules.strategies import PERIOD, SCHEMES, cities

TEXT = shipped_schemes()["shaoxing-style"].read_text()
CAP = """
[[caps]]
id = "many_complaints"
title = "举报投诉过多"
when = { quantity = "complaints", within_months = 12, ge = 3 }
limit = "C"
clause = "第十条第四项"
"""


def swapped(*swaps: tuple[str, str], more: str = "") -> str:
    text = TEXT
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    return text + more


def of(*swaps: tuple[str, str], more: str = "") -> list[Step]:
    return steps(parse_scheme(TEXT), parse_scheme(swapped(*swaps, more=more)))


def test_the_same_document_has_no_differences() -> None:
    assert differences(TEXT, TEXT + "\n# 注释不算\n") == []
    assert of() == []


def test_differences_are_told_by_path_as_written() -> None:
    text = swapped(
        ("free = 10", "free = 5.50"),
        ("version = 1", "version = 2"),
        ('topics = ["FRAUD"]', 'topics = ["FRAUD", "SERVICE"]'),
        ("effective_on = 2019-01-01", "effective_on = 2027-01-01"),
        ("at_once = true\n", ""),
        more=CAP,
    )
    found = {each.path: (each.part, each.before, each.after) for each in differences(TEXT, text)}
    assert found["version"] == ("文件开头", "1", "2")
    assert found["effective_on"] == ("文件开头", "2019-01-01", "2027-01-01")
    assert found["indicators[growth].free"] == ("指标", "10", "5.50")
    assert found["indicators[complaints].rows[涉嫌骗取医保基金].topics"] == (
        "指标",
        "FRAUD",
        "FRAUD、SERVICE",
    )
    assert found["caps[many_complaints].when.ge"] == ("等级上限", "", "3")
    assert found["eligibility[terminated].at_once"] == ("不予评价", "true", "")
    assert len([path for path in found if path.startswith("caps[many_complaints]")]) == 7
    back = {each.path: (each.before, each.after) for each in differences(text, TEXT)}
    assert back == {path: (after, before) for path, (_, before, after) in found.items()}


def test_items_without_names_are_told_by_number_and_long_texts_are_cut() -> None:
    text = swapped(("authority = ", 'note2 = "x"\nauthority = ')).replace("note2", "note")
    one = 'a = [{ x = 1 }, { x = 2 }]\nb = "' + "长" * 100 + '"\nc = []'
    other = 'a = [{ x = 1 }, { x = 3 }, { x = 4 }]\nb = "短"\nc = [true]'
    found = {each.path: (each.before, each.after) for each in differences(one, other)}
    assert found["a[1].x"] == ("2", "3")
    assert found["a[2].x"] == ("", "4")
    assert len(found["b"][0]) == 80
    assert found["c"] == ("（空）", "true")
    assert text


@pytest.mark.parametrize(
    ("swaps", "more", "told"),
    [
        ((("free = 10", "free = 5"),), "", [("指标", "医保基金支付增幅", "改")]),
        ((("step = 0.1", "step = 0.5"),), "", [("信用分", "信用分", "改")]),
        ((("base_score = 100", "base_score = 95"),), "", [("分项", "分项", "改")]),
        ((("min = 90", "min = 92"),), "", [("等级的划分", "等级的划分", "改")]),
        ((("lt = 6 }", "lt = 12 }"),), "", [("不予评价", "定点未满六个月", "改")]),
        ((), CAP, [("等级上限", "举报投诉过多", "增")]),
        ((('clause = "第四条"', 'clause = "第五条"'), ("cutoff_days = 20", "cutoff_days = 10")), "", []),
        ((('title = "违法违规"', 'title = "违法"'), ('label = "优秀"', 'label = "优"')), "", []),
    ],
)
def test_steps_are_the_parts_that_reckon_otherwise(
    swaps: tuple[tuple[str, str], ...], more: str, told: list[tuple[str, str, str]]
) -> None:
    found = of(*swaps, more=more)
    assert [(step.part, step.title, step.kind) for step in found] == told
    assert all(step.scheme is not None for step in found)


def test_a_step_alone_is_the_whole_where_nothing_else_changes() -> None:
    after = parse_scheme(swapped(more=CAP))
    (step,) = steps(parse_scheme(TEXT), after)
    assert step.scheme is not None
    assert step.scheme.document == after.document
    (back,) = steps(after, parse_scheme(TEXT))
    assert (back.kind, back.scheme and back.scheme.document) == ("删", parse_scheme(TEXT).document)


def test_what_cannot_stand_alone_has_no_scheme() -> None:
    before, after = (
        parse_scheme(shipped_schemes()[key].read_text()) for key in ("shaoxing-style", "nantong")
    )
    found = {step.title: step for step in steps(before, after)}
    assert found["信用分"].scheme is None, "the direction turns every sign"
    assert found["查实的举报投诉"].kind == "删"
    assert found["查实的举报投诉"].scheme is not None


def test_imported_values_come_along_with_what_reads_them() -> None:
    before = parse_scheme(TEXT)
    after = parse_scheme(shipped_schemes()["weighted"].read_text())
    for step in steps(before, after):
        if step.scheme is not None:
            declared = {term.key for term in step.scheme.document.measures}
            assert declared <= {term.key for term in (*before.document.measures, *after.document.measures)}


@given(cities(12), SCHEMES, SCHEMES)
def test_every_step_can_be_rated_and_the_same_scheme_has_none(
    city: list[Shop], one: Scheme, other: Scheme
) -> None:
    signals = build(city, PERIOD)
    found = steps(one, other)
    assert (found == []) or one.hash != other.hash
    for step in found:
        if step.scheme is not None:
            # A value may be a grade's number that only the other scheme's grades reach; trials tell that.
            with contextlib.suppress(SignalsError):
                assert len(rate(step.scheme, signals)) == len(city)
