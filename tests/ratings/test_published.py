"""The one door outward: what is public on a day, and nothing else."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings import published
from ratings.models import Objection, Pharmacy, PublishedGrade, Rating, RatingPeriod
from ratings.services.publication import publish_adjustment, publish_period
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db
START = datetime(2026, 2, 10, 4, tzinfo=UTC)
DAY = date(2026, 2, 10)


def shop(**values: object) -> Pharmacy:
    return factories.pharmacy(**{"recorded_at": desk.NOW, **values})


def out(*results: Result, period: str = "2025H2", at: datetime = START) -> RatingPeriod:
    """A period that was published then."""
    life = desk.life(lives.run_of(scheme_in_force(), *results, period=period), "FINAL")
    publish_period(life, by=APPROVER, at=at)
    RatingPeriod.objects.filter(pk=life.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=at
    )
    return life


def change(
    life: RatingPeriod, this: Pharmacy, to_grade: int, at: datetime, cause: str = "CORRECTION"
) -> None:
    rating = Rating.objects.get(run=life.run, pharmacy=this)
    again = desk.rerating(rating)
    row = desk.adjustment(life, rating, cause=cause, rerating=again, to_grade=to_grade)
    publish_adjustment(desk.decided(row), by=APPROVER, at=at)


class TestCurrent:
    def test_nothing_before_publication_nor_what_was_not_published(self) -> None:
        one, other = shop(), shop()
        out(Result(one))
        desk.life(lives.run_of(scheme_in_force(), Result(other), period="2025"), "FINAL")
        assert published.current([one.code, other.code, "P33060299999"], DAY - timedelta(days=1)) == {}
        assert set(published.current([one.code, other.code, "P33060299999"], DAY)) == {one.code}

    def test_ends_with_its_validity(self) -> None:
        one = shop()
        out(Result(one))
        last = date(2027, 2, 9)
        assert published.current([one.code], last)[one.code].holds(last)
        assert published.current([one.code], last + timedelta(days=1)) == {}
        assert published.current_page("", 9, last + timedelta(days=1)) == []

    def test_the_newest_row_replaces_those_before(self) -> None:
        one, two = shop(), shop()
        life = out(Result(one), Result(two))
        change(life, one, 3, START + timedelta(days=5), cause="INTERIM")
        before, after = (published.current([one.code], DAY + timedelta(days=days)) for days in (4, 5))
        assert (before[one.code].grade, after[one.code].grade) == ("A", "D")
        assert after[one.code].event == "INTERIM"
        assert published.current([two.code], DAY + timedelta(days=5))[two.code].grade == "A"

    def test_a_late_correction_of_an_earlier_period_changes_history_only(self) -> None:
        one = shop()
        early = out(Result(one, grade=2), period="2025H1")
        out(Result(one, grade=1), at=START + timedelta(days=1))
        change(early, one, 0, START + timedelta(days=2))
        today = DAY + timedelta(days=2)
        assert published.current([one.code], today)[one.code].grade == "B"
        assert [row.grade for row in published.history(one.code)] == ["C", "B", "A"]
        assert [row.period_end for row in published.history(one.code)] == [
            date(2025, 6, 30),
            date(2025, 12, 31),
            date(2025, 6, 30),
        ]

    def test_a_withdrawn_grade_is_told_with_its_reason(self) -> None:
        one = shop()
        change(out(Result(one)), one, -1, START, cause="WITHDRAWAL")
        row = published.current([one.code], DAY)[one.code]
        assert (row.grade, row.position, row.score) == ("", -1, None)
        assert row.reason.startswith("撤回等级")
        assert published.current_page("", 9, DAY) == []

    def test_an_open_objection_is_marked_and_unmarked(self) -> None:
        one, two = shop(), shop()
        life = out(Result(one), Result(two))
        row = desk.objection(life, Rating.objects.get(pharmacy=one), against="PUBLISHED")
        found = published.current([one.code, two.code], DAY)
        assert (found[one.code].under_objection, found[two.code].under_objection) == (True, False)
        assert published.history(one.code)[0].under_objection
        Objection.objects.filter(pk=row.pk).update(state="WITHDRAWN")
        assert not published.current([one.code], DAY)[one.code].under_objection

    def test_constant_number_of_queries(self) -> None:
        codes = [shop().code for _ in range(3)]
        out(*(Result(one) for one in Pharmacy.objects.all()))
        for wanted in (codes[:1], codes):
            with CaptureQueriesContext(connection) as queries:
                assert len(published.current(wanted, DAY)) == len(wanted)
            assert len(queries) == 1


class TestReading:
    def test_pages_by_code(self) -> None:
        factories.district(330603, "柯桥区")
        shops = [shop(district_id=code) for code in (330603, factories.district().code, 330603)]
        out(*map(Result, shops), Result(shop(), grade=-1))
        codes = sorted(one.code for one in shops)
        first = published.current_page("", 2, DAY)
        rest = published.current_page(first[-1].code, 2, DAY)
        assert [row.code for row in (*first, *rest)] == codes
        assert {row.code for row in published.current_page("", 9, DAY, district=330603)} == {
            shops[0].code,
            shops[2].code,
        }

    def test_changes_since_a_number(self) -> None:
        one, two = shop(), shop()
        life = out(Result(one), Result(two))
        change(life, one, 3, START)
        assert [row.seq for row in published.changes_since(0, 2)] == [1, 2]
        assert [(row.seq, row.publication, row.at) for row in published.changes_since(2, 9)] == [
            (3, 2, START)
        ]
        assert published.changes_since(3, 9) == []

    def test_publications_with_what_was_signed(self) -> None:
        one = shop()
        change(out(Result(one)), one, 3, START)
        first, second = published.publications()
        assert (first.number, first.event, first.rows, second.event) == (1, "PERIODIC", 1, "CORRECTION")
        assert f'"number":{second.number}' in second.statement
        assert published.publications(after=1) == [second]
        assert published.publications(limit=1) == [first]

    def test_only_what_may_be_told(self) -> None:
        """No id of ours, no person: fields outside the ledger are named here, one by one."""
        ledger = {field.column for field in PublishedGrade._meta.concrete_fields}
        told = {field.name for field in fields(published.Grade)}
        assert told - ledger == {"publication", "at", "period_end", "label", "under_objection"}
        assert ledger - told == {"publication_id", "pharmacy_id", "run", "grade_label"}
