"""What is done about one record: each act with who may, and its form. ``site`` is the records' admin."""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit import records
from applications.enterprise_credit.admin import record_forms
from applications.enterprise_credit.admin.record_filters import catalogue
from applications.enterprise_credit.models import CreditRecord
from applications.enterprise_credit.rules.catalogue import RecordType
from applications.enterprise_credit.viewing import Viewer
from ratings.admin import asking, show
from ratings.services.audit import Actor

Match = CreditRecord.Match


class ReasonForm(forms.Form):
    """Why."""

    reason = asking.line("理由", most=300, help_text="写明依据；记入操作记录")


class ObjectionForm(forms.Form):
    """What the enterprise objects to, since when."""

    on = asking.day("异议提出日")
    text = asking.reason(
        "异议说明", "企业认为哪里不对；查询时只显示异议处理中，说明只给本部门和信用信息管理员看"
    )


def said(row: CreditRecord, done: str) -> str:
    if row.match == Match.MATCHED:
        return f"{done}：{row.record_no}。"
    return f"{done}：{row.record_no}。{row.get_match_display()}，列入待匹配，匹配以前不公示、不计入。"


def _correct(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    who, record_type = _supplier(site, request, row)

    def do(values: dict[str, Any]) -> tuple[str, str]:
        made = records.correct(
            row,
            record_forms.row_of(record_type, values),
            reason=values["reason"],
            department=who.department,
            by=Actor.of(request),
        )
        return show.change_url(made), said(made, "已更正")

    form, initial = record_forms.correction_form(record_type), record_forms.initial_of(row)
    note = "更正另立新版本，原版本及原因留存。"
    back = show.change_url(row)
    return asking.ask(site, request, title, form, do, back=back, initial=initial, note=note)


def _withdraw(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    who, _ = _supplier(site, request, row)

    def do(values: dict[str, Any]) -> tuple[str, str]:
        records.withdraw(row, reason=values["reason"], department=who.department, by=Actor.of(request))
        return show.change_url(row), f"已撤销：{row.record_no}。"

    note = "撤销后不再公示、共享，也不再计入；记录本身留存，不能恢复，再报须注明撤销后重新报送。"
    return site.asked(request, row, title, ReasonForm, do, note=note, danger=True)


def _object(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    who, _ = _supplier(site, request, row)

    def do(values: dict[str, Any]) -> tuple[str, str]:
        records.mark_objection(
            row, values["text"], on=values["on"], department=who.department, by=Actor.of(request)
        )
        return show.change_url(row), "已标注异议。"

    return site.asked(request, row, title, ObjectionForm, do, initial={"on": timezone.localdate()})


def _lift(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    who, _ = _supplier(site, request, row)

    def do(values: dict[str, Any]) -> tuple[str, str]:
        records.lift_objection(row, values["reason"], department=who.department, by=Actor.of(request))
        return show.change_url(row), "已解除异议标注。"

    note = "异议处理完毕后解除标注；异议成立的，请先更正或撤销。"
    return site.asked(request, row, title, ReasonForm, do, note=note)


def _take(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    def do(values: dict[str, Any]) -> tuple[str, str]:
        records.take_as_that(row, reason=values["reason"], by=Actor.of(request))
        return show.change_url(row), "已认定为该代码的企业。"

    note = "名称不同而确是这个代码的企业（如更名以前的名称）时认定；认定后随即公示、计入。"
    return site.asked(request, row, title, ReasonForm, do, note=note)


def _register(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    def do(values: dict[str, Any]) -> tuple[str, str]:
        subject = records.register_subject(row, reason=values["reason"], by=Actor.of(request))
        return show.change_url(row), f"已登记{subject.name}，待匹配的同名信用信息随之匹配。"

    note = "没有定点药店的企业也可以登记为信用主体。请先核对代码和名称。"
    return site.asked(request, row, title, ReasonForm, do, note=note)


def _send_back(site: Any, request: HttpRequest, row: CreditRecord, title: str, style: str) -> HttpResponse:
    def do(values: dict[str, Any]) -> tuple[str, str]:
        records.send_back(row, reason=values["reason"], by=Actor.of(request))
        return reverse("admin:enterprise_credit_creditrecord_waiting"), f"已退回：{row.record_no}。"

    note = "退回即撤销；提供部门核对后须注明撤销后重新报送。"
    return site.asked(request, row, title, ReasonForm, do, note=note, danger=True)


def _supplier(site: Any, request: HttpRequest, row: CreditRecord) -> tuple[Viewer, RecordType]:
    who, record_type = site.own(request, row), catalogue(request).record_type(row.record_type)
    if who is None or record_type is None or record_type.department != who.department.key:
        raise PermissionDenied
    return who, record_type


def _may_change(site: Any, request: HttpRequest, row: CreditRecord) -> bool:
    known, who = catalogue(request).record_type(row.record_type), site.own(request, row)
    return known is not None and who is not None and known.department == who.department.key


def _may_match(site: Any, request: HttpRequest, row: CreditRecord) -> bool:
    return row.match != Match.MATCHED and site.may(request, "match_creditrecord")


_May = Callable[[Any, HttpRequest, CreditRecord], bool]
_Do = Callable[[Any, HttpRequest, CreditRecord, str, str], HttpResponse]
#: Of one record: name in the address, to title, look of its button, who may, and its page.
ACTS: Final[dict[str, tuple[str, str, _May, _Do]]] = {
    "take": (
        "认定为该企业", "cs-primary",
        lambda site, request, row: row.match == Match.NAME_DIFFERS and _may_match(site, request, row), _take,
    ),
    "register": (
        "登记企业", "cs-primary",
        lambda site, request, row: row.match == Match.NO_SUBJECT and _may_match(site, request, row), _register,
    ),
    "return": ("退回", "cs-danger-line", _may_match, _send_back),
    "correct": ("更正", "cs-primary", _may_change, _correct),
    "objection": (
        "标注异议", "",
        lambda site, request, row: row.objected_on is None and _may_change(site, request, row), _object,
    ),
    "lift": (
        "解除异议标注", "",
        lambda site, request, row: row.objected_on is not None and _may_change(site, request, row), _lift,
    ),
    "withdraw": ("撤销", "cs-danger-line", _may_change, _withdraw),
}  # fmt: skip
