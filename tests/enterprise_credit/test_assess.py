"""From figures to grade: rounding, items, bounds, bands and caps, against a reckoning of its own."""

import json
import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.enterprise_credit.rules.assessment import assess, results, rounded, slots
from applications.enterprise_credit.rules.figures import Figures, restored
from tests.enterprise_credit.rules_building import figures, rule, written

RULE = rule()
MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}


def stores(**changes: Any) -> dict[str, Any]:
    return {**written()["stores"], **changes}


@given(
    top=st.integers(-(10**25), 10**25) | st.integers(-5000, 5000),
    bottom=st.integers(1, 10**6) | st.integers(1, 10),
    step=st.sampled_from([1, 5, 100, 1000]),
    mode=st.sampled_from(sorted(MODES)),
)
def test_rounding_is_exact(top: int, bottom: int, step: int, mode: Any) -> None:
    got = rounded(top, bottom, step, mode)
    exact = Fraction(top, bottom * step)
    assert abs(exact - Fraction(got, step)) <= (Fraction(1, 2) if mode.startswith("half") else 1)
    # On a grid of halves decimal arithmetic says the same.
    halves = math.floor(exact * 2)
    if Fraction(halves, 2) == exact and abs(halves) < 10**20:
        assert got == int((Decimal(halves) / 2).quantize(Decimal(1), MODES[mode])) * step


@pytest.mark.parametrize(
    ("score", "grade"),
    [(90_000, "A"), (89_900, "B"), (80_000, "B"), (79_900, "C"), (60_000, "C"), (59_900, "D")],
)
def test_bands_begin_at_their_minimum(score: int, grade: str) -> None:
    got = assess(RULE, figures(weighted=score))
    assert (got.score, got.grade, got.position) == (score, grade, "ABCD".index(grade))
    assert got.steps[-1].clause == "示例第五条"


def test_the_mean_is_by_weight_and_rounded() -> None:
    got = assess(RULE, figures(rated=2, stores=3, grades={"A": 2}, weight=3, weighted=2 * 90_000 + 95_250))
    # 91.75 exactly: halves go up.
    assert got.score == 91_800
    assert "2 家已评药店信用分按权重的加权平均数" in got.steps[0].text
    assert "四舍五入到 0.1 分，为 91.8 分" in got.steps[0].text
    down = rule(stores=stores(rounding="down"))
    assert assess(down, figures(weight=3, weighted=275_250)).score == 91_700


def test_stores_without_a_weight_are_told() -> None:
    some = assess(RULE, figures(rated=2, unweighted=1, weight=7, weighted=7 * 80_000))
    assert (some.score, "1 家没有权重数据，不计入" in some.steps[0].text) == (80_000, True)
    none = assess(RULE, figures(rated=2, unweighted=2, weight=2, weighted=170_000))
    assert (none.score, "按相等权重" in none.steps[0].text) == (85_000, True)
    equal = written()["stores"]
    del equal["weight"]
    assert "家已评药店信用分的平均数" in assess(rule(stores=equal), figures()).steps[0].text


def test_the_lowest_store_counts_where_the_rule_says_so() -> None:
    lowest = rule(stores=stores(method="lowest"))
    got = assess(lowest, figures(rated=2, lowest=61_240, weight=2, weighted=151_240))
    assert (got.score, got.grade) == (61_200, "C")
    assert "最低的为 61.24 分" in got.steps[0].text


@pytest.mark.parametrize(("count", "points"), [(0, 0), (1, -2000), (5, -10_000), (6, -10_000)])
def test_an_item_counts_up_to_its_limit(count: int, points: int) -> None:
    got = assess(RULE, figures(weighted=99_000, records=(count, 0)))
    assert got.score == 99_000 + points
    step = got.steps[1]
    assert (step.id, step.points, step.clause) == ("penalties", points, "示例第四条")
    assert ("为限" in step.text) == (count > 5)


def test_a_bonus_has_its_limit_too_and_the_score_its_bounds() -> None:
    honour = {"id": "honours", "title": "表彰", "records": {"kinds": ["HONOUR"]}, "clause": "示例"}
    bonus = rule(items=[{**honour, "each": 3, "limit": 5}])
    assert assess(bonus, figures(records=(1, 0))).score == 93_000
    assert assess(bonus, figures(records=(2, 0))).score == 95_000
    top = assess(bonus, figures(weighted=98_000, records=(2, 0)))
    assert top.score == 100_000
    assert [(step.id, step.points) for step in top.steps if step.id == "bounds"] == [("bounds", -3000)]
    bottom = assess(RULE, figures(weighted=5000, records=(5, 0)))
    assert (bottom.score, bottom.grade) == (0, "D")
    assert "最低为 0 分" in next(step.text for step in bottom.steps if step.id == "bounds")


def test_caps_limit_the_grade_and_leave_the_score() -> None:
    share = assess(RULE, figures(stores=5, rated=5, grades={"A": 4, "D": 1}, weight=5, weighted=475_000))
    assert (share.score, share.grade, share.position) == (95_000, "C", 2)
    assert (share.steps[-1].id, share.steps[-1].text) == (
        "share_of_d",
        "D 级药店占两成以上，等级最高为 C。",
    )
    less = assess(RULE, figures(stores=6, rated=6, grades={"A": 5, "D": 1}, weight=6, weighted=570_000))
    assert less.grade == "A"
    both = assess(RULE, figures(rated=5, grades={"A": 4, "D": 1}, weight=5, weighted=475_000, records=(0, 1)))
    assert both.grade == "D"
    idle = assess(RULE, figures(weighted=30_000, records=(0, 1)))
    assert idle.steps[-1].text == "列入黑名单，等级最高为 D，未影响结果。"


def test_who_is_not_rated_is_told_why() -> None:
    got = assess(RULE, figures(stores=1, rated=0, grades={}, lowest=None, weight=0, weighted=0))
    assert (got.score, got.grade, got.label, got.position) == (None, "", "", -1)
    assert got.reason == "没有已评定等级的药店"
    assert [(step.id, step.clause) for step in got.steps] == [("no_rated_store", "示例第二条")]
    few = {"id": "objected", "title": "等级在异议处理中", "when": {"under_objection": True}, "clause": "示例"}
    other = rule(unrated=[few])
    assert assess(other, figures(under_objection=1)).reason == "等级在异议处理中"
    # Without a rated store no rule gives a score.
    bare = assess(other, figures(stores=0, rated=0, grades={}, lowest=None, weight=0, weighted=0))
    assert (bare.grade, bare.reason) == ("", "没有已评定等级的药店")


def test_slots_are_those_of_items_then_of_conditions_each_once() -> None:
    again = {**written()["items"][0], "id": "again"}
    twice = rule(items=[written()["items"][0], again])
    assert slots(twice) == slots(RULE)
    assert [one.kinds for one in slots(RULE)] == [("PENALTY",), ("BLACK_LIST",)]
    assert assess(twice, figures(records=(1, 0))).score == 86_000


CHAINS = st.lists(
    st.tuples(st.integers(0, 100_000), st.sampled_from("ABCD"), st.integers(0, 10**14)), max_size=8
)


@given(chain=CHAINS, penalties=st.integers(0, 7), black=st.integers(0, 1))
def test_agrees_with_a_naive_reckoning(chain: list[tuple[int, str, int]], penalties: int, black: int) -> None:
    weights = [weight for _, _, weight in chain]
    used = weights if any(weights) else [1] * len(chain)
    counted = figures(
        stores=len(chain),
        rated=len(chain),
        grades={name: [grade for _, grade, _ in chain].count(name) for name in {one for _, one, _ in chain}},
        lowest=min((score for score, _, _ in chain), default=None),
        weight=sum(used),
        weighted=sum(score * weight for (score, _, _), weight in zip(chain, used, strict=True)),
        unweighted=weights.count(0),
        records=(penalties, black),
    )
    got = assess(RULE, counted)
    if not chain:
        assert got.score is None
        return
    mean = sum(Fraction(score) * weight for (score, _, _), weight in zip(chain, used, strict=True)) / sum(
        used
    )
    score = math.floor(mean / 100 + Fraction(1, 2)) * 100 - min(2000 * penalties, 10_000)
    score = min(max(score, 0), 100_000)
    grade = "A" if score >= 90_000 else "B" if score >= 80_000 else "C" if score >= 60_000 else "D"
    if Fraction(sum(one == "D" for _, one, _ in chain), len(chain)) >= Fraction(1, 5):
        grade = max(grade, "C")
    if black:
        grade = "D"
    assert (got.score, got.grade) == (score, grade)
    # Points of the steps make up the score.
    assert sum(step.points or 0 for step in got.steps) == score


@given(chain=CHAINS)
def test_what_is_stored_gives_the_same_again(chain: list[tuple[int, str, int]]) -> None:
    kept = figures(rated=len(chain), weight=max(len(chain), 1), weighted=sum(score for score, _, _ in chain))
    again = restored(kept.uscc, json.loads(json.dumps(kept.stored())))
    assert again == kept
    steps = assess(RULE, again)
    (plain,) = results(RULE, [kept])
    assert (plain.score, plain.grade, plain.label, plain.position, plain.reason) == (
        steps.score,
        steps.grade,
        steps.label,
        steps.position,
        steps.reason,
    )
    assert isinstance(again, Figures)
