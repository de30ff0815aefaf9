"""Rating periods: month, quarter, half-year, year. Pure Python, no clock.

A period is written ``2025``, ``2025H1``, ``2025Q3`` or ``2025-07``.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

_PATTERN = re.compile(
    r"(?P<year>20[0-9]{2})(?:H(?P<half>[12])|Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2]))?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """``months`` whole calendar months from the first day of ``first``."""

    code: str
    first: date
    months: int

    @classmethod
    def parse(cls, code: str) -> "Period":
        """The period written ``code``. Raises ValueError with the four forms allowed."""
        found = _PATTERN.fullmatch(code.strip().upper())
        if not found:
            raise ValueError(
                f"评价周期“{code}”无法识别：请写成 2025（年）、2025H1（半年）、2025Q3（季）或 2025-07（月）。"
            )
        year = int(found["year"])
        if found["half"]:
            month, months = 6 * int(found["half"]) - 5, 6
        elif found["quarter"]:
            month, months = 3 * int(found["quarter"]) - 2, 3
        elif found["month"]:
            month, months = int(found["month"]), 1
        else:
            month, months = 1, 12
        return cls(found[0], date(year, month, 1), months)

    @classmethod
    def ended_before(cls, day: date, months: int) -> "Period":
        """The latest period of 1, 3, 6 or 12 ``months`` that ended before ``day``."""
        number = (day.month - 1) // months
        year, number = (day.year, number) if number else (day.year - 1, 12 // months)
        return cls.parse(
            {12: f"{year}", 6: f"{year}H{number}", 3: f"{year}Q{number}"}.get(months, f"{year}-{number:02d}")
        )

    @classmethod
    def day(cls, day: date) -> "Period":
        """A single day without months: what applies at once, between two periods, is read as of it."""
        return cls(day.isoformat(), day + timedelta(days=1), 0)

    @property
    def last(self) -> date:
        """The last day; every age and tenure is reckoned to it."""
        return add_months(self.first, self.months) - timedelta(days=1)

    @property
    def previous_year(self) -> "Period":
        """The same months one year earlier."""
        year = self.first.year - 1
        return Period(f"{year}{self.code[4:]}", date(year, self.first.month, 1), self.months)

    @property
    def label(self) -> str:
        """The period in Chinese, for people."""
        year = self.first.year
        if self.months == 12:
            return f"{year}年"
        if self.months == 6:
            return f"{year}年{'上' if self.first.month == 1 else '下'}半年"
        if self.months == 3:
            return f"{year}年第{'一二三四'[self.first.month // 3]}季度"
        return f"{year}年{self.first.month}月"


def add_months(day: date, months: int) -> date:
    """``day`` moved by whole months; a day that the month lacks becomes its last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def months_of(first: date, count: int) -> list[date]:
    """The first days of ``count`` months from ``first``."""
    return [add_months(first, offset) for offset in range(count)]


def whole_months_between(earlier: date, later: date) -> int:
    """Complete months from ``earlier`` to ``later`` (negative when later comes first).

    A month is complete on the day of the same number, or on the month's last day where there
    is no such day (民法典第二百零二条): 15 January to 15 February is one, to 14 February
    none; 31 January to 28 February is one, to 27 February none.
    """
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    return months - (later.day < earlier.day and not is_month_end(later))


def is_month_end(day: date) -> bool:
    """Whether ``day`` is the last of its month."""
    return (day + timedelta(days=1)).day == 1
