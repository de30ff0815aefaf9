"""Slices of the columns, the guard around their contract, the digest, and sizes."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from ratings.rules import (
    Measure,
    Signals,
    SignalsError,
    digest,
    memory_months,
    needs_payments,
    parse_scheme,
    rate,
    required_measures,
    take,
)
from ratings.rules.columns import MISSING
from tests.ratings.rules.building import Fact, Shop, build, nation
from tests.ratings.rules.strategies import DOCUMENTS, LAST, all_schemes, random_city

SHAOXING = all_schemes()["shaoxing-style"]
NANTONG = all_schemes()["nantong"]


def two() -> Signals:
    return build(
        [
            Shop(violations=[Fact("OTHER_FRAUD", LAST, fact_id=5)], measures={"review_demerits": 3000}),
            Shop(
                complaints=[Fact("FRAUD", LAST, fact_id=6)],
                violations=[Fact("OBSTRUCTION", LAST, fact_id=7), Fact("RETURNED_DRUG", LAST, fact_id=8)],
            ),
        ]
    )


def test_take_keeps_each_fact_with_its_pharmacy() -> None:
    city = build(random_city(30, seed=4), "2025Q4")
    for rows in ([], [3], [0, 29], [2, 3, 5, 7, 11], list(range(30))):
        part = take(city, rows)
        assert part.code.tolist() == city.code[rows].tolist()
        for name in ("violations", "complaints"):
            whole, some = getattr(city, name), getattr(part, name)
            expected = [
                (new, int(fact_id))
                for new, old in enumerate(rows)
                for fact_id in whole.fact_id[whole.owner == old]
            ]
            assert list(zip(some.owner.tolist(), some.fact_id.tolist(), strict=True)) == expected


def test_take_wants_ascending_rows() -> None:
    with pytest.raises(ValueError, match="ascend"):
        take(two(), [1, 0])
    with pytest.raises(ValueError, match="ascend"):
        take(two(), [1, 1])


def _events(**parts: object) -> Signals:
    return replace(two(), violations=replace(two().violations, **parts))


BROKEN = [
    (replace(two(), status=np.zeros(3, np.int32)), "status 列的行数与药店数 2 不符。"),
    (
        replace(two(), payments=np.zeros((2, 12), np.int64)),
        "payments 应为 2 行 24 列（上年同期与本期各月）。",
    ),
    (replace(two(), code=two().code[::-1]), "药店未按编码由小到大排列，或有重复。"),
    (replace(two(), status=np.array([0, 9], np.int32)), "服务状态超出词表。"),
    (replace(two(), designated_on=two().opened_on + 1), "最早定点日期晚于本次签约日期。"),
    (replace(two(), payments=np.full((2, 24), 10**13 + 1)), "月度支付额超过 100000000000 元，请核对单位。"),
    (
        replace(two(), payments=np.full((2, 24), -(10**13) - 1)),
        "月度支付额超过 100000000000 元，请核对单位。",
    ),
    (_events(owner=np.array([1, 1, 0], np.int32)), "violations 未按药店排列。"),
    (_events(owner=np.array([0, 1, 2], np.int32)), "violations 的药店序号或类型超出范围。"),
    (_events(kind=np.array([0, 1, 21], np.int32)), "violations 的药店序号或类型超出范围。"),
    (_events(gravity=np.array([0, 1, 3], np.int32)), "violations 的情节或处理性质超出词表。"),
    (_events(track=np.array([0, 1, -1], np.int32)), "violations 的情节或处理性质超出词表。"),
    (_events(decided_on=two().violations.decided_on + 1), "violations 中有评价周期之后才认定的事实。"),
    (_events(amount_fen=np.full(3, 10**14)), "violations 的涉及金额超过 100000000000 元，请核对单位。"),
    (
        replace(two(), measures={"x": Measure(np.zeros(1, np.int64), np.ones(1, np.bool_))}),
        "数值 x 的行数与药店数 2 不符。",
    ),
    (
        replace(two(), measures={"x": Measure(np.full(2, 10**9 + 1), np.ones(2, np.bool_))}),
        "数值 x 的绝对值超过 1000000。",
    ),
]


@pytest.mark.parametrize(("signals", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_broken_columns_are_refused(signals: Signals, reason: str) -> None:
    with pytest.raises(SignalsError) as caught:
        rate(SHAOXING, signals)
    assert caught.value.reasons == (reason,)


def test_missing_payments_are_not_taken_for_large_ones() -> None:
    assert (two().payments == MISSING).all()
    rate(SHAOXING, two())


def test_an_imported_value_outside_its_range_is_told_by_code() -> None:
    shops = [Shop(measures={"grade_held": 5000, "review_demerits": -1000})] * 12 + [
        Shop(measures={"grade_held": 1500})
    ]
    with pytest.raises(SignalsError) as caught:
        rate(NANTONG, build(shops))
    codes = "、".join(f"P330602{row:05d}" for row in range(10))
    assert caught.value.reasons == (
        f"数值“日常考核记分”（review_demerits）不在 0 至 100 之间：{codes} 等 12 家。",
        f"数值“现有等级（1 为 A，2 为 B，3 为 C，4 为终止）”（grade_held）不在 1 至 4 之间：{codes} 等 12 家。",
        f"数值 grade_held 不是 1 至 4 的等级序号：{codes} 等 13 家。",
    )


def test_a_value_that_must_be_there_is_missed_only_where_a_pharmacy_is_rated() -> None:
    with pytest.raises(SignalsError) as caught:
        rate(all_schemes()["chongqing"], build([Shop(measures={"earned": 90_000}), Shop()]))
    assert caught.value.reasons == ("缺少数值“考核得分”（earned）：P33060200001。",)
    # Not rated for another reason: the value does not matter.
    outcomes = rate(
        all_schemes()["weighted"], build([Shop(measures={"year_end_assessment": 100_000}), Shop()])
    )
    assert outcomes.state.tolist() == [0, 1]


FIXED = [
    Shop(last_year=[100] * 3, this_year=[130, 131, 132]),
    Shop(
        chain=True,
        designated_on=date(2024, 5, 31),
        last_year=[100, None, 100],
        this_year=[0, 90, 700],
        violations=[
            Fact("RETURNED_DRUG", date(2025, 3, 31), "GENERAL", fact_id=3, amount_fen=123_456),
            Fact("NO_CONSENT", date(2024, 2, 29), "SERIOUS", "AGREEMENT", fact_id=9),
        ],
        complaints=[Fact("SERVICE", date(2025, 12, 31), fact_id=4)],
    ),
    Shop(district=330624, designated_on=date(2025, 8, 1)),
    Shop(district=330624, status="SUSPENDED"),
]


def test_digest_is_pinned() -> None:
    """The bytes of a small fixed city, the same for ever and on every machine."""
    outcomes = rate(SHAOXING, build(FIXED, "2025Q4"))
    assert outcomes.score.tolist() == [100_000, 78_600, 0, 100_000]
    assert [SHAOXING.grades[grade].name for grade in outcomes.grade[[0, 1, 3]]] == ["A", "D", "C"]
    assert digest(outcomes) == "ebdb979d076bbfce9cd344b401b3b70fda4a84da71ec6e98dd79834ede99549e"


def test_digest_is_over_the_bytes_that_it_says() -> None:
    outcomes = rate(SHAOXING, build(FIXED, "2025Q4"))
    names = ["state", "score", "grade", "grade_before_caps", "caps"]
    names += ["rank_district", "rank_city", "size_district", "size_city"]
    columns = ",".join(f'"{name}"' for name in [*names, *outcomes.trace_columns])
    data = f'{{"columns":[{columns}],"rows":4}}\n'.encode()
    for row in range(4):
        data += outcomes.code[row]
        for value in [*(getattr(outcomes, name)[row] for name in names), *outcomes.trace[row]]:
            data += int(value).to_bytes(8, "little", signed=True)
    assert digest(outcomes) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "column",
    ["code", "state", "score", "grade", "grade_before_caps", "caps", "rank_district", "rank_city", "trace"],
)
def test_digest_sees_every_column(column: str) -> None:
    outcomes = rate(SHAOXING, build(random_city(5, seed=2), "2025Q4"))
    changed = getattr(outcomes, column).copy()
    if column == "code":
        changed[2] = b"P99999999999"
    else:
        changed[2] += 1
    assert digest(replace(outcomes, **{column: changed})) != digest(outcomes)
    assert digest(replace(outcomes, trace_columns=("x", *outcomes.trace_columns[1:]))) != digest(outcomes)


def test_facts_that_aged_away_may_be_left_out() -> None:
    """``memory_months`` is what a reader of facts may rely on: older ones change nothing."""
    for key, scheme in all_schemes().items():
        months = memory_months(scheme)
        if months is None:
            continue
        old = LAST - timedelta(days=31 * months)
        facts = [Fact("RETURNED_DRUG", old, gravity="SERIOUS", occurred_on=date(2015, 1, 1))]
        with_old = rate(scheme, build([Shop(violations=facts, measures={"earned": 0})]))
        without = rate(scheme, build([Shop(measures={"earned": 0})]))
        assert digest(with_old) == digest(without), key


@pytest.mark.parametrize(
    ("within", "ageing", "months"),
    [
        ("within_months = 36, ", 'shape = "linear", months = 24', 36),
        ("within_months = 12, ", 'shape = "linear", months = 24', 24),
        ("", 'shape = "linear", months = 24', None),
        ("within_months = 12, ", 'shape = "none"', None),
        ("within_months = 12, ", 'shape = "steps", steps = [{ months = 6, percent = 50 }]', None),
        ("within_months = 12, ", 'shape = "steps", steps = [{ months = 30, percent = 0 }]', 30),
    ],
)
def test_how_far_back_facts_matter(within: str, ageing: str, months: int | None) -> None:
    text = (DOCUMENTS / "small.toml").read_text(encoding="utf-8")
    text = text.replace("ge = 1 }", f"{within}ge = 1 }}")
    text = text.replace('shape = "linear", months = 24', ageing)
    assert memory_months(parse_scheme(text)) == months


def test_what_schemes_read() -> None:
    assert {key: memory_months(scheme) for key, scheme in all_schemes().items()} == {
        "chongqing": 12,
        "curve": 24,
        "food-hygiene": 0,
        "guangdong": 12,
        "jinhua": 12,
        "nantong": 12,
        "neimenggu-style": 24,
        "restaurant-points": None,
        "shaoxing-style": 24,
        "shenzhen": 12,
        "small": None,
        "stars": None,
        "weighted": 12,
    }
    assert required_measures(all_schemes()["weighted"]) == {"veto", "year_end_assessment"}
    assert required_measures(SHAOXING) == frozenset()
    assert needs_payments(SHAOXING)
    assert not needs_payments(NANTONG)


def test_one_alone_is_as_in_a_large_run() -> None:
    city = nation(20_000)
    run = rate(SHAOXING, city)
    assert set(run.state.tolist()) == {0, 2}
    for place in range(0, len(city), 997):
        alone = rate(SHAOXING, take(city, [place]), run.peers)
        assert alone.grade[0] == run.grade[place]
        assert (alone.trace[0] == run.trace[place]).all()


def test_more_facts_than_can_be_added_up_are_refused() -> None:
    crowd = build([Shop(violations=[Fact("NO_CONSENT", LAST)] * 50_001)])
    with pytest.raises(SignalsError) as caught:
        rate(SHAOXING, crowd)
    assert caught.value.reasons == ("violations 中有药店超过 50000 件。",)
