"""Numbers, days and states in plain words, in the language of the moment."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils.dateformat import format as format_day
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

#: Why a grade was published, by ``ratings.published.EVENTS``.
EVENTS: Final = {
    "PERIODIC": gettext_lazy("定期评价"),
    "INTERIM": gettext_lazy("期间变动"),
    "CORRECTION": gettext_lazy("更正"),
    "REPAIR": gettext_lazy("信用修复"),
    "WITHDRAWAL": gettext_lazy("撤回"),
}
_PERIOD: Final = re.compile(r"(\d{4})(?:(H[12]|Q[1-4])|-(\d\d))?")
_PART: Final = {
    None: gettext_lazy("{year}年"),
    "H1": gettext_lazy("{year}年上半年"),
    "H2": gettext_lazy("{year}年下半年"),
    "Q1": gettext_lazy("{year}年第一季度"),
    "Q2": gettext_lazy("{year}年第二季度"),
    "Q3": gettext_lazy("{year}年第三季度"),
    "Q4": gettext_lazy("{year}年第四季度"),
}


def day_words(day: date) -> str:
    """``2026年7月27日``."""
    return format_day(day, gettext("Y年n月j日"))


def last_day_words(until: date) -> str:
    """The last day before one on which something holds no more."""
    return day_words(until - timedelta(days=1))


def validity_words(start: date, until: date | None) -> str:
    """``2026年7月27日至2027年7月26日``, both days included; ``until`` is the first day without."""
    if until is None:
        return gettext("{first}起").format(first=day_words(start))
    return gettext("{first}至{last}").format(first=day_words(start), last=last_day_words(until))


def period_words(period: str) -> str:
    """A rating period, written 2025, 2025H1, 2025Q3 or 2025-07, in words; any other text as it is."""
    found = _PERIOD.fullmatch(period)
    if not found:
        return period
    year, part, month = found.groups()
    if month:
        return format_day(date(int(year), int(month), 1), gettext("Y年n月"))
    return str(format_lazy(_PART[part], year=year))


def score_words(thousandths: int) -> str:
    """``95.5``: a score without needless zeros."""
    return f"{Decimal(thousandths).scaleb(-3).normalize():f}"
