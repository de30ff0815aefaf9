"""The audit record: who did what, when, from where and why. Read only."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.exports import ExportAdmin
from ratings.admin.scope import visible
from ratings.models import AuditEvent, AuditLink

#: Actions offered for choice are those of so many latest events.
_RECENT = 2000
#: Words are looked for in the reasons of so many latest events: no index helps there.
_SEARCHED = 100_000


class ActionFilter(DropdownFilter):
    """By action, of those seen lately."""

    title = "操作"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        events = visible(request, AuditEvent.objects.order_by("-at", "-id"))
        recent = set(events.values_list("action", flat=True)[:_RECENT])
        return [(name, show.action_name(name)) for name in sorted(recent)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ExportAdmin, ReadOnlyAdmin):
    """Who may see: the view permission; all events for the whole city, else one's own."""

    list_display = ("when", "actor", "action_shown", "subject_name", "reason", "address")
    list_filter = (ActionFilter, ("at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("actor", "subject", "reason")
    search_help_text = f"经办人全名、对象（如：违法违规 #5），或最近 {_SEARCHED:,} 条中的理由"
    # as its indexes are
    ordering = ("-at", "-id")
    sortable_by = ()
    fields = ("when", "actor", "action_shown", "subject_name", "reason", "address", "detail_text", "link")
    readonly_fields = ("when", "action_shown", "subject_name", "detail_text", "link")
    export_columns = (
        ("时间", lambda row: row.at),
        ("经办人", lambda row: row.actor),
        ("操作", lambda row: show.action_name(row.action)),
        ("对象", lambda row: row.subject),
        ("理由", lambda row: row.reason),
        ("来源地址", lambda row: row.address),
        ("详情", lambda row: json.dumps(row.detail, ensure_ascii=False)),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By the index of persons, by that of subjects, or among the latest reasons."""
        term = search_term.strip()
        if not term:
            return queryset, False
        last = AuditEvent.objects.aggregate(last=Max("pk"))["last"] or 0
        recent = AuditEvent.objects.filter(pk__gt=last - _SEARCHED, reason__icontains=term)
        subjects = AuditEvent.objects.filter(subject__in=(term, show.subject_key(term)))
        found = AuditEvent.objects.filter(actor=term).union(subjects, recent)
        return queryset.filter(pk__in=found.values("pk")), False

    @display(description="时间", ordering="id")
    def when(self, row: AuditEvent) -> str:
        return show.moment(row.at)

    @display(description="操作")
    def action_shown(self, row: AuditEvent) -> str:
        return show.action_name(row.action)

    @display(description="对象")
    def subject_name(self, row: AuditEvent) -> str:
        return show.subject_name(row.subject)

    @display(description="详情")
    def detail_text(self, row: AuditEvent) -> SafeString:
        return format_html(
            '<pre class="cs-pre">{}</pre>', json.dumps(row.detail, ensure_ascii=False, indent=2)
        )

    @display(description="链环")
    def link(self, row: AuditEvent) -> str:
        """The event's place in the audit chain; ``manage.py verify_audit`` tells whether it holds."""
        link = AuditLink.objects.filter(event_id=row.pk).first()
        return f"第 {link.number} 环，指纹 {link.sha256[:16]}…" if link else "不在链上"
