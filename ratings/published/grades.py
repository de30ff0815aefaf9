"""Published grades, as the ledger has them.

A pharmacy's public grade on a day is the newest row, of the latest period, that had come into force
by then; a row of an earlier period (an objection upheld late) corrects history only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from ratings.models import Event
from ratings.rules.moves import OPEN_OBJECTION

#: Why a grade was published, id and Chinese.
EVENTS: Final = dict(Event.choices)


@dataclass(frozen=True, slots=True)
class Grade:
    """One row of the ledger, and whether an objection to it is being heard."""

    seq: int
    #: number of the publication
    publication: int
    at: datetime
    #: the pharmacy's designated code, its name then, and the district that rated it (GB/T 2260)
    code: str
    name: str
    district: int
    #: a key of EVENTS
    event: str
    #: written 2025, 2025H1, 2025Q3 or 2025-07, and its last day
    period: str
    period_end: date
    #: key@version
    scheme: str
    #: "" = no grade, for which ``reason`` tells why
    grade: str
    label: str
    #: 0 = the scheme's best grade, -1 = no grade
    position: int
    #: thousandths of a point, None where there is no grade
    score: int | None
    #: 1 = best, 0 = not ranked
    rank_district: int
    rank_city: int
    valid_from: date
    #: the first day on which it holds no more, None = until the next
    valid_until: date | None
    reason: str
    #: an objection to this period's grade is open (条例: 异议信息 carries a mark)
    under_objection: bool

    def holds(self, on: date) -> bool:
        """Whether it has begun and has not run out; a later row may have replaced it all the same."""
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)


#: The ledger's rows with what their publication says of all of them.
LEDGER: Final = """(
    SELECT one.*, act.at, life.period_end
    FROM ratings_publishedgrade one
    JOIN ratings_publication act ON act.number = one.publication_id
    JOIN ratings_ratingperiod life ON life.id = act.period_id
) g"""
_OPEN: Final = ", ".join(f"'{state}'" for state in OPEN_OBJECTION)
#: Of an objection ``o``: it is being heard.
OPEN_OBJECTIONS: Final = f"o.state IN ({_OPEN})"
#: A row ``g`` as the fields of Grade.
FIELDS: Final = f"""
    g.seq, g.publication_id, g.at, g.code, g.name, g.district, g.event, g.period, g.period_end, g.scheme,
    g.grade, g.grade_label, g.position, g.score, g.rank_district, g.rank_city, g.valid_from, g.valid_until,
    g.reason,
    EXISTS (
        SELECT 1 FROM ratings_rating r JOIN ratings_objection o ON o.rating_id = r.id
        WHERE r.run_id = g.run AND r.pharmacy_id = g.pharmacy_id
          AND {OPEN_OBJECTIONS}
    )
"""
#: Beside a pharmacy ``p``: its row in force on a day.
IN_FORCE: Final = f"""(
    SELECT g.* FROM {LEDGER} WHERE g.pharmacy_id = p.id AND g.valid_from <= %(on)s
    ORDER BY g.period_end DESC, g.seq DESC LIMIT 1
)"""


def current(codes: Iterable[str], on: date) -> dict[str, Grade]:
    """The public grade of each pharmacy on a day (Asia/Shanghai), by designated code.

    Left out are codes of which nothing was published by then, and grades that have run out; a
    pharmacy whose newest row says that it has no grade is there, with the reason.
    """
    found = _grades(
        f"""SELECT {FIELDS} FROM ratings_pharmacy p CROSS JOIN LATERAL {IN_FORCE} g
            WHERE p.code = ANY(%(codes)s) AND (g.valid_until IS NULL OR g.valid_until > %(on)s)""",
        {"codes": list(codes), "on": on},
    )
    return {grade.code: grade for grade in found}


def current_page(after_code: str, limit: int, on: date, *, district: int | None = None) -> list[Grade]:
    """The next ``limit`` pharmacies by code with a public grade on a day; start with ""."""
    return _grades(
        f"""SELECT {FIELDS} FROM ratings_pharmacy p CROSS JOIN LATERAL {IN_FORCE} g
            WHERE p.code > %(after)s AND (g.valid_until IS NULL OR g.valid_until > %(on)s)
              AND g.position >= 0 AND (%(district)s::int IS NULL OR g.district = %(district)s)
            ORDER BY p.code LIMIT %(limit)s""",
        {"after": after_code, "limit": limit, "on": on, "district": district},
    )


def history(code: str) -> list[Grade]:
    """Every row of one pharmacy, oldest first."""
    return _grades(
        f"""SELECT {FIELDS} FROM ratings_pharmacy p JOIN {LEDGER} ON g.pharmacy_id = p.id
            WHERE p.code = %(code)s ORDER BY g.seq""",
        {"code": code},
    )


def histories(codes: Iterable[str], newest: int) -> dict[str, list[Grade]]:
    """The ``newest`` rows of each of many pharmacies, oldest first, by designated code. One query."""
    rows = _grades(
        f"""SELECT {FIELDS} FROM ratings_pharmacy p CROSS JOIN LATERAL (
                SELECT g.* FROM {LEDGER} WHERE g.pharmacy_id = p.id ORDER BY g.seq DESC LIMIT %(newest)s
            ) g WHERE p.code = ANY(%(codes)s) ORDER BY g.seq""",
        {"codes": list(codes), "newest": newest},
    )
    found: dict[str, list[Grade]] = {}
    for row in rows:
        found.setdefault(row.code, []).append(row)
    return found


def changes_since(seq: int, limit: int) -> list[Grade]:
    """The next ``limit`` rows after ``seq`` (0 from the start), in the order of publication.

    Numbers have no gaps, and no row ever comes in behind one that was read.
    """
    return _grades(
        f"SELECT {FIELDS} FROM {LEDGER} WHERE g.seq > %(seq)s ORDER BY g.seq LIMIT %(limit)s",
        {"seq": seq, "limit": limit},
    )


def _grades(sql: str, params: dict[str, Any]) -> list[Grade]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [Grade(*row) for row in cursor.fetchall()]
