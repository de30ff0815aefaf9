"""Which pharmacies are eligible, why others are not, and how the lists changed."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from applications.bank_loans import eligibility, sandbox
from applications.bank_loans.admin import words
from applications.bank_loans.admin.criteria import criteria
from applications.bank_loans.admin.filters import (
    EligibleFilter,
    OneProductFilter,
    ReasonFilter,
    shown_product,
)
from applications.bank_loans.models import Authorisation, Change, Standing
from ratings.admin import show
from ratings.admin.base import CityAdmin
from ratings.published import find_codes

#: A search stops at so many pharmacies.
_MOST = 500


class NamedChangeList(ChangeList):
    """Gives the rows the names of their pharmacies, read once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        named = words.names([row.code for row in rows], timezone.localdate())
        fictitious = {one["code"]: one["name"] for one in sandbox.PHARMACIES}
        for row in rows:
            row.shop_name = named.get(row.code) or fictitious.get(row.code, "")
        self.result_list = rows


class NamedAdmin(CityAdmin):
    """Of rows with a designated code: found by code, or by a part of the pharmacy's name."""

    search_fields = ("code",)
    search_help_text = "药店编码或名称"
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(self.matching(term)), False

    def matching(self, term: str) -> Q:
        return Q(code__in=find_codes(term, _MOST)) | Q(code=term.upper())

    @display(description="药店")
    def shop(self, row: Any) -> SafeString:
        return show.two_lines(row.shop_name or row.code, row.code if row.shop_name else "登记中没有")


class OneProductAdmin(NamedAdmin):
    """Of rows that are read product by product: the list says whose it shows."""

    list_before_template = "bank_loans/admin/shown_product.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list says whose it is."""
        shown = {"shown_product": shown_product(request)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})


@admin.register(Standing)
class StandingAdmin(OneProductAdmin):
    """Who may see: the view permission, for the whole city."""

    menu_order, menu_icon = 30, "rule"
    list_display = ("shop", "verdict", "reasons_shown", "next_day")
    list_filter = (OneProductFilter, EligibleFilter, ReasonFilter)
    search_help_text = "药店编码或名称，或统一社会信用代码"
    ordering = ("code",)

    def matching(self, term: str) -> Q:
        return super().matching(term) | Q(social_credit_code=term.upper())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Each criterion with its value, by the tests that make the list."""
        row: Standing = self.visible_or_404(request, object_id)
        product, today = row.product, timezone.localdate()
        told = eligibility.explain(product, row.code, today)
        if told is None:
            raise Http404("登记中没有这家药店。")
        return self.page(
            request,
            "bank_loans/admin/standing.html",
            f"{told.facts['name']}：{words.product_name(product)}",
            facts=[
                ("定点编码", row.code),
                ("统一社会信用代码", told.facts["social_credit_code"] or "—"),
                ("贷款产品", show.link(show.change_url(product), words.product_name(product))),
                ("名单所记", words.eligible(row.eligible)),
                ("名单日期", show.day(product.reckoned_on)),
                ("下次可能变化", show.day(row.turns_on)),
            ],
            eligible=not told.failed,
            differs=row.eligible != (not told.failed),
            day=show.day(today),
            criteria=criteria(product, told, today),
            authorisations=self._authorisations(request, row),
            changes=self._changes(row),
        )

    def _authorisations(self, request: HttpRequest, row: Standing) -> dict[str, Any] | None:
        if not self.admin_site.get_model_admin(Authorisation).has_view_permission(request):
            return None
        today = timezone.localdate()
        return show.table(
            "药店授权",
            ("编号", "期限", "效力", "登记"),
            [
                (
                    show.link(show.change_url(one), f"#{one.pk}"),
                    words.days(one.valid_from, one.valid_until),
                    words.holding(one, today),
                    f"{one.recorded_by}，{show.moment(one.recorded_at)}",
                )
                for one in Authorisation.objects.filter(product=row.product_id, code=row.code)[:20]
            ],
        )

    def _changes(self, row: Standing) -> dict[str, Any]:
        rows = Change.objects.filter(product=row.product_id, code=row.code).order_by("-number")[:20]
        return show.table(
            "该药店的名单变动",
            ("序号", "变动", "起因", "原因", "时间"),
            [
                (
                    one.number,
                    one.get_kind_display(),
                    one.get_cause_display(),
                    words.reasons(one.reasons) or "—",
                    show.moment(one.at),
                )
                for one in rows
            ],
        )

    @display(description="资格")
    def verdict(self, row: Standing) -> SafeString:
        return words.eligible(row.eligible)

    @display(description="不符合的原因")
    def reasons_shown(self, row: Standing) -> SafeString | str:
        return words.reasons(row.reasons) or "—"

    @display(description="下次可能变化")
    def next_day(self, row: Standing) -> str:
        return show.day(row.turns_on)


@admin.register(Change)
class ChangeAdmin(OneProductAdmin):
    """Who may see: the view permission, for the whole city. Written by the system alone."""

    menu_order, menu_icon = 40, "swap_vert"
    list_display = ("number_shown", "shop", "kind_shown", "cause", "reasons_shown", "ledger_seq", "when")
    list_display_links = ("number_shown",)
    list_filter = (
        OneProductFilter,
        ("kind", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
    )
    ordering = ("-number",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One change; what it is about stands with the pharmacy."""
        row: Change = self.visible_or_404(request, object_id)
        standing = Standing.objects.filter(product=row.product_id, code=row.code).first()
        return self.page(
            request,
            "ratings/admin/desk/facts_page.html",
            f"名单变动 {row.number}",
            facts=[
                ("贷款产品", show.link(show.change_url(row.product), words.product_name(row.product))),
                ("药店", show.link(show.change_url(standing), row.code) if standing else row.code),
                ("变动", self.kind_shown(row)),
                ("起因", row.get_cause_display()),
                ("原因", words.reasons(row.reasons) or "—"),
                ("账本序号", f"{row.ledger_seq:,}"),
                ("时间", show.moment(row.at)),
            ],
        )

    @display(description="名单序号")
    def number_shown(self, row: Change) -> str:
        return f"{row.number:,}"

    @display(description="变动")
    def kind_shown(self, row: Change) -> SafeString:
        style = {"added": "good", "removed": "bad"}.get(row.kind, "plain")
        return show.badge(style, row.get_kind_display())

    @display(description="原因")
    def reasons_shown(self, row: Change) -> SafeString | str:
        return words.reasons(row.reasons) or "—"

    @display(description="时间")
    def when(self, row: Change) -> str:
        return show.moment(row.at)
