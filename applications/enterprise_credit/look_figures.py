"""Figures of the record of looks: how many for which department, and use that is out of the ordinary.

The lines of a batch check are looks at as many enterprises, and one act: what is out of the ordinary counts acts.
Days are those of Asia/Shanghai. All is reckoned in the database, from the index on the time.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from applications.clients.models import Organisation
from applications.enterprise_credit.models import Look
from applications.enterprise_credit.rules.catalogue import Watch

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_LOOKS: Final = Look._meta.db_table
_DEPARTMENTS: Final = Organisation._meta.db_table


@dataclass(frozen=True, slots=True)
class Figures:
    """Looks of a department, in a month or in all."""

    department: str
    #: its first day; None = all months
    month: date | None
    looks: int
    #: different enterprises, people and programs
    enterprises: int
    people: int
    without_case: int
    night: int
    outside: int
    #: of enterprises that there are not
    not_found: int
    #: by page and file, by program, by batch check
    pages: int
    programs: int
    checks: int


@dataclass(frozen=True, slots=True)
class Unusual:
    """One person or program on one day; numbers are of acts: a look each, or a whole batch check."""

    on: date
    department: str
    by: str
    #: whether it is a program
    is_program: bool
    acts: int
    enterprises: int
    without_case: int
    night: int
    outside: int
    #: what is out of the ordinary: "case", "night", "outside"
    marks: tuple[str, ...]


_FIGURES: Final = f"""
    SELECT d.name, f.month, f.looks, f.enterprises, f.people, f.without_case, f.night, f.outside, f.not_found,
           f.pages, f.programs, f.checks
    FROM (
        SELECT department_id, date_trunc('month', at AT TIME ZONE 'Asia/Shanghai')::date AS month,
               count(*) AS looks, count(DISTINCT uscc) AS enterprises,
               count(DISTINCT "by" || coalesce('/' || client_id, '')) AS people,
               count(*) FILTER (WHERE case_no = '') AS without_case, count(*) FILTER (WHERE at_night) AS night,
               count(*) FILTER (WHERE outside) AS outside, count(*) FILTER (WHERE NOT found) AS not_found,
               count(*) FILTER (WHERE form IN ('PAGE', 'PDF', 'EXPORT') AND client_id IS NULL) AS pages,
               count(*) FILTER (WHERE form <> 'CHECK' AND client_id IS NOT NULL) AS programs,
               count(*) FILTER (WHERE form = 'CHECK') AS checks
        FROM {_LOOKS} WHERE at >= %(start)s AND at < %(until)s
        GROUP BY GROUPING SETS ((department_id), (department_id, 2))
    ) f JOIN {_DEPARTMENTS} d ON d.id = f.department_id
    ORDER BY f.month NULLS FIRST, f.looks DESC, d.name
"""
# Of a batch check, one line stands for the act: the first of the day.
_UNUSUAL: Final = f"""
    SELECT f.day, d.name, f.by, f.client_id IS NOT NULL, f.acts, f.enterprises, f.without_case, f.night, f.outside
    FROM (
        SELECT department_id, "by", client_id, (at AT TIME ZONE 'Asia/Shanghai')::date AS day,
               {{acts}} AS acts, count(DISTINCT uscc) AS enterprises,
               {{without_case}} AS without_case, {{night}} AS night, {{outside}} AS outside
        FROM {_LOOKS} WHERE at >= %(start)s AND at < %(until)s
        GROUP BY 1, 2, 3, 4
    ) f JOIN {_DEPARTMENTS} d ON d.id = f.department_id
    WHERE f.without_case >= %(without_case)s OR f.night > 0 OR f.outside >= %(outside)s
    ORDER BY f.day DESC, f.acts DESC, f.by
    LIMIT %(most)s
"""


def figures(start: date, until: date) -> list[Figures]:
    """Looks of each department from ``start`` to ``until`` (both included): in all, then by month. One query."""
    return [Figures(*row) for row in _read(_FIGURES, _span(start, until))]


def unusual(start: date, until: date, watch: Watch, most: int) -> list[Unusual]:
    """People and programs on days (both included) that reach a limit of the catalogue, newest first. One query.

    Limits: acts without a case number; acts at enterprises outside their districts; any act at night.
    """
    sql = _UNUSUAL.format(
        acts=_acts("true"),
        without_case=_acts("case_no = ''"),
        night=_acts("at_night"),
        outside=_acts("outside"),
    )
    params = {
        **_span(start, until),
        "without_case": watch.without_case_a_day,
        "outside": watch.outside_a_day,
        "most": most,
    }
    return [Unusual(*(*row, _marks(row, watch))) for row in _read(sql, params)]


def moments(start: date, until: date) -> tuple[datetime, datetime]:
    """From the beginning of one day to the end of another, Asia/Shanghai."""
    end = until + timedelta(days=1)
    return (datetime.combine(start, time(), _ZONE), datetime.combine(end, time(), _ZONE))


def _acts(condition: str) -> str:
    return (
        f"(count(*) FILTER (WHERE form <> 'CHECK' AND {condition})"
        f" + count(DISTINCT check_id) FILTER (WHERE form = 'CHECK' AND {condition}))"
    )


def _marks(row: tuple[Any, ...], watch: Watch) -> tuple[str, ...]:
    without_case, night, outside = row[6:9]
    reached = {
        "case": without_case >= watch.without_case_a_day,
        "night": night > 0,
        "outside": outside >= watch.outside_a_day,
    }
    return tuple(mark for mark, is_so in reached.items() if is_so)


def _span(start: date, until: date) -> dict[str, Any]:
    first, end = moments(start, until)
    return {"start": first, "until": end}


def _read(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
