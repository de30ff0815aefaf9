"""Complaints and fund payments before and after the system's start.

The start, where none is given, is 1 January after the first published period's last day: the first
whole year in which pharmacies knew their grades. "Before" and "after" are as many months, at most
twelve, before and from the start; where the months after it are not all there yet, both are as many as
there are payments for, and each is held against the same months a year earlier, so that seasons do
not count as growth.

Sources: live rows of fund payments and complaints as known now; a pharmacy counts for the district
where it lies now. Payments are fen. Nothing here says that the one caused the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from django.core.cache import cache
from django.db import connection, transaction
from numpy.typing import NDArray

from ratings.bulk import read_columns
from ratings.insight.sql import Districts, codes, place_of, rows, within
from ratings.rules.periods import add_months, months_of

#: Most months that are compared.
MONTHS: Final = 12
#: Seconds. Not for long: of two that write at once, the later one to end may have the smaller numbers, which
#: :func:`_stamp` does not see.
_KEPT: Final = 3600
_Int64 = NDArray[np.int64]


def default_start() -> date | None:
    """1 January after the first published period ended; None before anything is published."""
    found = rows("SELECT min(period_end) FROM ratings_ratingperiod WHERE published_at IS NOT NULL", {})
    end: date | None = found[0][0]
    return date(end.year + 1, 1, 1) if end else None


def paid_until() -> date | None:
    """The newest month with a live payment, in whatever district."""
    return max(paid_by_month(), default=None)


def months_after(start: date, last: date | None) -> int:
    """How many months from the start can be compared: those up to the newest payment, at most twelve."""
    if last is None or last < start:
        return 0
    return min(MONTHS, (last.year - start.year) * 12 + last.month - start.month + 1)


@dataclass(frozen=True, slots=True)
class Growth:
    """Payments of a span of months and of the same months a year earlier.

    ``growth`` is of all that was paid, whoever was designated; ``comparable`` of pharmacies with
    payments above zero in both spans only; ``median`` is the middle one of these pharmacies' own
    growths. Ratios: 0.2 = 20 %; None where there is nothing to compare.
    """

    first: date
    months: int
    paid: int
    paid_before: int
    growth: float | None
    compared: int
    comparable: float | None
    median: float | None


def payments(start: date, districts: Districts = None) -> tuple[Growth, Growth] | None:
    """(before, after) the start, over the same calendar months; None where no month can be compared."""
    months = months_after(start, paid_until())
    if not months:
        return None
    key = f"insight:growth:{start}:{months}:{place_of(districts)}:{_stamp()}"
    known: tuple[Growth, Growth] | None = cache.get(key)
    if known is None:
        earlier, before, after = _per_pharmacy(start, months, districts)
        known = (
            _growth(add_months(start, -12), months, before, earlier),
            _growth(start, months, after, before),
        )
        cache.set(key, known, _KEPT)
    return known


def _growth(first: date, months: int, paid: _Int64, base: _Int64) -> Growth:
    both = (paid > 0) & (base > 0)
    total, total_before = int(paid.sum()), int(base.sum())
    same, same_before = int(paid[both].sum()), int(base[both].sum())
    own = paid[both] / base[both] - 1
    return Growth(
        first=first,
        months=months,
        paid=total,
        paid_before=total_before,
        growth=total / total_before - 1 if total_before > 0 else None,
        compared=int(both.sum()),
        comparable=same / same_before - 1 if same_before > 0 else None,
        median=float(np.median(own)) if len(own) else None,
    )


def _stamp() -> str:
    """Changes whenever a payment, or a pharmacy's entry in the registry, is added or voided."""
    found = rows(
        """SELECT (SELECT max(id) FROM ratings_fundpayment),
                  (SELECT count(*) FROM ratings_fundpayment WHERE voided_at IS NOT NULL),
                  (SELECT max(id) FROM ratings_pharmacyversion)""",
        {},
    )
    return "-".join(map(str, found[0]))


#: Live payments in a district. The large table is joined with nothing where all districts are asked for.
_LIVE: Final = f"""
    FROM ratings_fundpayment f WHERE f.voided_at IS NULL AND (
        %(districts)s::int[] IS NULL
        OR f.pharmacy_id IN (SELECT p.id FROM ratings_pharmacy p WHERE {within("p.district_id")})
    )
"""


def _per_pharmacy(start: date, months: int, districts: Districts) -> tuple[_Int64, _Int64, _Int64]:
    """What each pharmacy was paid in the same months of the three years, the earliest first; one pass."""
    spans = [(add_months(start, -12 * back), add_months(start, months - 12 * back)) for back in (2, 1, 0)]
    sums = ", ".join(
        f"coalesce(sum(f.amount_fen) FILTER (WHERE f.month >= '{first}' AND f.month < '{last}'), 0)::int8"
        for first, last in spans
    )
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Workers would each keep sums of nearly every pharmacy and hand them all over: that takes longer.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        found = read_columns(
            f"SELECT {sums} {_LIVE} AND f.month >= %(first)s AND f.month < %(last)s GROUP BY f.pharmacy_id",
            {"first": spans[0][0], "last": spans[-1][1], "districts": codes(districts)},
            {"earlier": "i8", "before": "i8", "after": "i8"},
        )
    return found["earlier"], found["before"], found["after"]


def paid_by_month(districts: Districts = None) -> dict[date, int]:
    """All payments of each month, fen; months without any are left out."""
    key = f"insight:paid:{place_of(districts)}:{_stamp()}"
    known: dict[date, int] | None = cache.get(key)
    if known is None:
        found = rows(
            f"SELECT f.month, sum(f.amount_fen)::int8 {_LIVE} GROUP BY 1 ORDER BY 1",
            {"districts": codes(districts)},
        )
        known = dict(found)
        cache.set(key, known, _KEPT)
    return known


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints received in one month: all, about fraud, and those of each that were found true by now."""

    received: int = 0
    fraud: int = 0
    verified: int = 0
    fraud_verified: int = 0

    def __add__(self, other: "Complaints") -> "Complaints":
        return Complaints(
            self.received + other.received,
            self.fraud + other.fraud,
            self.verified + other.verified,
            self.fraud_verified + other.fraud_verified,
        )


def complaints_by_month(districts: Districts = None) -> dict[date, Complaints]:
    """By the month of receipt; live rows, without those not accepted."""
    found = rows(
        f"""
        SELECT date_trunc('month', c.occurred_on)::date, count(*),
               count(*) FILTER (WHERE c.topic = 'FRAUD'), count(*) FILTER (WHERE c.finding = 'VERIFIED'),
               count(*) FILTER (WHERE c.topic = 'FRAUD' AND c.finding = 'VERIFIED')
        FROM ratings_complaint c JOIN ratings_pharmacy p ON p.id = c.pharmacy_id
        WHERE c.voided_at IS NULL AND c.state <> 'NOT_ACCEPTED' AND {within("p.district_id")}
        GROUP BY 1 ORDER BY 1
        """,
        {"districts": codes(districts)},
    )
    return {month: Complaints(*counts) for month, *counts in found}


def quarters(months: Sequence[date]) -> list[date]:
    """The first days of the quarters from the first to the last of ``months``."""
    if not months:
        return []
    first, last = quarter_of(min(months)), quarter_of(max(months))
    return list(months_of(first, (last.year - first.year) * 12 + last.month - first.month + 1))[::3]


def quarter_of(day: date) -> date:
    """The first day of a day's quarter."""
    return date(day.year, day.month - (day.month - 1) % 3, 1)


def quarter_name(quarter: date) -> str:
    """Short, for axes: 2025Q3."""
    return f"{quarter.year}Q{(quarter.month + 2) // 3}"


def in_span(counts: dict[date, Complaints], first: date, months: int) -> Complaints:
    """All complaints received in ``months`` months from ``first`` (a first day of a month)."""
    last = add_months(first, months)
    return sum((found for month, found in counts.items() if first <= month < last), Complaints())


def quarterly_growth(paid: dict[date, int]) -> dict[date, float | None]:
    """Of each quarter over the same one of the year before; None where either is not whole or not positive."""
    made: dict[date, float | None] = {}
    for quarter in quarters(list(paid)):
        now = _whole(paid, quarter)
        before = _whole(paid, add_months(quarter, -12))
        made[quarter] = now / before - 1 if now is not None and before is not None and before > 0 else None
    return made


def _whole(paid: dict[date, int], quarter: date) -> int | None:
    amounts: list[Any] = [paid.get(month) for month in months_of(quarter, 3)]
    return None if None in amounts else sum(amounts)
