"""The generated city holds what is published, and all that a scheme can ask about."""

from collections import Counter
from datetime import timedelta

import pytest

from ratings import codes
from ratings.demo import shops
from ratings.demo.city import City
from ratings.demo.dice import Dice
from ratings.demo.places import BOUNDS, DISTRICTS, QUOTAS, TOWNS
from ratings.demo.shops import MARK, PHARMACIES, fictitious_uscc
from ratings.rules.vocabulary import (
    COMPLAINT_FINDINGS,
    COMPLAINT_STATES,
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
)

#: The same on every machine and every supported Python.
DIGEST = "55900597671cdd80f8ad65f10cefec6b22d3e688b52c666c6816186730ac692d"


def test_is_the_same_everywhere(city: City) -> None:
    assert city.digest() == DIGEST


def test_another_seed_gives_another_city() -> None:
    assert shops.build(1) != shops.build(2)


def test_has_1500_pharmacies_in_six_districts(city: City) -> None:
    assert len(city.shops) == PHARMACIES == sum(QUOTAS.values())
    assert {shop.district for shop in city.shops} == set(DISTRICTS)
    assert {town.district for town in TOWNS} == set(DISTRICTS)


def test_codes_are_well_formed_and_plainly_fictitious(city: City) -> None:
    assert not [shop.code for shop in city.shops if codes.designated_code_problem(shop.code)]
    assert not [one.uscc for one in city.enterprises if codes.uscc_problem(one.uscc)]
    assert all(shop.code[7] == "9" for shop in city.shops)
    assert all(one.uscc[8:12] == "DEM0" for one in city.enterprises)
    assert len({shop.code for shop in city.shops}) == PHARMACIES
    assert len({one.uscc for one in city.enterprises}) == len(city.enterprises)
    assert codes.uscc_problem(fictitious_uscc(330602, 31**3)) == ""


def test_every_name_and_document_says_that_it_is_a_demo(city: City) -> None:
    assert all(MARK in shop.name for shop in city.shops)
    assert all(MARK in one.name for one in city.enterprises)
    assert all("演" in case.document_no for case in city.violations)
    assert all("演" in complaint.reference_no for complaint in city.complaints)
    assert len({shop.name for shop in city.shops}) == PHARMACIES


def test_places_lie_in_the_city_no_two_at_one_point(city: City) -> None:
    south, north, west, east = BOUNDS
    assert all(
        south < shop.site.latitude < north and west < shop.site.longitude < east for shop in city.shops
    )
    assert len({(shop.site.latitude, shop.site.longitude) for shop in city.shops}) == PHARMACIES


@pytest.mark.parametrize(("year", "growth"), [(2019, 20.0), (2020, 3.5)])
def test_payments_grow_as_published(city: City, year: int, growth: float) -> None:
    totals: Counter[int] = Counter()
    for payment in city.payments:
        if payment.voided_at is None:
            totals[payment.month.year] += payment.amount_fen
    assert 100 * (totals[year] / totals[year - 1] - 1) == pytest.approx(growth, abs=0.05)


@pytest.mark.parametrize(("year", "count"), [(2019, 12), (2020, 1)])
def test_fraud_complaints_are_as_published(city: City, year: int, count: int) -> None:
    fraud = [
        complaint
        for complaint in city.complaints
        if complaint.topic == "FRAUD" and complaint.occurred_on.year == year and complaint.voided_at is None
    ]
    assert len(fraud) == count
    assert {complaint.finding for complaint in fraud} == {"VERIFIED"}


def test_payments_have_seasons_spread_and_outliers(city: City) -> None:
    by_month: Counter[int] = Counter()
    years: dict[str, Counter[int]] = {}
    for payment in city.payments:
        if payment.voided_at is None:
            if payment.month.year == 2019:
                by_month[payment.month.month] += payment.amount_fen
            years.setdefault(payment.pharmacy, Counter())[payment.month.year] += payment.amount_fen
    assert by_month[12] > 1.15 * by_month[7]
    old = {shop.code for shop in city.shops if shop.designated_on.year < 2018 and not shop.designated_until}
    growth = sorted(years[code][2019] / years[code][2018] for code in old)
    assert growth[0] < 0.8
    assert growth[-1] > 1.8
    assert growth[len(growth) * 3 // 4] - growth[len(growth) // 4] > 0.1
    assert any(payment.amount_fen < 0 for payment in city.payments)
    assert any(payment.amount_fen == 0 for payment in city.payments)


def test_every_word_of_the_vocabularies_occurs(city: City) -> None:
    assert {case.kind for case in city.violations} == set(VIOLATION_KINDS.ids)
    assert {case.gravity for case in city.violations} == set(GRAVITIES.ids)
    assert {case.track for case in city.violations} == set(TRACKS.ids)
    assert {complaint.topic for complaint in city.complaints} == set(COMPLAINT_TOPICS.ids)
    assert {complaint.state for complaint in city.complaints} == set(COMPLAINT_STATES.ids)
    assert {complaint.finding for complaint in city.complaints} == set(COMPLAINT_FINDINGS.ids)
    assert {status.status for status in city.statuses} == set(SERVICE_STATUSES.ids)


def test_penalties_are_the_bureaus_and_measures_the_agencies(city: City) -> None:
    for case in city.violations:
        expected = "医疗保障局" if case.track == "PENALTY" else "医疗保障经办中心"
        assert case.body.endswith(expected)
    bodies: dict[str, set[str]] = {}
    for case in city.violations:
        bodies.setdefault(case.document_no, set()).add(f"{case.body}/{case.pharmacy}")
    assert all(len(found) == 1 for found in bodies.values())


def test_shops_come_go_and_are_registered_anew(city: City) -> None:
    by_code = {shop.code: shop for shop in city.shops}
    heirs = [shop for shop in city.shops if shop.predecessor]
    assert len(heirs) == 36
    for heir in heirs:
        before = by_code[heir.predecessor]
        assert before.designated_until is not None
        assert before.designated_until <= heir.designated_on
        assert before.site.address == heir.site.address
    assert sum(shop.designated_until is not None for shop in city.shops) > 70
    assert min(shop.designated_on.year for shop in city.shops) == 2012
    years = Counter(shop.designated_on.year for shop in city.shops)
    assert min(years[year] for year in (2018, 2019, 2020)) > 50
    stores = Counter(shop.enterprise for shop in city.shops if shop.is_chain)
    assert sum(40 <= count <= 120 for count in stores.values()) >= 4
    assert len(stores) > 20
    assert sum(not shop.is_chain for shop in city.shops) > 600


def test_cutoffs_matter(city: City) -> None:
    assert sum(case.voided_at is not None for case in city.violations) == 11
    assert any(case.void_reason.startswith("更正") for case in city.violations)
    assert sum((case.recorded_at.date() - case.decided_on).days > 40 for case in city.violations) > 10
    assert sum(payment.voided_at is not None for payment in city.payments) > 30
    late = [
        payment
        for payment in city.payments
        if payment.recorded_at.date() - payment.month > timedelta(days=75)
        and "更正" not in payment.void_reason
    ]
    assert len(late) > 30


def test_dice_are_fair_enough_and_stay_in_range() -> None:
    dice = Dice(1, "test")
    assert {dice.whole(1, 6) for _ in range(200)} == set(range(1, 7))
    assert sorted(dice.shuffled(range(9))) == list(range(9))
    picks = Counter(dice.weighted((("a", 3), ("b", 1))) for _ in range(4000))
    assert picks["a"] / 4000 == pytest.approx(0.75, abs=0.03)
    draws = [dice.bell(10, 2) for _ in range(4000)]
    assert sum(draws) / 4000 == pytest.approx(10, abs=0.15)
    assert min(draws) >= 4
    assert max(draws) <= 16
