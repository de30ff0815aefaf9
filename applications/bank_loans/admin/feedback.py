"""What banks reported, and what became of the loans."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import tablib  # type: ignore[import-untyped]
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from applications.bank_loans import outcomes
from applications.bank_loans.admin import words
from applications.bank_loans.admin.filters import ProductFilter
from applications.bank_loans.admin.standings import NamedAdmin
from applications.bank_loans.models import FeedbackBatch, LoanEvent, LoanProduct
from creditsys import charts
from ratings.admin import asking, show
from ratings.admin.base import CityAdmin
from ratings.admin.exports import ExportAdmin, SafeCSV, SafeXLSX
from ratings.published import Step, districts
from ratings.services.audit import Actor, record

#: Of the chart; the table has all.
_QUARTERS: Final = 12
_WAN_FEN: Final = 1_000_000
_FLOWS: Final = charts.plain("用信", "还款")
_FORMATS: Final[dict[str, Any]] = {"xlsx": SafeXLSX, "csv": SafeCSV}
_HEADERS: Final = (
    "服务药店", "贷款笔数", "授信", "用信", "还款", "未还", "未还笔数", "逾期", "逾期笔数", "逾期率",
)  # fmt: skip


class ReportSpanForm(asking.SpanForm):
    """Of which product, in which days."""

    product = forms.ModelChoiceField(
        label="贷款产品", queryset=LoanProduct.objects.none(), required=False, empty_label="全部产品",
        widget=forms.Select(attrs={"class": "cs-input"}),
    )  # fmt: skip
    field_order = ("product", "start", "until")

    def __init__(self, *args: Any, products: QuerySet[LoanProduct], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["product"]
        chosen.queryset = products


@admin.register(FeedbackBatch)
class FeedbackBatchAdmin(CityAdmin):
    """Who may see and download: the view permission, for the whole city."""

    menu_order, menu_icon = 50, "mark_email_read"
    menu_pages = (("贷款成效", "insights", "bank_loans_feedbackbatch_outcomes"),)
    list_display = ("number", "product_shown", "client_shown", "when", "rows_shown", "total")
    list_filter = (ProductFilter,)
    list_select_related = ("product", "client__organisation")
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("outcomes/", self.outcomes_view, "outcomes"),
            ("outcomes/file/<str:format>/", self.file_view, "file"),
        )
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One report with its control totals."""
        row: FeedbackBatch = self.visible_or_404(request, object_id)
        return self.page(
            request,
            "ratings/admin/desk/facts_page.html",
            f"贷款反馈 #{row.pk}",
            facts=[
                ("贷款产品", show.link(show.change_url(row.product), words.product_name(row.product))),
                ("客户端", f"{row.client.organisation.name}，{row.client.name}"),
                ("收到", show.moment(row.at)),
                ("事项", show.link(show.list_url(LoanEvent, batch=row.pk), f"{row.rows:,} 项")),
                ("金额合计", words.money(row.total_fen)),
                ("幂等键", row.idempotency_key),
                ("内容 SHA-256", row.content_sha256),
            ],
        )

    # outcomes

    def outcomes_view(self, request: HttpRequest) -> HttpResponse:
        """The figures of a product or of all, in a span of days."""
        form, products = self._asked(request)
        context: dict[str, Any] = {"form": form}
        if form.is_valid():
            start, until = form.cleaned_data["start"], form.cleaned_data["until"]
            found = outcomes.outcomes(products, start, until)
            context |= _shown(found, timezone.localdate())
            asked = {
                "start": start,
                "until": until,
                "product": getattr(form.cleaned_data["product"], "pk", ""),
            }
            context["files"] = [
                (
                    f"{reverse('admin:bank_loans_feedbackbatch_file', args=(format,))}?{urlencode(asked)}",
                    format.upper(),
                )
                for format in _FORMATS
            ]
        return self.page(request, "bank_loans/admin/outcomes.html", "贷款成效", **context)

    def file_view(self, request: HttpRequest, format: str) -> HttpResponse:
        """The same figures as a file; on record."""
        form, products = self._asked(request)
        if format not in _FORMATS or not form.is_valid():
            return HttpResponse(
                "没有这种格式，或起止日期不对。", status=400, content_type="text/plain; charset=utf-8"
            )
        start, until = form.cleaned_data["start"], form.cleaned_data["until"]
        made = _FORMATS[format]()
        found = outcomes.outcomes(products, start, until)
        rows = list(_file_rows(found))
        dataset = tablib.Dataset(*rows, headers=("分组", "项目", *(_in_yuan(name) for name in _HEADERS)))
        record(
            "导出", "贷款成效", by=Actor.of(request), format=made.get_title(), rows=len(rows),
            products=products, start=str(start), until=str(until),
        )  # fmt: skip
        answer = HttpResponse(made.export_data(dataset), content_type=made.get_content_type())
        answer["Content-Disposition"] = f'attachment; filename="loans-{start}-{until}.{format}"'
        return answer

    def _asked(self, request: HttpRequest) -> tuple[ReportSpanForm, list[int]]:
        """What was asked for, and the products that it means; those for integrators are no one's loans."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        offered = LoanProduct.objects.filter(is_sandbox=False).order_by("pk")
        known = list(offered.values_list("pk", flat=True))
        start, until = outcomes.span(known, timezone.localdate())
        given = {"start": str(start), "until": str(until), **request.GET.dict()}
        form = ReportSpanForm(given, products=offered)
        chosen = form.cleaned_data["product"] if form.is_valid() else None
        return form, [chosen.pk] if chosen else known

    @display(description="编号")
    def number(self, row: FeedbackBatch) -> str:
        return f"#{row.pk}"

    @display(description="贷款产品")
    def product_shown(self, row: FeedbackBatch) -> str:
        return words.product_name(row.product)

    @display(description="客户端")
    def client_shown(self, row: FeedbackBatch) -> SafeString:
        return show.two_lines(row.client.name, row.client.organisation.name)

    @display(description="收到")
    def when(self, row: FeedbackBatch) -> str:
        return show.moment(row.at)

    @display(description="事项")
    def rows_shown(self, row: FeedbackBatch) -> str:
        return f"{row.rows:,}"

    @display(description="金额合计")
    def total(self, row: FeedbackBatch) -> str:
        return show.yuan(row.total_fen)


def _shown(found: outcomes.Outcomes, today: date) -> dict[str, Any]:
    """What ``bank_loans/admin/outcomes.html`` draws."""
    total, known, steps = found.total, districts(), words.steps(today)
    quarters = found.quarters[-_QUARTERS:]
    return {
        "totals": [
            ("服务药店", f"{total.pharmacies:,} 家"),
            ("贷款笔数", f"{total.loans:,} 笔"),
            ("授信金额", words.money(total.granted)),
            ("用信金额", words.money(total.drawn)),
            ("还款金额", words.money(total.repaid)),
            ("期末未还", words.money(total.outstanding)),
            ("期末逾期", words.money(total.overdue)),
            ("逾期率", _rate(total)),
        ],
        "tables": [
            _table("按授信时等级", "等级", [(_grade(one, steps), one.figures) for one in found.grades],
                   "等级为授信当日公布的等级。逾期率＝期末逾期÷期末未还；"
                   f"未还贷款不足 {outcomes.FEW} 笔的，比率说明不了什么，不宜比较。"),
            _table("按区县", "区县", [(known.get(code, str(code)), one) for code, one in found.districts.items()]),
        ],
        "quarters": [
            (one.label, *map(words.wan, (one.granted, one.drawn, one.repaid, one.outstanding, one.overdue)))
            for one in found.quarters
        ],
        "chart": charts.bars(
            "各季度用信与还款（万元）",
            _FLOWS,
            [(f"{one.first.year}Q{(one.first.month + 2) // 3}", (one.drawn, one.repaid)) for one in quarters],
            unit=_WAN_FEN,
        ),
        "legend": charts.legend(_FLOWS, "各季度用信与还款"),
    }  # fmt: skip


def _table(title: str, kind: str, rows: list[tuple[Any, outcomes.Figures]], note: str = "") -> dict[str, Any]:
    headers = (kind, "服务药店", "贷款笔数", "授信", "用信", "还款", "期末未还", "期末逾期", "逾期率")
    return show.table(
        title,
        headers,
        [
            (
                name,
                f"{one.pharmacies:,}",
                f"{one.loans:,}",
                *map(words.wan, (one.granted, one.drawn, one.repaid)),
                show.two_lines(words.wan(one.outstanding), f"{one.open_loans:,} 笔"),
                show.two_lines(words.wan(one.overdue), f"{one.overdue_loans:,} 笔"),
                _rate(one),
            )
            for name, one in rows
        ],
        note=note,
    )


def _grade(one: outcomes.ByGrade, steps: tuple[Step, ...]) -> SafeString | str:
    return words.grade(one.grade, steps, absent="当日无等级")


def _rate(one: outcomes.Figures) -> SafeString | str:
    rate = one.overdue_rate
    if rate is None:
        return "—"
    text = f"{float(rate * 100):.2f} %"
    return show.two_lines(text, f"不足 {outcomes.FEW} 笔，仅供参考") if one.few else text


def _in_yuan(name: str) -> str:
    return f"{name}（元）" if name in {"授信", "用信", "还款", "未还", "逾期"} else name


def _file_rows(found: outcomes.Outcomes) -> Iterable[tuple[Any, ...]]:
    known = districts()
    yield ("合计", "全部", *_cells(found.total))
    for one in found.grades:
        yield ("授信时等级", one.grade or "当日无等级", *_cells(one.figures))
    for code, figures in found.districts.items():
        yield ("区县", known.get(code, str(code)), *_cells(figures))
    for quarter in found.quarters:
        flows = map(show.yuan_number, (quarter.granted, quarter.drawn, quarter.repaid, quarter.outstanding))
        yield ("季度", quarter.label, None, None, *flows, None, show.yuan_number(quarter.overdue), None, None)


def _cells(one: outcomes.Figures) -> tuple[Any, ...]:
    rate = one.overdue_rate
    return (
        one.pharmacies,
        one.loans,
        *map(show.yuan_number, (one.granted, one.drawn, one.repaid, one.outstanding)),
        one.open_loans,
        show.yuan_number(one.overdue),
        one.overdue_loans,
        None if rate is None else round(float(rate), 6),
    )


@admin.register(LoanEvent)
class LoanEventAdmin(ExportAdmin, NamedAdmin):
    """Who may see and export: the view permission, for the whole city. Reached from reports, too."""

    menu_order, menu_icon = 55, "receipt"
    list_display = (
        "event_no",
        "loan_no",
        "shop",
        "kind_shown",
        "on_shown",
        "amount",
        "grade",
        "product_shown",
    )
    list_display_links = ("event_no",)
    fields = (
        *("batch", "line", "event_no", "loan_no", "kind", "reverses"),
        *("code", "on_shown", "amount", "grade", "product_shown"),
    )
    readonly_fields = ("on_shown", "amount", "product_shown")
    list_filter = (ProductFilter, ("kind", ChoicesDropdownFilter))
    linked_by = ("batch",)
    list_select_related = ("product",)
    search_help_text = "药店编码或名称，贷款编号或事项编号"
    ordering = ("-id",)
    export_columns = (
        ("事项编号", lambda row: row.event_no),
        ("贷款编号", lambda row: row.loan_no),
        ("定点编码", lambda row: row.code),
        ("种类", lambda row: row.get_kind_display()),
        ("日期", lambda row: row.on),
        ("金额（元）", lambda row: show.yuan_number(row.amount_fen)),
        ("冲正事项", lambda row: row.reverses),
        ("授信时等级", lambda row: row.grade),
        ("贷款产品", lambda row: row.product.name),
    )

    def matching(self, term: str) -> Q:
        return super().matching(term) | Q(loan_no=term) | Q(event_no=term)

    @display(description="种类")
    def kind_shown(self, row: LoanEvent) -> SafeString | str:
        name = row.get_kind_display()
        return show.two_lines(name, f"冲 {row.reverses}") if row.reverses else name

    @display(description="日期")
    def on_shown(self, row: LoanEvent) -> str:
        return show.day(row.on)

    @display(description="金额")
    def amount(self, row: LoanEvent) -> str:
        return show.yuan(row.amount_fen)

    @display(description="贷款产品")
    def product_shown(self, row: LoanEvent) -> str:
        return words.product_name(row.product)
