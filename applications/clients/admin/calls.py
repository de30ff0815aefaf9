"""The record of calls: to look at, and to take along."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from applications.clients.admin.kinds import OfKindsAdmin, OfKindsFilter
from applications.clients.calls import title_of
from applications.clients.models import Call
from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.exports import ExportAdmin

#: Operations offered for choice are those of so many latest calls.
_RECENT: Final = 2000


class OperationFilter(DropdownFilter):
    """By operation, of those seen lately."""

    title = "操作"
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        calls = model_admin.get_queryset(request).order_by("-at", "-id")
        recent = calls.values_list("operation", flat=True)[:_RECENT]
        return [(name, title_of(name)) for name in sorted(set(recent))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(operation=self.value()) if self.value() else queryset


class StatusFilter(DropdownFilter):
    """By class of status code."""

    title = "结果"
    parameter_name = "outcome"
    _CLASSES: Final = {
        "given": ("成功（2xx、3xx）", (200, 399)),
        "refused": ("被拒（4xx）", (400, 499)),
        "failed": ("出错（5xx）", (500, 599)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, title) for key, (title, _range) in self._CLASSES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        found = self._CLASSES.get(self.value() or "")
        return queryset.filter(status__range=found[1]) if found else queryset


@admin.register(Call)
class CallAdmin(ExportAdmin, OfKindsAdmin, ReadOnlyAdmin):
    """Who may see and export: the view permission, for the whole city; calls of organisations of the kinds
    that they work with."""

    menu_order, menu_icon = 30, "receipt_long"
    kind_path = "client__organisation__kind"
    list_display = ("when", "client_shown", "operation_shown", "about", "outcome", "rows_given")
    list_select_related = ("client__organisation",)
    list_filter = (
        ("client", OfKindsFilter),
        OperationFilter,
        StatusFilter,
        ("at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    # as its indexes are
    ordering = ("-at", "-id")
    sortable_by = ()
    fields = (
        "moment", "client_shown", "operation_shown", "subject", "purpose_shown", "outcome", "rows_given", "address",
    )  # fmt: skip
    readonly_fields = ("moment", "client_shown", "operation_shown", "purpose_shown", "outcome", "rows_given")
    export_columns = (
        ("时间", lambda row: row.at),
        ("机构", lambda row: row.client.organisation.name),
        ("客户端", lambda row: row.client.name),
        ("客户端标识", lambda row: row.client.client_id),
        ("操作", lambda row: title_of(row.operation)),
        ("对象", lambda row: row.subject),
        ("用途", lambda row: title_of(row.purpose)),
        ("状态码", lambda row: row.status),
        ("给出行数", lambda row: row.rows),
        ("给完", lambda row: row.complete),
        ("来源地址", lambda row: row.address),
    )

    @display(description="时间")
    def moment(self, row: Call) -> str:
        return show.moment(row.at)

    @display(description="时间、来源")
    def when(self, row: Call) -> SafeString:
        return show.two_lines(show.moment(row.at), row.address or "")

    @display(description="操作")
    def operation_shown(self, row: Call) -> str:
        return title_of(row.operation)

    @display(description="用途")
    def purpose_shown(self, row: Call) -> str:
        return title_of(row.purpose) or "—"

    @display(description="对象、用途")
    def about(self, row: Call) -> SafeString:
        return show.two_lines(row.subject or "—", title_of(row.purpose))

    @display(description="客户端")
    def client_shown(self, row: Call) -> SafeString:
        return show.two_lines(row.client.name, row.client.organisation.name)

    @display(description="结果")
    def outcome(self, row: Call) -> SafeString:
        if not row.complete:
            return show.badge("warn", f"{row.status}，中途断开")
        kind = "good" if row.status < 400 else "warn" if row.status < 500 else "bad"
        return show.badge(kind, row.status)

    @display(description="给出行数")
    def rows_given(self, row: Call) -> str:
        return show.number(row.rows)
