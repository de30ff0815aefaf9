"""Facts as of a cutoff, as columns: set-based SQL, nothing per pharmacy.

What was known at the cutoff is a filter on every table: recorded by then, not voided by
then. A successor inherits its predecessors' facts (``lineage``).
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from ratings.bulk import read_columns, rows_of
from ratings.rules.columns import MISSING, NO_DAY, Bool, Events, Int32, Int64, Measure, Signals
from ratings.rules.periods import Period, add_months, months_of
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
)

#: Locked against writers while signals are read, in this order, so that everything recorded
#: by the cutoff is seen and nothing changes between two of the reads.
SOURCES = (
    "ratings_pharmacy",
    "ratings_pharmacyversion",
    "ratings_servicestatus",
    "ratings_violation",
    "ratings_complaint",
    "ratings_fundpayment",
    "ratings_measurevalue",
)
_KNOWN = "{0}.recorded_at <= %(cutoff)s AND ({0}.voided_at IS NULL OR {0}.voided_at > %(cutoff)s)"
_EPOCH = date(1970, 1, 1)


def days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def _day(column: str) -> str:
    return f"coalesce({column} - DATE '1970-01-01', {NO_DAY})::int4"


@transaction.atomic
def read_signals(
    period: Period,
    cutoff: datetime,
    *,
    measures: Iterable[str] = (),
    district: int | None = None,
    pharmacies: Collection[int] | None = None,
    settled: bool = False,
) -> Signals:
    """The signals of every pharmacy designated on the period's last day, as known at ``cutoff``.

    ``measures`` are the keys of imported values to read; ``district`` (GB/T 2260) or
    ``pharmacies`` (ids) narrow the run. A period without months (``Period.day``) gives neither
    payments nor months in service. Writers wait while this reads, unless the cutoff is
    ``settled``: that of a finished run, behind which the database lets nothing be recorded.
    """
    params: dict[str, Any] = {
        "cutoff": cutoff,
        "period": period.code,
        "first": period.first,
        "last": period.last,
        "base": period.previous_year.first,
        "district": district,
        "pharmacies": None if pharmacies is None else list(pharmacies),
        "kinds": list(VIOLATION_KINDS.ids),
        "gravities": list(GRAVITIES.ids),
        "tracks": list(TRACKS.ids),
        "topics": list(COMPLAINT_TOPICS.ids),
        "statuses": list(SERVICE_STATUSES.ids),
    }
    narrowed = district is not None or pharmacies is not None
    with connection.cursor() as cursor:
        if not narrowed:
            # A nation's months are grouped in one hash table instead of spilling to disk.
            cursor.execute("SET LOCAL work_mem = '256MB'")
        if not settled:
            hold_sources(cursor)
        _stage(cursor, params)
    population = read_columns(
        f"""SELECT pharmacy_id, code, district_id, is_chain::int4, {_day("designated_on")},
                   {_day("designated_until")}, status::int4, {_day("lineage_on")}
            FROM run_population ORDER BY code COLLATE "C" """,
        {},
        {
            "id": "i8",
            "code": "S12",
            "district": "i4",
            "chain": "i4",
            "opened_on": "i4",
            "ended_on": "i4",
            "status": "i4",
            "designated_on": "i4",
        },
    )
    ids = population["id"]
    months = [*months_of(period.previous_year.first, period.months), *months_of(period.first, period.months)]
    return Signals(
        period=period,
        pharmacy_id=ids,
        code=population["code"],
        district=population["district"],
        chain=population["chain"] == 1,
        status=population["status"],
        opened_on=population["opened_on"],
        designated_on=population["designated_on"],
        payments=_payments(ids, months, params, narrowed),
        in_service=_in_service(ids, months, population["designated_on"], population["ended_on"], params),
        violations=_violations(ids, params, narrowed),
        complaints=_complaints(ids, params, narrowed),
        measures={key: _measure(ids, {**params, "key": key}, narrowed) for key in sorted(set(measures))},
    )


def hold_sources(cursor: Any) -> None:
    """Let writers finish, and keep others waiting until this transaction ends."""
    cursor.execute(f"LOCK TABLE {', '.join(SOURCES)} IN SHARE MODE")


def _stage(cursor: Any, params: dict[str, Any]) -> None:
    """Temporary tables: the run's population, and who inherits from whom.

    run_lineage: a row (subject, member, taken_over_on, generation) for each predecessor.
    """
    cursor.execute("DROP TABLE IF EXISTS run_population, run_lineage")
    chosen = "AND (%(district)s::int IS NULL OR v.district_id = %(district)s)"
    if params["pharmacies"] is not None:
        chosen = "AND v.pharmacy_id = ANY(%(pharmacies)s)"
    cursor.execute(
        f"""
        CREATE TEMPORARY TABLE run_population ON COMMIT DROP AS
        SELECT v.pharmacy_id, p.code, v.district_id, v.is_chain, v.designated_on, v.designated_until,
               v.predecessor_id, 0 AS status, v.designated_on AS lineage_on
        FROM ratings_pharmacyversion v JOIN ratings_pharmacy p ON p.id = v.pharmacy_id
        WHERE {_KNOWN.format("v")} AND v.designated_on <= %(last)s
          AND (v.designated_until IS NULL OR v.designated_until > %(last)s) {chosen}
        """,
        params,
    )
    cursor.execute(
        f"""
        CREATE TEMPORARY TABLE run_lineage ON COMMIT DROP AS
        WITH RECURSIVE line(subject, member, taken_over_on, generation) AS (
            SELECT pharmacy_id, predecessor_id, designated_on, 1
            FROM run_population WHERE predecessor_id IS NOT NULL
            UNION ALL
            SELECT line.subject, v.predecessor_id, v.designated_on, line.generation + 1
            FROM line JOIN ratings_pharmacyversion v ON v.pharmacy_id = line.member
            WHERE v.predecessor_id IS NOT NULL AND {_KNOWN.format("v")}
        ) CYCLE member SET in_cycle USING path
        SELECT line.subject, line.member, line.taken_over_on, line.generation
        FROM line JOIN ratings_pharmacyversion v ON v.pharmacy_id = line.member
        WHERE NOT line.in_cycle AND line.member <> line.subject AND {_KNOWN.format("v")}
        """,
        params,
    )
    cursor.execute(
        f"""
        UPDATE run_population SET lineage_on = older.designated_on
        FROM (
            SELECT l.subject, min(v.designated_on) AS designated_on
            FROM run_lineage l JOIN ratings_pharmacyversion v ON v.pharmacy_id = l.member
            WHERE {_KNOWN.format("v")} GROUP BY l.subject
        ) older
        WHERE older.subject = pharmacy_id AND older.designated_on < run_population.designated_on
        """,
        params,
    )
    cursor.execute(
        f"""
        UPDATE run_population SET status = array_position(%(statuses)s::text[], latest.status) - 1
        FROM (
            SELECT DISTINCT ON (s.pharmacy_id) s.pharmacy_id, s.status::text
            FROM ratings_servicestatus s
            WHERE {_KNOWN.format("s")} AND s.occurred_on <= %(last)s
              AND s.pharmacy_id IN (SELECT pharmacy_id FROM run_population)
            ORDER BY s.pharmacy_id, s.occurred_on DESC
        ) latest
        WHERE latest.pharmacy_id = run_population.pharmacy_id
        """,
        params,
    )
    cursor.execute("ANALYZE run_population, run_lineage")


def _subjects(fact: str, narrowed: bool) -> str:
    """FROM clause: each fact once under its own pharmacy, once under each that inherits it.

    Gives ``subject`` and ``generation`` (0 = own). Without narrowing, facts of pharmacies
    outside the run come along and are dropped by their row number.
    """
    own = f"SELECT f.pharmacy_id AS subject, 0 AS generation, f.* FROM {fact} f"
    if narrowed:
        own += " JOIN run_population p ON p.pharmacy_id = f.pharmacy_id"
    return f"""(
        {own} UNION ALL
        SELECT l.subject, l.generation, f.* FROM {fact} f JOIN run_lineage l ON l.member = f.pharmacy_id
    ) f"""


def _payments(ids: Int64, months: list[date], params: dict[str, Any], narrowed: bool) -> Int64:
    """The month matrix in fen; a successor's missing months are its predecessors'."""
    if not months:
        return np.empty((len(ids), 0), np.int64)
    # One live version a month at any cutoff, so max() only picks it, and stays a bigint.
    amounts = ",\n".join(
        f"coalesce(max(f.amount_fen) FILTER (WHERE f.month = DATE '{month}'), {MISSING})" for month in months
    )
    kinds = {f"m{number}": "i8" for number in range(len(months))}
    source = "ratings_fundpayment"
    if narrowed:
        # Live and voided payments have an index each; one condition for both could use neither. The
        # pharmacies are named in each part: from outside, the whole table would be joined to them.
        chosen = (
            "pharmacy_id IN (SELECT pharmacy_id FROM run_population UNION SELECT member FROM run_lineage)"
        )
        source = f"""(SELECT * FROM {source} WHERE voided_at IS NULL AND {chosen}
                      UNION ALL SELECT * FROM {source} WHERE voided_at > %(cutoff)s AND {chosen})"""
    paid = read_columns(
        f"""SELECT f.pharmacy_id, {amounts} FROM {source} f
            WHERE f.month BETWEEN %(base)s AND %(last)s {_between(months)} AND {_KNOWN.format("f")}
            GROUP BY f.pharmacy_id""",
        params,
        {"id": "i8", **kinds},
    )
    lineage = read_columns("SELECT subject, member FROM run_lineage", {}, {"subject": "i8", "member": "i8"})
    rows = rows_of(ids, paid["id"])
    own = rows >= 0
    heirs, inherited = rows_of(ids, lineage["subject"]), rows_of(paid["id"], lineage["member"])
    heirs, inherited = heirs[inherited >= 0], inherited[inherited >= 0]
    matrix = np.full((len(ids), len(months)), MISSING, np.int64)
    for number, name in enumerate(kinds):
        amount = paid.pop(name)
        matrix[rows[own], number] = amount[own]
        _add_months(matrix[:, number], heirs, amount[inherited])
    return matrix


def _between(months: list[date]) -> str:
    """Leaves out the months between the base period and the period itself, if there are any."""
    base_end, first = months[len(months) // 2 - 1], months[len(months) // 2]
    if add_months(base_end, 1) == first:
        return ""
    return f"AND (f.month <= DATE '{base_end}' OR f.month >= DATE '{first}')"


def _add_months(column: Int64, heirs: NDArray[np.int64], amounts: Int64) -> None:
    """Add inherited amounts to one month; a missing month takes them as they are."""
    given = (amounts != MISSING) & (heirs >= 0)
    heirs, amounts = heirs[given], amounts[given]
    missing = np.unique(heirs[column[heirs] == MISSING])
    column[missing] = 0
    np.add.at(column, heirs, amounts)


def _in_service(
    ids: Int64, months: list[date], designated_on: Int32, ended_on: Int32, params: dict[str, Any]
) -> Bool:
    """True where the pharmacy or its predecessor was designated and not suspended all month."""
    if not months:
        return np.empty((len(ids), 0), np.bool_)
    firsts = np.array([days(month) for month in months], np.int32)
    nexts = np.array([days(add_months(month, 1)) for month in months], np.int32)
    served = (designated_on[:, None] <= firsts) & (ended_on[:, None] >= nexts)
    # Not in service: suspensions (each shop's own within its own time; a predecessor's until it
    # was taken over), and the gap between a predecessor's end and its successor's start.
    out = read_columns(
        f"""
        WITH spans AS (
            SELECT s.pharmacy_id, s.status, s.occurred_on AS since,
                   lead(s.occurred_on) OVER (PARTITION BY s.pharmacy_id ORDER BY s.occurred_on) AS until
            FROM ratings_servicestatus s
            WHERE {_KNOWN.format("s")} AND s.pharmacy_id IN
                (SELECT pharmacy_id FROM run_population UNION SELECT member FROM run_lineage)
        )
        SELECT s.pharmacy_id, {_day("greatest(s.since, p.designated_on)")}, {_day("s.until")}
        FROM spans s JOIN run_population p ON p.pharmacy_id = s.pharmacy_id
        WHERE s.status <> 'IN_SERVICE'
        UNION ALL
        SELECT l.subject, {_day("greatest(s.since, v.designated_on)")}, {_day("least(s.until, l.taken_over_on)")}
        FROM spans s JOIN run_lineage l ON l.member = s.pharmacy_id
            JOIN ratings_pharmacyversion v ON v.pharmacy_id = l.member
        WHERE s.status <> 'IN_SERVICE' AND {_KNOWN.format("v")} AND s.since < l.taken_over_on
        UNION ALL
        SELECT l.subject, {_day("v.designated_until")}, {_day("l.taken_over_on")}
        FROM run_lineage l JOIN ratings_pharmacyversion v ON v.pharmacy_id = l.member
        WHERE {_KNOWN.format("v")} AND v.designated_until < l.taken_over_on
        """,
        params,
        {"id": "i8", "since": "i4", "until": "i4"},
    )
    rows = rows_of(ids, out["id"])
    for number, (first, following) in enumerate(zip(firsts, nexts, strict=True)):
        overlaps = (out["since"] < following) & (out["until"] > first) & (rows >= 0)
        served[rows[overlaps], number] = False
    return served


def _violations(ids: Int64, params: dict[str, Any], narrowed: bool) -> Events:
    return _events(
        ids,
        f"""SELECT f.subject, f.id, (array_position(%(kinds)s::text[], f.kind::text) - 1)::int4,
                   (array_position(%(gravities)s::text[], f.gravity::text) - 1)::int4,
                   (array_position(%(tracks)s::text[], f.track::text) - 1)::int4,
                   {_day("f.occurred_on")}, {_day("f.decided_on")}, f.amount_fen
            FROM {_subjects("ratings_violation", narrowed)}
            WHERE f.decided_on <= %(last)s AND {_KNOWN.format("f")}""",
        params,
    )


def _complaints(ids: Int64, params: dict[str, Any], narrowed: bool) -> Events:
    return _events(
        ids,
        f"""SELECT f.subject, f.id, (array_position(%(topics)s::text[], f.topic::text) - 1)::int4,
                   0, 0, {_day("f.occurred_on")}, {_day("f.decided_on")}, 0::int8
            FROM {_subjects("ratings_complaint", narrowed)}
            WHERE f.finding = 'VERIFIED' AND f.decided_on <= %(last)s AND {_KNOWN.format("f")}""",
        params,
    )


def _events(ids: Int64, sql: str, params: dict[str, Any]) -> Events:
    found = read_columns(
        sql,
        params,
        {
            "subject": "i8",
            "fact_id": "i8",
            "kind": "i4",
            "gravity": "i4",
            "track": "i4",
            "occurred_on": "i4",
            "decided_on": "i4",
            "amount_fen": "i8",
        },
    )
    owner = rows_of(ids, found["subject"])
    order = np.lexsort((found["fact_id"], owner))
    order = order[owner[order] >= 0]
    return Events(
        owner=owner[order].astype(np.int32),
        fact_id=found["fact_id"][order],
        kind=found["kind"][order],
        gravity=found["gravity"][order],
        track=found["track"][order],
        occurred_on=found["occurred_on"][order],
        decided_on=found["decided_on"][order],
        amount_fen=found["amount_fen"][order],
    )


def _measure(ids: Int64, params: dict[str, Any], narrowed: bool) -> Measure:
    """The pharmacy's own value for the period, else its nearest predecessor's."""
    found = read_columns(
        f"""SELECT f.subject, (f.value * 1000)::int8
            FROM {_subjects("ratings_measurevalue", narrowed)}
            WHERE f.key = %(key)s AND f.period = %(period)s AND {_KNOWN.format("f")}
            ORDER BY f.generation DESC""",
        params,
        {"subject": "i8", "value": "i8"},
    )
    rows = rows_of(ids, found["subject"])
    known = rows >= 0
    value = np.zeros(len(ids), np.int64)
    present = np.zeros(len(ids), np.bool_)
    value[rows[known]] = found["value"][known]
    present[rows[known]] = True
    return Measure(value, present)
