"""How a rating stands: by object and by SQL the same, after every order of approved changes."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratings.models import Adjustment, Rating, RatingPeriod
from ratings.services.standing import STANDING_JOIN, Standing, standing, standings
from tests import desk
from tests.ratings.services.regrading import GOOD, C, city_in, rating_of

pytestmark = pytest.mark.django_db


def by_sql(rating: Rating) -> tuple[int, int | None, int | None, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT standing.position, standing.score, standing.adjustment_id, standing.rerating_id"
            f" FROM ratings_rating r {STANDING_JOIN} WHERE r.id = %s",
            [rating.pk],
        )
        (row,) = cursor.fetchall()
    return row


def flat(found: Standing) -> tuple[int, int | None, int | None, int | None]:
    return (
        found.position,
        found.score,
        found.adjustment.pk if found.adjustment else None,
        found.rerating.pk if found.rerating else None,
    )


def change(period: RatingPeriod, rating: Rating, number: int, to: int, kind: str, state: str) -> None:
    """One adjustment, decided a minute after the one before it."""
    again = None if kind == "JUDGEMENT" else desk.rerating(rating, score=50_000 + number)
    row = desk.adjustment(period, rating, cause=kind, to_grade=to, rerating=again, text=f"第{number}件")
    at = desk.NOW + timedelta(minutes=number)
    Adjustment.objects.filter(pk=row.pk).update(state=state, decided_by=desk.APPROVER, decided_at=at)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3]),
        st.sampled_from(["JUDGEMENT", "CORRECTION"]),
        st.sampled_from(["APPROVED", "APPROVED", "REJECTED", "CANCELLED"]),
    ),
    max_size=4,
)


# Savepoints instead of one transaction an example: the fixture's city is the same for all.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, withdrawn=st.booleans())
def test_the_last_approved_change_holds(
    graded: tuple[RatingPeriod, Rating], changes: list[tuple[int, str, str]], withdrawn: bool
) -> None:
    period, rating = graded
    with transaction.atomic():
        for number, (to, kind, state) in enumerate(changes):
            change(period, rating, number, to, kind, state)
        if withdrawn:
            change(period, rating, 9, -1, "WITHDRAWAL", "APPROVED")
        found = standing(rating)
        approved = [
            (to, kind, number) for number, (to, kind, state) in enumerate(changes) if state == "APPROVED"
        ]
        scores = [50_000 + number for _to, kind, number in approved if kind == "CORRECTION"]
        expected = approved[-1][0] if approved else rating.grade
        score = scores[-1] if scores else rating.score
        assert (found.position, found.score) == ((-1, None) if withdrawn else (expected, score))
        assert flat(found) == by_sql(rating)
        transaction.set_rollback(True)


@pytest.fixture
def graded(db: None) -> tuple[RatingPeriod, Rating]:
    shops, period = city_in("UNDER_REVIEW")
    return period, rating_of(shops[GOOD], period)


def test_an_open_proposal_changes_nothing(graded: tuple[RatingPeriod, Rating]) -> None:
    period, rating = graded
    desk.adjustment(period, rating)
    assert flat(standing(rating)) == by_sql(rating) == (rating.grade, rating.score, None, None)


def test_judgement_shows_against_what_was_reckoned(graded: tuple[RatingPeriod, Rating]) -> None:
    period, rating = graded
    assert not standing(rating).judged
    change(period, rating, 1, C, "JUDGEMENT", "APPROVED")
    assert standing(rating).judged


def test_a_pharmacy_not_rated_has_neither_grade_nor_score(graded: tuple[RatingPeriod, Rating]) -> None:
    rating = Rating.objects.get(run=graded[0].run, state__gt=0)
    assert flat(standing(rating)) == by_sql(rating) == (-1, None, None, None)


def test_one_query_for_any_number(graded: tuple[RatingPeriod, Rating]) -> None:
    period, _rating = graded
    ratings = list(Rating.objects.filter(run=period.run))
    for number, rating in enumerate(ratings[:3]):
        change(period, rating, number, 3, "CORRECTION", "APPROVED")
    with CaptureQueriesContext(connection) as queries:
        found = standings(ratings)
    assert len(queries) == 1
    assert {key: flat(value) for key, value in found.items()} == {row.pk: by_sql(row) for row in ratings}
