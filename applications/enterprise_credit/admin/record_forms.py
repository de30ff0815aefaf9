"""Forms of one record, made from the fields of its type; what they give is a row as programs send it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from django import forms

from applications.enterprise_credit.models import CreditRecord
from applications.enterprise_credit.rules import fields
from applications.enterprise_credit.rules.catalogue import RecordField, RecordType
from ratings.admin import asking

#: Texts longer than this are typed into more than one line.
_ONE_LINE: Final = 200
_DATA: Final = "data_"
_OUTER: Final = (
    *("record_no", "social_credit_code", "name", "document_no"),
    *("decided_on", "valid_from", "valid_until"),
)


def new_form(record_type: RecordType) -> type[forms.Form]:
    """For a new record of a type."""
    number = asking.line("记录编号", most=fields.NUMBER_LENGTH, help_text="本部门自编，在这种信用信息中唯一")
    return _form({"record_no": number, **_outer(), **_inner(record_type)})


def correction_form(record_type: RecordType) -> type[forms.Form]:
    """For another version of a record, and why."""
    why = asking.line(
        "更正原因", most=fields.REASON_LENGTH, help_text="写明依据；随原版本保存，并记入操作记录"
    )
    return _form({**_outer(), **_inner(record_type), "reason": why})


def row_of(record_type: RecordType, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row that was filled in."""
    row: dict[str, Any] = {name: _plain(values.get(name)) for name in _OUTER}
    row["data"] = {
        field.key: value
        for field in record_type.fields
        if (value := _plain(values.get(f"{_DATA}{field.key}"))) not in (None, "")
    }
    return row


def initial_of(record: CreditRecord) -> dict[str, Any]:
    """What a form starts with for a record that is there."""
    outer = {"social_credit_code": record.uscc} | {
        name: getattr(record, name) for name in _OUTER if name != "social_credit_code"
    }
    return outer | {f"{_DATA}{key}": value for key, value in record.data.items()}


def _form(wanted: Mapping[str, forms.Field]) -> type[forms.Form]:
    return type("RecordForm", (forms.Form,), dict(wanted))


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value.strip() if isinstance(value, str) else value


def _outer() -> dict[str, forms.Field]:
    return {
        "social_credit_code": _code("统一社会信用代码", 18, help_text="十八位，照营业执照填写"),
        "name": asking.line("企业名称", most=fields.NAME_LENGTH),
        "document_no": asking.line("文书号", most=fields.DOCUMENT_LENGTH, required=False),
        "decided_on": asking.day("认定日期"),
        "valid_from": asking.day("生效日", required=False, help_text="不填即认定日期"),
        "valid_until": asking.day("失效日", required=False, help_text="自这一天起不再有效；不填＝未定"),
    }


class _Code(forms.CharField):
    """In capitals, without blanks."""

    def clean(self, value: Any) -> Any:
        return super().clean("".join(str(value or "").split()).upper())


def _code(label: str, most: int, **options: Any) -> _Code:
    return _Code(
        label=label,
        max_length=most,
        widget=forms.TextInput(attrs={"class": "cs-input"}),
        error_messages={"required": f"请填写{label}。"},
        **options,
    )


def _inner(record_type: RecordType) -> dict[str, forms.Field]:
    return {f"{_DATA}{field.key}": _OF_TYPE[field.type](field) for field in record_type.fields}


def _text(field: RecordField) -> forms.Field:
    made = asking.line(field.label, most=field.max_length, required=field.required)
    if field.max_length > _ONE_LINE:
        # One line of text however tall the box: line breaks are control characters.
        made.widget.attrs["size"] = "80"
    return made


def _whole(field: RecordField) -> forms.Field:
    return asking.whole(field.label, -fields.LARGEST, fields.LARGEST, required=field.required)


def _choice(field: RecordField) -> forms.Field:
    choices = [("", "请选择"), *((choice, choice) for choice in field.choices)]
    return asking.choice(field.label, choices=choices, required=field.required)


_OF_TYPE: Final[Mapping[str, Callable[[RecordField], forms.Field]]] = {
    "text": _text,
    "date": lambda field: asking.day(field.label, required=field.required),
    "amount_fen": lambda field: asking.Yuan(
        field.label, None, required=field.required, help_text="元，最多两位小数"
    ),
    "integer": _whole,
    "choice": _choice,
    "designated_code": lambda field: _code(
        field.label, 12, required=field.required, help_text="如 P33060200672"
    ),
}
