"""Before and after the start: held against sums in plain Python over the same rows."""

from datetime import date
from statistics import median

import pytest

from ratings.insight import growth
from ratings.insight.growth import Complaints
from ratings.models import FundPayment, Pharmacy
from ratings.rules.periods import add_months, months_of
from ratings.services.audit import Actor
from ratings.services.facts import void_fact
from tests import factories

from .conftest import HERE, THERE, City

START = date(2025, 1, 1)


@pytest.fixture
def shops(db: None) -> list[Pharmacy]:
    """Paid 100, 120 (+20 %) and 124.2 (+3.5 %) a month in three years; one opened in the second, one lost money."""
    factories.district()
    factories.district(THERE, "柯桥区")
    made = [factories.pharmacy(district_id=(HERE, HERE, THERE)[number]) for number in range(3)]
    for month in months_of(date(2023, 1, 1), 36):
        year = month.year - 2023
        factories.payment(made[0], month, (10_000, 12_000, 12_420)[year])
        if year:
            factories.payment(made[1], month, (0, 5_000, 5_500)[year])
        factories.payment(made[2], month, (2_000, -1, 3_000)[year])
    return made


def plain(districts: frozenset[int] | None, first: date, months: int) -> dict[int, int]:
    """Pharmacy to what it was paid in a span."""
    sums: dict[int, int] = {}
    last = add_months(first, months)
    for row in FundPayment.objects.filter(voided_at=None).select_related("pharmacy"):
        if districts is None or row.pharmacy.district_id in districts:
            sums.setdefault(row.pharmacy_id, 0)
            sums[row.pharmacy_id] += row.amount_fen if first <= row.month < last else 0
    return sums


@pytest.mark.parametrize("districts", [None, frozenset({HERE}), frozenset({THERE})])
def test_payments_before_and_after(shops: list[Pharmacy], districts: frozenset[int] | None) -> None:
    found = growth.payments(START, districts)
    assert found is not None
    for one, first in zip(found, (date(2024, 1, 1), START), strict=True):
        now, base = plain(districts, first, 12), plain(districts, add_months(first, -12), 12)
        both = [shop for shop in now if now[shop] > 0 and base[shop] > 0]
        assert (one.first, one.months) == (first, 12)
        assert (one.paid, one.paid_before) == (sum(now.values()), sum(base.values()))
        assert one.compared == len(both)
        if sum(base.values()) > 0:
            assert one.growth == pytest.approx(sum(now.values()) / sum(base.values()) - 1)
        else:
            assert one.growth is None
        if both:
            same = sum(now[shop] for shop in both) / sum(base[shop] for shop in both) - 1
            assert one.comparable == pytest.approx(same)
            assert one.median == pytest.approx(median(now[shop] / base[shop] - 1 for shop in both))
        else:
            assert (one.comparable, one.median) == (None, None)


def test_one_shop_as_shaoxing_reported(shops: list[Pharmacy]) -> None:
    found = growth.payments(START, frozenset({HERE}))
    assert found is not None
    before, after = found
    assert before.comparable == pytest.approx(0.20)
    assert after.comparable == pytest.approx((12_420 + 5_500) / 17_000 - 1)
    assert before.median == pytest.approx(0.20)


def test_months_that_are_not_there_yet_are_compared_with_as_many(shops: list[Pharmacy]) -> None:
    found = growth.payments(date(2025, 10, 1))
    assert found is not None
    assert [(one.first, one.months) for one in found] == [(date(2024, 10, 1), 3), (date(2025, 10, 1), 3)]
    assert found[1].paid_before == sum(plain(None, date(2024, 10, 1), 3).values())
    assert growth.payments(date(2026, 1, 1)) is None
    assert growth.months_after(date(2026, 1, 1), None) == 0


def test_what_is_voided_or_added_is_seen_at_once(shops: list[Pharmacy]) -> None:
    before = growth.paid_by_month()
    row = FundPayment.objects.filter(pharmacy=shops[0], month=START).get()
    void_fact(row, reason="录入错误", by=Actor("经办"))
    after = growth.paid_by_month()
    assert after[START] == before[START] - row.amount_fen
    factories.payment(shops[0], START, 7)
    assert growth.paid_by_month()[START] == after[START] + 7
    assert growth.paid_by_month(frozenset({THERE}))[START] == 3_000


def test_what_is_kept_of_one_place_is_not_told_of_another(shops: list[Pharmacy]) -> None:
    places: list[frozenset[int] | None] = [None, frozenset({HERE}), frozenset({THERE}), frozenset()]
    for _ in range(2):  # the second time as kept
        for districts in places:
            found = growth.payments(START, districts)
            assert found is not None
            assert found[1].paid == sum(plain(districts, START, 12).values())
            assert sum(growth.paid_by_month(districts).values()) == sum(
                plain(districts, date(2023, 1, 1), 36).values()
            )


def test_a_pharmacy_that_moves_takes_its_payments_along_at_once(shops: list[Pharmacy]) -> None:
    before = growth.paid_by_month(frozenset({HERE}))[START]
    Pharmacy.objects.filter(pk=shops[0].pk).update(district_id=THERE)
    assert growth.paid_by_month(frozenset({HERE}))[START] == before - 12_420


def test_quarters_need_all_their_months(shops: list[Pharmacy]) -> None:
    paid = growth.paid_by_month()
    assert growth.quarters(list(paid)) == [date(y, m, 1) for y in (2023, 2024, 2025) for m in (1, 4, 7, 10)]
    found = growth.quarterly_growth(paid)
    assert found[date(2023, 1, 1)] is None
    now = sum(paid[month] for month in months_of(date(2025, 4, 1), 3))
    base = sum(paid[month] for month in months_of(date(2024, 4, 1), 3))
    assert found[date(2025, 4, 1)] == pytest.approx(now / base - 1)
    del paid[date(2024, 5, 1)]
    assert growth.quarterly_growth(paid)[date(2025, 4, 1)] is None
    assert growth.quarters([]) == []


def test_complaints_by_month(shops: list[Pharmacy]) -> None:
    for day, topic, finding, state in (
        (date(2024, 3, 31), "FRAUD", "VERIFIED", "CLOSED"),
        (date(2024, 4, 1), "FRAUD", "UNFOUNDED", "CLOSED"),
        (date(2024, 4, 30), "SERVICE", "VERIFIED", "CLOSED"),
        (date(2025, 4, 30), "FRAUD", "PENDING", "RECEIVED"),
        (date(2025, 4, 30), "FRAUD", "PENDING", "NOT_ACCEPTED"),
    ):
        decided = None if finding == "PENDING" else date(2025, 5, 1)
        factories.complaint(
            shops[0], topic=topic, finding=finding, state=state, occurred_on=day, decided_on=decided
        )
    voided = factories.complaint(shops[0], occurred_on=date(2024, 3, 2))
    void_fact(voided, reason="重复", by=Actor("经办"))
    factories.complaint(shops[2], occurred_on=date(2024, 3, 2))
    counts = growth.complaints_by_month(frozenset({HERE}))
    assert counts == {
        date(2024, 3, 1): Complaints(1, 1, 1, 1),
        date(2024, 4, 1): Complaints(2, 1, 1, 0),
        date(2025, 4, 1): Complaints(1, 1, 0, 0),
    }
    assert growth.in_span(counts, date(2024, 1, 1), 12) == Complaints(3, 2, 2, 1)
    assert growth.in_span(counts, date(2024, 4, 1), 12) == Complaints(2, 1, 1, 0)
    assert growth.complaints_by_month()[date(2024, 3, 1)].fraud == 2


def test_the_start_follows_the_first_published_period(city: City) -> None:
    assert growth.default_start() == date(2026, 1, 1)


def test_no_start_before_anything_is_published(db: None) -> None:
    assert growth.default_start() is None
    assert growth.paid_until() is None
    assert growth.payments(START) is None
