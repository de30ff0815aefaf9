"""What time alone brings, month by month: it is what rating again in those months gives."""

from datetime import date

import pytest
from hypothesis import given, settings

from ratings.rules import (
    Explanation,
    Scheme,
    explain,
    parse_scheme,
    rate,
    required_measures,
    shipped_schemes,
    take,
)
from ratings.rules.outlook import HORIZON_MONTHS, later
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import LAST, PERIOD, SCHEMES, all_schemes, cities

#: Schemes that need no imported value.
FREE = sorted(key for key, scheme in all_schemes().items() if not required_measures(scheme))
SHAOXING = all_schemes()["shaoxing-style"]
MARKET = [Shop(last_year=[100] * 12, this_year=[107] * 12) for _ in range(20)]


def told(scheme: Scheme, shop: Shop, *others: Shop) -> Explanation:
    signals = build([shop, *others])
    return explain(scheme, take(signals, [0]), rate(scheme, signals).peers, over_time=True)


def test_a_violation_ages_away_and_the_grade_follows() -> None:
    """100 - 12 = 88, two years to age away; A needs 90, from four whole months on."""
    shop = Shop(violations=[Fact("ITEM_SUBSTITUTION", date(2025, 12, 30), "GENERAL")])
    result = told(SHAOXING, shop, *MARKET)
    better, gone = result.timeline
    assert (better.day, better.position, better.score) == (date(2026, 4, 30), 0, 90_000)
    assert (better.better, better.worse, better.texts) == (True, False, ())
    assert better.day == result.better_on
    assert gone.day == date(2027, 12, 31)
    assert gone.texts == ("2025年12月30日认定的“串换药品、日用品、保健品”不再扣分",)
    assert (gone.score, gone.better) == (100_000, False)
    (fact,) = result.indicators[0].facts
    assert fact.gone_on == gone.day


SECOND = """
[[indicators]]
id = "fraud"
component = "credit"
kind = "violations"
title = "骗保另计"
clause = "第六条"
floor = -10
default = { title = "其他", points = 0, clause = "第六条" }
ageing = { shape = "linear", months = 24, from = "decided_on", clause = "第九条第一款" }

[[indicators.rows]]
title = "骗取医保基金"
kinds = ["COLLUSIVE_CASH_OUT"]
points = { MINOR = -1, GENERAL = -2, SERIOUS = -3 }
clause = "第六条第一项"

"""


def test_a_fact_that_costs_under_one_of_two_indicators_is_told() -> None:
    text = shipped_schemes()["shaoxing-style"].read_text()
    place = text.index("[[indicators]]", text.index("[[indicators]]") + 1)
    scheme = parse_scheme(text[:place] + SECOND.lstrip() + text[place:])
    shop = Shop(violations=[Fact("ITEM_SUBSTITUTION", date(2025, 12, 30), "GENERAL")])
    assert told(scheme, shop, *MARKET).timeline[-1].texts == (
        "2025年12月30日认定的“串换药品、日用品、保健品”不再扣分",
    )


def test_a_limit_ends() -> None:
    result = told(SHAOXING, Shop(designated_on=date(2024, 5, 1)), *MARKET)
    assert [cap.id for cap in result.caps if cap.strikes]
    ends = {cap.title: cap.ends_on for cap in result.caps if cap.strikes}
    for title, day in ends.items():
        (stage,) = [stage for stage in result.timeline if f"等级上限“{title}”不再适用" in stage.texts]
        assert stage.day == day


def test_nothing_to_wait_for() -> None:
    result = told(SHAOXING, Shop(), *MARKET)
    assert result.timeline == ()
    assert all(part.remedy == "" for part in result.indicators if not part.points)


def test_first_rating() -> None:
    result = told(SHAOXING, Shop(designated_on=date(2025, 9, 1)), *MARKET)
    first = result.timeline[0]
    assert (result.rated, first.day, first.better) == (False, date(2026, 3, 31), True)
    assert first.position >= 0


@pytest.mark.parametrize("key", FREE)
def test_what_never_ages_is_not_promised(key: str) -> None:
    """A fact without an end still weighs at the horizon; all others have one of the stages as theirs."""
    scheme = all_schemes()[key]
    signals = build([Shop(violations=[Fact("OTHER_FRAUD", LAST, "GENERAL")]), *MARKET])
    alone, peers = take(signals, [0]), rate(scheme, signals).peers
    result = explain(scheme, alone, peers, over_time=True)
    ends = {line.gone_on for part in result.indicators for line in part.facts}
    last = rate(scheme, later(alone, HORIZON_MONTHS), peers)
    weighs = any(found.weighs.any() for found in last.event_points.values())
    assert (None in ends) == weighs
    assert ends - {None} <= {stage.day for stage in result.timeline}


def test_points_of_a_period_are_not_carried_on() -> None:
    shop = Shop(last_year=[100] * 12, this_year=[200] * 12)
    result = told(SHAOXING, shop, *MARKET)
    growth = next(part for part in result.indicators if part.kind == "growth")
    assert growth.points < 0 and "不会带到下一期" in growth.remedy


def test_only_where_it_is_asked_for() -> None:
    signals = build([Shop(violations=[Fact("NO_CONSENT", LAST)]), *MARKET])
    result = explain(SHAOXING, take(signals, [0]), rate(SHAOXING, signals).peers)
    assert result.timeline == ()
    assert {fact.gone_on for part in result.indicators for fact in part.facts} == {None}


@settings(max_examples=15)
@given(SCHEMES, cities(max_size=6))
def test_stages_are_what_rating_again_gives(scheme: Scheme, city: list[Shop]) -> None:
    signals = build(city, PERIOD)
    peers = rate(scheme, signals).peers
    alone = take(signals, [0])
    result = explain(scheme, alone, peers, over_time=True)
    days = [stage.day for stage in result.timeline]
    assert days == sorted(set(days))
    stages = {stage.day: stage for stage in result.timeline}
    before = rate(scheme, alone, peers)
    for months in range(1, HORIZON_MONTHS + 1):
        moved = later(alone, months)
        then = rate(scheme, moved, peers)
        was, grade = int(before.grade[0]), int(then.grade[0])
        stage = stages.get(moved.period.last)
        if stage is None:
            assert (grade, then.caps[0]) == (was, before.caps[0])
        else:
            assert (stage.score, stage.position) == (then.score[0], grade)
            assert stage.better == (grade != was and (was < 0 or 0 <= grade < was))
            assert stage.worse == (grade != was and (grade < 0 or grade > was >= 0))
            assert stage.texts or grade != was
        before = then
