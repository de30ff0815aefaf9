"""The explanation is of the stored rating, from the facts as its run knew them."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from ratings.models import Rating
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rating
from ratings.services.facts import void_fact
from tests import factories
from tests.ratings.services.test_runs import BY, CUTOFF, laid_aside_guards, rate_now, small_city

pytestmark = pytest.mark.django_db


def test_names_each_fact_by_its_document() -> None:
    shop = small_city()[0]
    decision = shop.violation_set.get()
    rating = Rating.objects.get(run=rate_now(), pharmacy=shop)
    explanation = explain_rating(rating)
    (fact,) = explanation.indicators[0].facts
    assert fact.fact_id == decision.pk
    assert decision.document_no in fact.text
    assert (explanation.score, explanation.grade) == (rating.score, "C")


def test_stays_as_it_was_when_facts_change_later() -> None:
    shops = small_city()
    rating = Rating.objects.get(run=rate_now(), pharmacy=shops[0])
    before = explain_rating(rating).text()
    void_fact(shops[0].violation_set.get(), reason="处罚被撤销", by=BY)
    factories.violation(shops[0], recorded_at=CUTOFF + timedelta(days=1))
    assert explain_rating(rating).text() == before


def test_inherited_facts_say_whose_they_were() -> None:
    before = factories.pharmacy(designated_on=date(2010, 1, 1), designated_until=date(2025, 8, 1))
    factories.violation(before)
    small_city()
    shop = factories.pharmacy(designated_on=date(2025, 8, 1), predecessor=before)
    text = explain_rating(Rating.objects.get(run=rate_now(), pharmacy=shop)).text()
    assert f"前身 {before.code} 的记录" in text


def test_growth_is_told_against_the_districts_median_of_the_run() -> None:
    shops = small_city()
    rating = Rating.objects.get(run=rate_now(), pharmacy=shops[1])
    growth = next(part.growth for part in explain_rating(rating).indicators if part.growth)
    assert (growth.months, growth.current_fen, growth.base_fen) == (6, 6 * 2_000_001, 6 * 1_000_001)
    assert growth.median_bp is not None


def test_a_pharmacy_not_rated_is_told_why() -> None:
    small_city()
    rating = Rating.objects.get(run=rate_now(), state__gt=0)
    explanation = explain_rating(rating)
    assert not explanation.rated
    assert "定点未满六个月" in explanation.reason
    assert explanation.better_on is not None


@pytest.mark.parametrize("column", ["score", "grade", "caps"])
def test_a_stored_rating_that_was_tampered_with_is_not_explained_away(column: str) -> None:
    shop = small_city()[1]
    run = rate_now()
    with laid_aside_guards():
        Rating.objects.filter(run=run, pharmacy=shop).update(**{column: F(column) + 1})
    with pytest.raises(Refused, match=f"replay {run.pk}"):
        explain_rating(Rating.objects.get(run=run, pharmacy=shop))


def test_constant_number_of_queries() -> None:
    shops = small_city()
    rating = Rating.objects.select_related("run__scheme", "pharmacy").get(run=rate_now(), pharmacy=shops[0])
    counts = []
    for extra in (0, 2):
        for number in range(extra):
            known = CUTOFF + timedelta(seconds=number + 1)
            factories.violation(shops[0], decided_on=date(2025, 12, 2), recorded_at=known)
        run = rate_now(cutoff=CUTOFF + timedelta(minutes=extra))
        rating = Rating.objects.select_related("run__scheme", "pharmacy").get(run=run, pharmacy=shops[0])
        with CaptureQueriesContext(connection) as queries:
            explanation = explain_rating(rating)
        assert len(explanation.indicators[0].facts) == 1 + extra
        counts.append(len(queries))
    assert counts[0] == counts[1]
