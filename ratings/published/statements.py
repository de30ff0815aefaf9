"""What was signed of each publication, and what later publications changed of it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet

from ratings.models import Event, Publication
from ratings.published.grades import FIELDS, LEDGER, Grade


@dataclass(frozen=True, slots=True)
class Statement:
    """What was signed of one publication."""

    number: int
    event: str
    period: str
    at: datetime
    rows: int
    first_seq: int
    last_seq: int
    #: canonical JSON; its Ed25519 signature and the public key are hexadecimal
    statement: str
    signature: str
    public_key: str
    #: SHA-256 of the statement, by which a publication is known
    sha256: str
    #: the last day of the period
    period_end: date
    #: GB/T 2260 and name of the district whose list it belongs to; None and "" = the whole city
    district: int | None
    district_name: str

    @property
    def told(self) -> dict[str, Any]:
        """The statement as signed, read."""
        read: dict[str, Any] = json.loads(self.statement)
        return read

    @property
    def is_list(self) -> bool:
        """Whether it is the list of a period, not a later change of one grade."""
        return self.event == Event.PERIODIC


def publications(after: int = 0, limit: int = 100) -> list[Statement]:
    """The next ``limit`` publications after a number, with what was signed."""
    return _read(Publication.objects.filter(number__gt=after).order_by("number"), limit)


def period_lists(before: int | None = None, limit: int = 20) -> list[Statement]:
    """The lists of periods, newest publication first; ``before`` a number for those behind a page."""
    found = Publication.objects.filter(event=Event.PERIODIC).order_by("-number")
    return _read(found if before is None else found.filter(number__lt=before), limit)


def publication(number: int) -> Statement | None:
    """The publication of a number, None where there is none."""
    return next(iter(_read(Publication.objects.filter(number=number), 1)), None)


def publication_with_row(seq: int) -> Statement | None:
    """The publication that row ``seq`` of the ledger belongs to, None where there is none."""
    found = Publication.objects.filter(first_seq__lte=seq).order_by("-first_seq")
    return next((one for one in _read(found, 1) if seq <= one.last_seq), None)


def publications_signed(fingerprint: str, limit: int = 5) -> list[Statement]:
    """Publications whose fingerprint (SHA-256 of the statement, lower-case hex) begins like this."""
    return _read(
        Publication.objects.filter(statement_sha256__startswith=fingerprint).order_by("number"), limit
    )


def newer_list(of: Statement) -> Statement | None:
    """The newest list of a later period that covers the same district, None where there is none."""
    found = Publication.objects.filter(event=Event.PERIODIC, period__period_end__gt=of.period_end)
    if of.district is not None:
        found = found.filter(Q(period__district=None) | Q(period__district=of.district))
    return next(iter(_read(found.order_by("-period__period_end", "-number"), 1)), None)


#: Rows of later publications of the same period, for pharmacies that a publication has a row of.
_CHANGES: Final = f"""
    FROM ratings_publication this
    JOIN ratings_publication later ON later.period_id = this.period_id AND later.number > this.number
         AND later.event <> '{Event.PERIODIC}'
    JOIN {LEDGER} ON g.seq BETWEEN later.first_seq AND later.last_seq
    WHERE this.number = ANY(%(numbers)s) AND EXISTS (
        SELECT FROM ratings_publishedgrade had
        WHERE had.pharmacy_id = g.pharmacy_id AND had.seq BETWEEN this.first_seq AND this.last_seq
    )
"""


def later_changes(number: int, before: int | None = None, limit: int = 20) -> list[Grade]:
    """What later publications of the same period changed of one, newest first; ``before`` a seq."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {FIELDS} {_CHANGES} AND (%(before)s::bigint IS NULL OR g.seq < %(before)s)"
            " ORDER BY g.seq DESC LIMIT %(limit)s",
            {"numbers": [number], "before": before, "limit": limit},
        )
        return [Grade(*row) for row in cursor.fetchall()]


def count_changes(numbers: Collection[int]) -> dict[int, dict[str, int]]:
    """How many such rows each publication has, by event (keys of EVENTS); only what there is."""
    found: dict[int, dict[str, int]] = {number: {} for number in numbers}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT this.number, g.event, count(*) {_CHANGES} GROUP BY 1, 2 ORDER BY 2",
            {"numbers": list(numbers)},
        )
        for number, event, count in cursor.fetchall():
            found[number][event] = count
    return found


def _read(found: QuerySet[Publication], limit: int) -> list[Statement]:
    rows = found.values_list(
        "number", "event", "period__period", "at", "rows", "first_seq", "last_seq", "statement", "signature",
        "public_key", "statement_sha256", "period__period_end", "period__district_id", "period__district__name",
    )  # fmt: skip
    return [Statement(*row[:-1], row[-1] or "") for row in rows[:limit]]
