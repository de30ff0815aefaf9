"""Filters of the list of ratings. Unless asked otherwise the list shows the latest run of the city."""

from functools import cached_property
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from ratings.admin.grades import grade_names, run_scope
from ratings.admin.scope import visible
from ratings.admin.show import moment, period_label
from ratings.models import RatingRun

#: Runs offered for choice, newest period first.
_OFFERED = 200
NOT_RATED = "-1"


def finished_runs(request: HttpRequest) -> list[RatingRun]:
    """The newest finished runs that the user may see; one query a request."""
    known: list[RatingRun] | None = getattr(request, "_finished_runs", None)
    if known is None:
        runs = visible(request, RatingRun.objects.filter(state=RatingRun.State.DONE))
        known = list(runs.select_related("scheme", "district").order_by("-period_end", "-id")[:_OFFERED])
        request._finished_runs = known  # type: ignore[attr-defined]
    return known


def whole_city_first(runs: list[RatingRun]) -> list[RatingRun]:
    """Runs of the whole city before those of one district, else in the order given."""
    return sorted(runs, key=lambda run: run.district_id is not None)


def chosen_runs(request: HttpRequest) -> list[RatingRun] | None:
    """The runs whose ratings the list shows; None when a single pharmacy is asked for."""
    runs = finished_runs(request)
    if run := request.GET.get("run"):
        return [each for each in runs if str(each.pk) == run]
    if period := request.GET.get("period"):
        return [each for each in runs if each.period == period]
    if "pharmacy__id__exact" in request.GET:
        return None
    return whole_city_first(runs)[:1]


def shown_runs(request: HttpRequest) -> list[str]:
    """The runs that the list shows, in words: period, scope, scheme, cutoff."""
    return [
        f"{period_label(run.period)}　{run_scope(run)}　{run.scheme}　批次 #{run.pk}　"
        f"数据截止 {moment(run.cutoff)}"
        for run in chosen_runs(request) or ()
    ]


class RunFilter(DropdownFilter):
    """By run; the first filter, because the table is read run by run."""

    title = "评价批次"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [
            (str(run.pk), f"{period_label(run.period)} {run_scope(run)} {run.scheme} #{run.pk}")
            for run in finished_runs(request)
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        runs = chosen_runs(request)
        wanted = finished_runs(request) if runs is None else runs
        return queryset.filter(run__in=[run.pk for run in wanted])


class RatedPeriodFilter(DropdownFilter):
    """By period: all of its finished runs."""

    title = "评价周期"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        codes = dict.fromkeys(run.period for run in finished_runs(request))
        return [(code, period_label(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """:class:`RunFilter` has done it."""
        return queryset


class GradeFilter(DropdownFilter):
    """By grade name, whatever its position in each run's scheme."""

    title = "等级"
    parameter_name = "grade"

    @cached_property
    def names(self) -> dict[int, list[str]]:
        return {run.pk: [name for name, _ in grade_names(run.scheme)] for run in self.runs}

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: ModelAdmin) -> None:
        runs = chosen_runs(request)
        self.runs = finished_runs(request) if runs is None else runs
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        labels: dict[str, str] = {}
        for run in self.runs:
            for name, label in grade_names(run.scheme):
                labels.setdefault(name, f"{name} {label}")
        return [*labels.items(), (NOT_RATED, "不予评级")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        grade = self.value()
        if not grade:
            return queryset
        if grade == NOT_RATED:
            return queryset.filter(grade=-1)
        found = queryset.none()
        positions: dict[int, list[int]] = {}
        for run, names in self.names.items():
            if grade in names:
                positions.setdefault(names.index(grade), []).append(run)
        for position, runs in positions.items():
            found = found | queryset.filter(grade=position, run__in=runs)
        return found


class CapFilter(DropdownFilter):
    """Where a limit held the grade down, and where none did."""

    title = "等级限制"
    parameter_name = "capped"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("1", "因限制降级"), ("0", "未因限制降级")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "1":
            return queryset.filter(grade__gt=F("grade_before_caps"))
        return queryset.filter(grade=F("grade_before_caps")) if self.value() else queryset
