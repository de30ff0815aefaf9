"""A staged city says what the door says of each pharmacy alone, whatever the ledger's history."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ratings import published
from ratings.models import District, Pharmacy, Rating, RatingPeriod
from ratings.published import STAGED, Entry, Grade, stage
from tests import desk, factories
from tests.ratings.services.lives import Result
from tests.ratings.test_published import DAY, START, change, out, shop

pytestmark = pytest.mark.django_db
Rows = dict[str, dict[str, Any]]


def staged(on: date, minimums: set[str], codes: list[str] | None = None, until: int | None = None) -> Rows:
    stage("city", on, minimums, codes, until)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM city")
        assert cursor.description is not None
        assert tuple(column.name for column in cursor.description) == STAGED
        return {row[0]: dict(zip(STAGED, row, strict=True)) for row in cursor.fetchall()}


def reaches(grade: Grade, minimums: set[str]) -> bool:
    return all(published.reaches(grade, one) for one in minimums)


def alone(entry: Entry, on: date, minimums: set[str]) -> dict[str, Any]:
    """The same of one pharmacy, from the door's other functions."""
    history = published.history(entry.code)
    newest = {row.period: row for row in history if row.valid_from <= on}
    ordered = sorted(newest.values(), key=lambda row: (row.period_end, row.seq), reverse=True)
    days = [entry.designated_on, entry.designated_until, *(row.valid_from for row in history)]
    days += [entry.grade.valid_until] if entry.grade else []
    enterprise = Pharmacy.objects.select_related("enterprise").get(code=entry.code).enterprise
    own = ("code", "name", "district", "district_name", "designated_on", "designated_until")
    told = ("seq", "event", "period", "scheme", "grade", "label", "position", "valid_from", "valid_until")
    return {
        **{name: getattr(entry, name) for name in own},
        **{name: getattr(entry.grade, name) if entry.grade else None for name in told},
        "social_credit_code": enterprise.uscc if enterprise else "",
        "under_objection": entry.grade is not None and entry.grade.under_objection,
        "reaches": entry.grade is not None and reaches(entry.grade, minimums),
        "periods": len(list(takewhile(lambda row: reaches(row, minimums), ordered))),
        "turns_on": min((day for day in days if day and day > on), default=None),
        "last_seq": max((row.seq for row in history), default=0),
    }


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


_PERIODS = ("2025H1", "2025Q4", "2025H2", "2025", "2024")
_publication = some.tuples(
    some.sampled_from(_PERIODS), some.lists(some.sampled_from((-1, 0, 1, 2, None)), min_size=3, max_size=3)
)
_regrading = some.tuples(
    some.integers(0, 9),
    some.integers(0, 2),
    some.integers(-1, 3),
    some.sampled_from(("CORRECTION", "INTERIM", "WITHDRAWAL")),
)


class TestHistories:
    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        acts=some.lists(
            some.tuples(some.integers(0, 30), some.one_of(_publication, _regrading)), min_size=1, max_size=8
        ),
        minimums=some.sets(some.sampled_from(("A", "B", "C", "Z")), min_size=1, max_size=2),
    )
    def test_as_each_is_told_alone(self, acts: list[Any], minimums: set[str]) -> None:
        with undone():
            shops = [
                shop(),
                shop(enterprise=factories.enterprise(), designated_until=DAY + timedelta(days=20)),
                shop(designated_on=DAY + timedelta(days=9)),
            ]
            lives: dict[str, RatingPeriod] = {}
            at = START
            for days, act in acts:
                at += timedelta(days=days)
                if len(act) == 2:
                    period, grades = act
                    results = [Result(one, grade=g) for one, g in zip(shops, grades, strict=True) if g is not None]  # fmt: skip
                    if period not in lives and results:
                        lives[period] = out(*results, period=period, at=at)
                elif lives:
                    life = list(lives.values())[act[0] % len(lives)]
                    if Rating.objects.filter(run=life.run_id, pharmacy=shops[act[1]]).exists():
                        change(life, shops[act[1]], act[2], at, cause=act[3])
            codes = [one.code for one in shops]
            for on in (DAY - timedelta(days=1), DAY + timedelta(days=9), DAY + timedelta(days=25), date(2027, 2, 25)):  # fmt: skip
                entries = {entry.code: entry for entry in published.entries(on)}
                expected = {code: alone(entry, on, minimums) for code, entry in entries.items()}
                assert staged(on, minimums) == expected
                assert staged(on, minimums, codes) == expected
                assert staged(on, minimums, codes[1:2]) == {codes[1]: expected[codes[1]]}


class TestStage:
    def test_one_row_of_every_designated_pharmacy(self) -> None:
        factories.district(330603, "柯桥区")
        one, other = shop(), shop(district_id=330603)
        out(Result(one, grade=1))
        found = staged(DAY, {"B"})
        assert found[one.code]["reaches"]
        assert found[other.code] == {
            **dict.fromkeys(STAGED), "code": other.code, "social_credit_code": "", "name": other.name,
            "district": 330603, "district_name": "柯桥区", "designated_on": other.designated_on,
            "under_objection": False, "reaches": False, "periods": 0, "last_seq": 0,
        }  # fmt: skip
        assert staged(DAY, {"B"}, []) == {} == staged(DAY, {"B"}, ["P33060299999"])

    def test_a_period_without_a_grade_breaks_the_row(self) -> None:
        one = shop()
        for number, (period, grade) in enumerate((("2024H1", 0), ("2024H2", -1), ("2025H1", 1), ("2025H2", 0))):  # fmt: skip
            out(Result(one, grade=grade), period=period, at=START + timedelta(days=number))
        on = DAY + timedelta(days=9)
        assert staged(on, {"B"})[one.code]["periods"] == 2
        assert staged(on, {"A"})[one.code]["periods"] == 1

    def test_an_objection_that_is_heard(self) -> None:
        one, other = shop(), shop()
        life = out(Result(one), Result(other))
        row = desk.objection(life, Rating.objects.get(pharmacy=one), against="PUBLISHED")
        assert [staged(DAY, {"B"})[each.code]["under_objection"] for each in (one, other)] == [True, False]
        row.state = "WITHDRAWN"
        row.save()
        assert not staged(DAY, {"B"})[one.code]["under_objection"]

    def test_rows_that_come_into_force_later(self) -> None:
        one, other = shop(), shop()
        life = out(Result(one), Result(other), at=START)
        change(life, one, 2, START + timedelta(days=3))
        found = staged(DAY, {"B"})
        assert (found[one.code]["grade"], found[one.code]["turns_on"]) == ("A", DAY + timedelta(days=3))
        assert (found[one.code]["last_seq"], found[other.code]["last_seq"]) == (3, 2)
        assert staged(DAY - timedelta(days=1), {"B"})[one.code]["turns_on"] == DAY

    def test_the_ledger_as_it_was(self) -> None:
        one = shop()
        life = out(Result(one))
        change(life, one, 2, START + timedelta(days=3))
        on = DAY + timedelta(days=5)
        assert [staged(on, {"B"}, until=seq)[one.code]["grade"] for seq in (0, 1, 2)] == [None, "A", "C"]
        assert published.last_seq() == 2
        assert published.codes_since(0, 2) == [one.code] == published.codes_since(1, 2)
        assert published.codes_since(0, 0) == [] == published.codes_since(2, 9)

    def test_again_in_the_same_transaction(self) -> None:
        one = shop()
        assert set(staged(DAY, {"B"})) == {one.code}
        District.objects.filter(pk=one.district_id).update(name="新区")
        assert staged(DAY, {"B"})[one.code]["district_name"] == "新区"

    def test_constant_number_of_queries(self) -> None:
        codes = [shop().code for _ in range(3)]
        out(*(Result(one) for one in Pharmacy.objects.all()))
        staged(DAY, {"B"})
        for wanted in (codes[:1], codes):
            with CaptureQueriesContext(connection) as queries:
                stage("city", DAY, {"B"}, wanted)
            assert len(queries) == 8

    def test_every_field_of_a_grade_or_a_reason_why_not(self) -> None:
        """No score, no rank, no run: fields of the door are named here, one by one."""
        told = {field.name for field in fields(Grade)} | {field.name for field in fields(Entry)}
        assert set(STAGED) - told == {"social_credit_code", "reaches", "periods", "turns_on", "last_seq"}
        assert not {"score", "rank_city", "rank_district", "run"} & set(STAGED)


class TestMore:
    def test_of_some_enterprises_with_their_names_and_scores(self) -> None:
        one, other = factories.enterprise(name="甲公司"), factories.enterprise(name="乙公司")
        mine, theirs, without = shop(enterprise=one), shop(enterprise=other), shop()
        out(Result(mine, score=91_500), Result(theirs), Result(without))

        def rows(**wanted: Any) -> list[tuple[Any, ...]]:
            stage("city", DAY, (), more=("enterprise_name", "score"), **wanted)
            with connection.cursor() as cursor:
                cursor.execute("SELECT code, enterprise_name, score, reaches FROM city ORDER BY code")
                return cursor.fetchall()

        assert rows(enterprises=[one.uscc, "913306020000000000"]) == [(mine.code, "甲公司", 91_500, True)]
        assert rows(enterprises=[one.uscc], codes=[theirs.code]) == []
        assert rows(enterprises=[]) == []
        everyone = {code: name for code, name, _, _ in rows()}
        assert everyone == {mine.code: "甲公司", theirs.code: "乙公司", without.code: ""}
