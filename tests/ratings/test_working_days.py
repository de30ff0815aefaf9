"""Working days against announced calendars, and where none is announced."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.working_days import add_working_days, is_working_day, working_days_between


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2020, 9, 27), True),  # Sunday, made up for National Day
        (date(2020, 9, 30), True),
        (date(2020, 10, 1), False),
        (date(2020, 10, 8), False),  # Thursday, still National Day week
        (date(2020, 10, 9), True),
        (date(2020, 10, 10), True),  # Saturday, made up
        (date(2020, 10, 11), False),
        (date(2025, 1, 26), True),  # Sunday, made up for Spring Festival
        (date(2025, 2, 4), False),
        (date(2025, 2, 8), True),  # Saturday, made up
    ],
)
def test_announced_days(day: date, works: bool) -> None:
    assert is_working_day(day) == (works, True)


@pytest.mark.parametrize(
    ("day", "count", "end"),
    [
        (date(2020, 9, 30), 0, date(2020, 9, 30)),
        (date(2020, 9, 30), 1, date(2020, 10, 9)),
        (date(2020, 9, 30), 2, date(2020, 10, 10)),
        (date(2020, 9, 30), 5, date(2020, 10, 14)),
        # Received on a day off: the first working day is the first after it.
        (date(2020, 10, 3), 1, date(2020, 10, 9)),
        (date(2020, 10, 3), 0, date(2020, 10, 3)),
        (date(2020, 9, 25), 1, date(2020, 9, 27)),
        (date(2019, 12, 31), 20, date(2020, 2, 5)),
    ],
)
def test_terms_with_announced_calendars(day: date, count: int, end: date) -> None:
    assert add_working_days(day, count) == (end, True)


def test_weekdays_with_a_remark_where_no_calendar_is_announced() -> None:
    assert is_working_day(date(2099, 10, 1)) == (True, False)  # a Thursday
    assert is_working_day(date(2099, 10, 3)) == (False, False)  # a Saturday
    assert add_working_days(date(2099, 9, 30), 3) == (date(2099, 10, 5), False)


def test_no_remark_before_the_unknown_days_begin() -> None:
    assert add_working_days(date(2025, 12, 26), 3).known
    assert add_working_days(date(2099, 12, 31), 0).known


def test_no_negative_terms() -> None:
    with pytest.raises(ValueError, match="negative"):
        add_working_days(date(2020, 1, 1), -1)


DAYS = st.dates(date(2019, 1, 1), date(2030, 12, 31))


@given(DAYS, st.integers(0, 60))
def test_counting_back_gives_the_term(day: date, count: int) -> None:
    end = add_working_days(day, count).day
    assert working_days_between(day, end) == count
    assert working_days_between(end, day) == -count
    if count:
        assert is_working_day(end).works
        assert working_days_between(day, end - timedelta(days=1)) == count - 1
