"""Each invariant that the database holds, broken once, by SQL that no form stands before."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from ratings.models import (
    FACT_MODELS,
    AuditEvent,
    District,
    Enterprise,
    ImportBatch,
    Pharmacy,
    PharmacyVersion,
    Rating,
    RatingRun,
    SchemeVersion,
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


def run(**values: Any) -> RatingRun:
    scheme = SchemeVersion.objects.first() or SchemeVersion.objects.create(
        key="k",
        version=1,
        title="规则",
        effective_on=date(2020, 1, 1),
        document="甲",
        sha256="33e3580c093111e1c4cac922872c40371f7896bb3fa4e23be5840bd1834fc622",
        stored_by="测试",
    )
    return RatingRun.objects.create(
        **{
            "period": "2025",
            "period_end": date(2025, 12, 31),
            "scheme": scheme,
            "scheme_sha256": scheme.sha256,
            "cutoff": factories.KNOWN,
            "started_by": "测试",
            **values,
        }
    )


DONE = {"state": "DONE", "finished_at": LATER, "inputs_sha256": "0" * 64, "outcomes_sha256": "1" * 64}


def rating(a_run: RatingRun, shop: Pharmacy, **values: Any) -> Rating:
    return Rating.objects.create(
        **{
            "run": a_run,
            "pharmacy": shop,
            "district": shop.district,
            "score": 90_000,
            "grade": 1,
            "grade_before_caps": 0,
            "caps": 1,
            "rank_district": 1,
            "rank_city": 1,
            "trace": [1, 2],
            **values,
        }
    )


def append_only_rows() -> list[models.Model]:
    shop = factories.pharmacy()
    a_run = run()
    return [
        rating(a_run, shop),
        AuditEvent.objects.create(actor="甲", action="试", subject="x"),
    ]


def test_ratings_and_audit_refuse_change() -> None:
    for row in append_only_rows():
        with pytest.raises(IntegrityError, match="不得修改"), transaction.atomic():
            row.save()


@pytest.mark.parametrize(
    "model",
    [
        *FACT_MODELS,
        Rating,
        AuditEvent,
        RatingRun,
        SchemeVersion,
        ImportBatch,
        Pharmacy,
        PharmacyVersion,
        Enterprise,
        District,
    ],
)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_is_deleted(model: type[models.Model], statement: str) -> None:
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="不得删除"), transaction.atomic():
        cursor.execute(statement.format(model._meta.db_table))


@pytest.mark.parametrize("values", [{"finished_at": None}, {"inputs_sha256": ""}, {"outcomes_sha256": "xyz"}])
def test_a_run_done_is_whole(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="run_done_whole"):
        run(**{**DONE, **values})


def test_a_run_is_made_once_and_is_immutable_when_done() -> None:
    done = run(**DONE)
    with pytest.raises(IntegrityError, match="run_once"), transaction.atomic():
        run()
    with pytest.raises(IntegrityError, match="已完成的评价批次不得修改"), transaction.atomic():
        RatingRun.objects.filter(pk=done.pk).update(rated=0)


def test_a_run_rates_no_more_than_there_are() -> None:
    with pytest.raises(IntegrityError, match="run_counts"):
        run(pharmacies=1, rated=2)


@pytest.mark.parametrize("name", MAKE)
def test_no_fact_slips_in_behind_a_run(name: str) -> None:
    shop = factories.pharmacy()
    before = MAKE[name](shop)
    run(**DONE, cutoff=LATER)
    with pytest.raises(IntegrityError, match="不得补记到过去"), transaction.atomic():
        MAKE[name](factories.pharmacy(recorded_at=LATER + timedelta(seconds=1)), recorded_at=LATER)
    MAKE[name](
        factories.pharmacy(recorded_at=LATER + timedelta(seconds=1)), recorded_at=LATER + timedelta(seconds=1)
    )
    rows = type(before).objects.filter(pk=before.pk)
    with pytest.raises(IntegrityError, match="作废时间早于评价批次"), transaction.atomic():
        rows.update(voided_at=LATER, void_reason="录错", voided_by="甲")
    rows.update(voided_at=LATER + timedelta(seconds=1), void_reason="录错", voided_by="甲")


def test_versions_are_ordered_and_one_is_current() -> None:
    version = PharmacyVersion.objects.get(pharmacy=factories.pharmacy())
    values = {
        name: getattr(version, name)
        for name in (
            "pharmacy_id",
            "district_id",
            "is_chain",
            "designated_on",
            "designated_until",
            "recorded_at",
        )
    }
    refused("pharmacyversion_one_current", PharmacyVersion, **values)
    early = version.recorded_at - timedelta(seconds=1)
    refused("pharmacyversion_order", PharmacyVersion, **values, voided_at=early)


def test_a_run_that_waits_for_writers_does_not_stop_them() -> None:
    shop = factories.pharmacy()
    a_run = run(state="WAITING")
    factories.violation(shop)
    RatingRun.objects.filter(pk=a_run.pk).update(state="RUNNING")
    with pytest.raises(IntegrityError, match="不得补记到过去"):
        factories.violation(shop)


def test_nothing_is_added_to_a_run_done() -> None:
    shop, a_run = factories.pharmacy(), run()
    rating(a_run, shop)
    RatingRun.objects.filter(pk=a_run.pk).update(**DONE)
    with pytest.raises(IntegrityError, match="不得增加结果"):
        rating(a_run, factories.pharmacy(recorded_at=LATER))


@pytest.mark.parametrize(
    "closed", [{"state": "DROPPED"}, {"state": "ACCEPTED", "accepted_at": LATER, "accepted_by": "甲"}]
)
def test_a_closed_batch_is_immutable(closed: dict[str, Any]) -> None:
    rows = ImportBatch.objects.filter(pk=ImportBatch.objects.create(**batch()).pk)
    rows.update(**closed)
    with pytest.raises(IntegrityError, match="批次不得修改"):
        rows.update(uploaded_by="乙")


def test_no_pharmacy_slips_in_behind_a_run() -> None:
    run(**DONE)
    with pytest.raises(IntegrityError, match="不得补记到过去"):
        factories.pharmacy(recorded_at=factories.KNOWN)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("rating_grade_or_reason", {"state": 1}),
        ("rating_grade_or_reason", {"grade": -1, "grade_before_caps": -1}),
        ("rating_cap_never_raises", {"grade": 0, "grade_before_caps": 1}),
        ("run_id 指向不存在", {"run": None, "run_id": 999_999_999}),
        ("pharmacy_id 指向不存在", {"pharmacy": None, "pharmacy_id": 999_999_999}),
    ],
)
def test_rating(constraint: str, values: dict[str, Any]) -> None:
    shop, a_run = factories.pharmacy(), run()
    values = {name: value for name, value in values.items() if value is not None}
    good = {"run_id": a_run.pk, "pharmacy_id": shop.pk, "district_id": shop.district_id}
    with pytest.raises(IntegrityError, match=constraint):
        Rating.objects.create(
            **{
                **good,
                "score": 1,
                "grade": 1,
                "grade_before_caps": 0,
                "caps": 0,
                "rank_district": 1,
                "rank_city": 1,
                "trace": [],
                **values,
            }
        )


def test_one_rating_a_run() -> None:
    shop, a_run = factories.pharmacy(), run()
    rating(a_run, shop)
    with pytest.raises(IntegrityError, match="rating_once_a_run"):
        rating(a_run, shop)


def test_scheme_text_and_hash_agree() -> None:
    with pytest.raises(IntegrityError, match="SHA-256 与文本不符"):
        SchemeVersion.objects.create(
            key="k",
            version=1,
            title="t",
            effective_on=date(2020, 1, 1),
            document="甲",
            sha256="0" * 64,
            stored_by="x",
        )


def test_scheme_in_force_is_immutable() -> None:
    scheme = run().scheme
    rows = SchemeVersion.objects.filter(pk=scheme.pk)
    rows.update(title="草案可改")
    with pytest.raises(IntegrityError, match="scheme_activated_whole"), transaction.atomic():
        rows.update(activated_at=timezone.now())
    rows.update(activated_at=timezone.now(), activated_by="甲")
    with pytest.raises(IntegrityError, match="不得修改"), transaction.atomic():
        rows.update(title="改")
    with pytest.raises(IntegrityError, match="scheme_one_in_force_from"), transaction.atomic():
        SchemeVersion.objects.create(
            key="k",
            version=2,
            title="t",
            effective_on=scheme.effective_on,
            document=scheme.document,
            sha256=scheme.sha256,
            stored_by="x",
            activated_at=timezone.now(),
            activated_by="甲",
        )


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("importbatch_sha256_form", {"sha256": "ABC"}),
        ("importbatch_accepted_whole", {"state": "ACCEPTED"}),
        (
            "importbatch_accepted_whole",
            {"accepted_at": datetime(2026, 1, 1, tzinfo=UTC), "accepted_by": "甲"},
        ),
        ("importbatch_counts", {"refused": -1}),
    ],
)
def test_import_batch(constraint: str, values: dict[str, Any]) -> None:
    refused(constraint, ImportBatch, **batch(**values))


@pytest.mark.parametrize("values", [{"actor": ""}, {"action": ""}, {"subject": ""}])
def test_audit_says_who_did_what(values: dict[str, Any]) -> None:
    refused("audit_who_what", AuditEvent, **{"actor": "甲", "action": "试", "subject": "x", **values})


def test_scheme_version_once() -> None:
    scheme = run().scheme
    with pytest.raises(IntegrityError, match="scheme_key_version"):
        SchemeVersion.objects.create(
            key="k",
            version=1,
            title="t",
            effective_on=date(2021, 1, 1),
            document=scheme.document,
            sha256=scheme.sha256,
            stored_by="x",
        )


def test_every_constraint_is_broken_here() -> None:
    """A constraint added without a test of it fails here."""
    source = Path(__file__).read_text()
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
