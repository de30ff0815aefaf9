"""Reasons for lost points: held against the explanations of the same ratings, point by point."""

from collections import Counter
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.insight import reasons
from ratings.models import Complaint, Rating, RatingRun, Violation
from ratings.rules.explanation import Explanation
from ratings.services.explanations import explain_rating
from tests import factories
from tests.ratings.services.regrading import enter
from tests.ratings.services.test_runs import rate_now, small_city

HERE, THERE = 330602, 330603


@pytest.fixture
def run(db: None) -> RatingRun:
    """Six rated shops with violations of several kinds, complaints and growth; a seventh is not rated."""
    shops = small_city()
    for number, kind in enumerate(
        ("TRACE_CODE_UNUSED", "TRACE_CODE_UNUSED", "OBSTRUCTION", "COST_NOT_PUBLIC")
    ):
        factories.violation(shops[number], kind=kind, gravity="MINOR", decided_on=date(2025, 9, 1))
        factories.complaint(shops[number], topic=("FRAUD", "SERVICE")[number % 2])
    factories.violation(shops[0], kind="TRACE_CODE_UNUSED", decided_on=date(2025, 10, 1))
    return rate_now()


def explained(run: RatingRun, districts: frozenset[int] | None) -> list[tuple[Rating, Explanation]]:
    found = Rating.objects.filter(run=run, state=0).select_related("run__scheme", "pharmacy")
    return [
        (rating, explain_rating(rating))
        for rating in found
        if districts is None or rating.district_id in districts
    ]


@pytest.mark.parametrize("districts", [None, frozenset({HERE}), frozenset({THERE})])
def test_indicators_cost_what_the_explanations_say(run: RatingRun, districts: frozenset[int] | None) -> None:
    points: Counter[str] = Counter()
    shops: Counter[str] = Counter()
    for _, explanation in explained(run, districts):
        for part in explanation.indicators:
            points[part.id] += max(-part.points, 0)
            shops[part.id] += part.points < 0
    found = {one.indicator: one for one in reasons.losses([run], districts) if not one.kind}
    assert {name: one.points for name, one in found.items()} == {k: v for k, v in points.items() if v}
    assert {name: one.pharmacies for name, one in found.items()} == {k: v for k, v in shops.items() if v}
    assert sum(points.values()) > 0


def test_kinds_cost_what_each_fact_scored(run: RatingRun) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    facts: Counter[tuple[str, str]] = Counter()
    shops: dict[tuple[str, str], set[int]] = {}
    for rating, explanation in explained(run, None):
        for part in explanation.indicators:
            for fact in part.facts:
                model = Violation if part.id == "violations" else Complaint
                row = model.objects.get(pk=fact.fact_id)
                kind = row.kind if isinstance(row, Violation) else row.topic
                if fact.points < 0:
                    expected[part.id, kind] -= fact.points
                    facts[part.id, kind] += 1
                    shops.setdefault((part.id, kind), set()).add(rating.pharmacy_id)
    found = [one for one in reasons.losses([run]) if one.kind]
    assert {(one.indicator, one.kind): one.points for one in found} == dict(expected)
    assert {(one.indicator, one.kind): one.facts for one in found} == dict(facts)
    assert {(one.indicator, one.kind): one.pharmacies for one in found} == {
        key: len(each) for key, each in shops.items()
    }
    assert facts["violations", "TRACE_CODE_UNUSED"] == 3
    assert len(shops["violations", "TRACE_CODE_UNUSED"]) == 2
    assert [one.points for one in found] == sorted((one.points for one in found), reverse=True)


def test_what_a_run_gives_is_kept(run: RatingRun) -> None:
    first = reasons.losses([run])
    with CaptureQueriesContext(connection) as seen:
        assert reasons.losses([run]) == first
    assert len(seen) == 0
    assert reasons.rated([run]) == 6
    assert reasons.rated([run], frozenset({THERE})) == 3


def test_runs_are_those_published_for_the_period(run: RatingRun) -> None:
    assert reasons.run_of_period(run.period) == []
    enter(run, "PUBLISHED")
    assert reasons.run_of_period(run.period) == [run.pk]
    assert reasons.run_of_period(run.period, frozenset({HERE})) == [run.pk]


def test_nobody_rated_nothing_lost(db: None) -> None:
    factories.pharmacy(designated_on=date(2025, 12, 1))
    run = rate_now()
    assert (reasons.losses([run]), reasons.rated([run])) == ([], 0)
