"""What the database holds of runs, ratings, schemes, batches and the audit."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
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
from tests.ratings.models.test_constraints import LATER, MAKE, batch, refused

pytestmark = pytest.mark.django_db


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
