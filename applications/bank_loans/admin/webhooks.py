"""Webhooks in the admin: where banks are told of changes, each message, and what can be done about it.

Seen by staff of the whole city with the view permission; adding an endpoint takes its add permission, acts on
endpoints and messages take their change permissions.
"""

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from applications.bank_loans.models import Delivery, Endpoint
from applications.bank_loans.webhooks import messages as said
from applications.bank_loans.webhooks import services
from applications.clients.models import Organisation
from ratings.admin import asking, show
from ratings.admin.base import CityAdmin
from ratings.admin.on_record import refuse
from ratings.services.audit import Actor
from ratings.services.errors import Refused

State = Delivery.State
_ENDPOINT_BADGES = {"ACTIVE": "good", "UNVERIFIED": "warn", "STOPPED": "plain"}
_BADGES = {"PENDING": "warn", "DELIVERED": "good", "DEAD": "bad", "GIVEN_UP": "plain"}


class EndpointForm(forms.Form):
    """A new endpoint."""

    bank = asking.row("银行", Organisation.objects.filter(kind=Organisation.Kind.BANK))
    url = asking.line(
        "接收地址",
        most=500,
        help_text="以 https:// 开头；主机名须解析到公网地址（验证时检查）。登记以后不能改，要换地址的请另行登记。",
    )


class ReasonForm(forms.Form):
    reason = asking.reason(help_text="记入操作记录")


class OverlapForm(forms.Form):
    hours = asking.choice(
        "原密钥",
        choices=[("24", "再并用 24 小时"), ("168", "再并用 7 天"), ("0", "立即作废（密钥已泄露时）")],
        help_text="并用期间，每件通知带新旧两个签名，银行可从容更换。",
    )


class _ActsAdmin(CityAdmin):
    """Rows with acts: each has a page that asks and does it, for those with the change permission."""

    #: name to title, note, form
    acts: dict[str, tuple[str, str, type[forms.Form]]] = {}

    def get_urls(self) -> list[Any]:
        own = self.own_paths(("<int:pk>/act/<slug:name>/", self.act_view, "act"))
        return [*own, *super().get_urls()]

    def may_act(self, request: HttpRequest) -> bool:
        return self.may(request, f"change_{self.opts.model_name}")

    def offered(self, row: Any) -> list[str]:
        """Names of the acts that the row's state allows."""
        raise NotImplementedError

    def do(self, request: HttpRequest, row: Any, name: str, values: dict[str, Any]) -> HttpResponse | str:
        """Do it: what to tell, or a page of its own. Raises Refused."""
        raise NotImplementedError

    def facts(self, row: Any) -> list[tuple[str, Any]]:
        """What the pages of a row say about it."""
        raise NotImplementedError

    def buttons(self, request: HttpRequest, row: Model) -> list[tuple[str, str]]:
        """(title, address) of the acts that are shown."""
        if not self.may_act(request):
            return []
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        return [(self.acts[act][0], reverse(name, args=(row.pk, act))) for act in self.offered(row)]

    def act_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        row = self.visible_or_404(request, pk)
        if not self.may_act(request):
            raise PermissionDenied("没有修改权限。")
        if name not in self.acts:
            raise Http404
        back = show.change_url(row)
        if name not in self.offered(row):
            refuse(request, "现在不能这样做：状态已经改变。")
            return HttpResponseRedirect(back)

        def do(values: dict[str, Any]) -> tuple[str, str] | HttpResponse:
            done = self.do(request, row, name, values)
            return done if isinstance(done, HttpResponse) else (back, done)

        title, note, form = self.acts[name]
        whole, summary = f"{title}：{_named(row)}", self.facts(row)[:4]
        return asking.ask(self, request, whole, form, do, back=back, button=title, note=note, summary=summary)

    def secret_page(self, request: HttpRequest, title: str, secret: str, endpoint: Endpoint) -> HttpResponse:
        """A secret, this once."""
        answer = self.page(
            request,
            "bank_loans/admin/secret.html",
            title,
            secret=secret,
            facts=[("银行", endpoint.bank.name), ("接收地址", endpoint.url)],
            back=show.change_url(endpoint),
        )
        answer["Cache-Control"] = "no-store"
        return answer


@admin.register(Endpoint)
class EndpointAdmin(_ActsAdmin):
    """Endpoints: registered, verified, tried, given new secrets, stopped; never deleted."""

    menu_order = 40
    menu_icon = "webhook"
    list_display = ("name", "state_mark", "pending", "dead", "reason")
    list_select_related = ("bank",)
    list_filter = (("state", ChoicesDropdownFilter),)
    sortable_by = ()
    acts = {
        "verify": (
            "验证",
            "现在向该地址发送一件签名的验证请求；对方原样返回其中的验证码，即通过验证并启用。最长等待 15 秒。",
            forms.Form,
        ),
        "test": (
            "试发",
            "现在向该地址发送一件 endpoint.test 通知，看对方是否收下。最长等待 15 秒。",
            forms.Form,
        ),
        "rotate": ("更换密钥", "生成新的签名密钥，只显示一次。", OverlapForm),
        "stop": ("停用", "停用以后不再发送；未送达的通知保留，重新验证后补发停用期间的通知。", ReasonForm),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {"pending_count": _count("PENDING"), "dead_count": _count("DEAD")}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**counts)
        return rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_endpoint")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Asks for bank and address; answers with the secret."""
        if not self.has_add_permission(request):
            raise PermissionDenied("没有新增权限。")

        def do(values: dict[str, Any]) -> HttpResponse:
            endpoint, secret = services.register_endpoint(**values, by=Actor.of(request))
            return self.secret_page(request, "已登记通知地址", secret, endpoint)

        return asking.ask(
            self,
            request,
            "登记通知地址",
            EndpointForm,
            do,
            back=show.list_url(Endpoint),
            button="登记",
            note="登记以后显示签名密钥，只显示一次；交给银行并由其备好接收程序后，再到该地址的页面“验证”启用。",
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        failing = Delivery.objects.filter(endpoint=row, state__in=[State.PENDING, State.DEAD], attempts__gt=0)
        return self.page(
            request,
            "bank_loans/admin/row.html",
            _named(row),
            facts=self.facts(row),
            buttons=self.buttons(request, row),
            tables=[
                show.table(
                    "未送达的通知",
                    ("通知", "药店", "状态", "已尝试", "下次发送", "最近错误"),
                    [
                        (
                            show.link(show.change_url(each), f"#{each.pk}"),
                            each.code,
                            _badge(each),
                            each.attempts,
                            show.moment(each.due_at) if each.state == State.PENDING else "—",
                            each.last_error,
                        )
                        for each in failing.order_by("pk")[:10]
                    ],
                    more=show.list_url(Delivery, endpoint=row.pk),
                )
            ],
        )

    def offered(self, row: Endpoint) -> list[str]:
        found = ["verify"]
        if row.verified_at is not None:
            found.append("test")
        found.append("rotate")
        if row.state != Endpoint.State.STOPPED:
            found.append("stop")
        return found

    def do(
        self, request: HttpRequest, row: Endpoint, name: str, values: dict[str, Any]
    ) -> HttpResponse | str:
        by = Actor.of(request)
        if name == "verify":
            services.verify_endpoint(row, by=by)
            return "已通过验证并启用。"
        if name == "test":
            answer = services.send_test(row, by=by)
            if not answer.is_good:
                raise Refused(f"对方没有收下：{answer.problem}。")
            return f"对方已收下（答复 {answer.status}）。"
        if name == "rotate":
            secret = services.rotate_secret(row, overlap=timedelta(hours=int(values["hours"])), by=by)
            return self.secret_page(request, "已更换签名密钥", secret, row)
        services.stop_endpoint(row, reason=values["reason"], by=by)
        return "已停用。"

    def facts(self, row: Any) -> list[tuple[str, Any]]:
        overlap = row.previous_until is not None and row.previous_until > timezone.now()
        return [
            ("银行", row.bank.name),
            ("接收地址", row.url),
            ("状态", self.state_mark(row)),
            ("现状", self.reason(row)),
            ("待发送", self.pending(row)),
            ("未能送达", self.dead(row)),
            ("登记", f"{row.created_by}，{show.moment(row.created_at)}"),
            ("首次验证", show.moment(row.verified_at)),
            ("原密钥并用至", show.moment(row.previous_until) if overlap else "—"),
        ]

    @admin.display(description="接收地址")
    def name(self, row: Endpoint) -> SafeString:
        return show.two_lines(row.url, row.bank.name)

    @admin.display(description="状态")
    def state_mark(self, row: Endpoint) -> SafeString:
        return show.badge(_ENDPOINT_BADGES[row.state], row.get_state_display())

    @admin.display(description="待发送")
    def pending(self, row: Any) -> SafeString:
        url = show.list_url(Delivery, endpoint=row.pk, state__exact="PENDING")
        return show.link(url, show.number(row.pending_count))

    @admin.display(description="未能送达")
    def dead(self, row: Any) -> SafeString:
        url = show.list_url(Delivery, endpoint=row.pk, state__exact="DEAD")
        mark = show.badge("bad" if row.dead_count else "plain", show.number(row.dead_count))
        return show.link(url, mark)

    @admin.display(description="现状")
    def reason(self, row: Endpoint) -> SafeString | str:
        if row.state == Endpoint.State.STOPPED:
            return row.last_error or "—"
        if not row.failures:
            return "正常" if row.state == Endpoint.State.ACTIVE else "待验证"
        resting = row.rests_until is not None and row.rests_until > timezone.now()
        until = f"，暂停至 {show.moment(row.rests_until)}" if resting else ""
        return show.two_lines(f"连续失败 {row.failures} 次{until}", row.last_error)


def _count(state: str) -> Any:
    """How many messages of an endpoint are in a state, for annotation."""
    rows = Delivery.objects.filter(endpoint=OuterRef("pk"), state=state).order_by()
    return Coalesce(Subquery(rows.values("endpoint").annotate(n=Count("*")).values("n")), 0)


def _named(row: Endpoint | Delivery) -> str:
    return f"{row._meta.verbose_name} #{row.pk}"


def _badge(row: Delivery) -> SafeString:
    return show.badge(_BADGES[row.state], row.get_state_display())


class EndpointFilter(DropdownFilter):
    """By endpoint, of those that the user may see."""

    title = "通知地址"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = admin.site.get_model_admin(Endpoint).get_queryset(request)
        return [(str(key), url) for key, url in rows.values_list("pk", "url")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        value = self.value() or ""
        if not value:
            return queryset
        return queryset.filter(endpoint=int(value)) if value.isdecimal() else queryset.none()


@admin.register(Delivery)
class DeliveryAdmin(_ActsAdmin):
    """Messages: seen, sent again, given up."""

    menu_order = 41
    menu_icon = "outgoing_mail"
    list_display = ("number", "code", "event", "state_mark", "tried", "next_try", "where", "reason")
    list_select_related = ("endpoint__bank", "change__product")
    list_filter = (("state", ChoicesDropdownFilter), EndpointFilter)
    list_before_template = "bank_loans/admin/counts.html"
    search_fields = ("code",)
    search_help_text = "定点编码，或消息号"
    ordering = ("-id",)
    sortable_by = ()
    actions = ("resend_chosen",)  # type: ignore[assignment]
    acts = {
        "resend": ("重发", "现在就排队重发；已尝试的次数照记，同一药店的通知仍按先后发送。", forms.Form),
        "give-up": (
            "放弃",
            "放弃以后不再发送这一件，同一药店后面的通知可以继续。请先与银行核对其名单。",
            ReasonForm,
        ),
    }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list tells at its top how much is dead, and how much waits."""
        rows = self.get_queryset(request).filter(state__in=[State.PENDING, State.DEAD]).order_by()
        counts = dict(rows.values_list("state").annotate(Count("pk")))
        context = {
            "dead": counts.get("DEAD", 0),
            "pending": counts.get("PENDING", 0),
            "dead_url": show.list_url(Delivery, state__exact="DEAD"),
            "pending_url": show.list_url(Delivery, state__exact="PENDING"),
        }
        answer: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return answer

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(message_id=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(code__startswith=term.upper()), False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    @admin.action(description="重发所选", permissions=["act"])
    def resend_chosen(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        keys = list(queryset.values_list("pk", flat=True)[: services.MOST_RESENT + 1])
        try:
            done = services.resend(keys, by=Actor.of(request))
        except Refused as refused:
            refuse(request, refused)
        else:
            messages.success(request, f"{done:,} 件已排队重发。")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        return self.page(
            request,
            "bank_loans/admin/row.html",
            _named(row),
            facts=self.facts(row),
            buttons=self.buttons(request, row),
            content=said.change_body(row.change).decode(),
        )

    def offered(self, row: Delivery) -> list[str]:
        if row.state not in {State.PENDING, State.DEAD}:
            return []
        again = row.state == State.DEAD or row.attempts > 0
        return ["resend", "give-up"] if again else ["give-up"]

    def do(
        self, request: HttpRequest, row: Delivery, name: str, values: dict[str, Any]
    ) -> HttpResponse | str:
        by = Actor.of(request)
        if name == "resend":
            services.resend([row.pk], by=by)
            return "已排队重发。"
        services.give_up(row, reason=values["reason"], by=by)
        return "已放弃。"

    def facts(self, row: Delivery) -> list[tuple[str, Any]]:
        return [
            ("药店", row.code),
            ("事件", self.event(row)),
            ("状态", self.state_mark(row)),
            ("最近错误", row.last_error or "—"),
            ("产品和名单序号", f"{row.change.product} #{row.change.number}"),
            ("银行", row.endpoint.bank.name),
            ("接收地址", show.link(show.change_url(row.endpoint), row.endpoint.url)),
            ("消息号", row.message_id),
            ("已尝试", f"{row.attempts} 次"),
            ("下次发送", self.next_try(row)),
            ("最近状态码", row.last_status if row.last_status is not None else "—"),
            ("送达时间", show.moment(row.delivered_at)),
            *([("放弃理由", row.given_up_reason)] if row.given_up_reason else []),
            *self._before(row),
        ]

    def _before(self, row: Delivery) -> list[tuple[str, Any]]:
        """The message of the same pharmacy that this one waits for."""
        if row.state != State.PENDING:
            return []
        earlier = Delivery.objects.filter(
            endpoint=row.endpoint_id, code=row.code, pk__lt=row.pk, state__in=[State.PENDING, State.DEAD]
        )
        first = earlier.order_by("pk").first()
        return [("等待前一件", show.link(show.change_url(first), _named(first)))] if first else []

    @admin.display(description="编号")
    def number(self, row: Delivery) -> str:
        return f"#{row.pk}"

    @admin.display(description="事件")
    def event(self, row: Delivery) -> SafeString:
        kind = said.event_type(row.change)
        return show.two_lines(said.TITLES[kind], kind)

    @admin.display(description="状态")
    def state_mark(self, row: Delivery) -> SafeString:
        return _badge(row)

    @admin.display(description="已尝试")
    def tried(self, row: Delivery) -> int:
        return row.attempts

    @admin.display(description="下次发送")
    def next_try(self, row: Delivery) -> str:
        return show.moment(row.due_at) if row.state == State.PENDING else "—"

    @admin.display(description="最近错误")
    def reason(self, row: Delivery) -> str:
        return Truncator(row.last_error).chars(40) or "—"

    @admin.display(description="接收方")
    def where(self, row: Delivery) -> SafeString:
        return show.two_lines(row.endpoint.bank.name, urlsplit(row.endpoint.url).netloc)
