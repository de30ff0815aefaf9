"""Grades by district and period, and who moved: held against counting one by one."""

import re
from collections import Counter
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.insight import grades
from ratings.insight.grades import ABSENT
from ratings.models import Pharmacy, PublishedGrade
from ratings.rules import shipped_schemes
from ratings.services.audit import SYSTEM
from ratings.services.schemes import activate_scheme, store_scheme
from tests import factories
from tests.ratings.services.lives import CUTOFF, Result, published, run_of
from tests.ratings.services.test_runs import scheme_in_force

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


def test_who_took_over_from_one_that_took_over(city: City) -> None:
    old, ends = city.shops[1], (date(2026, 1, 1), date(2026, 2, 1))
    for end in ends:
        Pharmacy.objects.filter(pk=old.pk).update(designated_until=end)
        old = factories.pharmacy(
            predecessor=old, designated_on=end, district_id=THERE, recorded_at=timezone.now()
        )
    published(run_of(city.scheme, Result(old, 0), period="2026H1", cutoff=CUTOFF))
    after, before, _ = grades.issues()
    (heir,) = grades.movers(before, after, right=0)
    assert (heir.pharmacy, heir.before, heir.score_before) == (old.pk, SECOND[1], 90_000)
    assert len(grades.movers(before, after, right=ABSENT)) == 6
    assert sum(grades.migration(before, after).values()) == 7


def test_a_period_is_held_against_one_of_its_length_that_ended_before(city: City) -> None:
    for period in ("2025", "2024"):
        published(run_of(city.scheme, Result(city.shops[0], 0), period=period, cutoff=CUTOFF))
    known = grades.issues()
    before = {one.period: grades.period_before(known, one) for one in known}
    assert {period: one and one.period for period, one in before.items()} == {
        "2025": "2024",
        "2025H2": "2025H1",
        "2025H1": "2024",  # no other half, so the year before it
        "2024": None,
    }


@pytest.fixture
def rescaled(city: City) -> City:
    """A third period under a scheme that has an A+ above A to D: shops are A+, A, A, B, D; the rest are gone."""
    text = shipped_schemes()["weighted"].read_text().replace('key = "weighted"', 'key = "rescaled"')
    for old, new in (("A", "A+"), ("B", "A"), ("C", "B"), ("D", "C"), ("E", "D")):
        text = re.sub(rf'(name|grade|limit) = "{old}"$', rf'\1 = "<{new}>"', text, flags=re.M)
    scheme = activate_scheme(store_scheme(text.replace('"<', '"').replace('>"', '"'), by=SYSTEM), by=SYSTEM)
    results = [Result(city.shops[shop], grade) for shop, grade in enumerate((0, 1, 1, 2, 4))]
    published(run_of(scheme, *results, period="2026H1", cutoff=CUTOFF))
    return city


@pytest.mark.parametrize(
    ("direction", "expected"),
    # before: A, B, A, B, D on a scale that had no A+
    [("up", [0, 1]), ("down", []), ("moved", [0, 1])],
)
def test_grades_of_another_scheme_move_on_the_scale_in_common(
    rescaled: City, direction: str, expected: list[int]
) -> None:
    after, before, _ = grades.issues()
    assert [name for name, _ in after.grades] == ["A+", "A", "B", "C", "D"]
    codes = [rescaled.shops[shop].code for shop in expected]
    assert [one.code for one in grades.movers(before, after, direction=direction)] == codes
    shifts = grades.shifts(before, after).values()
    assert (sum(one.up for one in shifts), sum(one.down for one in shifts)) == (2, 0)


def test_grades_without_an_order_in_common_move_by_name(city: City) -> None:
    scheme = scheme_in_force("nantong")
    published(
        run_of(
            scheme,
            *(Result(city.shops[shop], grade) for shop, grade in ((0, 0), (1, 3), (6, 2))),
            period="2026H1",
            cutoff=CUTOFF,
        )
    )
    after, before, _ = grades.issues()
    assert [name for name, _ in after.grades] == ["A", "B", "C", "终止"]

    def numbers(direction: str) -> list[int]:
        codes = [shop.code for shop in city.shops]
        return [codes.index(one.code) for one in grades.movers(before, after, direction=direction)]

    assert numbers("moved") == [1]
    assert numbers("down") == numbers("up") == []
    assert grades.shifts(before, after) == {}


def test_statements_are_few_and_constant(city: City) -> None:
    after, before = grades.issues()
    with CaptureQueriesContext(connection) as seen:
        grades.distribution(after)
        grades.migration(before, after)
        grades.movers(before, after)
    assert len(seen) == 3
