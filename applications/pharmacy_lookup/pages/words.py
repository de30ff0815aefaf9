"""Numbers, days and states in plain words, in the language of the moment."""

import math
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils.dateformat import format as format_day
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from applications.pharmacy_lookup.finder import Service

#: Why a grade was published, by ``ratings.published.EVENTS``.
EVENTS: Final = {
    "PERIODIC": gettext_lazy("定期评价"),
    "INTERIM": gettext_lazy("期间变动"),
    "CORRECTION": gettext_lazy("更正"),
    "REPAIR": gettext_lazy("信用修复"),
    "WITHDRAWAL": gettext_lazy("撤回"),
}
#: Whether one can pay by insurance there.
SERVICES: Final = {
    Service.IN_SERVICE: gettext_lazy("正常服务"),
    Service.SUSPENDED: gettext_lazy("暂停医保服务"),
    Service.ENDED: gettext_lazy("已不再定点"),
    Service.NOT_YET: gettext_lazy("尚未开始定点"),
}
#: What a fault of a query is about, by parameter.
PARAMETERS: Final = {
    "near": gettext_lazy("位置"),
    "datum": gettext_lazy("坐标系"),
    "radius": gettext_lazy("范围"),
    "grade": gettext_lazy("等级"),
    "service": gettext_lazy("服务状态"),
    "district": gettext_lazy("区县"),
    "street": gettext_lazy("街道（乡镇）"),
    "q": gettext_lazy("名称或地址"),
    "ordering": gettext_lazy("排序"),
    "cursor": gettext_lazy("翻页"),
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


def distance_words(metres: float) -> str:
    """``850 米`` or ``1.2 公里``; nothing is nearer than 10 metres."""
    rounded = max(10, round(metres, -1))
    if rounded < 1000:
        return gettext("{metres} 米").format(metres=f"{rounded:.0f}")
    return gettext("{kilometres} 公里").format(kilometres=f"{metres / 1000:.1f}")


def beyond_words(metres: float) -> str:
    """A distance that was too far, rounded up to 10 metres: never within the limit that it exceeds."""
    up = math.ceil(metres / 10) * 10
    if up < 1000:
        return gettext("{metres} 米").format(metres=up)
    return gettext("{kilometres} 公里").format(kilometres=f"{up / 1000:g}")


def radius_words(metres: int) -> str:
    """A round distance: ``500 米``, ``2 公里``, ``1.5 公里``."""
    if metres < 1000:
        return gettext("{metres} 米").format(metres=metres)
    return gettext("{kilometres} 公里").format(kilometres=f"{metres / 1000:g}")


def score_words(thousandths: int) -> str:
    """``95.5``: a score without needless zeros."""
    return f"{Decimal(thousandths).scaleb(-3).normalize():f}"
