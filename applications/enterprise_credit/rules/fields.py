"""One record as departments' programs send it: what must hold of each field, and that as a JSON Schema.

``checker`` looks at values; whether a row has the members and JSON types that it may have is the intake's to say.
Texts are Chinese templates, marked for translation: they name field, value and remedy.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from applications.enterprise_credit.names import name_key
from applications.enterprise_credit.rules.catalogue import RecordField, RecordType
from ratings import codes

#: Of amounts in fen, and of other whole numbers, on both sides of zero: beyond is a mistake in the unit.
LARGEST: Final = 10**15
#: No record is older than the state whose departments keep them.
EARLIEST: Final = date(1949, 10, 1)
NUMBER_LENGTH, NAME_LENGTH, DOCUMENT_LENGTH, REASON_LENGTH = 80, 200, 120, 300
#: Control characters, and those that turn the direction of writing or cannot be seen.
UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_USCC: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_SHOWN: Final = 40
#: So many unknown members of a row are told of.
_MOST_UNKNOWN: Final = 10


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is told."""
    return text


MISSING: Final = _("“{label}”没有填写；请补上。")
UNKNOWN: Final = _("没有 {label} 这个字段；可用的有：{choices}。")
_NO_TEXT: Final = _("“{label}”的 {value} 不是文字；请用引号括起。")
_TOO_LONG: Final = _("“{label}”有 {length} 个字，最多 {most} 个字；请缩短。")
_UNSEEN: Final = _("“{label}”中有控制字符或看不见的字符；请删去。")
_NO_DAY: Final = _("“{label}”的 {value} 不是日期；请写成 2026-01-31。")
_FUTURE: Final = _("“{label}”的 {value} 晚于今天（{today}）；请核对日期。")
_TOO_EARLY: Final = _("“{label}”的 {value} 过早；最早为 {earliest}，请核对年份。")
_NO_WHOLE: Final = _("“{label}”的 {value} 不是整数；请写不带小数点和引号的整数。")
_NO_FEN: Final = _(
    "“{label}”的 {value} 不是以分为单位的整数；请写不带小数点和引号的整数，如 1234 元写 123400。"
)
_BEYOND: Final = _("“{label}”的 {value} 超出范围；须在 -{most} 与 {most} 之间，请核对单位。")
_NO_CHOICE: Final = _("“{label}”的 {value} 不是可选的内容；须为下列之一：{choices}。")
_NO_DESIGNATED: Final = _("“{label}”的 {value} 不是定点编码；须为 P 加十一位数字，如 P33060200672。")
_NO_USCC: Final = _(
    "“{label}”的 {value} 须为十八位数字或大写字母（不含 I、O、S、V、Z）；请对照营业执照核对。"
)
_MISTYPED: Final = _("“{label}”的 {value} 校验位不符，可能录错；请对照营业执照核对。")
_NO_NAME: Final = _("“{label}”的 {value} 中没有名称；请填写营业执照上的名称。")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row: where (path of members, "" = the row), a Chinese template, what fills it."""

    field: str
    text: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.text.format_map(self.values)


#: Gives the template of what is wrong with a value that is there, "" = nothing.
Check = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a row, or of its ``data``."""

    key: str
    label: str
    required: bool
    check: Check
    #: fills the templates, beside label and value
    limits: Mapping[str, object]
    #: JSON Schema
    schema: Mapping[str, object]
    path: str = ""

    def fault(self, value: object) -> Fault | None:
        """What is wrong with the member's value; None and "" are as if it were not there."""
        if value is None or value == "":
            return Fault(self.path or self.key, MISSING, {"label": self.label}) if self.required else None
        text = self.check(value)
        if not text:
            return None
        length = len(value) if isinstance(value, str) else 0
        said = {"label": self.label, "value": _shown(value), "length": length, **self.limits}
        return Fault(self.path or self.key, text, said)


def members(today: date) -> tuple[Member, ...]:
    """Those that all records have, on the day (Asia/Shanghai) that they arrive."""
    past = functools.partial(_day_member, latest=today)
    return (
        _text("record_no", "记录编号", NUMBER_LENGTH, required=True),
        Member(
            "social_credit_code",
            "统一社会信用代码",
            True,
            _uscc,
            {},
            {"type": "string", "pattern": f"^{_USCC.pattern}$"},
        ),
        Member(
            "name",
            "企业名称",
            True,
            _all(_text_check(NAME_LENGTH), lambda value: "" if name_key(value) else _NO_NAME),
            {"most": NAME_LENGTH},
            {"type": "string", "maxLength": NAME_LENGTH},
        ),
        _text("document_no", "文书号", DOCUMENT_LENGTH),
        past("decided_on", "认定日期", required=True),
        past("valid_from", "生效日"),
        _day_member("valid_until", "失效日"),
        _text("reason", "更正或撤销原因", REASON_LENGTH),
    )


@functools.lru_cache(maxsize=256)
def data_members(record_type: RecordType) -> tuple[Member, ...]:
    """Those of a type, below ``data``."""
    return tuple(_data_member(field) for field in record_type.fields)


def checker(record_type: RecordType, today: date) -> Callable[[Mapping[str, Any]], list[Fault]]:
    """A check of rows of this type that arrive on a day (Asia/Shanghai): all that is wrong, [] = nothing."""
    outer = members(today)
    inner = data_members(record_type)
    known = frozenset(member.key for member in inner)
    choices = "、".join(member.key for member in inner)

    # Flat, as it runs for every record of a call.
    of_row = [(member.key, member.required, member.check) for member in outer]
    of_data = [(member.key, member.required, member.check) for member in inner]

    def check(row: Mapping[str, Any]) -> list[Fault]:
        data = row.get("data") or {}
        for wanted, given in ((of_row, row), (of_data, data)):
            get = given.get
            for key, required, wrong in wanted:
                value = get(key)
                if required if value is None or value == "" else wrong(value):
                    return every(row, data)
        return every(row, data) if not data.keys() <= known else []

    def every(row: Mapping[str, Any], data: Mapping[str, Any]) -> list[Fault]:
        found = [fault for member in outer if (fault := member.fault(row.get(member.key)))]
        found += [fault for member in inner if (fault := member.fault(data.get(member.key)))]
        unknown = [key for key in data if key not in known][:_MOST_UNKNOWN]
        return found + [
            Fault(f"data.{plain(key)}", UNKNOWN, {"label": _shown(key), "choices": choices})
            for key in unknown
        ]

    return check


def json_schema(record_type: RecordType) -> dict[str, Any]:
    """One record of a type, for integrators (JSON Schema 2020-12)."""
    inner = data_members(record_type)
    outer = members(date.max)
    data: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {member.key: {**member.schema, "title": member.label} for member in inner},
        "required": [member.key for member in inner if member.required],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": record_type.title,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{member.key: {**member.schema, "title": member.label} for member in outer},
            "correction": {"type": "boolean", "title": "撤销后重新报送"},
            "data": data,
        },
        "required": [
            *(member.key for member in outer if member.required),
            *(["data"] if data["required"] else []),
        ],
    }


def plain(text: str, most: int = _SHOWN) -> str:
    """What was sent, fit to be told and kept: cut, and without characters that cannot be seen."""
    return UNSEEN.sub("?", text if len(text) <= most else f"{text[:most]}…")


def _shown(value: object) -> str:
    return f"“{plain(str(value))}”"


def _all(*checks: Check) -> Check:
    return lambda value: next((text for check in checks if (text := check(value))), "")


def _text_check(most: int) -> Check:
    def check(value: Any) -> str:
        if type(value) is not str:
            return _NO_TEXT
        if len(value) > most:
            return _TOO_LONG
        return _UNSEEN if UNSEEN.search(value) else ""

    return check


def _text(key: str, label: str, most: int, *, required: bool = False) -> Member:
    schema = {"type": "string", "maxLength": most}
    return Member(key, label, required, _text_check(most), {"most": most}, schema)


@functools.lru_cache(maxsize=50_000)
def _read_day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _day_check(latest: date) -> Check:
    def check(value: Any) -> str:
        day = _read_day(value) if type(value) is str else None
        if day is None:
            return _NO_DAY
        if day > latest:
            return _FUTURE
        return _TOO_EARLY if day < EARLIEST else ""

    return check


def _day_member(key: str, label: str, *, latest: date = date.max, required: bool = False) -> Member:
    limits = {"today": latest.isoformat(), "earliest": EARLIEST.isoformat()}
    return Member(key, label, required, _day_check(latest), limits, {"type": "string", "format": "date"})


def _uscc(value: Any) -> str:
    if type(value) is not str or not _USCC.fullmatch(value):
        return _NO_USCC
    return _MISTYPED if codes.uscc_problem(value) else ""


def _whole(kind: str) -> Check:
    def check(value: Any) -> str:
        if type(value) is not int:
            return kind
        return "" if -LARGEST <= value <= LARGEST else _BEYOND

    return check


def _designated(value: Any) -> str:
    return _NO_DESIGNATED if type(value) is not str or codes.designated_code_problem(value) else ""


def _data_member(field: RecordField) -> Member:
    check, limits, schema = _TYPES[field.type](field)
    return Member(field.key, field.label, field.required, check, limits, schema, f"data.{field.key}")


_Kind = tuple[Check, Mapping[str, object], Mapping[str, object]]


def _of_text(field: RecordField) -> _Kind:
    most = field.max_length
    return _text_check(most), {"most": most}, {"type": "string", "maxLength": most}


def _of_day(field: RecordField) -> _Kind:
    limits = {"earliest": EARLIEST.isoformat()}
    return _day_check(date.max), limits, {"type": "string", "format": "date"}


def _of_whole(kind: str) -> Callable[[RecordField], _Kind]:
    schema = {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST}
    return lambda field: (_whole(kind), {"most": LARGEST}, schema)


def _of_choice(field: RecordField) -> _Kind:
    choices = frozenset(field.choices)

    def check(value: Any) -> str:
        return "" if type(value) is str and value in choices else _NO_CHOICE

    return check, {"choices": "；".join(field.choices)}, {"type": "string", "enum": list(field.choices)}


def _of_designated(field: RecordField) -> _Kind:
    return _designated, {}, {"type": "string", "pattern": "^P[0-9]{11}$"}


_TYPES: Final[Mapping[str, Callable[[RecordField], _Kind]]] = {
    "text": _of_text,
    "date": _of_day,
    "amount_fen": _of_whole(_NO_FEN),
    "integer": _of_whole(_NO_WHOLE),
    "choice": _of_choice,
    "designated_code": _of_designated,
}
