"""What the desk may change, what applies at once, and who is close to a bound."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from ratings.rules import Outcomes, Scheme, parse_scheme, rate, shipped_schemes
from ratings.rules.adjusting import (
    adjustment_faults,
    at_once_limit,
    at_once_limits,
    ceiling,
    growth_columns,
    near,
    withdrawals_at_once,
    withdrawn_at_once,
)
from ratings.rules.document import USUAL_REVIEW
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import DOCUMENTS, all_schemes

SHAOXING = all_schemes()["shaoxing-style"]
SMALL = (DOCUMENTS / "small.toml").read_text(encoding="utf-8")
A, B, C, D = range(4)
OVER = "一票否决等限制不能以调整越过；事实有误的，应作废事实后复评。"


def altered(key: str, *changes: tuple[str, str]) -> Scheme:
    text = shipped_schemes()[key].read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return parse_scheme(text)


def test_a_scheme_that_says_nothing_allows_nothing_and_reviews_as_usual() -> None:
    scheme = parse_scheme(SMALL)
    assert adjustment_faults(scheme, "self_report", 1, 0, 0) == [
        "“最小的规则”没有规定依规调整的事由，不得调整等级。"
    ]
    review = scheme.document.review
    assert review == USUAL_REVIEW
    assert (review.changed_grades, review.near_points, review.growth_percent) == (2, 1000, 5000)
    assert not any(rule.at_once for rule in (*scheme.document.caps, *scheme.document.eligibility))


def test_what_a_review_leaves_out_is_as_usual() -> None:
    review = parse_scheme(SMALL + '\n[review]\nnear_points = 0.5\nclause = "第十二条"\n').document.review
    assert (review.changed_grades, review.near_points, review.growth_percent) == (2, 500, 5000)


@pytest.mark.parametrize(
    ("reason", "old", "new", "best", "faults"),
    [
        ("self_report", B, A, A, []),
        ("self_report", C, B, B, []),
        ("not_rectified", A, B, A, []),
        # A cap that is already broken does not forbid going down.
        ("not_rectified", A, B, D, []),
        (
            "self_report",
            C,
            A,
            A,
            ["事由“主动报告并及时纠正”最多调整 1 个等级（第十二条第一项），本次为 2 个。"],
        ),
        ("self_report", B, C, A, ["事由“主动报告并及时纠正”只可调高等级（第十二条第一项），不能调低。"]),
        (
            "not_rectified",
            C,
            B,
            A,
            ["事由“整改不到位、拒不配合”只可调低等级（第十二条第三项），不能调高。"],
        ),
        ("self_report", D, C, D, [f"因触发等级限制，最高只能为 D。{OVER}"]),
        (
            "self_report",
            D,
            B,
            C,
            [
                "事由“主动报告并及时纠正”最多调整 1 个等级（第十二条第一项），本次为 2 个。",
                f"因触发等级限制，最高只能为 C。{OVER}",
            ],
        ),
        ("self_report", C, C, A, ["调整后的等级与现等级相同（C）；请选择另一等级。"]),
        (
            "friendship",
            C,
            B,
            A,
            [
                "规则中没有名为“friendship”的调整事由；可用的事由：主动报告并及时纠正（self_report）、"
                "突发公共事件保供表现突出（emergency_supply）、整改不到位、拒不配合（not_rectified）。"
            ],
        ),
        ("self_report", -1, A, A, ["该药店本期未予评级，不能调整等级；认为应当评级的，请更正事实后复评。"]),
        ("self_report", B, -1, A, ["依规调整不能撤销等级，也不能调整为规则以外的等级；请选择规则中的等级。"]),
        (
            "not_rectified",
            D,
            4,
            A,
            ["依规调整不能撤销等级，也不能调整为规则以外的等级；请选择规则中的等级。"],
        ),
    ],
)
def test_limits_of_adjustment(reason: str, old: int, new: int, best: int, faults: list[str]) -> None:
    assert adjustment_faults(SHAOXING, reason, old, new, best) == faults


def test_both_directions_and_two_steps() -> None:
    scheme = altered("shaoxing-style", ('direction = "down"\nsteps = 1', 'direction = "both"\nsteps = 2'))
    assert adjustment_faults(scheme, "not_rectified", D, B, A) == []
    assert adjustment_faults(scheme, "not_rectified", A, C, A) == []
    assert len(adjustment_faults(scheme, "not_rectified", A, D, A)) == 1


def test_the_ceiling_is_the_worst_limit_of_the_caps_that_struck() -> None:
    # Bits: fraud (D), suspended (C), under two years (B).
    assert [ceiling(SHAOXING, caps, {}) for caps in (0b000, 0b100, 0b010, 0b110, 0b001, 0b111)] == [
        *(A, B, C, C, D, D)
    ]


def test_a_ceiling_by_an_imported_value_comes_from_the_trace() -> None:
    scheme = parse_scheme(
        SMALL.replace('limit = "B"', 'limit_measure = "place"').replace(
            "[[measures]]", '[[measures]]\nkey = "place"\ntitle = "上限"\nmin = 1\nmax = 2\n\n[[measures]]'
        )
    )
    facts = [Fact("RETURNED_DRUG", date(2025, 3, 1))]
    shops = [Shop(violations=facts, measures={"review": 0, "place": place}) for place in (1000, 2000)]
    outcomes = rate(scheme, build(shops))
    found = [
        ceiling(scheme, int(caps), dict(zip(outcomes.trace_columns, map(int, row), strict=True)))
        for caps, row in zip(outcomes.caps, outcomes.trace, strict=True)
    ]
    assert found == [0, 1]


@pytest.mark.parametrize("scheme", all_schemes().values(), ids=all_schemes().keys())
def test_no_computed_grade_is_better_than_its_ceiling(scheme: Scheme) -> None:
    shops = [
        Shop(
            violations=[Fact("RETURNED_DRUG", date(2025, 3, 1), gravity)],
            measures={term.key: term.min for term in scheme.document.measures},
        )
        for gravity in ("MINOR", "GENERAL", "SERIOUS")
    ]
    outcomes = rate(scheme, build(shops))
    for number in range(len(shops)):
        trace = dict(zip(outcomes.trace_columns, map(int, outcomes.trace[number]), strict=True))
        if outcomes.grade[number] >= 0:
            best = ceiling(scheme, int(outcomes.caps[number]), trace)
            assert outcomes.grade[number] == max(best, outcomes.grade_before_caps[number])


TODAY = date(2025, 8, 20)
FRAUD = "RETURNED_DRUG"


def test_what_applies_at_once() -> None:
    signals = build(
        [
            Shop(),
            Shop(violations=[Fact(FRAUD, date(2025, 8, 1))]),
            Shop(violations=[Fact(FRAUD, date(2025, 8, 1), track="AGREEMENT")]),
            Shop(violations=[Fact("OBSTRUCTION", date(2025, 8, 1), "SERIOUS")]),
            Shop(status="SUSPENDED"),
            Shop(status="TERMINATED", violations=[Fact(FRAUD, date(2025, 8, 1))]),
            # Too new to be rated, yet the fraud counts.
            Shop(designated_on=date(2025, 7, 1), violations=[Fact(FRAUD, date(2025, 8, 1))]),
        ],
        "2025-08",
    )
    assert at_once_limits(SHAOXING, signals, TODAY).tolist() == [-1, D, -1, -1, -1, D, D]
    assert withdrawals_at_once(SHAOXING, signals, TODAY).tolist() == [0, 0, 0, 0, 0, 1, 0]
    found = at_once_limit(SHAOXING, signals, TODAY, row=1)
    assert found is not None and (found[0], found[1].id) == (D, "fraud")
    assert at_once_limit(SHAOXING, signals, TODAY) is None
    reason = withdrawn_at_once(SHAOXING, signals, TODAY, row=5)
    assert reason is not None and (reason.id, reason.clause) == ("terminated", "第三条第一项")
    assert withdrawn_at_once(SHAOXING, signals, TODAY) is None


def test_ages_count_to_the_day_not_to_the_end_of_the_period() -> None:
    signals = build([Shop(violations=[Fact(FRAUD, date(2023, 8, 21))])], "2025-08")
    assert at_once_limits(SHAOXING, signals, date(2025, 8, 20)).tolist() == [D]
    assert at_once_limits(SHAOXING, signals, date(2025, 8, 21)).tolist() == [-1]


def test_the_worst_of_several_limits_and_its_cap() -> None:
    scheme = altered(
        "shaoxing-style",
        ('one_of = ["SUSPENDED"] }\nlimit = "C"', 'one_of = ["SUSPENDED"] }\nlimit = "C"\nat_once = true'),
    )
    shops = [Shop(status="SUSPENDED"), Shop(status="SUSPENDED", violations=[Fact(FRAUD, date(2025, 8, 1))])]
    found = [at_once_limit(scheme, build(shops, "2025-08"), TODAY, row) for row in range(2)]
    assert [(each[0], each[1].id) for each in found if each] == [(C, "suspended"), (D, "fraud")]


def close(scheme: Scheme, scores: Sequence[int], rated: Sequence[bool] | None = None) -> list[bool]:
    """Of pharmacies of one district that follow no peer figures."""
    count = len(scores)
    outcomes = rate(scheme, build([Shop()]))
    return near(
        scheme,
        outcomes.peers,
        np.array(scores, dtype=np.int64),
        np.full(count, 330602, dtype=np.int32),
        np.zeros(count, dtype=np.bool_),
        np.array(rated or [True] * count),
    ).tolist()


def test_near_a_fixed_bound_on_either_side() -> None:
    scores = [91_100, 91_000, 90_000, 89_900, 89_000, 88_900, 80_500, 60_000, 58_900, 0, 100_000]
    assert close(SHAOXING, scores) == [
        *(False, True, True, True, True, False),
        *(True, True, False, False, False),
    ]
    assert close(SHAOXING, [90_000, 90_000], [True, False]) == [True, False]


def test_near_by_nothing_is_on_the_bound() -> None:
    scheme = altered("shaoxing-style", ("near_points = 1", "near_points = 0"))
    assert close(scheme, [90_100, 90_000, 89_900]) == [False, True, False]


def districts() -> tuple[Scheme, Outcomes]:
    """Twenty shops in each of two districts, with deductions 0, -2, ... that part them."""
    scheme = all_schemes()["curve"]
    shops = [
        Shop(district=district, violations=[Fact("MGMT_MISSING", date(2025, 12, 1))] * (number + extra))
        for district, extra in ((330602, 0), (330603, 5))
        for number in range(20)
    ]
    return scheme, rate(scheme, build(shops))


def test_near_a_cut_point_of_its_own_district() -> None:
    scheme, outcomes = districts()
    for district in (330602, 330603):
        cuts = [cut for cut in outcomes.peers.cuts[f"{district}"].values if cut is not None]
        scores = np.array([cut + more for cut in cuts for more in (-1001, -1000, 1000)], dtype=np.int64)
        rows = np.full(len(scores), district, dtype=np.int32)
        chain, rated = np.zeros(len(scores), np.bool_), np.ones(len(scores), np.bool_)
        expected = [any(abs(int(score) - cut) <= 1000 for cut in cuts) for score in scores]
        assert near(scheme, outcomes.peers, scores, rows, chain, rated).tolist() == expected
        assert True in expected and False in expected


def test_a_cut_point_that_everybody_reaches_is_no_bound() -> None:
    # Of one pharmacy the best 10 % is none, and the best 50 %, rounded, is all: nobody is parted.
    scheme = all_schemes()["curve"]
    assert rate(scheme, build([Shop()])).peers.cuts["*"].values == (None, 0, 0)
    assert close(scheme, [0, 500]) == [False, False]


def test_near_where_a_lower_score_is_better() -> None:
    scheme = all_schemes()["nantong"]
    (first, *_), sign = [row.max for row in scheme.document.bands.rows[:-1]], scheme.better_sign  # type: ignore[union-attr]
    assert sign == -1 and first is not None
    assert close(scheme, [first - 1000, first, first + 1000]) == [True, True, True]


def test_growth_columns_are_in_the_trace() -> None:
    for scheme in all_schemes().values():
        shops = [Shop(measures={term.key: term.min for term in scheme.document.measures})]
        assert set(growth_columns(scheme)) <= set(rate(scheme, build(shops)).trace_columns)
    assert growth_columns(SHAOXING) == ("indicator.growth.growth_bp",)
