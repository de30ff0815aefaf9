"""What the database itself refuses of lists: each rule is broken once."""

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from applications.bank_loans.models import Change, LoanProduct, Reason, Standing
from tests.bank_loans.building import product

pytestmark = pytest.mark.django_db
CODE = "P33060200001"
SHOWN: dict[str, Any] = {
    "name": "某某大药房", "district": 330602, "district_name": "越城区", "designated_on": date(2015, 1, 1), "seq": 1,
    "period": "2025H2", "scheme": "s@1", "grade": "A", "label": "优秀", "valid_from": date(2026, 2, 10),
    "valid_until": date(2027, 2, 10), "under_objection": True,
}  # fmt: skip


def standing(one: LoanProduct, **values: Any) -> Standing:
    return Standing.objects.create(**{"product": one, "code": CODE, "number": 1, **SHOWN, **values})


def change(one: LoanProduct, **values: Any) -> Change:
    defaults = {"product": one, "number": 1, "code": CODE, "kind": "added", "cause": "grade", "ledger_seq": 1, "at": timezone.now()}  # fmt: skip
    return Change.objects.create(**{**defaults, **values})


class TestStanding:
    def test_eligible_is_to_have_no_reason_against_it(self) -> None:
        one = product()
        standing(one)
        Standing.objects.create(product=one, code="P33060200002", reasons=[Reason.NOT_GRADED])
        assert list(Standing.objects.order_by("code").values_list("eligible", flat=True)) == [True, False]

    @pytest.mark.parametrize("name", SHOWN)
    def test_nothing_is_shown_of_one_that_is_not(self, name: str) -> None:
        with pytest.raises(IntegrityError, match="standing_shown_while_eligible"):
            Standing.objects.create(
                product=product(), code=CODE, reasons=[Reason.BELOW_MINIMUM], **{name: SHOWN[name]}
            )

    @pytest.mark.parametrize("values", [{"number": 0}, {"seq": None}, {"grade": ""}])
    def test_one_that_is_has_a_number_and_a_grade(self, values: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError, match="standing_shown_while_eligible"):
            standing(product(), **values)

    def test_once_a_product(self) -> None:
        one = product()
        standing(one)
        standing(product("other"))
        with pytest.raises(IntegrityError, match="standing_once"):
            standing(one)


class TestChange:
    def test_numbers_are_taken_once(self) -> None:
        one = product()
        change(one)
        change(product("other"))
        with pytest.raises(IntegrityError, match="change_number_once"):
            change(one, code="P33060200002")

    @pytest.mark.parametrize(
        "values",
        [
            {"number": 0},
            {"kind": "removed"},
            {"reasons": [Reason.NOT_GRADED]},
            {"kind": "changed", "reasons": [Reason.NOT_GRADED]},
            {"kind": "other"},
        ],
    )
    def test_a_removal_and_nothing_else_has_reasons(self, values: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError, match="change_whole"):
            change(product(), **values)

    def test_is_for_good(self) -> None:
        change(product())
        table = Change._meta.db_table
        for act in (
            f"UPDATE {table} SET cause = 'date'",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ):
            with (
                pytest.raises(DatabaseError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(act)
        assert Change.objects.count() == 1


class TestPosition:
    def test_never_goes_back(self) -> None:
        one = product()
        LoanProduct.objects.filter(pk=one.pk).update(position=3)
        with pytest.raises(DatabaseError, match="只增不减"):
            LoanProduct.objects.filter(pk=one.pk).update(position=2)
