"""Loan products: their terms, and how their lists stand."""

from collections import Counter
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from applications.bank_loans import services
from applications.bank_loans.admin import words
from applications.bank_loans.models import Authorisation, Change, LoanProduct, Reason, Standing
from applications.clients.models import Organisation
from ratings.admin import asking, show
from ratings.admin.base import CityAdmin
from ratings.published import districts
from ratings.services.audit import Actor

_SHOWN_CHANGES = 10


class TermsForm(forms.Form):
    """What can be set of a product, and why it is."""

    name = asking.line("名称", most=100)
    minimum_grade = asking.choice("最低等级", help_text="按施行中的评价规则；低于 B 级的不能选")
    credit_line_fen = asking.Yuan("授信额度（元）", help_text="如 10000000（1,000 万元）")
    loan_limit_fen = asking.Yuan("信用额度（元）", help_text="不高于授信额度，如 3000000（300 万元）")
    districts = forms.TypedMultipleChoiceField(
        label="适用区县",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="一个也不选＝全市",
    )
    minimum_months = asking.whole("最短定点月数", 0, 600, initial=0, help_text="0＝不限")
    minimum_periods = asking.whole(
        "连续达标期数", 1, 20, initial=1, help_text="最近公布的评价周期，连续几期达到最低等级"
    )
    authorisation_required = asking.choice(
        "药店授权", choices=[("1", "须经药店授权"), ("0", "不须授权")], initial="1"
    )
    valid_from = asking.day("起始日")
    valid_until = asking.day("失效日", required=False, help_text="自这一天起不再适用；不填＝未定")
    reason = asking.reason()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        steps = services.minimum_grades(timezone.localdate())
        fields["minimum_grade"].choices = [(step.name, f"{step.name} {step.label}") for step in steps]
        fields["districts"].choices = list(districts().items())

    def clean_authorisation_required(self) -> bool:
        return bool(self.cleaned_data["authorisation_required"] == "1")


class NewForm(TermsForm):
    """A product with what is fixed for good."""

    bank = asking.row(
        "银行",
        Organisation.objects.filter(kind=Organisation.Kind.BANK),
        help_text="须先在“机构”登记；定后不改",
    )
    key = asking.line("代码", most=40, help_text="小写字母、数字和连字符，用于接口地址；定后不改")
    field_order = ("bank", "key")


@admin.register(LoanProduct)
class LoanProductAdmin(CityAdmin):
    """Who may see: the view permission, for the whole city; make: add; set terms: change."""

    menu_order, menu_icon = 10, "account_balance_wallet"
    list_display = ("shown_name", "key", "minimum", "limits", "authorised", "offered", "listed")
    list_select_related = ("bank",)
    search_fields = ("name", "=key", "bank__name")
    search_help_text = "名称、代码或银行"
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        return self.own_paths(("<int:pk>/terms/", self.terms_view, "terms")) + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add_loanproduct")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the size of each list."""
        rows = Standing.objects.filter(product=OuterRef("pk"), reasons=[]).order_by().values("product")
        size = Subquery(rows.annotate(rows=Count("*")).values("rows"))
        return super().get_queryset(request).annotate(size=Coalesce(size, 0))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied

        def do(values: dict[str, Any]) -> tuple[str, str]:
            made = services.create_product(by=Actor.of(request), today=timezone.localdate(), **values)
            return show.change_url(made), f"已新增“{made.name}”，名单上有 {self._size(made):,} 家药店。"

        back = reverse("admin:bank_loans_loanproduct_changelist")
        return asking.ask(self, request, "新增贷款产品", NewForm, do, back=back)

    def terms_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Sets the terms; the list follows at once."""
        product: LoanProduct = self.visible_or_404(request, pk)
        if not self.may(request, "change_loanproduct") or product.is_sandbox:
            raise PermissionDenied

        def do(values: dict[str, Any]) -> tuple[str, str]:
            why = values.pop("reason")
            changed = services.change_product(
                product, values, by=Actor.of(request), reason=why, today=timezone.localdate()
            )
            moved = changed.position - product.position
            return show.change_url(product), f"已修改，名单变动 {moved:,} 处。"

        initial = {name: getattr(product, name) for name in services.TERMS}
        initial["authorisation_required"] = "1" if product.authorisation_required else "0"
        note = "改动立即生效：名单随即重新推算，被移出的药店会告知银行。"
        back = show.change_url(product)
        return asking.ask(self, request, "修改产品条件", TermsForm, do, back=back, initial=initial, note=note)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Terms, the list and its newest changes."""
        product: Any = self.visible_or_404(request, object_id)
        today = timezone.localdate()
        held = Q(valid_from__lte=today, withdrawn_on=None) & (Q(valid_until=None) | Q(valid_until__gt=today))
        return self.page(
            request,
            "bank_loans/admin/product.html",
            words.product_name(product),
            product=product,
            facts=self._facts(product, today),
            listed=[
                ("名单上的药店", f"{product.size:,} 家"),
                ("名单日期", show.day(product.reckoned_on)),
                ("名单序号", f"{product.position:,}"),
                ("已计入的公布序号", f"{product.ledger_seq:,}"),
                ("有效授权", f"{Authorisation.objects.filter(held, product=product).count():,} 份"),
            ],
            stale=product.reckoned_on is None or product.reckoned_on < today,
            refused=show.table("不符合的原因", ("原因", "药店数"), self._refused(product)),
            changes=self._changes(product, today),
            acts=self._acts(request, product),
        )

    def _size(self, product: LoanProduct) -> int:
        return Standing.objects.filter(product=product, reasons=[]).count()

    def _facts(self, product: LoanProduct, today: date) -> list[tuple[str, Any]]:
        known = districts()
        named = "、".join(known.get(code, str(code)) for code in product.districts)
        return [
            ("银行", product.bank.name),
            ("代码", product.key),
            ("最低等级", words.grade(product.minimum_grade, words.steps(today))),
            ("授信额度", words.money(product.credit_line_fen)),
            ("信用额度", words.money(product.loan_limit_fen)),
            ("适用区县", named or "全市"),
            ("最短定点月数", f"{product.minimum_months} 个月" if product.minimum_months else "不限"),
            ("连续达标期数", f"{product.minimum_periods} 期"),
            ("药店授权", "须经药店授权" if product.authorisation_required else "不须授权"),
            ("适用期", words.days(product.valid_from, product.valid_until)),
        ]

    def _refused(self, product: LoanProduct) -> list[tuple[Any, ...]]:
        """(reason, how many pharmacies), in the order of Reason."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT reason, count(*) FROM {Standing._meta.db_table}, unnest(reasons) reason"
                " WHERE product_id = %s AND reasons <> '{}' GROUP BY reason",
                [product.pk],
            )
            counts: Counter[str] = Counter(dict(cursor.fetchall()))
        return [
            (
                show.link(show.list_url(Standing, product=product.pk, reason=reason.value), reason.label),
                f"{counts[reason]:,}",
            )
            for reason in Reason
            if counts[reason]
        ]

    def _changes(self, product: LoanProduct, today: date) -> dict[str, Any]:
        rows = list(Change.objects.filter(product=product).order_by("-number")[:_SHOWN_CHANGES])
        named = words.names([row.code for row in rows], today)
        return show.table(
            f"最近 {_SHOWN_CHANGES} 处名单变动" if len(rows) == _SHOWN_CHANGES else "名单变动",
            ("序号", "药店", "变动", "起因", "原因", "时间"),
            [
                (
                    row.number,
                    show.two_lines(named.get(row.code, row.code), row.code),
                    row.get_kind_display(),
                    row.get_cause_display(),
                    words.reasons(row.reasons) or "—",
                    show.moment(row.at),
                )
                for row in rows
            ],
            more=show.list_url(Change, product=product.pk),
        )

    def _acts(self, request: HttpRequest, product: LoanProduct) -> list[tuple[str, str, str]]:
        """(address, title, style) of what the user can go on to."""
        known = self.admin_site
        acts = []
        if self.may(request, "change_loanproduct") and not product.is_sandbox:
            url = reverse("admin:bank_loans_loanproduct_terms", args=(product.pk,))
            acts.append((url, "修改产品条件……", "cs-primary"))
        if known.get_model_admin(Authorisation).has_add_permission(request) and not product.is_sandbox:
            url = reverse("admin:bank_loans_authorisation_add")
            acts.append((f"{url}?product={product.pk}", "登记药店授权……", ""))
        if known.get_model_admin(Standing).has_view_permission(request):
            acts.append((show.list_url(Standing, product=product.pk), "查询药店的资格", ""))
        return acts

    @display(description="名称")
    def shown_name(self, row: LoanProduct) -> SafeString:
        return show.two_lines(words.product_name(row), row.bank.name)

    @display(description="最低等级")
    def minimum(self, row: LoanProduct) -> str:
        return row.minimum_grade

    @display(description="授信额度、信用额度")
    def limits(self, row: LoanProduct) -> SafeString:
        return show.two_lines(words.wan(row.credit_line_fen), words.wan(row.loan_limit_fen))

    @display(description="药店授权")
    def authorised(self, row: LoanProduct) -> str:
        return "须经授权" if row.authorisation_required else "不须授权"

    @display(description="适用期")
    def offered(self, row: LoanProduct) -> str:
        return words.days(row.valid_from, row.valid_until)

    @display(description="名单上的药店")
    def listed(self, row: Any) -> str:
        return f"{row.size:,} 家"
