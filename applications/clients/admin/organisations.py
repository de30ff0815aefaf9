"""Organisations: banks and departments."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from applications.clients import services
from applications.clients.admin.cells import in_use, scopes
from applications.clients.admin.kinds import OfKindsAdmin, kinds_of
from applications.clients.models import Client, Organisation
from ratings.admin import show
from ratings.admin.base import same_row, sees_whole_city
from ratings.services.audit import Actor


@admin.register(Organisation)
class OrganisationAdmin(OfKindsAdmin):
    """Who may: see with view, register with add, rename with change permission; for the whole city only,
    of the kinds that they work with."""

    menu_order, menu_icon = 10, "account_balance"
    kind_path = "kind"
    list_display = ("name", "key", "kind", "clients_in_use")
    sortable_by = ()
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name", "=key")
    search_help_text = "名称或代码"
    fields = ("key", "name", "kind")
    change_form_after_template = "ratings/admin/tables.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and sees_whole_city(request)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "kind":
            kwargs["choices"] = [(kind, Organisation.Kind(kind).label) for kind in kinds_of(request)]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        used = Count("clients", filter=Q(clients__is_active=True))
        return super().get_queryset(request).annotate(used=used)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("key", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        actor = Actor.of(request)
        if change:
            services.rename_organisation(obj, obj.name, by=actor)
        else:
            same_row(obj, services.register_organisation(obj.key, obj.name, obj.kind, by=actor))

    def page_context(self, request: HttpRequest, obj: Organisation) -> dict[str, Any]:
        clients = self.admin_site.get_model_admin(Client)
        if not clients.has_view_permission(request):
            return {}
        rows = [
            (show.link(show.change_url(client), client.name), in_use(client), scopes(client))
            for client in clients.get_queryset(request).filter(organisation=obj)[:50]
        ]
        more = show.list_url(Client, organisation__id__exact=obj.pk)
        return {"tables": [show.table("接口客户端", ("名称", "状态", "权限范围"), rows, more=more)]}

    @display(description="启用的客户端")
    def clients_in_use(self, row: Any) -> str:
        return show.number(row.used)
