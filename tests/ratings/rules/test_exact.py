"""Whole-number arithmetic and calendar columns against the standard library's own."""

from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.rules.days import day_number, day_of, whole_months
from ratings.rules.exact import Rounding, decimal_text, divide, places_of, to_step
from ratings.rules.periods import Period, whole_months_between

MODES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}


def test_every_mode_is_tested() -> None:
    assert set(MODES) == set(get_args(Rounding))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("half_up", [-2, -2, -1, -1, 0, 1, 1, 2, 2]),
        ("half_even", [-2, -2, -1, 0, 0, 0, 1, 2, 2]),
        ("down", [-2, -1, -1, 0, 0, 0, 1, 1, 2]),
        ("up", [-2, -2, -1, -1, 0, 1, 1, 2, 2]),
    ],
)
def test_halves(mode: Rounding, expected: list[int]) -> None:
    assert divide(np.arange(-4, 5), 2, mode).tolist() == expected


@pytest.mark.parametrize("mode", MODES)
@given(st.lists(st.integers(-(10**15), 10**15), min_size=1), st.integers(1, 10**6))
def test_divide_is_as_decimal_rounds(mode: Rounding, tops: list[int], bottom: int) -> None:
    # The quotient has at most 22 digits before the rest decides: 60 digits tell ties apart.
    expected = []
    for top in tops:
        exact, rest = divmod(abs(top) * 10**20, bottom)
        number = Decimal(exact).scaleb(-20) + (Decimal("1e-21") if rest else 0)
        number = number.copy_sign(Decimal(top)) if top else Decimal(0)
        expected.append(int(number.quantize(Decimal(1), rounding=MODES[mode])))
    assert divide(np.array(tops), bottom, mode).tolist() == expected


@pytest.mark.parametrize("mode", MODES)
@given(st.integers(-(10**9), 10**9), st.integers(1, 10**4))
def test_rounding_never_turns_more_into_less(mode: Rounding, top: int, bottom: int) -> None:
    lower, upper = divide(np.array([top, top + 1]), bottom, mode)
    assert lower <= upper


def test_to_step() -> None:
    # 94.75 points in ten-millionths, to a tenth of a point.
    assert to_step(np.array([947_500_000, 947_499_999]), 10_000, 100, "half_up").tolist() == [94_800, 94_700]
    # 82.5 and 87.5 to steps of five points.
    assert to_step(np.array([825_000_000, 875_000_000]), 10_000, 5000, "half_even").tolist() == [
        80_000,
        90_000,
    ]


@pytest.mark.parametrize(
    ("value", "unit", "places", "text"),
    [
        (95_500, 1000, 0, "95.5"),
        (95_000, 1000, 1, "95.0"),
        (-250, 1000, 0, "-0.25"),
        (0, 1000, 0, "0"),
        (1, 1000, 0, "0.001"),
        (1001, 10_000, 0, "0.1001"),
        (-123_456, 100, 0, "-1234.56"),
    ],
)
def test_decimal_text(value: int, unit: int, places: int, text: str) -> None:
    assert decimal_text(value, unit, places) == text


@given(st.integers(-(10**12), 10**12))
def test_decimal_text_loses_nothing(value: int) -> None:
    assert Decimal(decimal_text(value)) * 1000 == value


@pytest.mark.parametrize(("step", "places"), [(5000, 0), (1000, 0), (500, 1), (100, 1), (250, 2), (1, 3)])
def test_places_of(step: int, places: int) -> None:
    assert places_of(step) == places


@given(
    st.lists(st.dates(date(1990, 1, 1), date(2040, 12, 31)), min_size=1),
    st.dates(date(2000, 1, 1), date(2039, 12, 31)),
)
def test_whole_months_as_for_single_days(days: list[date], last: date) -> None:
    column = np.array([day_number(day) for day in days], dtype=np.int32)
    expected = [max(0, whole_months_between(day, last)) for day in days]
    assert whole_months(column, last).tolist() == expected


def test_whole_months_of_many_days() -> None:
    """Long columns are looked up; days after the last one, and of long ago, among them."""
    last = date(2025, 2, 28)
    few = np.array([day_number(date(2001, 1, 31)), day_number(last) + 5, 2**31 - 1, -40_000], np.int32)
    near = np.arange(day_number(date(2003, 1, 1)), day_number(date(2025, 6, 1)), dtype=np.int32)
    for many in (np.tile(near, 3), np.concatenate([np.tile(near, 3), few])):
        found = whole_months(many, last)
        for part in range(0, len(many), 5000):
            assert (found[part : part + 5000] == whole_months(many[part : part + 5000], last)).all()


def test_days_there_and_back() -> None:
    for offset in range(0, 40_000, 37):
        day = date(1970, 1, 1) + timedelta(days=offset)
        assert day_number(day) == offset
        assert day_of(offset) == day


@pytest.mark.parametrize(
    ("earlier", "later", "months"),
    [
        (date(2025, 1, 15), date(2025, 2, 14), 0),
        (date(2025, 1, 15), date(2025, 2, 15), 1),
        (date(2025, 8, 31), date(2026, 2, 27), 5),
        (date(2025, 8, 31), date(2026, 2, 28), 6),
        (date(2025, 8, 29), date(2026, 2, 28), 6),
        (date(2025, 12, 31), date(2026, 6, 29), 5),
        (date(2025, 12, 31), date(2026, 6, 30), 6),
        (date(2024, 2, 29), date(2026, 2, 27), 23),
        (date(2024, 2, 29), date(2026, 2, 28), 24),
        (date(2024, 2, 28), date(2024, 3, 27), 0),
        (date(2025, 7, 1), date(2025, 12, 31), 5),
        (date(2025, 6, 30), date(2025, 12, 31), 6),
    ],
)
def test_a_month_is_complete_on_its_day_or_at_the_months_end(earlier: date, later: date, months: int) -> None:
    assert whole_months_between(earlier, later) == months
    assert whole_months(np.array([day_number(earlier)], np.int32), later).tolist() == [max(0, months)]


def test_periods_are_written_with_plain_digits() -> None:
    with pytest.raises(ValueError, match="无法识别"):
        Period.parse("20２５")
