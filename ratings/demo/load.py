"""Writes the demo city to the database: COPY, one transaction, nothing per pharmacy.

This bypasses the import services because the city has a past: rows recorded years ago, some
superseded since. The database's constraints hold all the same.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from ratings.demo import FILE_NAME, RECORDED_BY, is_demo
from ratings.demo.city import City, generate
from ratings.demo.dice import SHANGHAI
from ratings.demo.places import DISTRICTS
from ratings.models import (
    Complaint,
    District,
    Enterprise,
    Fact,
    FundPayment,
    ImportBatch,
    MeasureValue,
    Pharmacy,
    PharmacyVersion,
    ServiceStatus,
    Violation,
)
from ratings.services.audit import Actor, record

#: Called with what was done; the number of calls is STEPS.
Progress = Callable[[str], None]
_LOCK = 33_060_001
#: Fact tables: model, name in City, kind of import, columns of their own.
_FACTS: tuple[tuple[type[Fact], str, str, tuple[str, ...]], ...] = (
    (ServiceStatus, "statuses", "service_status", ("status", "occurred_on", "decided_on", "document_no")),
    (
        Violation,
        "violations",
        "violations",
        (
            *("kind", "gravity", "track", "body", "document_no", "amount_fen"),
            *("occurred_on", "decided_on", "measures", "personnel_points"),
        ),
    ),
    (
        Complaint,
        "complaints",
        "complaints",
        ("reference_no", "topic", "state", "finding", "occurred_on", "decided_on"),
    ),
    (FundPayment, "payments", "payments", ("month", "amount_fen", "settlements")),
    (MeasureValue, "measures", "measures", ("key", "period", "value")),
)
STEPS = 2 + len(_FACTS)


class ForeignDatabase(Exception):
    """The database holds pharmacies that are not the demo's."""


def refuse_foreign() -> None:
    """Raises ForeignDatabase, with the remedy, when pharmacies or users are there, not the demo's.

    A database without tables is nobody's.
    """
    if Pharmacy._meta.db_table not in connection.introspection.table_names() or is_demo():
        return
    if Pharmacy.objects.exists() or get_user_model().objects.exists():
        raise ForeignDatabase(
            "数据库中已有非演示的药店或用户：演示数据不与真实数据混放，未作任何改动。"
            "请为演示另建一个空数据库（设置 DATABASE_URL，或不设而使用内置 PostgreSQL）。"
        )


def ensure_city(progress: Progress | None = None) -> bool:
    """Build the demo city unless it is there; whether it was built now.

    Raises ForeignDatabase, with the remedy, when other pharmacies are there.
    """
    done = progress or (lambda step: None)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if is_demo():
            return False
        refuse_foreign()
        city = generate()
        done("生成演示城市")
        _write(city, done)
    _analyze()
    return True


def _write(city: City, done: Progress) -> None:
    digest = city.digest()
    District.objects.bulk_create(
        [District(code=code, name=name) for code, name in DISTRICTS.items()], ignore_conflicts=True
    )
    ids = _registry(city)
    done("登记企业和药店")
    for model, name, kind, columns in _FACTS:
        rows = getattr(city, name)
        _facts(model, _batch(kind, len(rows), digest), ids, rows, columns)
        done(str(model._meta.verbose_name))
    record(
        "生成演示城市",
        RECORDED_BY,
        by=Actor(RECORDED_BY),
        reason="供演示，非真实数据",
        sha256=digest,
        **{name: len(getattr(city, name)) for name in city.__slots__},
    )


def _registry(city: City) -> dict[str, int]:
    """Enterprises, pharmacies and what was known of them when; pharmacies' ids by code."""
    _copy(Enterprise, ("uscc", "name", "recorded_at"), city.enterprises)
    owners = dict(Enterprise.objects.values_list("uscc", "id"))
    ids = dict(zip((shop.code for shop in city.shops), _new_ids(Pharmacy, len(city.shops)), strict=True))
    _copy(
        Pharmacy,
        (
            *("id", "code", "name", "enterprise_id", "is_chain", "district_id", "street", "address"),
            *("latitude", "longitude", "source_datum", "designated_on", "designated_until"),
            *("contact", "predecessor_id", "recorded_at"),
        ),
        (
            (
                ids[shop.code],
                shop.code,
                shop.name,
                owners[shop.enterprise],
                shop.is_chain,
                shop.district,
                shop.site.town.name,
                shop.site.address,
                shop.site.latitude,
                shop.site.longitude,
                Pharmacy.Datum.WGS84,
                shop.designated_on,
                shop.designated_until,
                shop.contact,
                ids.get(shop.predecessor),
                shop.recorded_at,
            )
            for shop in city.shops
        ),
    )
    _date_the_closures(city, ids)
    return ids


def _date_the_closures(city: City, ids: dict[str, int]) -> None:
    """Let an end of designation be known from that day on, not from the beginning.

    The database has written one version a pharmacy, as it stands now. For those that closed it
    is voided at its start, and two take its place: before the end was known, and after.
    """
    closed = [(shop, shop.designated_until) for shop in city.shops if shop.designated_until is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {PharmacyVersion._meta.db_table} SET voided_at = recorded_at WHERE pharmacy_id = ANY(%s)",
            [[ids[shop.code] for shop, _ in closed]],
        )
    versions: list[tuple[Any, ...]] = []
    for shop, ended_on in closed:
        known_at = datetime.combine(ended_on, time(8), SHANGHAI)
        same = (ids[shop.code], shop.district, shop.is_chain, shop.designated_on, ids.get(shop.predecessor))
        versions.append((*same, None, shop.recorded_at, known_at))
        versions.append((*same, ended_on, known_at, None))
    _copy(
        PharmacyVersion,
        (
            *("pharmacy_id", "district_id", "is_chain", "designated_on", "predecessor_id"),
            *("designated_until", "recorded_at", "voided_at"),
        ),
        versions,
    )


def _batch(kind: str, rows: int, digest: str) -> ImportBatch:
    return ImportBatch.objects.create(
        kind=kind,
        file_name=FILE_NAME,
        sha256=digest,
        size=0,
        state=ImportBatch.State.ACCEPTED,
        added=rows,
        uploaded_by=RECORDED_BY,
        accepted_by=RECORDED_BY,
        accepted_at=timezone.now(),
    )


def _facts(
    model: type[Fact], batch: ImportBatch, ids: dict[str, int], rows: Iterable[Any], columns: Sequence[str]
) -> None:
    _copy(
        model,
        (
            *("pharmacy_id", "batch_id", "row", "recorded_by", "recorded_at"),
            *("voided_at", "void_reason", "voided_by", *columns),
        ),
        (
            (
                ids[row.pharmacy],
                batch.pk,
                number,
                RECORDED_BY,
                row.recorded_at,
                getattr(row, "voided_at", None),
                getattr(row, "void_reason", ""),
                RECORDED_BY if getattr(row, "voided_at", None) else "",
                *(getattr(row, column) for column in columns),
            )
            for number, row in enumerate(rows, 1)
        ),
    )


def _copy(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    table = model._meta.db_table
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _new_ids(model: type[Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [number for (number,) in cursor.fetchall()]


def _analyze() -> None:
    tables = [model._meta.db_table for model, *_ in _FACTS]
    tables += [model._meta.db_table for model in (Enterprise, Pharmacy, PharmacyVersion)]
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")
