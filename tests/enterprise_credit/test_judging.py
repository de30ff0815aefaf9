"""What the criteria of a purpose make of an enterprise: both sides of thresholds, words, what may not be seen."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.enterprise_credit.rules.catalogue import Catalogue, Criterion
from applications.enterprise_credit.rules.conditions import records_wanted
from applications.enterprise_credit.rules.figures import Figures
from applications.enterprise_credit.rules.judging import Reason, criteria_for, described, judge, verdict_of

_TYPES: list[dict[str, Any]] = [
    {"key": "scjgj-penalty", "department": "scjgj", "title": "行政处罚", "kind": "PENALTY", "publicity": "OPEN"},
    {"key": "ga-penalty", "department": "ga", "title": "治安处罚", "kind": "PENALTY", "publicity": "INTERNAL"},
    {"key": "swj-arrears", "department": "swj", "title": "欠税", "kind": "ARREARS", "publicity": "SHARED",
     "viewers": ["ybj"]},
    {"key": "swj-score", "department": "swj", "title": "纳税信用", "kind": "SCORE", "publicity": "SHARED",
     "viewers": ["*"]},
]  # fmt: skip


def catalogue() -> Catalogue:
    return Catalogue.model_validate(
        {
            "key": "one", "version": 1, "title": "目录", "effective_on": date(2024, 1, 1), "basis": "示例",
            "departments": [{"key": "ybj", "name": "医保局"}],
            "record_types": [{**one, "clause": "示例"} for one in _TYPES],
            "purposes": [{"key": "award", "title": "评先评优", "clause": "示例"}],
            "watch": {"without_case_a_day": 1, "night_from": 22, "night_until": 6, "outside_a_day": 1, "clause": "例"},
        }
    )  # fmt: skip


def criterion(id_: str, then: str, **when: Any) -> Criterion:
    return Criterion.model_validate(
        {"id": id_, "title": f"条件{id_}", "then": then, "when": when, "clause": "第一条"}
    )


def figures(*records: int, grade: str = "B", **values: Any) -> Figures:
    given = {"stores": 10, "rated": 10, "grades": {"B": 10}, "lowest": 80_000, "weight": 0, "weighted": 0}
    return Figures(uscc="x", **{**given, "under_objection": 0, **values}, records=records, grade=grade)


PENALTIES = criterion(
    "penalties", "ATTENTION", records={"kinds": ["PENALTY"], "within_months": 12}, records_at_least=2
)
BLACK = criterion("black", "REJECT", records={"kinds": ["BLACK_LIST"]})
D = criterion("grade_d", "REJECT", grade_in=["D"])


@pytest.mark.parametrize(
    ("one", "below", "at", "text"),
    [
        (PENALTIES, figures(1), figures(2), "近 12 个月行政处罚 2 件"),
        (BLACK, figures(0), figures(1), "现有黑名单 1 条"),
        (D, figures(grade="C"), figures(grade="D"), "企业信用等级为 D"),
        (criterion("u", "ATTENTION", unrated=True), figures(), figures(grade=""), "企业没有信用等级"),
        (
            criterion("few", "ATTENTION", rated_below=3),
            figures(rated=3), figures(rated=2), "已评药店 2 家，少于 3 家",
        ),
        (
            criterion("o", "ATTENTION", under_objection=True),
            figures(), figures(under_objection=2), "2 家药店的等级在异议处理中",
        ),
        (
            criterion("s", "REJECT", store_grade="D", stores_at_least=2),
            figures(grades={"B": 9, "D": 1}), figures(grades={"B": 8, "D": 2}), "10 家已评药店中 D 级 2 家",
        ),
        (
            criterion("p", "REJECT", store_grade="D", share_at_least=20),
            figures(grades={"D": 1}), figures(grades={"D": 2}), "10 家已评药店中 D 级 2 家",
        ),
        (
            criterion("both", "REJECT", grade_in=["D"], records={"types": ["scjgj-penalty"]}),
            figures(1, grade="C"), figures(3, grade="D"), "企业信用等级为 D；现有行政处罚 3 件",
        ),
        (
            criterion("mixed", "REJECT", records={"types": ["swj-arrears"], "kinds": ["PENALTY"]}),
            figures(0), figures(1), "现有行政处罚、欠税 1 条",
        ),
    ],
)  # fmt: skip
def test_a_criterion_holds_from_its_threshold_and_tells_its_figures(
    one: Criterion, below: Figures, at: Figures, text: str
) -> None:
    wanted = records_wanted([one.when])
    assert judge([one], below, wanted, catalogue()) == ("PASS", ())
    verdict, reasons = judge([one], at, wanted, catalogue())
    assert verdict == one.then
    assert reasons == (Reason(one.id, one.title, text, "第一条", one.then),)


def test_types_go_by_their_keys_without_a_catalogue() -> None:
    one = criterion("t", "REJECT", records={"types": ["scjgj-penalty"]})
    (reason,) = judge([one], figures(2), records_wanted([one.when]))[1]
    assert reason.text == "现有scjgj-penalty 2 条"


def test_rejection_goes_before_attention_and_every_reason_is_told() -> None:
    criteria = [PENALTIES, D, BLACK]
    wanted = records_wanted(one.when for one in criteria)
    verdict, reasons = judge(criteria, figures(5, 1, grade="D"), wanted)
    assert verdict == "REJECT"
    assert [one.id for one in reasons] == ["grade_d", "black", "penalties"]


def test_criteria_over_records_of_others_are_left_out_and_told() -> None:
    arrears = criterion("arrears", "REJECT", records={"kinds": ["ARREARS"]})
    score = criterion("score", "ATTENTION", records={"types": ["swj-score"]})
    every = [PENALTIES, BLACK, D, arrears, score]
    kept, left_out = criteria_for(catalogue(), every, "ybj")
    assert kept == (PENALTIES, BLACK, D, arrears, score)
    assert [(one.id, one.whole, one.text) for one in left_out] == [
        ("penalties", False, "“治安处罚”不对本部门开放，未计入本条")
    ]
    kept, left_out = criteria_for(catalogue(), every, "scjgj")
    assert kept == (PENALTIES, BLACK, D, score)
    assert [(one.id, one.whole) for one in left_out] == [("penalties", False), ("arrears", True)]
    assert left_out[1].text == "“欠税”不对本部门开放，本条未核查"
    # its own are open to the supplier
    assert criteria_for(catalogue(), every, "ga")[1][0].id == "arrears"


@given(st.lists(st.sampled_from(["REJECT", "ATTENTION", "NONE"]), max_size=8))
def test_the_verdict_is_the_worst_of_what_holds(thens: list[str]) -> None:
    """Against the naive rule, on criteria of which some hold."""
    criteria = [
        criterion(f"c{place}", "REJECT" if then == "REJECT" else "ATTENTION", grade_in=["A" if then == "NONE" else "D"])
        for place, then in enumerate(thens)
    ]  # fmt: skip
    verdict, reasons = judge(criteria, figures(grade="D"), ())
    if "REJECT" in thens:
        assert verdict == "REJECT"
    else:
        assert verdict == ("ATTENTION" if "ATTENTION" in thens else "PASS")
    assert {one.id for one in reasons} == {f"c{n}" for n, then in enumerate(thens) if then != "NONE"}
    assert sorted((one.then for one in reasons), reverse=True) == [one.then for one in reasons]


def test_no_reason_is_a_pass() -> None:
    assert verdict_of([]) == ("PASS", ())


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ({"grade_in": ["C", "D"]}, "企业信用等级为 C、D"),
        ({"unrated": True}, "企业没有信用等级"),
        ({"store_grade": "D", "stores_at_least": 2}, "D 级药店至少 2 家"),
        ({"store_grade": "D", "share_at_least": 12.5}, "D 级药店占已评药店至少 12.5 %"),
        ({"rated_below": 3}, "已评药店少于 3 家"),
        ({"under_objection": True}, "有药店的等级在异议处理中"),
        (
            {"grade_in": ["A"], "records": {"types": ["scjgj-penalty"], "within_months": 6}, "records_at_least": 2},
            "企业信用等级为 A；近 6 个月行政处罚至少 2 件",
        ),
    ],
)  # fmt: skip
def test_conditions_are_described(when: dict[str, Any], text: str) -> None:
    if "share_at_least" in when:
        when = {**when, "share_at_least": Decimal("12.5")}
    assert described(criterion("x", "REJECT", **when).when, catalogue()) == text
