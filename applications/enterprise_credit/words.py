"""How values, days and money are written for people, on pages and in files alike."""

import functools
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from applications.enterprise_credit.rules.catalogue import RecordField
from ratings.admin import show
from ratings.rules.exact import decimal_text

#: Of a pharmacy's place under the service agreement, as ``ratings.published.Entry`` has it.
SERVICES: Final = {
    "IN_SERVICE": "正常服务",
    "SUSPENDED": "暂停服务",
    "TERMINATED": "协议解除",
    "ENDED": "定点终止",
    "NOT_YET": "尚未定点",
}
OBJECTED: Final = "异议处理中"


#: A day in words; tables have the same days over and over.
day: Final = functools.lru_cache(maxsize=4_096)(show.day)


def value(field: RecordField, given: Any) -> str:
    """A field of a record as it is read: money in yuan, dates in words; "—" where there is nothing."""
    if given is None or given == "":
        return "—"
    if field.type == "amount_fen" and isinstance(given, int):
        return show.yuan(given)
    if field.type == "date" and isinstance(given, str):
        try:
            return day(date.fromisoformat(given))
        except ValueError:
            return given
    return str(given)


def days(first: date | None, end: date | None) -> str:
    """From which day to which; ``end`` is the first day on which it holds no more."""
    return f"{day(first)}起，{f'{day(end)}失效' if end else '失效日未定'}"


def points(thousandths: int | None) -> str:
    """A score: ``82.5 分``; "—" for none."""
    return "—" if thousandths is None else f"{decimal_text(thousandths)} 分"


def grade(shown: Mapping[str, Any] | None) -> str:
    """A published grade as one line: ``A 优秀（95.5 分）``, or why there is none."""
    if shown is None:
        return "尚未公布等级"
    if not shown["grade"]:
        return f"不予评级：{shown['reason']}"
    return f"{shown['grade']} {shown['label']}（{points(shown['score'])}）"


def rank(place: int, of: int) -> str:
    """``第 3 名 / 共 120 家``; "不参加排名" for 0."""
    return f"第 {place:,} 名 / 共 {of:,} 家" if place else "不参加排名"
