"""Filters of lists that are read product by product."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from applications.bank_loans.admin import words
from applications.bank_loans.models import LoanProduct, Reason


def _products() -> dict[str, str]:
    rows = LoanProduct.objects.order_by("is_sandbox", "pk").select_related("bank")
    return {str(row.pk): f"{words.product_name(row)}（{row.bank.name}）" for row in rows}


class ProductFilter(DropdownFilter):
    """By product."""

    title = "贷款产品"
    parameter_name = "product"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.products = _products()
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.products.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(product=int(value)) if value in self.products else queryset.none()


def shown_product(request: HttpRequest) -> str:
    """Whose list :class:`OneProductFilter` shows; "" = there is no such product."""
    products = _products()
    asked = request.GET.get(ProductFilter.parameter_name)
    return products.get(asked, "") if asked else next(iter(products.values()), "")


class OneProductFilter(ProductFilter):
    """By product, unless asked otherwise the oldest: these lists are kept in the order of each product."""

    all_option = None

    def value(self) -> str:
        return super().value() or next(iter(self.products), "")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return super().queryset(request, queryset) if self.value() else queryset.none()


class EligibleFilter(DropdownFilter):
    """On the list or not."""

    title = "资格"
    parameter_name = "eligible"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "符合"), ("0", "不符合")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "1":
            return queryset.filter(reasons=[])
        return queryset.exclude(reasons=[]) if self.value() == "0" else queryset


class ReasonFilter(DropdownFilter):
    """By reason, be it one of several."""

    title = "不符合的原因"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason.value, str(reason.label)) for reason in Reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(reasons__contains=[value]) if value else queryset


class HoldingFilter(DropdownFilter):
    """Authorisations that hold today, those to come, and those that have ended."""

    title = "效力"
    parameter_name = "holding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "有效"), ("later", "未开始"), ("withdrawn", "已撤回"), ("over", "已到期")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        today, value = timezone.localdate(), self.value()
        if value == "withdrawn":
            return queryset.exclude(withdrawn_on=None)
        if value not in {"now", "later", "over"}:
            return queryset
        live = queryset.filter(withdrawn_on=None)
        if value == "over":
            return live.filter(valid_until__lte=today)
        live = live.exclude(valid_until__lte=today)
        return live.filter(valid_from__gt=today) if value == "later" else live.filter(valid_from__lte=today)
