"""What became of the loans that banks reported: how many, how much, and how much of it is overdue.

Events that were reversed count nowhere. A loan belongs to the grade and district of its grant.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from django.db import connection

from applications.bank_loans.models import LoanEvent

#: Below so many open loans a rate means little.
FEW: Final = 30
_EVENTS: Final = LoanEvent._meta.db_table


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of a group of loans; amounts in fen. Flows are of the span, balances of its last day."""

    #: that drew
    pharmacies: int = 0
    #: granted
    loans: int = 0
    granted: int = 0
    drawn: int = 0
    repaid: int = 0
    #: not repaid, and how many loans that are
    outstanding: int = 0
    open_loans: int = 0
    #: newest balances overdue, and how many loans that are
    overdue: int = 0
    overdue_loans: int = 0

    @property
    def overdue_rate(self) -> Fraction | None:
        """Overdue of outstanding; None where nothing is outstanding."""
        return Fraction(self.overdue, self.outstanding) if self.outstanding else None

    @property
    def few(self) -> bool:
        """Whether a rate of so few loans means little."""
        return self.open_loans < FEW


@dataclass(frozen=True, slots=True)
class ByGrade:
    """Loans by the grade on the day of the grant; "" and -1 = the pharmacy had none."""

    grade: str
    position: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter of the span; balances of its last day in the span."""

    first: date
    granted: int = 0
    drawn: int = 0
    repaid: int = 0
    outstanding: int = 0
    overdue: int = 0

    @property
    def label(self) -> str:
        return f"{self.first.year}年第{(self.first.month + 2) // 3}季度"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of some products in a span of days, both included."""

    total: Figures
    grades: list[ByGrade]
    #: by district code
    districts: dict[int, Figures]
    quarters: list[Quarter]


_LIVE: Final = f"""
    live AS (
        SELECT e.* FROM {_EVENTS} e
        WHERE e.product_id = ANY(%(products)s) AND e."on" <= %(until)s AND e.kind <> 'reversed'
          AND NOT EXISTS (
              SELECT 1 FROM {_EVENTS} r
              WHERE r.product_id = e.product_id AND r.loan_no = e.loan_no AND r.reverses = e.event_no
          )
    )
"""
_GROUPS: Final = f"""
    WITH {_LIVE}, balances AS (
        SELECT DISTINCT ON (product_id, loan_no) product_id, loan_no, amount_fen
        FROM live WHERE kind = 'overdue' ORDER BY product_id, loan_no, "on" DESC, id DESC
    ), loans AS (
        SELECT product_id, loan_no, max(code) AS code,
               max(grade) FILTER (WHERE kind = 'granted') AS grade,
               max(grade_position) FILTER (WHERE kind = 'granted') AS position,
               max(district) FILTER (WHERE kind = 'granted') AS district,
               count(*) FILTER (WHERE kind = 'granted' AND "on" >= %(start)s) AS loans,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'granted' AND "on" >= %(start)s), 0) AS granted,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'drawn' AND "on" >= %(start)s), 0) AS drawn,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'repaid' AND "on" >= %(start)s), 0) AS repaid,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'drawn'), 0)
                   - coalesce(sum(amount_fen) FILTER (WHERE kind = 'repaid'), 0) AS outstanding
        FROM live GROUP BY product_id, loan_no
    )
    SELECT GROUPING(l.grade), GROUPING(l.district), l.grade, l.position, l.district,
           count(DISTINCT l.code) FILTER (WHERE l.drawn > 0), coalesce(sum(l.loans), 0)::bigint,
           coalesce(sum(l.granted), 0)::bigint, coalesce(sum(l.drawn), 0)::bigint,
           coalesce(sum(l.repaid), 0)::bigint, coalesce(sum(l.outstanding), 0)::bigint,
           count(*) FILTER (WHERE l.outstanding > 0), coalesce(sum(greatest(0, least(coalesce(b.amount_fen, 0), l.outstanding))), 0)::bigint,
           count(*) FILTER (WHERE greatest(0, least(coalesce(b.amount_fen, 0), l.outstanding)) > 0)
    FROM loans l LEFT JOIN balances b USING (product_id, loan_no)
    GROUP BY GROUPING SETS ((), (l.grade, l.position), (l.district))
    ORDER BY l.position < 0, l.position, l.grade, l.district
"""
#: Of each loan an overdue balance replaces the one before it, and is never more than is outstanding, nor below 0
#: (on a day before money that was repaid "early" was drawn); summed up are the differences.
_QUARTERS: Final = f"""
    WITH {_LIVE}, of_loans AS (
        SELECT product_id, loan_no, date_trunc('quarter', "on")::date AS first,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'granted' AND "on" >= %(start)s), 0) AS granted,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'drawn' AND "on" >= %(start)s), 0) AS drawn,
               coalesce(sum(amount_fen) FILTER (WHERE kind = 'repaid' AND "on" >= %(start)s), 0) AS repaid,
               sum(CASE kind WHEN 'drawn' THEN amount_fen WHEN 'repaid' THEN -amount_fen ELSE 0 END) AS net,
               (array_agg(amount_fen ORDER BY "on" DESC, id DESC) FILTER (WHERE kind = 'overdue'))[1] AS told
        FROM live GROUP BY 1, 2, 3
    ), running AS (
        SELECT *, sum(net) OVER one AS outstanding, count(told) OVER one AS telling
        FROM of_loans WINDOW one AS (PARTITION BY product_id, loan_no ORDER BY first)
    ), balances AS (
        SELECT *, greatest(0, least(coalesce(max(told) OVER (PARTITION BY product_id, loan_no, telling), 0), outstanding)) AS balance
        FROM running
    ), steps AS (
        SELECT *, balance - lag(balance, 1, 0::numeric) OVER (PARTITION BY product_id, loan_no ORDER BY first) AS overdue
        FROM balances
    ), quarters AS (
        SELECT first, sum(granted) AS granted, sum(drawn) AS drawn, sum(repaid) AS repaid,
               sum(net) AS net, sum(overdue) AS overdue
        FROM steps GROUP BY 1
    )
    SELECT first, granted::bigint, drawn::bigint, repaid::bigint,
           (sum(net) OVER (ORDER BY first))::bigint, (sum(overdue) OVER (ORDER BY first))::bigint
    FROM quarters ORDER BY first
"""


def outcomes(products: list[int], start: date, until: date) -> Outcomes:
    """The figures of products (by id) from ``start`` to ``until``, both included. Two queries."""
    params = {"products": products, "start": start, "until": until}
    total, grades, districts = Figures(), [], {}
    for no_grade, no_district, grade, position, district, *sums in _rows(_GROUPS, params):
        figures = Figures(*sums)
        if not no_grade:
            grades.append(ByGrade(grade, position, figures))
        elif not no_district:
            districts[district] = figures
        else:
            total = figures
    known = {row[0]: Quarter(*row) for row in _rows(_QUARTERS, params)}
    return Outcomes(total, grades, districts, _filled(known, start, until))


def span(products: list[int], today: date) -> tuple[date, date]:
    """From the first event reported of products to today."""
    first = LoanEvent.objects.filter(product__in=products).order_by("on").values_list("on", flat=True).first()
    return first or today, today


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _filled(known: dict[date, Quarter], start: date, until: date) -> list[Quarter]:
    """Each quarter of the span; one without events keeps the balances of the one before."""
    before = [quarter for first, quarter in known.items() if first < _quarter(start)]
    last = before[-1] if before else Quarter(start)
    found = []
    first = _quarter(start)
    while first <= until:
        last = known.get(first) or Quarter(first, outstanding=last.outstanding, overdue=last.overdue)
        found.append(last)
        first = _quarter(first + timedelta(days=95))
    return found


def _quarter(day: date) -> date:
    """The first day of its quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
