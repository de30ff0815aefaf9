"""What follows from a decision in favour of a pharmacy, where its grade has moved on meanwhile."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ratings import published
from ratings.models import Objection, ObjectionFact, PublishedGrade, Rating, RatingPeriod
from ratings.rules.periods import Period
from ratings.services.adjustments import decide_adjustment
from ratings.services.facts import save_registry, void_fact
from ratings.services.interim import find_interim
from ratings.services.objections import decide_objection, propose_outcome, receive_objection
from ratings.services.redress import grade_in_force, rating_to_change
from ratings.services.runs import start_run
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.regrading import (
    APPROVER,
    AT,
    CLERK,
    PENALISED,
    REVIEWER,
    at_the_same_moment,
    city_in,
    convict,
    publish,
    rating_of,
    shanghai,
)
from tests.ratings.services.test_runs import rate_now, scheme_in_force

pytestmark = pytest.mark.django_db
#: The next period's publication, and the day after.
NEXT = date(2026, 8, 1)
AFTER = shanghai(NEXT + timedelta(days=1))


def object_to(rating: Rating) -> Objection:
    """Taken in the day after publication, proposed to be upheld: the penalty of the period is void."""
    facts = rating.pharmacy.violation_set.filter(kind="ITEM_SUBSTITUTION")
    row = receive_objection(
        rating, ground="FACT", statement="处罚已撤销", channel="CLERK", facts=facts, by=CLERK, at=AT
    )
    return propose_outcome(row, outcome="UPHELD", remedy="VOID_FACTS", text="查实", by=REVIEWER, at=AT)


def next_period() -> RatingPeriod:
    run = start_run(Period.parse("2026H1"), rate_now().scheme, cutoff=timezone.now(), by=CLERK)
    return publish(desk.life(run, "FINAL"), at=shanghai(NEXT))


@pytest.mark.parametrize("state", ["PUBLISHED", "CLOSED"])
def test_an_objection_to_a_grade_that_was_replaced_changes_the_one_in_its_place(state: str) -> None:
    """It was open when the next period was published, which rests on the same penalty."""
    shops, period = city_in("PUBLISHED")
    rating = rating_of(shops[PENALISED], period)
    row = object_to(rating)
    later = next_period()
    RatingPeriod.objects.filter(pk=period.pk).update(state=state)
    row = decide_objection(row, text="同意", by=APPROVER, at=AFTER)
    assert (row.state, row.decision_text) == (
        "UPHELD",
        "同意（现行等级属2026年上半年，对其复评后等级由 B 级变更为 A 级。）",
    )
    rows = PublishedGrade.objects.filter(pharmacy=shops[PENALISED]).order_by("seq")
    assert [(one.period, one.event, one.grade) for one in rows] == [
        ("2025H2", "PERIODIC", "C"),
        ("2026H1", "PERIODIC", "B"),
        ("2026H1", "CORRECTION", "A"),
    ]
    assert row.adjustments.get().period == later


def test_a_grade_that_has_run_out_is_not_published_again() -> None:
    shops, period = city_in("PUBLISHED")
    row = object_to(rating_of(shops[PENALISED], period))
    row = decide_objection(row, text="同意", by=APPROVER, at=shanghai(date(2027, 2, 4)))
    assert row.decision_text == "同意（该药店已发布的等级已过有效期，不再变更。）"
    assert not row.adjustments.exists()
    assert not row.rating.pharmacy.violation_set.filter(voided_at=None).exists()


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "PUBLIC_NOTICE"])
def test_before_publication_a_decision_is_about_the_rating_itself(state: str) -> None:
    shops, period = city_in(state)
    rating = rating_of(shops[PENALISED], period)
    assert rating_to_change(rating, NEXT) == rating


def test_nobody_bears_a_bad_grade_longer_for_having_been_heard() -> None:
    """Where the grade stays and its score is corrected, it ends when it would have ended."""
    shops, period = city_in("PUBLISHED")
    shop = shops[PENALISED]
    convict(shop)
    (row,) = find_interim(by=REVIEWER, at=AT)
    decide_adjustment(row, approve=True, text="同意", by=APPROVER, at=AT)
    heard = object_to(rating_of(shop, period))
    decide_objection(heard, text="同意", by=APPROVER, at=shanghai(date(2026, 11, 1)))
    rows = PublishedGrade.objects.filter(pharmacy=shop).order_by("seq")
    assert [(one.grade, one.score, one.valid_from, one.valid_until) for one in rows] == [
        ("C", 76_000, date(2026, 2, 4), date(2027, 2, 4)),
        ("D", 76_000, date(2026, 2, 5), date(2027, 2, 5)),
        ("D", 100_000, date(2026, 11, 1), date(2027, 2, 5)),
    ]


def test_the_grade_in_force_is_that_of_the_door_outward() -> None:
    """Rated by one district, then, moved, by another that publishes an earlier period later."""
    scheme = scheme_in_force()
    old, new = factories.district(), factories.district(330603, "柯桥区")
    shop = factories.pharmacy(district=old)
    lives.published(lives.run_of(scheme, lives.Result(shop, 0), district=old.code))
    shop.district = new
    save_registry(shop, by=CLERK)
    lives.published(lives.run_of(scheme, lives.Result(shop, 1), period="2025H1", district=new.code))
    today = timezone.localdate()
    row = grade_in_force(shop.pk, today)
    assert row is not None
    assert (row.period, row.seq) == ("2025H2", published.current([shop.code], today)[shop.code].seq)


@pytest.mark.django_db(transaction=True)
def test_a_fact_is_listed_while_it_is_voided() -> None:
    """Who voids waits for the period next, which the one who takes in the objection holds."""
    shops, period = city_in("PUBLISHED")
    rating = rating_of(shops[PENALISED], period)
    fact = shops[PENALISED].violation_set.get()
    row = receive_objection(rating, ground="FACT", statement="处罚已撤销", channel="CLERK", by=CLERK, at=AT)

    def list_it() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        ObjectionFact.objects.create(objection=row, violation=fact)

    with transaction.atomic():
        void_fact(fact, reason="信用修复", by=CLERK)
        assert at_the_same_moment(list_it) == ["done"]
