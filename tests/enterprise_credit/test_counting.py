"""Figures of enterprises: which pharmacies and records count, on which day, and at what cost."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from applications.enterprise_credit import counting, documents, standings
from applications.enterprise_credit.counting import figures_of, months_before
from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.rules.assessment import StoreWeight
from applications.enterprise_credit.rules.conditions import Records
from applications.enterprise_credit.rules.figures import Figures
from ratings.models import Pharmacy
from ratings.rules.days import day_number, whole_months
from tests.bank_loans.building import D
from tests.enterprise_credit import building
from tests.enterprise_credit.standing import TODAY, chain, city, of, publish, rated

WEIGHT = StoreWeight(type="ybj-fund-payment", field="amount_fen", store="store_code")
PENALTIES = Records(kinds=("PENALTY",))


def figures(subject: CreditSubject, *wanted: Records, on: date = TODAY, **more: Any) -> Figures:
    (found,) = figures_of([subject.uscc], wanted, on, **more)
    return found


def counted(subject: CreditSubject, records: Records = PENALTIES, **more: Any) -> int:
    return figures(subject, records, **more).records[0]


def pay(subject: CreditSubject, shop: Pharmacy, fen: Any, **values: Any) -> None:
    data = {"store_code": shop.code, "year": 2025, "amount_fen": fen}
    building.record(subject, "ybj-fund-payment", data=data, **values)


@pytest.mark.django_db
class TestStores:
    def test_of_a_chain(self) -> None:
        one, shops = chain(4)
        publish((shops[0], 0, 95_000), (shops[1], D, 40_500), (shops[2], 0, 91_000))
        standings.sync_subjects()
        got = figures(of(one))
        assert got == Figures(
            uscc=one.uscc,
            stores=4,
            rated=3,
            grades={"A": 2, "D": 1},
            lowest=40_500,
            weight=3,
            weighted=226_500,
            under_objection=0,
            records=(),
        )

    def test_without_any(self) -> None:
        bare = building.subject()
        assert figures(bare, PENALTIES) == Figures(bare.uscc, 0, 0, {}, None, 0, 0, 0, (0,))

    def test_only_those_that_are_designated_and_whose_grade_holds(self) -> None:
        one, (first, second) = chain(2)
        publish((first, 0, 95_000), (second, 0, 85_000))
        Pharmacy.objects.filter(pk=second.pk).update(designated_until=TODAY)
        standings.sync_subjects()
        subject = of(one)
        assert (figures(subject).stores, figures(subject).rated) == (1, 1)
        day_before = figures(subject, on=TODAY - timedelta(days=1))
        assert (day_before.stores, day_before.rated, day_before.lowest) == (2, 2, 85_000)
        last = date(2027, 2, 9)
        assert figures(subject, on=last).rated == 1
        assert figures(subject, on=last + timedelta(days=1)).rated == 0

    def test_weights_come_from_the_newest_record_of_each(self) -> None:
        one, (first, second, third), _ = rated(90_000, 60_000, 30_000)
        standings.sync_subjects()
        subject = of(one)
        pay(subject, first, 100, decided_on=date(2025, 1, 5))
        pay(subject, first, 300, decided_on=date(2026, 1, 5))
        pay(subject, second, 100)
        got = figures(subject, weight=WEIGHT)
        assert (got.weight, got.weighted, got.unweighted) == (400, 300 * 90_000 + 100 * 60_000, 1)
        assert figures(subject).weight == 3
        # Another enterprise's record about this store is none of ours; text and less than nothing are no weight.
        pay(building.subject(), third, 10_000)
        pay(subject, third, -5)
        assert figures(subject, weight=WEIGHT) == got
        pay(subject, third, "10000", decided_on=date(2026, 1, 6))
        assert figures(subject, weight=WEIGHT) == got

    def test_without_any_weight_all_weigh_the_same(self) -> None:
        one, shops, _ = rated(90_000, 60_000)
        standings.sync_subjects()
        got = figures(of(one), weight=WEIGHT)
        assert (got.weight, got.weighted, got.unweighted) == (2, 150_000, 2)
        pay(of(one), shops[0], 0)
        assert figures(of(one), weight=WEIGHT) == got

    def test_weights_beyond_64_bits_stay_exact(self) -> None:
        one, shops, _ = rated(99_999)
        standings.sync_subjects()
        pay(of(one), shops[0], 9 * 10**17)
        assert figures(of(one), weight=WEIGHT).weighted == 99_999 * 9 * 10**17


@pytest.mark.django_db
class TestRecords:
    @pytest.mark.parametrize(
        "values",
        [
            {"valid_from": TODAY + timedelta(days=1)},
            {"valid_until": TODAY},
            {
                "voided_at": datetime(2026, 2, 1, tzinfo=UTC),
                "ending": "WITHDRAWN",
                "void_reason": "错",
                "voided_by": "某",
            },
            {"match": "NAME_DIFFERS", "subject": None},
            {"decided_on": date(2023, 2, 11), "valid_from": date(2023, 2, 11)},
        ],
        ids=["not yet", "no more", "withdrawn", "unmatched", "shown no more"],
    )
    def test_not_counted(self, values: dict[str, Any]) -> None:
        subject = building.subject()
        building.record(subject, **values)
        assert counted(subject) == 0

    @pytest.mark.parametrize(
        "values",
        [
            {"valid_from": TODAY},
            {"valid_until": TODAY + timedelta(days=1)},
            {"decided_on": date(2023, 2, 12), "valid_from": date(2023, 2, 12)},
            {"objected_on": TODAY, "objection": "有异议"},
        ],
    )
    def test_counted(self, values: dict[str, Any]) -> None:
        subject = building.subject()
        building.record(subject, **values)
        assert counted(subject) == 1

    def test_by_type_kind_and_time(self) -> None:
        subject = building.subject()
        building.record(subject, decided_on=date(2025, 2, 11))
        building.record(subject, decided_on=date(2025, 2, 12))
        building.record(subject, "yjj-penalty")
        building.record(subject, "swj-arrears", data={"amount_fen": 1})
        assert counted(subject) == 3
        assert counted(subject, Records(kinds=("PENALTY",), within_months=12)) == 2
        assert counted(subject, Records(types=("scjgj-penalty",))) == 2
        assert counted(subject, Records(types=("yjj-penalty",), kinds=("ARREARS",))) == 2
        got = figures(subject, Records(kinds=("ARREARS",)), Records(kinds=("RED_LIST",)), PENALTIES)
        assert got.records == (1, 0, 3)

    def test_only_of_types_that_the_viewer_may_see(self) -> None:
        subject = building.subject()
        building.record(subject)
        building.record(subject, "yjj-penalty")
        assert counted(subject, types={"yjj-penalty", "swj-arrears"}) == 1
        assert counted(subject, types=set()) == 0


@pytest.mark.django_db
def test_all_or_some_with_the_enterprises_own_grade() -> None:
    city([95_000], [70_000])
    bare = building.subject()
    standings.refresh(None, TODAY)
    everyone = list(figures_of(None, (), TODAY))
    assert [one.uscc for one in everyone] == sorted(one.uscc for one in everyone)
    assert sorted(one.grade for one in everyone) == ["", "A", "C"]
    assert [one.uscc for one in figures_of([bare.uscc, "913306020000000000"], (), TODAY)] == [bare.uscc]


@pytest.mark.django_db
@pytest.mark.parametrize("page", [1, 2, 3])
def test_read_in_pages(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(counting, "PAGE", page)
    made = sorted(building.subject().uscc for _ in range(3))
    assert [one.uscc for one in figures_of(None, (), TODAY)] == made


@pytest.mark.django_db
def test_cost_does_not_grow_with_the_number() -> None:
    costs = []
    for number, period in ((1, "2025H1"), (3, "2025H2")):
        made, _ = city(*([[90_000, 60_000]] * number), period=period)
        standings.sync_subjects()
        for one, shops in made:
            building.record(of(one))
            pay(of(one), shops[0], 5)
        usccs = list(CreditSubject.objects.values_list("pk", flat=True))
        with CaptureQueriesContext(connection) as captured:
            found = list(figures_of(usccs, [PENALTIES], TODAY, weight=WEIGHT))
        assert [one.records for one in found] == [(1,)] * len(usccs)
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 18


def test_without_a_catalogue(db: None) -> None:
    with pytest.raises(documents.NoDocument):
        list(figures_of(None, (), date(2000, 1, 1)))


@given(
    decided=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    on=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    months=st.integers(1, 60),
)
def test_months_are_whole_ones(decided: date, on: date, months: int) -> None:
    passed = int(whole_months(np.array([day_number(decided)], np.int32), on)[0]) if decided <= on else -1
    assert (decided <= months_before(on, months)) == (passed >= months)


def test_months_before_the_first_year() -> None:
    assert months_before(date(2026, 1, 1), 12 * 2026) == date.min
