"""The shape of what banks report: each line read strictly, all that is wrong told by its path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeGuard

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Text
from applications.bank_loans.models import LoanEvent

#: How many events one report may hold.
MAX_EVENTS: Final = 10_000
#: Of one event, fen; a hundred times the largest credit line known.
MAX_FEN: Final = 10**14
#: Numbers that a bank gives to its loans and events.
NUMBER: Final = re.compile(r"[0-9A-Za-z._:/-]{1,60}")
CODE: Final = re.compile(r"P[1-9][0-9]{10}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NEEDED: Final = ("event_no", "loan_no", "kind", "code", "on", "amount_fen")
KINDS: Final = tuple(LoanEvent.Kind.values)


class BadFeedback(Exception):
    """A report that is not taken in; nothing of it was. ``faults`` are (path, text)."""

    def __init__(self, faults: list[tuple[str, Text]]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Line:
    """One event as reported; ``place`` counts from 0, as in the path of its faults."""

    place: int
    event_no: str
    loan_no: str
    kind: str
    code: str
    on: date
    amount_fen: int
    #: event_no of what a reversal takes back, "" for other kinds
    reverses: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report whose shape is right and whose control totals agree."""

    rows: int
    total_fen: int
    lines: list[Line]


def read_report(content: dict[str, Any], today: date) -> Report:
    """Read ``{"rows", "total_fen", "events": [...]}``. Raises BadFeedback with all that is wrong."""
    faults: list[tuple[str, Text]] = [
        (name, _("没有这个字段。")) for name in content.keys() - {"rows", "total_fen", "events"}
    ]
    faults += [(name, _("须为整数。")) for name in ("rows", "total_fen") if not _is_whole(content.get(name))]
    events = content.get("events")
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        faults.append(("events", format_lazy(_("须为 1 至 {most} 个事项的数组。"), most=MAX_EVENTS)))
        raise BadFeedback(faults)
    lines = [_line(place, event, today, faults) for place, event in enumerate(events)]
    if faults:
        raise BadFeedback(faults)
    whole = [line for line in lines if line is not None]
    total = sum(line.amount_fen for line in whole)
    for name, found in (("rows", len(whole)), ("total_fen", total)):
        if content[name] != found:
            text = _("控制总数不符：所报为 {given}，按各行计算为 {found}。")
            faults.append((name, format_lazy(text, given=content[name], found=found)))
    if faults:
        raise BadFeedback(faults)
    return Report(content["rows"], total, whole)


def _line(place: int, event: Any, today: date, faults: list[tuple[str, Text]]) -> Line | None:
    """The line, or what is wrong with it added to ``faults``."""
    before = len(faults)

    def wrong(name: str, text: Text) -> None:
        faults.append((f"events.{place}.{name}" if name else f"events.{place}", text))

    if not isinstance(event, dict):
        wrong("", _("须为 JSON 对象（花括号括起）。"))
        return None
    for name in event.keys() - {*_NEEDED, "reverses"}:
        wrong(name, _("没有这个字段。"))
    for name in _NEEDED:
        if name not in event:
            wrong(name, _("缺少这个字段。"))
    for name, right, text in _FIELDS:
        if name in event and not right(event[name]):
            wrong(name, text)
    kind, amount = event.get("kind"), event.get("amount_fen")
    least = 0 if kind == LoanEvent.Kind.OVERDUE else 1
    if _is_whole(amount) and not least <= amount <= MAX_FEN:
        text = _("金额以分为单位，须在 {least} 与 {most} 之间。")
        wrong("amount_fen", format_lazy(text, least=least, most=MAX_FEN))
    on = _day(event.get("on"))
    if on is not None and on > today:
        wrong("on", _("日期不得晚于今天。"))
    if kind == LoanEvent.Kind.REVERSED:
        if not _is_number(event.get("reverses")):
            wrong("reverses", _("冲正须写明所冲事项的 event_no。"))
    elif event.get("reverses") not in (None, ""):
        wrong("reverses", _("只有冲正才有这个字段。"))
    if len(faults) > before or on is None:
        return None
    values = {name: event[name] for name in _NEEDED}
    return Line(place, **{**values, "on": on}, reverses=event.get("reverses") or "")


def _is_whole(value: Any) -> TypeGuard[int]:
    """A whole number as such: no decimal point, no quotation marks, no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and NUMBER.fullmatch(value) is not None


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


_FIELDS: Final[tuple[tuple[str, Callable[[Any], bool], Text], ...]] = (
    ("event_no", _is_number, _("须为 1 至 60 个字母、数字或 . _ : / - 。")),
    ("loan_no", _is_number, _("须为 1 至 60 个字母、数字或 . _ : / - 。")),
    (
        "kind",
        lambda value: isinstance(value, str) and value in KINDS,
        format_lazy(_("须为 {kinds} 之一。"), kinds="、".join(KINDS)),
    ),
    (
        "code",
        lambda value: isinstance(value, str) and CODE.fullmatch(value) is not None,
        _("定点编码为 P 加十一位数字。"),
    ),
    ("on", lambda value: _day(value) is not None, _("日期须写成 2026-01-31。")),
    ("amount_fen", _is_whole, _("金额须为整数，以分为单位，不带小数点和引号。")),
)
