"""Facts: recorded singly or by import, never changed, voided with a reason."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.base import ScopedAdmin, same_row
from ratings.admin.desk.matters import fact_beginnings
from ratings.admin.exports import ExportAdmin
from ratings.admin.fact_forms import FactForm, FundPaymentForm, ViolationForm
from ratings.admin.filters import (
    DistrictFilter,
    MeasureFilter,
    MonthFilter,
    PaymentStandingFilter,
    StandingFilter,
)
from ratings.admin.grades import measure_titles
from ratings.admin.on_record import refuse
from ratings.admin.search import matching_pharmacies
from ratings.models import (
    Complaint,
    Fact,
    FundPayment,
    ImportBatch,
    MeasureValue,
    Pharmacy,
    ServiceStatus,
    Violation,
)
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import record_fact, void_fact


def _choices(*fields: str) -> list[tuple[str, type]]:
    """Filters by fields with a fixed word list."""
    return [(field, ChoicesDropdownFilter) for field in fields]


class FactAdmin(ExportAdmin, ScopedAdmin):
    """Who may: see with view, record with add, void with change permission; in the own scope."""

    form = FactForm
    list_select_related = ("pharmacy__district",)
    linked_by = ("pharmacy__id__exact",)
    autocomplete_fields = ("pharmacy",)
    actions_detail = ("void",)
    search_help_text = "药店编码、名称，或编号"
    #: looked up exactly or by their start, beside the pharmacy
    search_numbers: tuple[str, ...] = ()
    #: fields of this kind of fact, as its page shows them
    shown: tuple[str, ...] = ()
    #: fields of the form for a new one
    entered: tuple[str, ...] = ()
    columns: tuple[tuple[str, Any], ...] = ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes a fact; voiding has its own page."""
        return False

    def has_void_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm(f"ratings.change_{self.opts.model_name}")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("pharmacy__code", *self.search_numbers)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By the pharmacy's code or name, or by the fact's own number."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(pharmacy__in=matching_pharmacies(request, term))
        for name in self.search_numbers:
            wanted |= Q(**{f"{name}__icontains": term})
        return queryset.filter(wanted), False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": self.entered}),)
        return (
            (None, {"fields": ("pharmacy_page", *self.shown)}),
            ("来源与效力", {"fields": ("standing", "source", "recorded_by", "recorded_on")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("pharmacy_page", *self.shown, "standing", "source", "recorded_by", "recorded_on")

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """No word is chosen beforehand."""
        blank = [("", "请选择")]
        kwargs["choices"] = db_field.get_choices(include_blank=not db_field.has_default(), blank_choice=blank)
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.actor = request.user.get_username()
        return form

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        if change:
            raise PermissionDenied
        same_row(obj, record_fact(self.model, by=Actor.of(request), **form.values()))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Voiding is offered for live facts only."""
        obj = self.get_object(request, str(object_id))
        return super().get_actions_detail(request, object_id) if obj is not None and obj.is_live else []

    @action(
        description="作废", url_path="void", permissions=["void"], icon="block", variant=ActionVariant.DANGER
    )
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason (GET) and voids the fact (POST)."""
        fact = self.visible_or_404(request, object_id)
        back = HttpResponseRedirect(show.change_url(fact))
        reason = request.POST.get("reason", "").strip()
        if request.method == "POST" and len(reason) <= 300:
            try:
                void_fact(fact, reason=reason, by=Actor.of(request))
            except Refused as refused:
                refuse(request, refused)
                return back
            messages.success(request, "已作废。此前已完成的评价不变；今后截止的评价不再计入。")
            return back
        if not fact.is_live:
            messages.warning(request, "该记录此前已经作废。")
            return back
        return self.page(
            request,
            "ratings/admin/void.html",
            f"作废{self.opts.verbose_name}",
            fact=fact,
            reason=reason,
            too_long=len(reason) > 300,
            back=show.change_url(fact),
            shown=[(self._label(name), self._value(name, fact)) for name in ("pharmacy_page", *self.shown)],
        )

    def _label(self, name: str) -> str:
        if hasattr(self, name):
            return str(getattr(self, name).short_description)
        return str(self.model._meta.get_field(name).verbose_name)

    def _value(self, name: str, fact: Fact) -> Any:
        if hasattr(self, name):
            return getattr(self, name)(fact)
        choice = getattr(fact, f"get_{name}_display", None)
        value = choice() if choice else getattr(fact, name)
        return "—" if value in (None, "") else value

    @property
    def export_columns(self) -> tuple[tuple[str, Any], ...]:  # type: ignore[override]
        return (
            ("定点编码", lambda row: row.pharmacy.code),
            ("药店", lambda row: row.pharmacy.name),
            ("区县", lambda row: row.pharmacy.district.name),
            *self.columns,
            ("记录人", lambda row: row.recorded_by),
            ("记录时间", lambda row: row.recorded_at),
            ("作废时间", lambda row: row.voided_at),
            ("作废原因", lambda row: row.void_reason),
        )

    @display(description="药店", ordering="pharmacy__code")
    def shop(self, row: Fact) -> SafeString:
        return show.two_lines(row.pharmacy.name, row.pharmacy.code)

    @display(description="区县")
    def district(self, row: Fact) -> str:
        return row.pharmacy.district.name

    @display(description="药店")
    def pharmacy_page(self, row: Fact) -> SafeString:
        return show.link(show.row_url(Pharmacy, row.pharmacy_id), row.pharmacy)

    @display(description="效力")
    def standing(self, row: Fact) -> str | SafeString:
        if row.voided_at is None:
            return show.badge("good", "有效")
        return show.badge("bad", f"已作废：{show.moment(row.voided_at)}，{row.voided_by}，{row.void_reason}")

    @display(description="效力")
    def mark(self, row: Fact) -> SafeString:
        return show.badge("good", "有效") if row.is_live else show.badge("bad", "已作废")

    @display(description="来源")
    def source(self, row: Fact) -> str | SafeString:
        if row.batch_id is None:
            return "单条录入"
        text = f"导入批次 #{row.batch_id}，第 {row.row} 行"
        return show.link(show.row_url(ImportBatch, row.batch_id), text)

    @display(description="记录时间")
    def recorded_on(self, row: Fact) -> str:
        return show.moment(row.recorded_at)

    @display(description="金额")
    def amount(self, row: Any) -> str:
        return show.yuan(row.amount_fen)


@admin.register(Violation)
class ViolationAdmin(FactAdmin):
    change_form_after_template = "ratings/admin/desk/fact.html"
    form = ViolationForm
    list_display = (
        "document_no",
        "shop",
        "district",
        "kind",
        "gravity",
        "track",
        "amount",
        "decided",
        "mark",
    )
    list_filter = (StandingFilter, DistrictFilter, *_choices("kind", "gravity", "track"))
    search_numbers = ("document_no",)
    entered = (
        "pharmacy",
        "kind",
        "gravity",
        "track",
        "body",
        "document_no",
        "amount_yuan",
        "occurred_on",
        "decided_on",
        "measures",
        "personnel_points",
    )
    shown = (
        "kind",
        "gravity",
        "track",
        "body",
        "document_no",
        "amount",
        "occurred",
        "decided",
        "measures",
        "personnel_points",
    )
    columns = (
        ("文书号", lambda row: row.document_no),
        ("类型", lambda row: row.get_kind_display()),
        ("情节", lambda row: row.get_gravity_display()),
        ("处理性质", lambda row: row.get_track_display()),
        ("作出机关", lambda row: row.body),
        ("涉及基金（元）", lambda row: show.yuan_number(row.amount_fen)),
        ("发生日期", lambda row: row.occurred_on),
        ("决定日期", lambda row: row.decided_on),
        ("处理措施", lambda row: row.measures),
        ("支付资格记分", lambda row: row.personnel_points),
    )

    def page_context(self, request: HttpRequest, obj: Violation) -> dict[str, Any]:
        return {"beginnings": fact_beginnings(request, obj)}

    @display(description="涉及基金", ordering="amount_fen")
    def amount(self, row: Violation) -> str:
        return show.yuan(row.amount_fen)

    @display(description="发生日期", ordering="occurred_on")
    def occurred(self, row: Violation) -> str:
        return show.day(row.occurred_on)

    @display(description="决定日期", ordering="decided_on")
    def decided(self, row: Violation) -> str:
        return show.day(row.decided_on)


@admin.register(Complaint)
class ComplaintAdmin(FactAdmin):
    change_form_after_template = "ratings/admin/desk/fact.html"
    list_display = (
        "reference_no",
        "shop",
        "district",
        "topic",
        "state",
        "finding",
        "occurred",
        "decided",
        "mark",
    )
    list_filter = (StandingFilter, DistrictFilter, *_choices("topic", "state", "finding"))
    search_numbers = ("reference_no",)
    entered = ("pharmacy", "reference_no", "topic", "state", "finding", "occurred_on", "decided_on")
    shown = ("reference_no", "topic", "state", "finding", "occurred", "decided")
    columns = (
        ("受理编号", lambda row: row.reference_no),
        ("内容", lambda row: row.get_topic_display()),
        ("状态", lambda row: row.get_state_display()),
        ("查实结论", lambda row: row.get_finding_display()),
        ("收到日期", lambda row: row.occurred_on),
        ("结论日期", lambda row: row.decided_on),
    )

    def page_context(self, request: HttpRequest, obj: Complaint) -> dict[str, Any]:
        return {"beginnings": fact_beginnings(request, obj)}

    @display(description="收到日期", ordering="occurred_on")
    def occurred(self, row: Complaint) -> str:
        return show.day(row.occurred_on)

    @display(description="结论日期", ordering="decided_on")
    def decided(self, row: Complaint) -> str:
        return show.day(row.decided_on)


@admin.register(FundPayment)
class FundPaymentAdmin(FactAdmin):
    """Millions of rows: newest first by key, no sorting by other columns."""

    form = FundPaymentForm
    list_display = ("month_name", "shop", "district", "amount", "settled", "mark")
    list_filter = (PaymentStandingFilter, DistrictFilter, MonthFilter)
    search_help_text = "药店编码或名称"
    ordering = ("-id",)
    sortable_by = ()
    entered = ("pharmacy", "month", "amount_yuan", "settlements")
    shown = ("month_name", "amount", "settled")
    columns = (
        ("月份", lambda row: f"{row.month:%Y-%m}"),
        ("基金支付（元）", lambda row: show.yuan_number(row.amount_fen)),
        ("结算人次", lambda row: row.settlements),
    )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """One month is read along the index of live payments, all months by key."""
        return ("pharmacy_id",) if request.GET.get("month") else self.ordering

    @display(description="月份")
    def month_name(self, row: FundPayment) -> str:
        return show.month(row.month)

    @display(description="基金支付")
    def amount(self, row: FundPayment) -> str:
        return show.yuan(row.amount_fen)

    @display(description="结算人次")
    def settled(self, row: FundPayment) -> str:
        return show.number(row.settlements)


@admin.register(MeasureValue)
class MeasureValueAdmin(FactAdmin):
    """As many rows as pharmacies times indicators: newest first by key, found by pharmacy."""

    list_display = ("title", "shop", "district", "period_name", "number", "mark")
    list_filter = (StandingFilter, DistrictFilter, MeasureFilter)
    search_help_text = "药店编码或名称"
    ordering = ("-id",)
    sortable_by = ()
    entered = ("pharmacy", "key", "period", "value")
    shown = ("title", "period_name", "number")
    columns = (
        ("指标键", lambda row: row.key),
        ("评价周期", lambda row: row.period),
        ("值", lambda row: row.value),
    )

    @display(description="评价周期")
    def period_name(self, row: MeasureValue) -> str:
        return show.period_label(row.period)

    @display(description="指标")
    def title(self, row: MeasureValue) -> SafeString:
        return show.two_lines(measure_titles().get(row.key, row.key), row.key)

    @display(description="值")
    def number(self, row: MeasureValue) -> str:
        return show.decimal(row.value)


@admin.register(ServiceStatus)
class ServiceStatusAdmin(FactAdmin):
    list_display = ("status", "shop", "district", "occurred", "decided", "document_no", "mark")
    list_filter = (StandingFilter, DistrictFilter, *_choices("status"))
    search_numbers = ("document_no",)
    entered = ("pharmacy", "status", "occurred_on", "decided_on", "document_no")
    shown = ("status", "occurred", "decided", "document_no")
    columns = (
        ("服务状态", lambda row: row.get_status_display()),
        ("起始日", lambda row: row.occurred_on),
        ("决定日期", lambda row: row.decided_on),
        ("文书号", lambda row: row.document_no),
    )

    @display(description="起始日", ordering="occurred_on")
    def occurred(self, row: ServiceStatus) -> str:
        return show.day(row.occurred_on)

    @display(description="决定日期", ordering="decided_on")
    def decided(self, row: ServiceStatus) -> str:
        return show.day(row.decided_on)
