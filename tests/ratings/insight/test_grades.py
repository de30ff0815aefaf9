"""Grades by district and period, and who moved: held against counting one by one."""

from collections import Counter
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.insight import grades
from ratings.insight.grades import ABSENT
from ratings.models import Pharmacy, PublishedGrade
from tests import factories
from tests.ratings.services.lives import CUTOFF, Result, published, run_of

from .conftest import FIRST, HERE, SECOND, THERE, City


def test_periods_are_found_newest_first(city: City) -> None:
    found = grades.issues()
    assert [one.period for one in found] == ["2025H2", "2025H1"]
    assert [name for name, _ in found[0].grades] == ["A", "B", "C", "D"]


def test_a_period_of_one_district_is_not_another_districts(city: City) -> None:
    run = run_of(city.scheme, Result(city.shops[1], 2), period="2024", district=THERE)
    published(run)
    assert "2024" in [one.period for one in grades.issues(frozenset({THERE}))]
    assert "2024" not in [one.period for one in grades.issues(frozenset({HERE}))]
    whole = next(one for one in grades.issues() if one.period == "2024")
    assert grades.distribution(whole) == {THERE: Counter({2: 1})}


def test_districts_rated_apart_are_one_period(city: City) -> None:
    for shop, grade, code in ((0, 3, HERE), (1, 0, THERE)):
        published(run_of(city.scheme, Result(city.shops[shop], grade), period="2024", district=code))
    whole = next(one for one in grades.issues() if one.period == "2024")
    assert len(whole.parts) == 2
    assert grades.distribution(whole) == {HERE: Counter({3: 1}), THERE: Counter({0: 1})}
    assert grades.migration(whole, next(one for one in grades.issues() if one.period == "2025H1")) == {
        (3, 0): 1,
        (0, 0): 1,
        **dict(Counter((ABSENT, grade) for grade in FIRST[2:] if grade is not None)),
    }


@pytest.mark.parametrize("districts", [None, frozenset({HERE}), frozenset({THERE}), frozenset[int]()])
def test_counts_are_those_of_the_ledger(city: City, districts: frozenset[int] | None) -> None:
    for issue in grades.issues():
        counted = grades.distribution(issue, districts)
        rows = PublishedGrade.objects.filter(period=issue.period, event="PERIODIC")
        direct: dict[int, Counter[int]] = {}
        for row in rows:
            if districts is None or row.district in districts:
                direct.setdefault(row.district, Counter())[row.position] += 1
        assert counted == direct
        assert grades.distribution(issue, districts) == direct  # as kept


def test_moves_are_those_counted_one_by_one(city: City) -> None:
    after, before = grades.issues()
    expected: Counter[tuple[int, int]] = Counter()
    for left, right in zip(FIRST, SECOND, strict=True):
        expected[ABSENT if left is None else left, ABSENT if right is None else right] += 1
    assert grades.migration(before, after) == expected
    here: Counter[tuple[int, int]] = Counter()
    for left, right in list(zip(FIRST, SECOND, strict=True))[::2]:
        assert left is not None
        here[left, ABSENT if right is None else right] += 1
    assert grades.migration(before, after, frozenset({HERE})) == here
    assert sum(expected.values()) == 8


def test_movers_are_those_behind_the_cells(city: City) -> None:
    after, before = grades.issues()
    for (left, right), count in grades.migration(before, after).items():
        found = grades.movers(before, after, left=left, right=right)
        assert [(one.before, one.after) for one in found] == [(left, right)] * count
    shops = {shop.pk: number for number, shop in enumerate(city.shops)}

    def numbers(direction: str) -> list[int]:
        return [shops[one.pharmacy] for one in grades.movers(before, after, direction=direction)]

    assert numbers("up") == [2, 6]  # from no grade to one is up
    assert numbers("down") == [1, 4]
    assert numbers("moved") == [1, 2, 4, 6]
    paged = grades.movers(before, after, offset=2, limit=3)
    assert [shops[one.pharmacy] for one in paged] == [2, 3, 4]
    assert [shops[one.pharmacy] for one in grades.movers(before, after, frozenset({THERE}))] == [1, 3, 5, 7]


def test_shifts_of_a_district_are_its_movers(city: City) -> None:
    after, before = grades.issues()
    found = grades.shifts(before, after)
    assert list(found) == [HERE, THERE]
    for code, one in found.items():
        there = frozenset({code})
        moved = [len(grades.movers(before, after, there, direction=way)) for way in ("up", "down")]
        assert [one.up, one.down] == moved
        both = [
            each for each in grades.movers(before, after, there) if ABSENT not in (each.before, each.after)
        ]
        assert one.both == len(both)
        assert grades.shifts(before, after, there) == {code: one}


def test_who_takes_over_is_held_against_the_one_before(city: City) -> None:
    old = city.shops[1]
    Pharmacy.objects.filter(pk=old.pk).update(designated_until=date(2026, 1, 1))
    heir = factories.pharmacy(
        predecessor=old, designated_on=date(2026, 1, 1), district_id=THERE, recorded_at=timezone.now()
    )
    published(run_of(city.scheme, Result(heir, 0), period="2026H1", cutoff=CUTOFF))
    after, before, _ = grades.issues()
    found = grades.movers(before, after, right=0)
    assert [(one.pharmacy, one.before) for one in found] == [(heir.pk, SECOND[1])]
    gone = grades.movers(before, after, right=ABSENT)
    assert old.pk not in {one.pharmacy for one in gone}


def test_statements_are_few_and_constant(city: City) -> None:
    after, before = grades.issues()
    with CaptureQueriesContext(connection) as seen:
        grades.distribution(after)
        grades.migration(before, after)
        grades.movers(before, after)
    assert len(seen) == 3
