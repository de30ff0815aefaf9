"""Whatever happens, and however the feed is read: what a bank has in the end is the list, and the list is right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from applications.bank_loans import reading
from applications.bank_loans.eligibility import bring_up_to_date, reckon
from applications.bank_loans.models import Authorisation, Change, LoanProduct, Standing
from applications.bank_loans.models.lists import SHOWN
from ratings.models import Objection, Pharmacy, Rating, RatingPeriod
from tests import desk, factories
from tests.bank_loans import truth
from tests.bank_loans.building import TODAY, authorise, product, publish, regrade, shop
from tests.bank_loans.consumer import Consumer, whole

pytestmark = pytest.mark.django_db
_DISTRICTS: Final = (330602, 330603)
_PERIODS: Final = ("2024", "2025H1", "2025Q4", "2025H2", "2026H1", "2026H2", "2027H1")
Draw = Callable[[some.SearchStrategy[Any]], Any]


class World:
    """Some pharmacies, two products and one bank; every act is drawn."""

    def __init__(self, draw: Draw) -> None:
        self.draw, self.today = draw, TODAY
        for code in _DISTRICTS:
            factories.district(code, f"区{code}")
        self.shops = [
            shop(designated_on=date(2025, 8, 31)),
            shop(district_id=330603, enterprise=factories.enterprise()),
            shop(),
            shop(designated_until=TODAY + timedelta(days=100)),
        ]
        self.lives: list[tuple[RatingPeriod, list[Pharmacy]]] = []
        self.products = [
            product(valid_until=TODAY + timedelta(days=500), minimum_periods=2, minimum_months=6),
            product("strict", authorisation_required=True, districts=[330602]),
        ]
        for one in self.shops:
            days = draw(some.one_of(some.none(), some.integers(1, 30)))
            authorise(self.products[1], one.code, valid_until=days and TODAY + timedelta(days=days))
        self.readers = {one.pk: Consumer() for one in self.products}

    def act(self) -> None:
        acts = (
            self.publish, self.regrade, self.regrade, self.authorise, self.authorise, self.withdraw, self.register,
            self.offer, self.pass_days, self.pass_days, self.object, self.nightly, self.read, self.read,
        )  # fmt: skip
        self.draw(some.sampled_from(acts))()

    def at(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.today, time(12)))

    def publish(self) -> None:
        if left := _PERIODS[len(self.lives) :]:
            grades = self.draw(some.lists(some.sampled_from((0, 1, 1, 2, -1, None)), min_size=4, max_size=4))
            given = {one: grade for one, grade in zip(self.shops, grades, strict=True) if grade is not None}
            if given:
                self.lives.append((publish(given, at=self.at(), period=left[0]), list(given)))

    def regrade(self) -> None:
        if self.lives:
            life, rated = self.draw(some.sampled_from(self.lives))
            cause = self.draw(some.sampled_from(("INTERIM", "CORRECTION")))
            regrade(
                life, self.draw(some.sampled_from(rated)), self.draw(some.integers(-1, 2)), self.at(), cause
            )

    def authorise(self) -> None:
        one, code = self.products[1], self.draw(some.sampled_from(self.shops)).code
        begins = self.today + timedelta(days=self.draw(some.integers(-5, 5)))
        days = self.draw(some.one_of(some.none(), some.integers(1, 60)))
        authorise(one, code, valid_from=begins, valid_until=days and begins + timedelta(days=days))
        reckon(one, self.today, Change.Cause.AUTHORISATION, [code])

    def withdraw(self) -> None:
        if row := Authorisation.objects.filter(withdrawn_on=None).order_by("id").last():
            row.withdrawn_on = self.today + timedelta(days=self.draw(some.integers(0, 3)))
            row.withdrawn_by, row.withdrawal_reason = "经办甲", "来函撤回"
            row.save()
            reckon(self.products[1], self.today, Change.Cause.AUTHORISATION, [row.code])

    def register(self) -> None:
        one = self.draw(some.sampled_from(self.shops))
        ends = self.draw(some.one_of(some.none(), some.integers(-3, 30)))
        Pharmacy.objects.filter(pk=one.pk).update(
            name=self.draw(some.sampled_from(("甲大药房", "=乙大药房", '丙"大药房'))),
            district_id=self.draw(some.sampled_from(_DISTRICTS)),
            designated_until=None if ends is None else self.today + timedelta(days=ends),
        )
        self.changed([one.code])

    def object(self) -> None:
        if self.lives and not Objection.objects.filter(state="OPEN").exists():
            life, rated = self.draw(some.sampled_from(self.lives))
            one = self.draw(some.sampled_from(rated))
            desk.objection(life, Rating.objects.get(run=life.run_id, pharmacy=one), against="PUBLISHED")
            self.changed([one.code])
        elif row := Objection.objects.filter(state="OPEN").first():
            row.state = "WITHDRAWN"
            row.save()
            self.changed([row.rating.pharmacy.code])

    def changed(self, codes: list[str]) -> None:
        for one in self.products:
            reckon(one, self.today, Change.Cause.REGISTER, codes)

    def offer(self) -> None:
        terms = some.fixed_dictionaries(
            {
                "minimum_grade": some.sampled_from("AB"),
                "minimum_periods": some.integers(1, 3),
                "minimum_months": some.sampled_from((0, 6, 18)),
                "authorisation_required": some.booleans(),
                "districts": some.sampled_from(([], [330602], [330602, 330603])),
            }
        )
        one = self.draw(some.sampled_from(self.products))
        LoanProduct.objects.filter(pk=one.pk).update(**self.draw(terms), reckoned_on=None)

    def pass_days(self) -> None:
        self.today += timedelta(days=self.draw(some.one_of(some.integers(1, 5), some.integers(1, 400))))

    def nightly(self) -> None:
        for one in self.products:
            reckon(one, self.today, Change.Cause.REGISTER)

    def limit(self) -> int:
        return int(self.draw(some.integers(1, 7)))

    def read(self) -> None:
        """A page or more; the bank's program may have lost all before, or have been away."""
        one = self.fresh(self.draw(some.sampled_from(self.products)))
        if self.draw(some.integers(0, 5)) == 0:
            self.readers[one.pk] = Consumer()
        for _ in range(self.draw(some.integers(1, 3))):
            self.readers[one.pk].read(one, self.limit())

    def fresh(self, one: LoanProduct) -> LoanProduct:
        return bring_up_to_date(LoanProduct.objects.get(pk=one.pk), self.today)

    def agrees(self) -> None:
        """Bank, list and truth; and each change is accounted for."""
        for each in self.products:
            one = self.fresh(each)
            reader = self.readers[one.pk]
            reader.read_all(one, self.limit)
            listed = whole(one, self.limit)
            assert reader.kept == listed
            assert reader.listed == set(listed)
            told = {code: {name: value for name, value in row.items() if name != "number"} for code, row in listed.items()}  # fmt: skip
            assert told == truth.on_the_list(one, self.today)
            stands = dict(Standing.objects.filter(product=one).values_list("code", "reasons"))
            assert stands == truth.standings(one, self.today)
            numbers = list(
                Change.objects.filter(product=one).order_by("number").values_list("number", flat=True)
            )
            assert numbers == list(range(1, one.position + 1))
            newest = {code: number for number, code in Change.objects.filter(product=one).order_by("number").values_list("number", "code")}  # fmt: skip
            assert {code: row["number"] for code, row in listed.items()}.items() <= newest.items()
            anew = Consumer()
            anew.read_all(one)
            assert (anew.kept, anew.since) == (listed, one.position)
            assert reckon(one, self.today, Change.Cause.REGISTER) == 0


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_replayed_from_wherever_it_is_the_list(data: Any) -> None:
    with undone():
        world = World(data.draw)
        world.publish()
        for _ in range(data.draw(some.integers(1, 25))):
            world.act()
        world.agrees()


def test_a_row_of_the_feed_has_what_is_documented() -> None:
    (one,) = [shop()]
    publish({one: 0})
    loan = bring_up_to_date(product(), TODAY)
    (row,) = reading.changes_page(loan, 0, 9).rows
    assert set(row) == {
        "number", "code", "social_credit_code", "kind", "old", "new", "cause", "reasons", "ledger_seq", "at", "pharmacy",
    }  # fmt: skip
    assert set(row["pharmacy"]) == {"code", "social_credit_code", "number", *SHOWN}
