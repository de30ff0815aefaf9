"""The columns of a published list: what they mean, and how their values look in each kind of file.

A canonical line (PostgreSQL's COPY text) is what is hashed and signed. A value is text, or None for
\\N. Spreadsheet programs write numbers and dates their own way; :func:`restore` takes that back.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """What a column holds."""

    WHOLE = "integer"
    TEXT = "text"
    DAY = "date"


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name in files, its title and meaning for people, unit, and an example."""

    name: str
    kind: Kind
    title: str | Promise
    meaning: str | Promise
    unit: str | Promise
    example: str


FIELDS: Final = (
    Field("seq", Kind.WHOLE, _("序号"), _("在全部公布等级中的连续编号，不重复、不间断"), "", "1024"),
    Field(
        "code", Kind.TEXT, _("定点编码"), _("P 加 11 位数字，前 6 位为登记时的区县代码"), "", "P33060200001"
    ),
    Field("name", Kind.TEXT, _("药店名称"), _("发布时的登记名称"), "", "诚信大药房"),
    Field("district", Kind.WHOLE, _("区县代码"), _("评价时所属区县（GB/T 2260）"), "", "330602"),
    Field(
        "event",
        Kind.TEXT,
        _("种类"),
        _("PERIODIC 定期评价，INTERIM 期间变动，CORRECTION 更正，REPAIR 信用修复，WITHDRAWAL 撤回"),
        "",
        "PERIODIC",
    ),
    Field("period", Kind.TEXT, _("评价周期"), _("年、半年（H1、H2）、季度（Q1 至 Q4）或月"), "", "2025H2"),
    Field("scheme", Kind.TEXT, _("评价规则"), _("规则代码@版本"), "", "shaoxing-style@1"),
    Field("run", Kind.WHOLE, _("评价批次"), _("得出这一等级的计算批次"), "", "12"),
    Field("grade", Kind.TEXT, _("等级"), _("空＝没有等级，原因见 reason"), "", "A"),
    Field("grade_label", Kind.TEXT, _("等级名称"), _("等级在评价规则中的名称；空＝没有等级"), "", "优秀"),
    Field("position", Kind.WHOLE, _("等级序号"), _("0＝规则中最好的等级，依次加 1；-1＝没有等级"), "", "0"),
    Field("score", Kind.WHOLE, _("信用分"), _("95000 即 95 分；空＝没有等级"), _("千分之一分"), "95000"),
    Field("rank_district", Kind.WHOLE, _("区县排名"), _("1＝最好；0＝不排名"), _("名次"), "3"),
    Field("rank_city", Kind.WHOLE, _("全市排名"), _("1＝最好；0＝不排名"), _("名次"), "41"),
    Field("valid_from", Kind.DAY, _("生效日"), _("从这一天起有效（北京时间）"), _("日期"), "2026-02-10"),
    Field(
        "valid_until",
        Kind.DAY,
        _("失效日"),
        _("从这一天起不再有效；空＝到下一次公布为止。此前有新的公布，以新的为准"),
        _("日期"),
        "2027-02-10",
    ),
    Field("reason", Kind.TEXT, _("说明"), _("没有等级的原因，或调整的种类和依据的条款；空＝无"), "", ""),
)
KINDS: Final = {field.name: field.kind for field in FIELDS}

_ESCAPES: Final = {
    "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
}  # fmt: skip
_UNESCAPES: Final = {written[1]: char for char, written in _ESCAPES.items()}
_TO_ESCAPE: Final = str.maketrans(_ESCAPES)
_SPECIAL: Final = re.compile(r"[\b\f\n\r\t\v\\]")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
#: What spreadsheet programs take for a formula, full-width signs too; apostrophes before it are counted in,
#: so that putting one more there can be taken back.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_WHOLE: Final = re.compile(r"([+-]?[0-9]{1,30})(\.0{1,10})?")
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?( 0{1,2}:00(:00)?)?")
_SERIAL: Final = re.compile(r"[1-9][0-9]{4}")
#: Characters that a number or a day may be written with.
_LONGEST: Final = 40
#: Day 0 of spreadsheet programs.
_EPOCH: Final = date(1899, 12, 30)


def read_line(line: bytes) -> list[str | None]:
    """The values of a canonical line."""
    return [
        None if text == "\\N" else _ESCAPED.sub(_unescape, text) if "\\" in text else text
        for text in line.decode(errors="replace").split("\t")
    ]


def write_line(values: Iterable[str | None]) -> bytes:
    """The canonical line of some values."""
    written = (
        "\\N" if value is None else value.translate(_TO_ESCAPE) if _SPECIAL.search(value) else value
        for value in values
    )
    return "\t".join(written).encode(errors="replace")


def typed(columns: Sequence[str], values: Sequence[str | None]) -> list[str | int | None]:
    """Values with whole numbers as numbers, for files that tell them apart."""
    return [
        int(value) if value is not None and KINDS.get(name) is Kind.WHOLE else value
        for name, value in zip(columns, values, strict=True)
    ]


def cell(value: str | int | None) -> str | int | None:
    """A value as a spreadsheet's cell that no program runs as a formula; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def restore(name: str, given: Any) -> str | None:
    """The canonical value of column ``name`` that a file has as ``given``.

    What cannot be such a value is left as it is: it is then found to be altered.
    """
    kind = KINDS.get(name, Kind.TEXT)
    if kind is Kind.TEXT:
        return given if isinstance(given, str) else "" if given is None else str(given)
    if isinstance(given, datetime | date) and kind is Kind.DAY:
        return given.isoformat()[:10]
    text = "" if given is None else str(given).strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        return text
    return _whole(text) if kind is Kind.WHOLE else _day(text)


def restore_cell(name: str, given: Any) -> str | None:
    """The canonical value of a spreadsheet's cell, which :func:`cell` may have made harmless."""
    if isinstance(given, str) and given.startswith("'") and _FORMULA.match(given):
        given = given[1:]
    return restore(name, given)


def _whole(text: str) -> str:
    if text.isdecimal() and text[0] != "0" and text.isascii():
        return text
    found = _WHOLE.fullmatch(text)
    return str(int(found[1])) if found else text


@lru_cache(maxsize=4096)  # a list has few days
def _day(text: str) -> str:
    try:
        if found := _DAY.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
        if _SERIAL.fullmatch(_whole(text)):
            return (_EPOCH + timedelta(days=int(_whole(text)))).isoformat()
    except ValueError:
        pass
    return text


def _unescape(found: re.Match[str]) -> str:
    return _UNESCAPES.get(found[1], found[1])
