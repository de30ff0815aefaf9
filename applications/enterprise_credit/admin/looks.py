"""查询记录: who looked, when, why and at what; figures, use out of the ordinary, and answers to enterprises."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import tablib  # type: ignore[import-untyped]
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from applications.enterprise_credit import enquiries, look_figures, words
from applications.enterprise_credit.admin.scoping import (
    DepartmentAdmin,
    DepartmentFilter,
    PurposeFilter,
    sees_all_departments,
    viewer,
)
from applications.enterprise_credit.admin.tables import drawn
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.look_figures import Figures, Unusual
from applications.enterprise_credit.models import Assessment, Look
from applications.enterprise_credit.searching import is_whole_code
from ratings.admin import show
from ratings.admin.asking import SpanForm, line, reason
from ratings.admin.exports import ExportAdmin, SafeCSV, SafeXLSX
from ratings.services.audit import Actor, record

#: So many people and days out of the ordinary are listed, so many looks on the page of an enquiry.
_MOST_UNUSUAL: Final = 500
_MOST_TOLD: Final = 200
_FORMATS: Final[dict[str, Any]] = {"xlsx": SafeXLSX, "csv": SafeCSV}
_MARKS: Final = {"case": "无案号查询多", "night": "夜间查询", "outside": "查本区县以外多"}
_FIGURES: Final = (
    "部门", "月份", "查询次数", "企业数", "查询人数", "有案号", "无案号", "夜间", "本区县以外", "查无此企业", "网页和文件",
    "接口", "名单核查",
)  # fmt: skip


class EnquiryForm(forms.Form):
    """Which enterprise asks, and on what ground."""

    uscc = line("统一社会信用代码", most=18)
    reason = reason("申请情况", help_text="写明谁申请、怎样核实身份、受理号；写入告知书，并记入操作记录")

    def clean_uscc(self) -> str:
        given = str(self.cleaned_data["uscc"]).strip().upper()
        if not is_whole_code(given):
            raise forms.ValidationError(
                "统一社会信用代码为十八位数字或大写字母（不含 I、O、S、V、Z）；请核对。"
            )
        return given


class MarkFilter(DropdownFilter):
    """By what is marked."""

    title = "标记"
    parameter_name = "mark"
    _MARKED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
        "night": ("夜间", {"at_night": True}),
        "outside": ("本区县以外", {"outside": True}),
        "no_case": ("无案号", {"case_no": ""}),
        "not_found": ("查无此企业", {"found": False}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, title) for key, (title, _) in self._MARKED.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        found = self._MARKED.get(self.value() or "")
        return queryset.filter(**found[1]) if found else queryset


@admin.register(Look)
class LookAdmin(ExportAdmin, DepartmentAdmin):
    """Who may see: with the view permission, those who keep the whole all looks, members of a department their own.

    Figures, use out of the ordinary and enquiries of enterprises are for those who keep the whole.
    """

    menu_order, menu_icon = 60, "manage_search"
    actions_list = ("figures", "unusual", "enquiry")
    list_display = ("when", "who", "enterprise", "why", "form_shown", "marks")
    list_select_related = ("department", "client")
    list_filter = (
        DepartmentFilter, PurposeFilter, ("form", ChoicesDropdownFilter), MarkFilter,
        ("at", RangeDateTimeFilter),
    )  # fmt: skip
    list_filter_submit = True
    search_fields = ("uscc",)
    search_help_text = "统一社会信用代码，或查询人"
    ordering = ("-id",)
    sortable_by = ()
    export_columns = (
        ("时间", lambda row: row.at),
        ("部门", lambda row: row.department.name),
        ("查询人", enquiries.who),
        ("来源地址", lambda row: row.address),
        ("方式", lambda row: row.get_form_display()),
        ("用途", lambda row: row.purpose_title),
        ("案号或项目号", lambda row: row.case_no),
        ("统一社会信用代码", lambda row: row.uscc),
        ("企业名称", lambda row: row.name),
        ("有此企业", lambda row: row.found),
        ("夜间", lambda row: row.at_night),
        ("本区县以外", lambda row: row.outside),
        ("名单核查批次", lambda row: row.check_id),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """All, or one's own."""
        rows = super().get_queryset(request)
        who = viewer(request)
        return rows.filter(by=who.name, client=None) if who else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By whole code, by its index, or by who looked."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if is_whole_code(term):
            return queryset.filter(uscc="".join(term.split()).upper()), False
        return queryset.filter(by=term), False

    def has_whole_permission(self, request: HttpRequest) -> bool:
        """Whether the user keeps the whole."""
        return self.has_view_permission(request) and sees_all_departments(request)

    # one look

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One look, with what was shown in words."""
        row: Look = self.visible_or_404(request, object_id)
        titles = {one.key: one.title for one in catalogue_on(timezone.localdate()).record_types}
        shown = enquiries.what_was_shown(row, titles, _grades(row))
        client = row.client
        return self.page(
            request,
            "ratings/admin/desk/facts_page.html",
            f"查询记录 {row.pk}",
            facts=[
                ("时间", show.moment(row.at)),
                ("部门", row.department.name),
                ("查询人", f"{row.by}（接口客户端 {client.client_id}）" if client else row.by),
                ("来源地址", row.address or "—"),
                ("方式", row.get_form_display()),
                ("用途", row.purpose_title),
                ("案号或项目号", row.case_no or "无"),
                ("企业", show.two_lines(row.name or "查无此企业", row.uscc)),
                ("标记", _marks(row)),
                ("展示内容", "；".join(shown) or "无"),
            ],
        )

    # figures

    @action(description="统计", url_path="figures", permissions=["whole"])
    def figures(self, request: HttpRequest) -> HttpResponse:
        """Looks of each department, in all and by month; as a file too, on record."""
        form, found = self._span(request, days=365)
        context: dict[str, Any] = {"form": form}
        if found:
            rows = look_figures.figures(*found)
            chosen = request.GET.get("format", "")
            if chosen in _FORMATS:
                return self._file(request, chosen, rows, *found)
            whole = [one for one in rows if one.month is None]
            context |= {
                "tables": [
                    drawn("各部门", _without(1), [_without(1, _cells(one)) for one in whole]),
                    drawn("各部门各月", _FIGURES, [_cells(one) for one in rows if one.month is not None]),
                ],
                "files": [
                    (
                        f"?{urlencode({'start': str(found[0]), 'until': str(found[1]), 'format': name})}",
                        name.upper(),
                    )
                    for name in _FORMATS
                ],
                "note": "一份名单核查对名单上的每家企业各记一次。下载记入操作记录。",
            }
        return self.page(request, "enterprise_credit/admin/figures.html", "查询统计", **context)

    def _file(
        self, request: HttpRequest, chosen: str, rows: Sequence[Figures], start: date, until: date
    ) -> HttpResponse:
        made = _FORMATS[chosen]()
        dataset = tablib.Dataset(*map(_cells, rows), headers=_FIGURES)
        record(
            "导出", "查询统计", by=Actor.of(request), format=made.get_title(), rows=len(dataset), start=str(start),
            until=str(until),
        )  # fmt: skip
        answer = HttpResponse(made.export_data(dataset), content_type=made.get_content_type())
        answer["Content-Disposition"] = f'attachment; filename="looks-{start}-{until}.{chosen}"'
        return answer

    # use that is out of the ordinary

    @action(description="异常查询", url_path="unusual", permissions=["whole"])
    def unusual(self, request: HttpRequest) -> HttpResponse:
        """People and days that reach a limit of the catalogue."""
        form, found = self._span(request, days=30)
        context: dict[str, Any] = {"form": form}
        if found:
            watch = catalogue_on(timezone.localdate()).watch
            rows = look_figures.unusual(*found, watch, _MOST_UNUSUAL)
            headers = ("日期", "部门", "查询人", "查询", "企业", "无案号", "夜间", "本区县以外", "标记")
            more = f"只列出最近 {_MOST_UNUSUAL} 项，请缩短日期。" if len(rows) == _MOST_UNUSUAL else ""
            context |= {
                "tables": [drawn("异常查询", headers, [_unusual(one) for one in rows], note=more)],
                "note": (
                    f"按现行目录，一人一日无案号查询达到 {watch.without_case_a_day} 次、查询本区县以外企业达到"
                    f" {watch.outside_a_day} 次，或在 {watch.night_from} 时至 {watch.night_until} 时查询的，列在这里。"
                    f"一份名单核查算一次。列出不等于违规，须向查询人核实。依据：{watch.clause}。"
                ),
            }
        return self.page(request, "enterprise_credit/admin/figures.html", "异常查询", **context)

    # an enterprise's own enquiry

    @action(description="答复企业查询", url_path="enquiry", permissions=["whole"])
    def enquiry(self, request: HttpRequest) -> HttpResponse:
        """All looks at an enterprise of ten years: on the page, as a workbook or as a letter; each on record."""
        posted = request.method == "POST"
        form = EnquiryForm(request.POST) if posted else EnquiryForm()
        context: dict[str, Any] = {"form": form, "years": enquiries.KEPT_YEARS}
        if posted and form.is_valid():
            uscc, why = form.cleaned_data["uscc"], form.cleaned_data["reason"]
            chosen = request.POST.get("format", "page")
            found = enquiries.enquire(uscc, why, timezone.now(), by=Actor.of(request), form=chosen)
            if chosen == "xlsx":
                return _download(
                    enquiries.workbook(found), SafeXLSX().get_content_type(), f"looks-{uscc}.xlsx"
                )
            if chosen == "pdf":
                office = f"{settings.CITY_NAME}信用信息管理单位（经办人 {request.user.get_username()}）"
                return _download(enquiries.letter(found, office, why), "application/pdf", f"looks-{uscc}.pdf")
            rows = [one.texts() for one in found.looks[:_MOST_TOLD]]
            more = (
                f"共 {len(found.looks)} 次，只列出最近 {_MOST_TOLD} 次；文件中有全部。"
                if len(found.looks) > _MOST_TOLD
                else ""
            )
            context |= {
                "found": found,
                "table": drawn(
                    f"{found.name or uscc}：{len(found.looks)} 次", enquiries.HEADERS, rows, note=more
                ),
            }
        return self.page(request, "enterprise_credit/admin/enquiry.html", "答复企业查询", **context)

    def _span(self, request: HttpRequest, days: int) -> tuple[SpanForm, tuple[date, date] | None]:
        """The days that were asked for, the last ``days`` without; None where they are wrong. Raises PermissionDenied."""
        if not self.has_whole_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        given = {"start": str(today - timedelta(days=days - 1)), "until": str(today), **request.GET.dict()}
        form = SpanForm(given)
        if not form.is_valid():
            return form, None
        return form, (form.cleaned_data["start"], form.cleaned_data["until"])

    @display(description="时间")
    def when(self, row: Look) -> SafeString:
        return show.two_lines(show.moment(row.at), row.address or "")

    @display(description="查询人")
    def who(self, row: Look) -> SafeString:
        return show.two_lines(enquiries.who(row), row.department.name)

    @display(description="企业")
    def enterprise(self, row: Look) -> SafeString:
        return show.two_lines(row.name or "查无此企业", row.uscc)

    @display(description="用途")
    def why(self, row: Look) -> SafeString:
        return show.two_lines(row.purpose_title, row.case_no or "无案号")

    @display(description="方式")
    def form_shown(self, row: Look) -> str:
        return row.get_form_display()

    @display(description="标记")
    def marks(self, row: Look) -> SafeString | str:
        return _marks(row)


def _marks(row: Look) -> SafeString | str:
    marks = [
        told
        for marked, told in (
            (row.at_night, "夜间"),
            (row.outside, "本区县以外"),
            (not row.found, "查无此企业"),
        )
        if marked
    ]
    return show.badge("warn", "、".join(marks)) if marks else "—"


def _grades(row: Look) -> dict[int, str]:
    number = row.shown.get("assessment")
    found = Assessment.objects.filter(pk=number).first() if number else None
    if found is None:
        return {}
    return {found.pk: f"{found.grade}（{words.points(found.score)}）" if found.grade else "不评等级"}


def _cells(one: Figures) -> tuple[Any, ...]:
    month = f"{one.month:%Y-%m}" if one.month else "合计"
    with_case = one.looks - one.without_case
    return (
        one.department, month, one.looks, one.enterprises, one.people, with_case, one.without_case, one.night,
        one.outside, one.not_found, one.pages, one.programs, one.checks,
    )  # fmt: skip


def _without(place: int, cells: Sequence[Any] = _FIGURES) -> tuple[Any, ...]:
    return (*cells[:place], *cells[place + 1 :])


def _unusual(one: Unusual) -> tuple[Any, ...]:
    by = f"{one.by}（接口程序）" if one.is_program else one.by
    marks = "、".join(_MARKS[mark] for mark in one.marks)
    return (
        show.day(one.on), one.department, by, f"{one.acts:,} 次", f"{one.enterprises:,} 家", one.without_case, one.night,
        one.outside, show.badge("warn", marks),
    )  # fmt: skip


def _download(content: Any, content_type: str, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
