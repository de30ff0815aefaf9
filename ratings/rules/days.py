"""Calendar arithmetic over columns of days since 1970-01-01."""

from datetime import date, timedelta
from typing import Final

import numpy as np

from ratings.rules.columns import Int32, Int64
from ratings.rules.periods import is_month_end

_EPOCH: Final = date(1970, 1, 1)
_MANY: Final = 10_000


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The day with this number."""
    return _EPOCH + timedelta(days=int(number))


def whole_months(days: Int32, last: date) -> Int64:
    """Whole months from each day to ``last``, 0 where it comes later.

    The same reckoning as ``periods.whole_months_between``: a month is complete on the day of
    the same number, or on the last day of a month without one (民法典第二百零二条).
    """
    if len(days) > _MANY:
        # Reckoned once for each day between the first and the last, then looked up.
        held = np.minimum(days, day_number(last))
        first = int(held.min())
        if day_number(last) - first < len(days):
            every = np.arange(first, day_number(last) + 1, dtype=np.int32)
            found: Int64 = _whole_months(every, last)[held - first]
            return found
    return _whole_months(days, last)


def _whole_months(days: Int32, last: date) -> Int64:
    moments = days.astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    of_month = (moments - months.astype("datetime64[D]")).astype(np.int64) + 1
    last_month = (last.year - 1970) * 12 + last.month - 1
    to_come = np.zeros(len(days), np.int64) if is_month_end(last) else (of_month > last.day).astype(np.int64)
    between: Int64 = last_month - months.astype(np.int64) - to_come
    return np.maximum(between, 0)
