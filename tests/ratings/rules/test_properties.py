"""Properties of ``rate()`` that hold for every scheme that passes the checks."""

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.rules import Outcomes, Peers, Scheme, SignalsError, digest, rate, take
from ratings.rules.columns import Events, Signals
from ratings.rules.outlook import later
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.oracle import reckon
from tests.ratings.rules.strategies import PERIOD, SCHEMES, all_schemes, cities, facts

#: Cities are cheap to make, so several times what the profile says (see tests/conftest.py).
moderate = settings(max_examples=4 * settings().max_examples)
#: The widest net: against the slow reckoning.
wide = settings(max_examples=16 * settings().max_examples)


def changed(city: list[Shop], place: int, **parts: object) -> list[Shop]:
    return [replace(shop, **parts) if row == place else shop for row, shop in enumerate(city)]


def before_and_after(
    scheme: Scheme, city: list[Shop], worse: list[Shop], place: int
) -> list[tuple[Outcomes, Outcomes, int]]:
    """The pharmacy before and after: re-rated alone with the run's peers, and in a new run."""
    first = rate(scheme, build(city, PERIOD))
    again = rate(scheme, build(worse, PERIOD))
    alone = rate(scheme, take(build(worse, PERIOD), [place]), first.peers)
    return [(first, again, place), (first, alone, 0)]


def assert_no_better(scheme: Scheme, city: list[Shop], worse: list[Shop], place: int) -> None:
    for first, then, row in before_and_after(scheme, city, worse, place):
        assert then.state[row] == first.state[place]
        assert then.score[row] * scheme.better_sign <= first.score[place] * scheme.better_sign
        assert then.grade_before_caps[row] >= first.grade_before_caps[place]
        assert then.grade[row] >= first.grade[place]


@moderate
@given(SCHEMES, cities(), st.data())
def test_one_more_violation_never_improves(scheme: Scheme, city: list[Shop], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(city) - 1))
    more = [*city[place].violations, data.draw(facts())]
    assert_no_better(scheme, city, changed(city, place, violations=more), place)


@moderate
@given(SCHEMES, cities(), st.data())
def test_one_more_complaint_never_improves(scheme: Scheme, city: list[Shop], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(city) - 1))
    more = [*city[place].complaints, data.draw(facts(complaint=True))]
    assert_no_better(scheme, city, changed(city, place, complaints=more), place)


@moderate
@given(SCHEMES, cities(), st.data())
def test_more_growth_never_improves(scheme: Scheme, city: list[Shop], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(city) - 1))
    shop = city[place]
    # Every month that already counted in full gets the same push; others stay as they are.
    more = data.draw(st.integers(1, 60))
    this_year = [amount + more if amount and amount > 0 else amount for amount in shop.this_year]
    assert_no_better(scheme, city, changed(city, place, this_year=this_year), place)


@moderate
@given(SCHEMES, cities(), st.data())
def test_an_older_fact_is_never_worse(scheme: Scheme, city: list[Shop], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(city) - 1))
    days = timedelta(days=data.draw(st.integers(1, 800)))

    def older(fact: Fact) -> Fact:
        return replace(
            fact,
            decided_on=fact.decided_on - days,
            occurred_on=(fact.occurred_on or fact.decided_on) - days,
        )

    aged = changed(
        city,
        place,
        violations=[older(fact) for fact in city[place].violations],
        complaints=[older(fact) for fact in city[place].complaints],
    )
    # The aged city is the better one: the unaged must not be better than it.
    assert_no_better(scheme, aged, city, place)


@moderate
@given(SCHEMES, cities(), st.integers(1, 40))
def test_time_alone_never_worsens(scheme: Scheme, city: list[Shop], months: int) -> None:
    signals = build(city, PERIOD)
    now = rate(scheme, signals)
    then = rate(scheme, later(signals, months), now.peers)
    both = (now.state == 0) & (then.state == 0)
    assert (then.state[now.state == 0] == 0).all()
    assert (then.grade[both] <= now.grade[both]).all()


@moderate
@given(SCHEMES, cities())
def test_caps_only_lower_and_scores_stay_in_bounds(scheme: Scheme, city: list[Shop]) -> None:
    result = rate(scheme, build(city, PERIOD))
    rated = result.state == 0
    assert (result.grade >= result.grade_before_caps).all()
    assert (result.grade[result.caps == 0] == result.grade_before_caps[result.caps == 0]).all()
    score, rule = result.score[rated], scheme.document.score
    assert ((score >= rule.floor) & (score <= rule.ceiling) & (score % rule.step == 0)).all()
    assert (result.grade[rated] >= 0).all()
    assert (result.grade[rated] < len(scheme.grades)).all()
    assert (result.grade[~rated] == -1).all()
    for column in (result.score, result.caps, result.rank_city, result.rank_district):
        assert (column[~rated] == 0).all()


@moderate
@given(SCHEMES, cities(), st.randoms(use_true_random=False))
def test_order_of_facts_does_not_matter(scheme: Scheme, city: list[Shop], random: object) -> None:
    signals = build(city, PERIOD)

    def shuffled(events: Events) -> Events:
        order = list(range(len(events.owner)))
        random.shuffle(order)
        order = np.array(sorted(order, key=lambda place: events.owner[place]), dtype=np.int64)
        return Events(**{part.name: getattr(events, part.name)[order] for part in fields(events)})

    mixed = replace(
        signals,
        violations=shuffled(signals.violations),
        complaints=shuffled(signals.complaints),
    )
    assert digest(rate(scheme, mixed)) == digest(rate(scheme, signals))


@moderate
@given(SCHEMES, cities())
def test_order_of_pharmacies_does_not_matter(scheme: Scheme, city: list[Shop]) -> None:
    forward, backward = rate(scheme, build(city, PERIOD)), rate(scheme, build(city[::-1], PERIOD))
    for name in ("state", "score", "grade", "caps", "rank_district", "rank_city", "trace"):
        assert (getattr(forward, name) == getattr(backward, name)[::-1]).all(), name
    assert forward.peers == backward.peers


@moderate
@given(SCHEMES, cities())
def test_one_alone_is_as_in_the_run(scheme: Scheme, city: list[Shop]) -> None:
    signals = build(city, PERIOD)
    run = rate(scheme, signals)
    peers = Peers.from_json(run.peers.to_json())
    assert peers == run.peers
    for place in range(len(city)):
        alone = rate(scheme, take(signals, [place]), peers)
        for name in (
            "code",
            "state",
            "score",
            "grade",
            "grade_before_caps",
            "caps",
            "size_district",
            "size_city",
        ):
            assert getattr(alone, name)[0] == getattr(run, name)[place], name
        assert alone.trace_columns == run.trace_columns
        assert (alone.trace[0] == run.trace[place]).all()
        assert alone.rank_city[0] == alone.rank_district[0] == 0


@wide
@given(SCHEMES, cities())
def test_equals_the_slow_reckoning(scheme: Scheme, city: list[Shop]) -> None:
    result = rate(scheme, build(city, PERIOD))
    for place, expected in enumerate(reckon(scheme, city, PERIOD)):
        assert result.state[place] == expected.state
        for name, points in expected.indicators.items():
            assert result.traced(f"indicator.{name}.points")[place] == points, name
        for name, excess in expected.growth.items():
            assert result.traced(f"indicator.{name}.excess_bp")[place] == (excess or 0)
        assert result.score[place] == expected.score
        assert result.grade_before_caps[place] == expected.before
        assert result.grade[place] == expected.grade
        assert result.caps[place] == sum(1 << number for number in expected.struck)


@moderate
@given(SCHEMES, cities())
def test_ranks_count_those_who_are_better(scheme: Scheme, city: list[Shop]) -> None:
    result = rate(scheme, build(city, PERIOD))
    good = result.score * scheme.better_sign
    rated = result.state == 0
    for place, shop in enumerate(city):
        here = rated & np.array([other.district == shop.district for other in city])
        assert result.size_city[place] == rated.sum()
        assert result.size_district[place] == here.sum()
        if rated[place]:
            assert result.rank_city[place] == 1 + (rated & (good > good[place])).sum()
            assert result.rank_district[place] == 1 + (here & (good > good[place])).sum()


@pytest.mark.parametrize("key", sorted(all_schemes()))
def test_nobody_and_nobody_rated(key: str) -> None:
    scheme = all_schemes()[key]
    empty: Signals = build([], PERIOD)
    result = rate(scheme, empty)
    assert len(result) == 0
    assert result.trace.shape == (0, len(result.trace_columns))
    assert digest(rate(scheme, empty, Peers.from_json(result.peers.to_json()))) == digest(result)


def test_a_run_in_which_nobody_is_rated() -> None:
    scheme = all_schemes()["curve"]
    result = rate(scheme, build([Shop(status="TERMINATED"), Shop(status="TERMINATED", district=330604)]))
    assert list(result.state) == [1, 1]
    assert list(result.grade) == [-1, -1]
    assert result.peers.cuts["*"].values == (None, None, None)
    # Someone who becomes eligible afterwards has no median to compare with and no place in a cut.
    alone = rate(scheme, build([Shop(last_year=[100] * 12, this_year=[900] * 12)]), result.peers)
    assert alone.traced("indicator.growth.basis")[0] == 3
    assert scheme.grades[alone.grade[0]].name == "D"


def test_peers_of_another_scheme_are_refused() -> None:
    peers = rate(all_schemes()["nantong"], build([Shop()])).peers
    with pytest.raises(SignalsError, match="同组数据不是按这一版规则计算的"):
        rate(all_schemes()["curve"], build([Shop()]), peers)
