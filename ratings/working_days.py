"""Working days (工作日) in China: weekends, public holidays and make-up Saturdays and Sundays.

The State Council announces a year's calendar late in the year before. Days of a year that the
calendar does not know yet are taken by weekday, and answers that rest on them say so.
"""

from datetime import date, timedelta
from typing import NamedTuple

import chinese_calendar

_DAY = timedelta(days=1)
_SATURDAY = 5


class Workday(NamedTuple):
    """Whether a day is a working day; ``known`` is False where its calendar is not announced."""

    works: bool
    known: bool


class Deadline(NamedTuple):
    """The last day of a term; ``known`` is False where it passes days not announced yet."""

    day: date
    known: bool


def is_working_day(day: date) -> Workday:
    """Whether people work on ``day``."""
    try:
        return Workday(chinese_calendar.is_workday(day), True)
    except NotImplementedError:
        return Workday(day.weekday() < _SATURDAY, False)


def add_working_days(day: date, count: int) -> Deadline:
    """The ``count``-th working day after ``day``, which itself does not count (民法典第二百零一条).

    ``count`` 1 is the first working day after ``day``; 0 is ``day`` itself, working or not.
    Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError("a term has no negative length")
    known = True
    while count:
        day += _DAY
        works, announced = is_working_day(day)
        known &= announced
        count -= works
    return Deadline(day, known)


def working_days_between(start: date, end: date) -> int:
    """How many working days lie after ``start`` up to and including ``end``; negative if turned.

    So ``working_days_between(day, add_working_days(day, n).day) == n``.
    """
    if end < start:
        return -working_days_between(end, start)
    days = (end - start).days
    return sum(is_working_day(start + number * _DAY).works for number in range(1, days + 1))
