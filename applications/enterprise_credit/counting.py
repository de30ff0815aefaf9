"""The figures of enterprises: their pharmacies' published grades and their live records, counted by the database.

Everything is set-based: a constant number of statements for one enterprise and for all of a province.
"""

import calendar
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any, Final

from django.db import connection, transaction

from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditRecord, CreditSubject, Standing
from applications.enterprise_credit.rules.assessment import StoreWeight
from applications.enterprise_credit.rules.catalogue import RecordType
from applications.enterprise_credit.rules.conditions import Records
from applications.enterprise_credit.rules.figures import Figures, restored
from ratings.published import stage

#: The temporary tables, dropped at commit: pharmacies (``published.STAGED`` with MORE), and what is counted of each
#: enterprise (uscc, figures as stored, own grade, district, stores, last row of the ledger).
STORES: Final = "enterprise_store"
COUNTED: Final = "enterprise_figures"
#: Enterprises that are read at a time.
PAGE: Final = 20_000

_RECORD: Final = CreditRecord._meta.db_table
_SUBJECT: Final = CreditSubject._meta.db_table
_STANDING: Final = Standing._meta.db_table
_NEVER: Final = date.max

#: Of a record ``r``: it was neither corrected nor withdrawn, is matched, and in force on the day.
_LIVE: Final = """
    r.voided_at IS NULL AND r.subject_id IS NOT NULL
    AND r.valid_from <= %(on)s AND (r.valid_until IS NULL OR r.valid_until > %(on)s)
"""
_OF: Final = "AND r.subject_id = ANY(%(usccs)s)"
#: The newest weight of each pharmacy; what is no number, or not above zero, is none.
_WEIGHTS: Final = f"""
    SELECT DISTINCT ON (r.subject_id, r.data->>%(store)s)
           r.subject_id AS uscc, r.data->>%(store)s AS code,
           CASE WHEN jsonb_typeof(r.data->%(field)s) = 'number' THEN (r.data->>%(field)s)::numeric END AS weight
    FROM {_RECORD} r
    WHERE r.record_type = %(weight_type)s AND r.decided_on > %(weight_after)s AND {_LIVE} {{of}}
    ORDER BY r.subject_id, r.data->>%(store)s, r.decided_on DESC, r.id DESC
"""
_NO_WEIGHTS: Final = "SELECT NULL::text AS uscc, NULL::text AS code, 1::numeric AS weight WHERE false"
_RATED: Final = "s.position >= 0 AND (s.valid_until IS NULL OR s.valid_until > %(on)s)"
_STORE_FIGURES: Final = f"""
    SELECT uscc, sum(stores)::int AS stores, sum(rated)::int AS rated, sum(unweighted)::int AS unweighted,
           jsonb_object_agg(grade, rated) FILTER (WHERE rated > 0) AS grades, min(lowest) AS lowest,
           sum(objected)::int AS objected, max(last_seq) AS last_seq,
           CASE WHEN sum(weight) > 0 THEN sum(weight) ELSE sum(rated) END AS weight,
           CASE WHEN sum(weight) > 0 THEN sum(weighted) ELSE sum(scores) END AS weighted
    FROM (
        SELECT uscc, grade, count(*) AS stores, count(grade) AS rated, min(score) AS lowest, sum(score) AS scores,
               count(*) FILTER (WHERE under_objection) AS objected, max(last_seq) AS last_seq,
               coalesce(sum(weight) FILTER (WHERE grade IS NOT NULL), 0) AS weight,
               coalesce(sum(weight * score) FILTER (WHERE grade IS NOT NULL), 0) AS weighted,
               count(grade) FILTER (WHERE weight = 0) AS unweighted
        FROM (
            SELECT s.social_credit_code AS uscc, CASE WHEN {_RATED} THEN s.grade END AS grade,
                   CASE WHEN {_RATED} THEN s.score END AS score, s.under_objection, s.last_seq,
                   CASE WHEN %(weighs)s THEN greatest(coalesce(w.weight, 0), 0) ELSE 1 END AS weight
            FROM pg_temp.{STORES} s
            LEFT JOIN ({{weights}}) w ON w.uscc = s.social_credit_code AND w.code = s.code
            WHERE s.social_credit_code <> ''
              AND s.designated_on <= %(on)s AND (s.designated_until IS NULL OR s.designated_until > %(on)s)
        ) store
        GROUP BY uscc, grade
    ) by_grade
    GROUP BY uscc
"""
_RECORD_FIGURES: Final = f"""
    SELECT r.subject_id AS uscc, ARRAY[{{counts}}]::bigint[] AS records
    FROM {_RECORD} r JOIN unnest({{arrays}}) t({{names}}) ON t.key = r.record_type
    WHERE r.record_type = ANY(%(keys)s::text[]) AND {_LIVE} {{of}}  -- so that the index leaves other types alone
    GROUP BY r.subject_id
"""
_NO_RECORDS: Final = "SELECT NULL::text AS uscc, NULL::bigint[] AS records WHERE false"
_COUNTED: Final = f"""
    CREATE TEMP TABLE {COUNTED} ON COMMIT DROP AS
    SELECT c.uscc, coalesce(g.grade, '') AS grade, c.district, coalesce(s.stores, 0) AS stores,
           coalesce(s.last_seq, 0) AS last_seq,
           jsonb_build_object(
               'stores', coalesce(s.stores, 0), 'rated', coalesce(s.rated, 0),
               'grades', coalesce(s.grades, '{{{{}}}}'), 'lowest', s.lowest,
               'weight', coalesce(s.weight, 0), 'weighted', coalesce(s.weighted, 0),
               'unweighted', coalesce(s.unweighted, 0), 'under_objection', coalesce(s.objected, 0),
               'records', coalesce(to_jsonb(r.records), %(none)s)
           ) AS figures
    FROM {_SUBJECT} c
    LEFT JOIN ({{stores}}) s ON s.uscc = c.uscc
    LEFT JOIN ({{records}}) r ON r.uscc = c.uscc
    LEFT JOIN {_STANDING} g ON g.subject_id = c.uscc
    {{of}}
"""


def figures_of(
    usccs: Collection[str] | None,
    wanted: Sequence[Records],
    on: date,
    *,
    types: Collection[str] | None = None,
    weight: StoreWeight | None = None,
) -> Iterator[Figures]:
    """The figures of enterprises that are credit subjects (None = all), by code, on a day (Asia/Shanghai).

    ``wanted`` says which records are counted, ``types`` (None = all) of which types at most: those that a viewer may
    see. ``weight`` is where the weight of each pharmacy comes from: its newest record in force; without, each weighs
    the same. Streams: to be read to its end. Raises NoDocument where no catalogue is in force on the day.
    """
    with transaction.atomic():
        stage_stores(on, usccs)
        count(usccs, wanted, on, types=types, weight=weight)
        for page in pages(COUNTED, "figures, grade"):
            for uscc, figures, grade in page:
                yield restored(uscc, {**json.loads(figures), "grade": grade})
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE pg_temp.{COUNTED}, pg_temp.{STORES}")


def stage_stores(on: date, usccs: Collection[str] | None) -> None:
    """Stage the pharmacies of enterprises in the table STORES. Inside a transaction."""
    stage(STORES, on, (), enterprises=usccs, more=("enterprise_name", "score"))


def count(
    usccs: Collection[str] | None,
    wanted: Sequence[Records],
    on: date,
    *,
    types: Collection[str] | None = None,
    weight: StoreWeight | None = None,
) -> None:
    """Count, as :func:`figures_of`, into the table COUNTED, from that of STORES. Inside a transaction."""
    catalogue = catalogue_on(on)
    counted = [one for one in catalogue.record_types if types is None or one.key in types]
    records, params = _records(wanted, counted, on)
    weights = _NO_WEIGHTS
    source = None if weight is None else catalogue.record_type(weight.type)
    if weight is not None and source is not None:
        weights = _WEIGHTS
        params |= {
            "weight_type": weight.type,
            "weight_after": shown_after(source, on),
            "field": weight.field,
            "store": weight.store,
        }
    narrowed = "" if usccs is None else _OF
    stores = _STORE_FIGURES.format(weights=weights.format(of=narrowed))
    sql = _COUNTED.format(
        stores=stores,
        records=records.format(of=narrowed),
        of="" if usccs is None else "WHERE c.uscc = ANY(%(usccs)s)",
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{COUNTED}")
        cursor.execute(
            sql,
            {
                **params,
                "on": on,
                "usccs": None if usccs is None else list(usccs),
                "weighs": weight is not None,
                "none": json.dumps([0] * len(wanted)),
            },
        )
        cursor.execute(f"ANALYZE pg_temp.{COUNTED} (uscc)")


def pages(table: str, columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a temporary table by its ``uscc``, a page at a time: ``uscc`` first, then ``columns``."""
    after, full = "", True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE INDEX ON pg_temp.{table} (uscc COLLATE "C")')
        while full:
            cursor.execute(
                f'SELECT uscc, {columns} FROM pg_temp.{table} WHERE uscc COLLATE "C" > %s'
                f' ORDER BY uscc COLLATE "C" LIMIT {PAGE}',
                [after],
            )
            rows = cursor.fetchall()
            full = len(rows) == PAGE
            if rows:
                after = rows[-1][0]
                yield rows


def _records(wanted: Sequence[Records], types: Sequence[RecordType], on: date) -> tuple[str, dict[str, Any]]:
    """SQL that counts for each enterprise what is wanted, and its parameters."""
    after = {one.key: [counted_after(records, one, on) for records in wanted] for one in types}
    relevant = [key for key, days in after.items() if any(day != _NEVER for day in days)]
    if not relevant:
        return _NO_RECORDS, {}
    slots = range(len(wanted))
    params: dict[str, Any] = {"keys": relevant}
    params |= {f"after_{slot}": [after[key][slot] for key in relevant] for slot in slots}
    sql = _RECORD_FIGURES.format(
        counts=", ".join(f"count(*) FILTER (WHERE r.decided_on > t.after_{slot})" for slot in slots),
        arrays=", ".join(["%(keys)s::text[]", *(f"%(after_{slot})s::date[]" for slot in slots)]),
        names=", ".join(["key", *(f"after_{slot}" for slot in slots)]),
        of="{of}",
    )
    return sql, params


def counted_after(records: Records, record_type: RecordType, on: date) -> date:
    """Records of the type that were decided after this day count; ``_NEVER`` where none do."""
    if record_type.key not in records.types and record_type.kind not in records.kinds:
        return _NEVER
    shown = shown_after(record_type, on)
    return shown if records.within_months is None else max(shown, months_before(on, records.within_months))


def shown_after(record_type: RecordType, on: date) -> date:
    """Records of the type that were decided after this day are still shown."""
    return date.min if record_type.shown_months is None else months_before(on, record_type.shown_months)


def months_before(on: date, months: int) -> date:
    """The last day from which so many whole months have passed by a day.

    A month is complete on the day of the same number, or on the last day of a month without one (民法典第二百零二条).
    """
    year, month = divmod(on.year * 12 + on.month - 1 - months, 12)
    if year < 1:
        return date.min
    last = calendar.monthrange(year, month + 1)[1]
    is_month_end = on.day == calendar.monthrange(on.year, on.month)[1]
    return date(year, month + 1, last if is_month_end else min(on.day, last))
