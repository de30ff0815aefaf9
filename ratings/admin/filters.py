"""Filters that scan no big table and offer only what the user may see."""

from datetime import date
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from ratings.admin.grades import measure_titles
from ratings.admin.scope import visible
from ratings.admin.show import period_label
from ratings.models import District, RatingRun
from ratings.rules.periods import add_months

#: Where the district stands; facts have it through their pharmacy.
DISTRICT_PATHS = {
    "pharmacy": "district",
    "rating": "district",
    "ratingrun": "district",
    "enterprise": "pharmacies__district",
    "ratingperiod": "district",
    "reviewitem": "rating__district",
    "adjustment": "rating__district",
    "objection": "rating__district",
    "creditrepair": "violation__pharmacy__district",
    "noticelink": "rating__district",
    "publishedgrade": "district",
    "issueddocument": "district",
}


class DistrictFilter(DropdownFilter):
    """By district, of those that the user works for."""

    title = "区县"
    parameter_name = "district"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        rows = visible(request, District.objects.all())
        return [(str(code), name) for code, name in rows.values_list("code", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        code = self.value()
        if not code:
            return queryset
        if not code.isdecimal():
            return queryset.none()
        path = DISTRICT_PATHS.get(queryset.model._meta.model_name or "", "pharmacy__district")
        found = queryset.filter(**{path: int(code)})
        return found.distinct() if "__" in path and path.startswith("pharmacies") else found


class StandingFilter(DropdownFilter):
    """Live or voided. Live is what a list shows unless asked."""

    title = "效力"
    parameter_name = "standing"
    all_option = None
    LIVE, VOIDED, ALL = "live", "voided", "all"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(self.LIVE, "有效"), (self.VOIDED, "已作废"), (self.ALL, "全部")]

    def value(self) -> str:
        return super().value() or self.LIVE

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        standing = self.value()
        if standing == self.ALL:
            return queryset
        return queryset.filter(voided_at__isnull=standing != self.VOIDED)


class PaymentStandingFilter(StandingFilter):
    """Each of the two has its own index on the table of payments; together they have none."""

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return super().lookups(request, model_admin)[:2]


class MonthFilter(DropdownFilter):
    """By month, the last three years."""

    title = "月份"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        this_month = timezone.localdate().replace(day=1)
        months = [add_months(this_month, -back) for back in range(36)]
        return [(f"{month:%Y-%m-%d}", f"{month.year}年{month.month}月") for month in months]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        month = self.value()
        if not month:
            return queryset
        try:
            return queryset.filter(month=date.fromisoformat(month))
        except ValueError:
            return queryset.none()


class PeriodFilter(DropdownFilter):
    """By rating period, of the runs that the user may see."""

    title = "评价周期"
    parameter_name = "period"
    path = "period"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        rows = visible(request, RatingRun.objects.all()).order_by("-period_end", "period")
        codes = dict.fromkeys(rows.values_list("period", flat=True).distinct()[:100])
        return [(code, period_label(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


class ChainFilter(DropdownFilter):
    """Chain stores or single shops."""

    title = "经营形式"
    parameter_name = "chain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "连锁门店"), ("0", "单体药店")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(is_chain=self.value() == "1") if self.value() else queryset


class MeasureFilter(DropdownFilter):
    """By imported indicator, of those that the schemes in force read."""

    title = "指标"
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(measure_titles().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(key=self.value()) if self.value() else queryset
