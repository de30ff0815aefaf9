"""Clients, and their secrets: made and shown once, revoked."""

from copy import deepcopy
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ForeignKey, Max, Model, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from applications.clients import services
from applications.clients.admin import cells
from applications.clients.admin.forms import ClientForm, SecretForm, scope_choices
from applications.clients.admin.kinds import OfKindsAdmin, OfKindsFilter, kinds_of
from applications.clients.calls import title_of
from applications.clients.models import Call, Client, ClientSecret, Organisation
from ratings.admin import show
from ratings.admin.base import same_row
from ratings.admin.on_record import refuse
from ratings.services.audit import Actor
from ratings.services.errors import Refused

_SHOWN_CALLS: Final = 20


@admin.register(Client)
class ClientAdmin(OfKindsAdmin):
    """Who may: see with view, register with add, change with change permission, which secrets need too;
    of organisations of the kinds that they work with."""

    menu_order, menu_icon = 20, "key"
    form = ClientForm
    list_display = ("named", "in_use", "scopes_shown", "limits", "secrets_shown", "last_call")
    sortable_by = ()
    list_select_related = ("organisation",)
    list_filter = (("organisation", OfKindsFilter), "is_active")
    search_fields = ("name", "=client_id", "organisation__name")
    search_help_text = "客户端或机构名称，或客户端标识"
    actions_detail = ("issue",)
    change_form_after_template = "ratings/admin/tables.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With what the list tells of secrets and calls."""
        live = Q(secrets__revoked_at=None, secrets__expires_at__gt=timezone.now())
        calls = Call.objects.filter(client=OuterRef("pk")).order_by("-at")
        return (
            super()
            .get_queryset(request)
            .annotate(
                live=Count("secrets", filter=live),
                last_end=Max("secrets__expires_at", filter=live),
                called=Subquery(calls.values("at")[:1]),
            )
        )

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        named = ("organisation", "name", *(("identifier", "is_active") if obj else ()))
        return (
            (None, {"fields": named}),
            ("可以做什么", {"fields": ("scopes",)}),
            ("从哪里来", {"fields": ("networks", "certificates")}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offers the scopes of the kinds that the user works with."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "scopes" in form.base_fields:
            field = deepcopy(form.base_fields["scopes"])
            field.choices = scope_choices([obj.organisation.kind] if obj else kinds_of(request))
            form.base_fields["scopes"] = field
        return form

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers organisations of those kinds; it is the only relation in the form."""
        organisations = self.admin_site.get_model_admin(Organisation)
        kwargs["queryset"] = organisations.of_kinds(request, Organisation.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("organisation", "identifier") if obj else ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(("<path:object_id>/secrets/<int:secret_id>/revoke/", self.revoke, "revoke"))
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        actor, given = Actor.of(request), form.cleaned_data
        decided = {name: given[name] for name in ("name", "scopes", "networks", "certificates")}
        if change:
            saved = services.change_client(obj, **decided, active=given["is_active"], by=actor)
        else:
            saved = services.register_client(given["organisation"], **decided, by=actor)
        same_row(obj, saved)

    def page_context(self, request: HttpRequest, obj: Client) -> dict[str, Any]:
        may_change = self.has_change_permission(request, obj)
        return {"tables": [cells.secrets_table(obj, may_change=may_change), *self._calls_table(request, obj)]}

    def _calls_table(self, request: HttpRequest, obj: Client) -> list[dict[str, Any]]:
        calls = self.admin_site.get_model_admin(Call)
        if not calls.has_view_permission(request):
            return []
        rows = [
            (
                show.moment(call.at),
                title_of(call.operation),
                call.subject or "—",
                call.status,
                show.number(call.rows),
            )
            for call in calls.get_queryset(request).filter(client=obj)[:_SHOWN_CALLS]
        ]
        more = show.list_url(Call, client__id__exact=obj.pk)
        title = f"最近 {_SHOWN_CALLS} 次调用" if len(rows) == _SHOWN_CALLS else "调用"
        return [show.table(title, ("时间", "操作", "对象", "状态码", "给出行数"), rows, more=more)]

    def has_secret_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return self.has_change_permission(request)

    @action(description="生成密钥", url_path="issue", permissions=["secret"], icon="vpn_key")
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks until when it shall hold (GET); makes it and shows it, this once (POST)."""
        client = self.visible_or_404(request, object_id)
        form = SecretForm(request.POST or None, today=timezone.localdate())
        context: dict[str, Any] = {"client": client, "back": show.change_url(client), "form": form}
        if request.method == "POST" and form.is_valid():
            try:
                secret, plain = services.issue_secret(client, form.moment(), by=Actor.of(request))
                context |= {"secret": secret, "plain": plain, "until": cells.last_day(secret.expires_at)}
            except Refused as refused:
                refuse(request, refused)
                return HttpResponseRedirect(context["back"])
        context["live"] = services.live_secrets(client).count()
        return self.page(request, "clients/issue_secret.html", f"生成密钥：{client.name}", **context)

    def revoke(self, request: HttpRequest, object_id: str, secret_id: int) -> HttpResponse:
        """Asks whether it is meant (GET), and ends a secret (POST)."""
        client = self.visible_or_404(request, object_id)
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        secret = ClientSecret.objects.filter(client=client, pk=secret_id).first()
        if secret is None:
            raise Http404("没有这个密钥。")
        back = show.change_url(client)
        if request.method == "POST":
            try:
                services.revoke_secret(secret, by=Actor.of(request))
                messages.success(request, f"密钥 {secret} 已撤销，已发出的令牌同时失效。")
            except Refused as refused:
                refuse(request, refused)
            return HttpResponseRedirect(back)
        return self.page(
            request,
            "clients/revoke_secret.html",
            f"撤销密钥：{client.name}",
            back=back,
            shown=[
                ("客户端", f"{client.organisation}，{client.name}"),
                ("末四位", secret.hint),
                ("生成", f"{secret.created_by}，{show.moment(secret.created_at)}"),
                ("有效至", cells.last_day(secret.expires_at)),
                ("状态", cells.standing(secret)),
            ],
            others=services.live_secrets(client).exclude(pk=secret.pk).count(),
        )

    @display(description="客户端")
    def named(self, row: Client) -> SafeString:
        return show.two_lines(row.name, row.organisation.name)

    @display(description="客户端标识（client_id）")
    def identifier(self, row: Client) -> str:
        return format_html('<span class="break-all">{}</span>', row.client_id)

    @display(description="状态")
    def in_use(self, row: Client) -> SafeString:
        return cells.in_use(row)

    @display(description="权限范围")
    def scopes_shown(self, row: Client) -> SafeString:
        return cells.scopes(row)

    @display(description="限定")
    def limits(self, row: Client) -> str:
        found = [("网络", row.networks), ("证书", row.certificates)]
        return "、".join(f"{name} {len(values)} 个" for name, values in found if values) or "不限"

    @display(description="密钥")
    def secrets_shown(self, row: Any) -> SafeString:
        if not row.live:
            return show.badge("bad" if row.is_active else "plain", "无有效密钥")
        if row.last_end <= timezone.now() + cells.SOON:
            return show.badge("warn", f"{row.live} 个，{cells.last_day(row.last_end)}到期")
        return show.badge("good", f"{row.live} 个有效")

    @display(description="最近调用")
    def last_call(self, row: Any) -> str:
        return show.moment(row.called)
