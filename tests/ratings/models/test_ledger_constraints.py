"""What the database holds of the ledger, whatever a service might do."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from ratings.models import Publication, PublishedGrade, Rating, RatingPeriod
from tests import desk, factories
from tests.desk import APPROVER, NOW
from tests.ratings.models.test_run_constraints import rating as new_rating
from tests.ratings.models.test_run_constraints import run as new_run

pytestmark = pytest.mark.django_db
HASH = "a" * 64


@pytest.fixture(autouse=True)
def undone(db: None) -> Iterator[None]:
    """Take back what a test leaves half done, or the end of the test would ask for whole publications."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def rating() -> Rating:
    return new_rating(new_run(), factories.pharmacy())


@pytest.fixture
def period(rating: Rating) -> RatingPeriod:
    return desk.life(rating.run, "FINAL")


def publication(period: RatingPeriod, **values: Any) -> Publication:
    return Publication.objects.create(
        **{
            "number": 1,
            "event": "PERIODIC",
            "period": period,
            "at": NOW,
            "published_by": APPROVER,
            "first_seq": 1,
            "last_seq": 1,
            "rows": 1,
            "merkle_root": HASH,
            "statement": "{}",
            "statement_sha256": HASH,
            "fingerprints": b"\0" * 8,
            "signature": "b" * 128,
            "public_key": HASH,
            **values,
        }
    )


def grade(rating: Rating, **values: Any) -> PublishedGrade:
    return PublishedGrade.objects.create(
        **{
            "seq": 1,
            "publication_id": 1,
            "pharmacy": rating.pharmacy,
            "code": rating.pharmacy.code,
            "name": rating.pharmacy.name,
            "district": rating.district_id,
            "event": "PERIODIC",
            "period": rating.run.period,
            "scheme": "k@1",
            "run": rating.run_id,
            "grade": "A",
            "grade_label": "优秀",
            "position": 0,
            "score": 95_000,
            "rank_district": 1,
            "rank_city": 1,
            "valid_from": date(2026, 2, 20),
            "valid_until": date(2027, 2, 20),
            **values,
        }
    )


def refused(constraint: str, make: Any, *args: Any, **values: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make(*args, **values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("publication_rows", {"rows": 2}),
        ("publication_fingerprints", {"merkle_root": ""}),
        ("publication_fingerprints", {"signature": "b" * 127}),
        ("publication_fingerprints", {"public_key": "xyz"}),
        ("publication_periodic_or_adjusted", {"event": "INTERIM"}),
        ("发布须紧接上一发布", {"number": 2, "previous": HASH}),
        ("发布须紧接上一发布", {"previous": HASH}),
        ("发布须紧接上一发布", {"first_seq": 2, "last_seq": 2}),
    ],
)
def test_publication(period: RatingPeriod, constraint: str, values: dict[str, Any]) -> None:
    refused(constraint, publication, period, **values)


def test_each_publication_follows_the_last(period: RatingPeriod, rating: Rating) -> None:
    publication(period)
    desk.walk(RatingPeriod.objects.get(pk=period.pk), "COMPUTED")
    row = desk.decided(desk.adjustment(period, rating))
    after = {"number": 2, "event": "CORRECTION", "adjustment": row, "first_seq": 2, "last_seq": 2}
    refused("发布须紧接上一发布", publication, period, **after)
    refused("发布须紧接上一发布", publication, period, **{**after, "previous": "c" * 64})
    refused("不得早于上一发布", publication, period, **after, previous=HASH, at=NOW - timedelta(seconds=1))
    second = {"number": 2, "first_seq": 2, "last_seq": 2, "previous": HASH}
    refused("publication_periodic_once", publication, period, **second)
    publication(period, **after, previous=HASH)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("publishedgrade_grade_whole", {"grade": ""}),
        ("publishedgrade_grade_whole", {"position": -1}),
        (
            "publishedgrade_grade_whole",
            {
                "position": -1,
                "grade": "",
                "grade_label": "",
                "score": None,
                "rank_city": 0,
                "rank_district": 0,
            },
        ),
        ("publishedgrade_grade_whole", {"score": None}),
        ("publishedgrade_valid_order", {"valid_until": date(2026, 2, 20)}),
        ("publishedgrade_event_known", {"event": "WHIM"}),
    ],
)
def test_published_grade(
    period: RatingPeriod, rating: Rating, constraint: str, values: dict[str, Any]
) -> None:
    publication(period)
    refused(constraint, grade, rating, **values)


def test_rows_come_with_their_publication_and_all_at_once(period: RatingPeriod, rating: Rating) -> None:
    refused("只能随其发布一次写全", grade, rating)
    publication(period, rows=2, last_seq=2)
    refused("只能随其发布一次写全", grade, rating)


def test_nothing_is_added_to_a_publication(period: RatingPeriod, rating: Rating) -> None:
    publication(period)
    grade(rating)
    other = new_rating(rating.run, factories.pharmacy())
    refused("只能随其发布一次写全", grade, other, seq=2)


def test_a_publication_without_its_rows_is_not_committed(period: RatingPeriod) -> None:
    publication(period)
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match="发布 1 的行不全"),
        transaction.atomic(),
    ):
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_one_periodic_grade_a_period(period: RatingPeriod, rating: Rating) -> None:
    publication(period)
    grade(rating)
    desk.walk(RatingPeriod.objects.get(pk=period.pk), "COMPUTED")
    again = new_run(cutoff=NOW + timedelta(days=1), period="2025H1", period_end=date(2025, 6, 30))
    publication(desk.life(again), number=2, first_seq=2, last_seq=2, previous=HASH)
    refused("publishedgrade_once_a_period", grade, rating, seq=2, publication_id=2)


def test_rows_of_unknown_pharmacies_are_refused(period: RatingPeriod, rating: Rating) -> None:
    publication(period)
    refused("pharmacy_id 指向不存在", grade, rating, pharmacy=None, pharmacy_id=987_654_321)


def test_the_ledger_refuses_change(period: RatingPeriod, rating: Rating) -> None:
    publication(period)
    grade(rating)
    refused("不得修改", Publication.objects.update, published_by="他人")
    refused("不得修改", PublishedGrade.objects.update, grade="B")
