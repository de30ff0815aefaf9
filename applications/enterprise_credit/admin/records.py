"""Records of departments (信用信息), their versions, and what is done about each; and those that wait (待匹配)."""

import re
from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from applications.enterprise_credit import records, words
from applications.enterprise_credit.admin import record_forms, record_words
from applications.enterprise_credit.admin.record_acts import ACTS, said
from applications.enterprise_credit.admin.record_filters import (
    StateFilter,
    TypeFilter,
    catalogue,
    chosen_type,
    supplied_types,
)
from applications.enterprise_credit.admin.scoping import DepartmentAdmin, viewer
from applications.enterprise_credit.matching import waiting
from applications.enterprise_credit.models import CreditRecord, CreditSubject, RecordBatch
from applications.enterprise_credit.rules.catalogue import RecordType, shown_fields
from applications.enterprise_credit.searching import search
from applications.enterprise_credit.viewing import Viewer
from ratings.admin import asking, show
from ratings.admin.exports import ExportAdmin
from ratings.services.audit import Actor

Match = CreditRecord.Match
_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
#: So many types are offered over the list; more are left to the filter.
_FEW_TYPES: Final = 12
#: Of the work list.
_PAGE: Final = 50


@admin.register(CreditRecord)
class CreditRecordAdmin(ExportAdmin, DepartmentAdmin):
    """Who may see and export: members of the supplying department, and who keeps the whole (without what is about
    natural persons), with the view permission. Fill in: add; correct, withdraw, mark objections: change, for records of
    the own department. Settle what waits: match, for the records that the user sees."""

    menu_order, menu_icon = 40, "description"
    menu_pages = (("待匹配", "person_search", "enterprise_credit_creditrecord_waiting"),)
    department_field = "batch__department"
    list_display = ("enterprise", "number", "decided", "holds")
    list_display_links = ("enterprise", "number")
    list_filter = (TypeFilter, StateFilter)
    list_select_related = ("subject",)
    list_before_template = "enterprise_credit/admin/shown_type.html"
    search_fields = ("record_no",)
    search_help_text = "统一社会信用代码、企业名称，或完整的记录编号"
    sortable_by = ()
    ordering = ("record_no", "id")

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("waiting/", self.waiting_view, "waiting"),
            *((f"<int:pk>/{name}/", self._act(name), name) for name in ACTS),
        )
        return own + super().get_urls()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list says of which type it is, and offers the others where they are few."""
        types, chosen = supplied_types(request), chosen_type(request)
        few = [
            {"key": one.key, "title": one.title, "chosen": one == chosen}
            for one in types
            if len(types) <= _FEW_TYPES
        ]
        shown = {"shown_types": few, "shown_type": _type_shown(request, chosen)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By code or by name of the enterprise, else by the whole number: each by an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        code = "".join(term.split()).upper()
        if _CODE.fullmatch(code):
            return queryset.filter(_about([code])), False
        found = [one.uscc for one in search(term).matches]
        return queryset.filter(_about(found) | Q(record_no=term)), False

    # new

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_creditrecord") and viewer(request) is not None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The type first, unless the department has one only or the list showed one."""
        who = viewer(request)
        if who is None or not self.has_add_permission(request):
            raise PermissionDenied
        types = supplied_types(request)
        wanted = [one for one in types if one.key == request.GET.get("type")] or types
        if len(wanted) != 1:
            links = [(one.title, f"?type={one.key}", one.clause) for one in types]
            return self.page(request, "enterprise_credit/admin/choose_type.html", "填报信用信息", types=links)
        (record_type,) = wanted

        def do(values: dict[str, Any]) -> tuple[str, str]:
            row = record_forms.row_of(record_type, values)
            made = records.fill_in(record_type, row, department=who.department, by=Actor.of(request))
            return show.change_url(made), said(made, "已填报")

        back = show.list_url(CreditRecord, type=record_type.key)
        title = f"填报{record_type.title}"
        form = record_forms.new_form(record_type)
        return asking.ask(self, request, title, form, do, back=back, button="填报")

    # one record

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What is recorded, its versions, and what may be done."""
        row: CreditRecord = self.visible_or_404(request, object_id)
        record_type = catalogue(request).record_type(row.record_type)
        return self.page(
            request,
            "enterprise_credit/admin/record.html",
            f"{record_type.title if record_type else row.record_type} {row.record_no}",
            facts=self._facts(request, row),
            content=record_words.content(row, record_type, self._department(request)),
            versions=self._versions(request, row),
            acts=[
                (title, reverse(f"admin:enterprise_credit_creditrecord_{name}", args=(row.pk,)), style)
                for name, (title, style, may, _) in ACTS.items()
                if row.voided_at is None and may(self, request, row)
            ],
        )

    def _facts(self, request: HttpRequest, row: CreditRecord) -> list[tuple[str, Any]]:
        facts: list[tuple[str, Any]] = [
            ("状态", _standing(request, row)),
            ("企业名称", row.name),
            ("统一社会信用代码", row.uscc),
        ]
        if row.match != Match.MATCHED and row.voided_at is None:
            known = CreditSubject.objects.filter(pk=row.uscc).values_list("name", flat=True).first()
            facts.append(("登记的名称", known or "没有这个代码的企业"))
        elif row.subject is not None and row.subject.name != row.name:
            facts.append(("登记的名称", row.subject.name))
        facts += [
            ("提供部门", row.batch.department.name),
            ("记录编号", row.record_no),
            ("文书号", row.document_no or "—"),
            ("认定日期", show.day(row.decided_on)),
            ("有效期", words.days(row.valid_from, row.valid_until)),
        ]
        if row.objected_on is not None:
            facts += [("异议提出日", show.day(row.objected_on)), ("异议内容", row.objection)]
        batch: Any = f"{row.batch.get_source_display()} #{row.batch_id}，第 {row.row} 条"
        if self.admin_site.get_model_admin(RecordBatch).has_view_permission(request):
            batch = show.link(show.row_url(RecordBatch, row.batch_id), batch)
        facts += [("记录", f"{row.recorded_by}，{show.moment(row.recorded_at)}"), ("批次", batch)]
        if row.voided_at is not None:
            facts += [
                (row.get_ending_display(), f"{row.voided_by}，{show.moment(row.voided_at)}"),
                ("理由", row.void_reason),
            ]
        return facts

    def _versions(self, request: HttpRequest, row: CreditRecord) -> dict[str, Any]:
        """All versions under the number, the newest first."""
        rows = CreditRecord.objects.filter(record_type=row.record_type, record_no=row.record_no)
        record_type, department = catalogue(request).record_type(row.record_type), self._department(request)
        shown = [
            (
                show.link(show.change_url(one), show.moment(one.recorded_at)) if one.pk != row.pk
                else show.badge("plain", f"{show.moment(one.recorded_at)}（本页）"),
                one.recorded_by,
                record_words.in_one_line(one, record_type, department) or "—",
                _standing(request, one),
                one.void_reason or "—",
            )
            for one in rows.order_by("-id")[:100]
        ]  # fmt: skip
        return show.table("版本", ("记录时间", "记录人", "内容", "状态", "终止原因"), shown)

    def _act(self, name: str) -> Callable[..., HttpResponse]:
        """The page of an act on one record."""
        title, style, may, do = ACTS[name]

        def view(request: HttpRequest, pk: int) -> HttpResponse:
            row: CreditRecord = self.visible_or_404(request, pk)
            if row.voided_at is not None or not may(self, request, row):
                raise PermissionDenied
            return do(self, request, row, title, style)

        return view

    # acts

    def own(self, request: HttpRequest, row: CreditRecord) -> Viewer | None:
        """The user as one of those who may change a record of their department."""
        who = viewer(request)
        if who is None or who.department.pk != row.batch.department_id:
            return None
        return who if self.may(request, "change_creditrecord") else None

    def asked(
        self,
        request: HttpRequest,
        row: CreditRecord,
        title: str,
        form: type[forms.Form],
        do: Callable[[dict[str, Any]], tuple[str, str]],
        **context: Any,
    ) -> HttpResponse:
        """A form over what is recorded."""
        summary = self._facts(request, row)[:8]
        context = {"back": show.change_url(row), "summary": summary, **context}
        return asking.ask(self, request, title, form, do, **context)

    # the work list

    def waiting_view(self, request: HttpRequest) -> HttpResponse:
        """Who may see: who sees records; those of the own department, or all."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mine = self.get_queryset(request).filter(pk__in=waiting().values("pk"))
        types = {one.key: one for one in supplied_types(request)}
        pages = Paginator(mine.order_by("record_type", "id"), _PAGE)
        page = pages.get_page(request.GET.get("page"))
        rows = list(page.object_list)
        names = dict(
            CreditSubject.objects.filter(pk__in=[row.uscc for row in rows]).values_list("uscc", "name")
        )
        return self.page(
            request,
            "enterprise_credit/admin/waiting.html",
            "待匹配的信用信息",
            page=page,
            total=pages.count,
            rows=[
                {
                    "url": show.change_url(row),
                    "name": row.name,
                    "uscc": row.uscc,
                    "known": names.get(row.uscc, ""),
                    "type": types[row.record_type].title if row.record_type in types else row.record_type,
                    "record_no": row.record_no,
                    "recorded": show.moment(row.recorded_at),
                    "why": row.get_match_display(),
                }
                for row in rows
            ],
        )

    # export

    def columns_for(self, request: HttpRequest) -> tuple[tuple[str, Any], ...]:
        """The content of the one type in columns of its own, of several in one."""
        department, titles = self._department(request), record_words.type_titles(catalogue(request))
        one = chosen_type(request)
        if one is None:
            known = catalogue(request)
            content: tuple[tuple[str, Any], ...] = (
                (
                    "内容",
                    lambda row: record_words.in_one_line(row, known.record_type(row.record_type), department),
                ),
            )
        else:
            content = tuple(
                (f"{field.label}（元）" if field.type == "amount_fen" else field.label, _cell(field.key, field.type))
                for field in shown_fields(one, department)
            )  # fmt: skip
        return (
            ("信用信息类型", lambda row: titles.get(row.record_type, row.record_type)),
            ("记录编号", lambda row: row.record_no),
            ("统一社会信用代码", lambda row: row.uscc),
            ("企业名称", lambda row: row.name),
            ("匹配", lambda row: row.get_match_display()),
            ("文书号", lambda row: row.document_no),
            ("认定日期", lambda row: row.decided_on),
            ("生效日", lambda row: row.valid_from),
            ("失效日", lambda row: row.valid_until),
            *content,
            ("异议说明", lambda row: row.objection),
            ("记录人", lambda row: row.recorded_by),
            ("记录时间", lambda row: row.recorded_at),
            ("终止方式", lambda row: row.get_ending_display()),
            ("终止时间", lambda row: row.voided_at),
            ("终止原因", lambda row: row.void_reason),
        )

    def _department(self, request: HttpRequest) -> str:
        """Of the user; "" for those who keep the whole, who see nothing of natural persons."""
        who = viewer(request)
        return who.department.key if who else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("batch__department", "subject")

    # columns

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """How a record stands depends on the catalogue, which is read once for all rows."""

        @display(description="状态")
        def state(row: CreditRecord) -> SafeString:
            return _standing(request, row)

        return (*self.list_display, state)

    @display(description="企业")
    def enterprise(self, row: CreditRecord) -> SafeString:
        return show.two_lines(row.name, row.uscc)

    @display(description="记录编号")
    def number(self, row: CreditRecord) -> SafeString:
        return show.two_lines(row.record_no, row.document_no or "无文书号")

    @display(description="认定日期")
    def decided(self, row: CreditRecord) -> str:
        return show.day(row.decided_on)

    @display(description="有效期")
    def holds(self, row: CreditRecord) -> str:
        return words.days(row.valid_from, row.valid_until)


def _standing(request: HttpRequest, row: CreditRecord) -> SafeString:
    return record_words.standing(row, catalogue(request).record_type(row.record_type), timezone.localdate())


def _type_shown(request: HttpRequest, chosen: RecordType | None) -> str:
    """Of which type the list is, with its department: several have penalties."""
    if chosen is None:
        return "所有信用信息类型"
    departments = {one.key: one.name for one in catalogue(request).departments}
    return f"{departments.get(chosen.department, chosen.department)}：{chosen.title}"


def _about(usccs: list[str]) -> Q:
    """Records of these enterprises: matched ones, and those that wait."""
    return Q(subject__in=usccs) | Q(uscc__in=usccs) & Q(voided_at=None) & ~Q(match=Match.MATCHED)


def _cell(key: str, kind: str) -> Callable[[CreditRecord], Any]:
    def cell(row: CreditRecord) -> Any:
        value = row.data.get(key)
        return show.yuan_number(value) if kind == "amount_fen" and isinstance(value, int) else value

    return cell
