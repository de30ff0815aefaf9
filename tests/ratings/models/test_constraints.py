"""Each invariant that the database holds, broken once, by SQL that no form stands before."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction

from ratings.models import (
    FACT_MODELS,
    District,
    Enterprise,
    ImportBatch,
    Pharmacy,
    PharmacyVersion,
)
from tests import factories

pytestmark = pytest.mark.django_db
LATER = factories.KNOWN + timedelta(days=1)
MAKE = {
    "violation": factories.violation,
    "complaint": factories.complaint,
    "fundpayment": lambda shop, **values: factories.payment(shop, **{"month": date(2025, 1, 1), **values}),
    "measurevalue": factories.measure,
    "servicestatus": factories.service_status,
}


def refused(constraint: str, model: type[models.Model], **values: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model._default_manager.create(**values)


def batch(**values: Any) -> dict[str, Any]:
    return {
        "kind": "payments",
        "file_name": "a.csv",
        "sha256": "0" * 64,
        "size": 1,
        "uploaded_by": "测试",
        **values,
    }


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("district_code_gbt2260", {"code": 109999, "name": "某区"}),
        ("district_code_gbt2260", {"code": 830000, "name": "某区"}),
        ("district_name_given", {"code": 330603, "name": ""}),
    ],
)
def test_district(constraint: str, values: dict[str, Any]) -> None:
    refused(constraint, District, **values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("enterprise_uscc_form", {"uscc": "9133060200000001I0"}),
        ("enterprise_uscc_form", {"uscc": "91330602"}),
        ("enterprise_name_given", {"name": ""}),
    ],
)
def test_enterprise(constraint: str, values: dict[str, Any]) -> None:
    refused(constraint, Enterprise, **{"uscc": factories.uscc(), "name": "某公司", **values})


def test_enterprise_uscc_unique() -> None:
    known = factories.enterprise()
    refused("uscc", Enterprise, uscc=known.uscc, name="另一公司")


PLACE = {"latitude": 30.0, "longitude": 120.58, "source_datum": "WGS-84"}


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("pharmacy_code_form", {"code": "H33060200001"}),
        ("pharmacy_code_form", {"code": "P3306020000"}),
        ("pharmacy_name_given", {"name": ""}),
        ("pharmacy_place_whole", {**PLACE, "longitude": None}),
        ("pharmacy_place_whole", {**PLACE, "source_datum": ""}),
        ("pharmacy_place_whole", {**PLACE, "source_datum": "火星"}),
        ("pharmacy_place_whole", {**PLACE, "latitude": 120.58, "longitude": 30.0}),
        ("pharmacy_designation_order", {"designated_until": date(2015, 3, 1)}),
    ],
)
def test_pharmacy(constraint: str, values: dict[str, Any]) -> None:
    good = {
        "code": "P33060299999",
        "name": "某药房",
        "district": factories.district(),
        "designated_on": date(2015, 3, 1),
    }
    refused(constraint, Pharmacy, **{**good, **values})


def test_pharmacy_code_unique() -> None:
    known = factories.pharmacy()
    refused(
        "code", Pharmacy, code=known.code, name="x", district=known.district, designated_on=date(2020, 1, 1)
    )


def line_of_shops() -> list[Pharmacy]:
    """A shop, its heir on the day it ended, and the heir's heir."""
    first = factories.pharmacy(designated_on=date(2010, 1, 1), designated_until=date(2015, 1, 1))
    second = factories.pharmacy(
        designated_on=date(2015, 1, 1), designated_until=date(2020, 1, 1), predecessor=first
    )
    return [first, second, factories.pharmacy(designated_on=date(2020, 1, 1), predecessor=second)]


@pytest.mark.parametrize("until", [None, date(2015, 1, 2)])
def test_a_predecessor_has_ended(until: date | None) -> None:
    first, second, _third = line_of_shops()
    with pytest.raises(IntegrityError, match="前身须在本店"), transaction.atomic():
        Pharmacy.objects.filter(pk=first.pk).update(designated_until=until)
    other = factories.pharmacy(designated_on=date(2010, 1, 1), designated_until=until)
    with pytest.raises(IntegrityError, match="前身须在本店"), transaction.atomic():
        Pharmacy.objects.filter(pk=second.pk).update(predecessor=other)
    with pytest.raises(IntegrityError, match="前身须在本店"), transaction.atomic():
        factories.pharmacy(designated_on=date(2015, 1, 1), predecessor=other)


def test_no_cycle_of_predecessors() -> None:
    first, _second, third = line_of_shops()
    with pytest.raises(IntegrityError, match="前身须在本店"), transaction.atomic():
        Pharmacy.objects.filter(pk=first.pk).update(predecessor=third)
    with pytest.raises(IntegrityError, match="pharmacy_not_own_predecessor"), transaction.atomic():
        Pharmacy.objects.filter(pk=third.pk).update(predecessor=third)


def test_one_successor_only() -> None:
    first = line_of_shops()[0]
    with pytest.raises(IntegrityError, match="predecessor_id"), transaction.atomic():
        factories.pharmacy(designated_on=date(2021, 1, 1), predecessor=first)


@pytest.mark.parametrize("change", [{"code": "P33060288888"}, {"recorded_at": LATER}])
def test_pharmacy_identity_is_fixed(change: dict[str, Any]) -> None:
    shop = factories.pharmacy()
    with pytest.raises(IntegrityError, match="不得修改"), transaction.atomic():
        Pharmacy.objects.filter(pk=shop.pk).update(**change)


def test_versions_follow_the_registry() -> None:
    shop = factories.pharmacy()
    Pharmacy.objects.filter(pk=shop.pk).update(name="新名", contact="0575")
    assert PharmacyVersion.objects.filter(pharmacy=shop).count() == 1
    Pharmacy.objects.filter(pk=shop.pk).update(designated_until=date(2026, 1, 1))
    old, new = PharmacyVersion.objects.filter(pharmacy=shop).order_by("id")
    assert (old.recorded_at, old.designated_until) == (shop.recorded_at, None)
    assert old.voided_at == new.recorded_at
    assert (new.designated_until, new.voided_at) == (date(2026, 1, 1), None)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("violation_kind_known", {"kind": "PARKING"}),
        ("violation_gravity_known", {"gravity": "HUGE"}),
        ("violation_track_known", {"track": "NEITHER"}),
        ("violation_amount_bounds", {"amount_fen": -1}),
        ("violation_amount_bounds", {"amount_fen": 10_000_000_000_001}),
        ("violation_date_order", {"occurred_on": date(2025, 6, 2)}),
        ("violation_known_after_decision", {"decided_on": date(2026, 1, 6)}),
        ("violation_personnel_points", {"personnel_points": -1}),
        ("violation_personnel_points", {"personnel_points": 13}),
        ("violation_document_given", {"document_no": ""}),
        ("violation_document_given", {"body": ""}),
    ],
)
def test_violation(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        factories.violation(factories.pharmacy(), **values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("complaint_topic_known", {"topic": "NOISE"}),
        ("complaint_state_known", {"state": "LOST"}),
        ("complaint_finding_known", {"finding": "MAYBE", "decided_on": date(2025, 5, 1)}),
        ("complaint_finding_dated", {"decided_on": None}),
        ("complaint_finding_dated", {"finding": "PENDING"}),
        ("complaint_finding_dated", {"decided_on": date(2025, 3, 31)}),
        ("complaint_verified_was_accepted", {"state": "NOT_ACCEPTED"}),
        ("complaint_verified_was_accepted", {"state": "RECEIVED"}),
        ("complaint_known_after_receipt", {"decided_on": date(2026, 1, 6)}),
        ("complaint_reference_given", {"reference_no": ""}),
    ],
)
def test_complaint(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        factories.complaint(factories.pharmacy(), **values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("fundpayment_month_first_day", {"month": date(2025, 1, 2)}),
        ("fundpayment_amount_bounds", {"amount_fen": 10_000_000_000_001}),
        ("fundpayment_amount_bounds", {"amount_fen": -10_000_000_000_001}),
        ("fundpayment_settlements", {"settlements": -1}),
        ("月份不得晚于记录日期", {"month": date(2026, 2, 1)}),
    ],
)
def test_payment(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        factories.payment(factories.pharmacy(), **{"month": date(2025, 1, 1), **values})


@pytest.mark.parametrize("column", ["pharmacy_id", "batch_id"])
def test_payment_refers_to_what_exists(column: str) -> None:
    values = {
        "pharmacy_id": factories.pharmacy().pk,
        column: 999_999_999,
        "row": 1 if column == "batch_id" else None,
    }
    with pytest.raises(IntegrityError, match=f"{column} 指向不存在"):
        factories.payment(None, date(2025, 1, 1), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("measurevalue_key_form", {"key": "Year End"}),
        ("measurevalue_period_form", {"period": "2025H3"}),
        ("measurevalue_value_bounds", {"value": "1000000.001"}),
        ("measurevalue_value_bounds", {"value": "-1000000.001"}),
    ],
)
def test_measure(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        factories.measure(factories.pharmacy(), **values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("servicestatus_status_known", {"status": "CLOSED"}),
        ("servicestatus_known_after_decision", {"decided_on": date(2026, 1, 6)}),
    ],
)
def test_service_status(constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        factories.service_status(factories.pharmacy(), **values)


@pytest.mark.parametrize("name", MAKE)
class TestEveryFact:
    def test_one_live_version_of_a_key(self, name: str) -> None:
        shop = factories.pharmacy()
        fact = MAKE[name](shop)
        key = {column: getattr(fact, column) for column in fact.KEY if column != "pharmacy"}
        with pytest.raises(IntegrityError, match=f"{name}_one_live"), transaction.atomic():
            MAKE[name](shop, **key)
        fact.voided_at, fact.void_reason, fact.voided_by = LATER, "录错", "甲"
        fact.save()
        MAKE[name](shop, **key)

    @pytest.mark.parametrize(
        "void",
        [
            {"voided_at": LATER, "void_reason": "", "voided_by": "甲"},
            {"voided_at": LATER, "void_reason": "录错", "voided_by": ""},
            {"voided_at": factories.KNOWN - timedelta(seconds=1), "void_reason": "录错", "voided_by": "甲"},
        ],
    )
    def test_voiding_is_whole_and_ordered(self, name: str, void: dict[str, Any]) -> None:
        fact = MAKE[name](factories.pharmacy())
        with pytest.raises(IntegrityError, match=f"{name}_void_whole"), transaction.atomic():
            type(fact).objects.filter(pk=fact.pk).update(**void)

    def test_no_reason_without_voiding(self, name: str) -> None:
        with pytest.raises(IntegrityError, match=f"{name}_void_whole"):
            MAKE[name](factories.pharmacy(), void_reason="录错")

    def test_recorder_given(self, name: str) -> None:
        with pytest.raises(IntegrityError, match=f"{name}_recorded_by_given"):
            MAKE[name](factories.pharmacy(), recorded_by="")

    def test_batch_and_row_together(self, name: str) -> None:
        with pytest.raises(IntegrityError, match=f"{name}_batch_row"):
            MAKE[name](factories.pharmacy(), row=3)

    def test_row_of_a_batch(self, name: str) -> None:
        source = ImportBatch.objects.create(**batch())
        with pytest.raises(IntegrityError, match=f"{name}_batch_row"):
            MAKE[name](factories.pharmacy(), batch=source, row=None)

    def test_only_voiding_may_change_a_fact(self, name: str) -> None:
        fact = MAKE[name](factories.pharmacy())
        rows = type(fact).objects.filter(pk=fact.pk)
        for change in ({"recorded_by": "乙"}, {"recorded_at": LATER}):
            with pytest.raises(IntegrityError, match="只能作废"), transaction.atomic():
                rows.update(**change)
        with pytest.raises(IntegrityError, match="只能作废"), transaction.atomic():
            rows.update(recorded_by="乙", voided_at=LATER, void_reason="录错", voided_by="甲")
        rows.update(voided_at=LATER, void_reason="录错", voided_by="甲")
        with pytest.raises(IntegrityError, match="已作废"), transaction.atomic():
            rows.update(void_reason="改口")


def test_every_constraint_is_broken_here() -> None:
    """A constraint added without a test of it fails here."""
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = [
        constraint.name
        for model in apps.get_app_config("ratings").get_models()
        for constraint in model._meta.constraints
    ]
    shared = ("_one_live", "_void_whole", "_recorded_by_given", "_batch_row")
    untested = {name for name in names if name not in source and not name.endswith(shared)}
    assert untested == set()


def test_what_people_enter_is_refused_in_words() -> None:
    """A form shows a constraint's own message; without one, it would show its name in English."""
    told = {
        constraint.name: constraint.violation_error_message
        for model in (*FACT_MODELS, Pharmacy, Enterprise, District)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.CheckConstraint)
    }
    assert [name for name, message in told.items() if name in message or "is violated" in message] == []
