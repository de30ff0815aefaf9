"""Staged rows of records against the table, set by set: what is new, corrected, withdrawn, unchanged, or refused; and
the writing. The number of statements does not depend on the number of rows.

What a row comes to (``act``) and why it is refused (``refusal``) is decided in one statement, for calls, files and
forms alike. Rows are those of one type, inside one transaction.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import Copy

from applications.enterprise_credit.matching import hold_subjects
from applications.enterprise_credit.models import CreditRecord, CreditSubject, RecordBatch
from ratings.services.imports.staging import copying

STAGE: Final = "credit_stage"
ROWS: Final = "credit_rows"
_RECORD, _SUBJECT = CreditRecord._meta.db_table, CreditSubject._meta.db_table
#: In the order of :func:`line`.
_COLUMNS: Final = (
    "line integer NOT NULL, wrong boolean NOT NULL, withdraw boolean NOT NULL, correction boolean NOT NULL, reason text,"
    " record_no text NOT NULL, uscc text, name text, name_key text, document_no text, decided_on date, valid_from date, valid_until date, data jsonb"
)
#: More enterprises than these are derived anew all together.
MANY: Final = 20_000

#: Why a row is refused that is right by itself: its number comes twice; it ends before it begins; its number was
#: withdrawn; there is nothing to withdraw.
TWICE, DATES, GONE, NONE_SUCH = "TWICE", "DATES", "GONE", "NONE_SUCH"


@dataclass(slots=True)
class Counts:
    """Rows by what becomes of them; each counts once."""

    accepted: int = 0
    corrected: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    #: taken in, but without an enterprise
    unmatched: int = 0
    refused: int = 0


def one_writer_at_a_time(record_type: str) -> None:
    """Wait until nobody else writes records of this type, nor brings enterprises, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s))", (f"enterprise_credit.records.{record_type}",)
        )
    hold_subjects()


def line(
    number: int,
    withdraw: bool,
    correction: bool,
    reason: str,
    record_no: str,
    uscc: str = "",
    name: str = "",
    key: str = "",
    document_no: str = "",
    decided_on: str = "",
    valid_from: str = "",
    valid_until: str = "",
    data: str = "{}",
) -> str:
    """A row for :func:`send`. No text holds control characters; dates are ISO, ``data`` is JSON; "" = not given."""
    return (
        f"{number}\tf\t{'t' if withdraw else 'f'}\t{'t' if correction else 'f'}\t{reason}\t{record_no}\t{uscc}\t{name}\t{key}"
        f"\t{document_no}\t{decided_on}\t{valid_from}\t{valid_until}\t{data}\n"
    )


def wrong_line(number: int, record_no: str) -> str:
    """For :func:`send`, a row that is refused by itself: only its number counts, against others that have it too."""
    return f"{number}\tt\tf\tf\t\t{record_no}\t\t\t\t\t\t\t\t\n"


def begin() -> None:
    """Make the table of staged rows anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DROP TABLE IF EXISTS {STAGE}, {ROWS};"
            f" CREATE TEMPORARY TABLE {STAGE} ({_COLUMNS}) ON COMMIT DROP"
        )


def sending() -> AbstractContextManager[Copy]:
    """A COPY into the table of staged rows, for :func:`send`."""
    return copying(f"COPY {STAGE} FROM STDIN WITH (NULL '')")


def send(copy: Copy, lines: Iterable[str]) -> None:
    """Send rows made by :func:`line` on."""
    copy.write("".join(lines).replace("\\", "\\\\").encode())


def analyse() -> None:
    """Let the database look at a great many staged rows before they are compared."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {STAGE}")


def compare(record_type: str, lacking: Collection[str] = ()) -> None:
    """Hold the staged rows against the live records of the type and the enterprises; leaves the table ROWS.

    ``lacking`` are the optional columns that a file does not have (``document_no``, ``valid_from``, ``valid_until``,
    ``data.<key>``): of these, a correction keeps what was recorded before.
    """
    fields = sorted(name.removeprefix("data.") for name in lacking if name.startswith("data."))
    document_no = "o.document_no" if "document_no" in lacking else "s.document_no"
    valid_from = "s.valid_from"
    if "valid_from" in lacking:
        valid_from = "CASE WHEN o.valid_from <> o.decided_on THEN o.valid_from END"
    valid_until = "o.valid_until" if "valid_until" in lacking else "s.valid_until"
    data = "s.data"
    if fields:
        kept = "SELECT jsonb_object_agg(key, value) FROM jsonb_each(o.data) WHERE key = ANY(%(fields)s)"
        data = f"coalesce(({kept}), '{{}}') || s.data"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE {ROWS} ON COMMIT DROP AS
            WITH held AS (
                SELECT s.line, s.wrong, s.withdraw, s.correction, s.reason, s.record_no, s.uscc, s.name, s.decided_on,
                       coalesce({document_no}, '') AS document_no,
                       coalesce({valid_from}, s.decided_on) AS valid_from,
                       {valid_until} AS valid_until, {data} AS data,
                       count(*) OVER (PARTITION BY s.record_no) > 1 AS twice,
                       o.id AS old_id, o.subject_id AS old_subject_id, o.objected_on, coalesce(o.objection, '') AS objection,
                       o.uscc AS old_uscc, o.name AS old_name, o.document_no AS old_document_no, o.decided_on AS old_decided_on,
                       o.valid_from AS old_valid_from, o.valid_until AS old_valid_until, o.data AS old_data,
                       o.id IS NULL AND EXISTS (
                           SELECT FROM {_RECORD} v
                           WHERE v.record_type = %(type)s AND v.record_no = s.record_no AND v.voided_at IS NOT NULL
                       ) AS gone,
                       CASE WHEN c.name_key = s.name_key THEN c.uscc
                            WHEN o.uscc = s.uscc AND o.name = s.name THEN o.subject_id END AS subject_id,
                       CASE WHEN c.uscc IS NULL THEN 'NO_SUBJECT' ELSE 'NAME_DIFFERS' END AS lacks
                FROM {STAGE} s
                LEFT JOIN {_RECORD} o
                    ON o.record_type = %(type)s AND o.record_no = s.record_no AND o.voided_at IS NULL
                LEFT JOIN {_SUBJECT} c ON c.uscc = s.uscc
            ), judged AS (
                SELECT *, CASE
                    WHEN twice THEN '{TWICE}'
                    WHEN withdraw THEN CASE WHEN old_id IS NULL AND NOT gone THEN '{NONE_SUCH}' ELSE '' END
                    WHEN gone AND NOT correction THEN '{GONE}'
                    WHEN valid_until <= valid_from THEN '{DATES}'
                    ELSE '' END AS refusal
                FROM held WHERE NOT wrong
            )
            SELECT line, record_no, reason, uscc, name, document_no, decided_on, valid_from, valid_until, data,
                   old_id, old_subject_id, objected_on, objection, subject_id, refusal,
                   CASE WHEN subject_id IS NULL THEN lacks ELSE 'MATCHED' END AS match,
                   CASE
                    WHEN refusal <> '' THEN 'refused'
                    WHEN withdraw THEN CASE WHEN old_id IS NULL THEN 'unchanged' ELSE 'withdrawn' END
                    WHEN old_id IS NULL THEN 'accepted'
                    WHEN (uscc, name, document_no, decided_on, valid_from, data)
                         = (old_uscc, old_name, old_document_no, old_decided_on, old_valid_from, old_data)
                         AND valid_until IS NOT DISTINCT FROM old_valid_until THEN 'unchanged'
                    ELSE 'corrected' END AS act
            FROM judged
            """,
            {"type": record_type, "fields": fields},
        )


def counted() -> Counts:
    """How many of ROWS come to what."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT CASE WHEN act IN ('accepted', 'corrected') AND subject_id IS NULL THEN 'unmatched' ELSE act END,"
            f" count(*) FROM {ROWS} GROUP BY 1"
        )
        return Counts(**dict(cursor.fetchall()))


def outcomes() -> Iterator[tuple[int, str, str, str]]:
    """(line, act, refusal, match) of ROWS, in no order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT line, act, refusal, match FROM {ROWS}")
        yield from cursor.fetchall()


def write(batch: RecordBatch, by: str, at: datetime) -> set[str] | None:
    """Write what :func:`compare` found, refused rows left out; the enterprises it touches, None = a great many."""
    given: dict[str, Any] = {"batch": batch.pk, "type": batch.record_type, "by": by, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {_RECORD} t SET voided_at = %(at)s, voided_by = %(by)s,
                ending = CASE r.act WHEN 'withdrawn' THEN 'WITHDRAWN' ELSE 'CORRECTED' END,
                void_reason = coalesce(r.reason, '由批次 #' || %(batch)s::text || ' 第 ' || r.line || ' 行更正')
            FROM {ROWS} r WHERE t.id = r.old_id AND r.act IN ('corrected', 'withdrawn')
            """,
            given,
        )
        cursor.execute(
            f"""
            INSERT INTO {_RECORD} (
                record_type, record_no, uscc, name, match, subject_id, document_no, decided_on, valid_from, valid_until,
                data, objected_on, objection, batch_id, "row", recorded_by, recorded_at, ending, void_reason, voided_by)
            SELECT %(type)s, record_no, uscc, name, match, subject_id, document_no, decided_on, valid_from, valid_until,
                   data, objected_on, objection, %(batch)s, line, %(by)s, %(at)s, '', '', ''
            FROM {ROWS} WHERE act IN ('accepted', 'corrected') ORDER BY line
            """,
            given,
        )
        return _touched(cursor)


def _touched(cursor: CursorWrapper) -> set[str] | None:
    cursor.execute(
        f"""
        SELECT subject_id FROM {ROWS} WHERE act IN ('accepted', 'corrected') AND subject_id IS NOT NULL
        UNION SELECT old_subject_id FROM {ROWS} WHERE act IN ('corrected', 'withdrawn') AND old_subject_id IS NOT NULL
        LIMIT {MANY + 1}
        """
    )
    found = {uscc for (uscc,) in cursor.fetchall()}
    return None if len(found) > MANY else found
