"""Ratings as computed: listed by run, each with its explanation. Nothing here is editable."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.history import published_history
from ratings.admin.desk.matters import rating_desk
from ratings.admin.exports import ExportAdmin
from ratings.admin.filters import DistrictFilter
from ratings.admin.grades import caps_struck, plain_grade, rating_badge, reason_not_rated, run_scope
from ratings.admin.pharmacy_page import ratings_of
from ratings.admin.rating_filters import (
    CapFilter,
    GradeFilter,
    RatedPeriodFilter,
    RunFilter,
    finished_runs,
    shown_runs,
)
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Pharmacy, Rating, RatingRun
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rating


class RatingChangeList(ChangeList):
    """Gives the rows their runs, which the filters have read already."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        runs = {run.pk: run for run in finished_runs(request)}
        rows: list[Rating] = list(self.result_list)  # type: ignore[has-type]
        for row in rows:
            row.run = runs[row.run_id]
        self.result_list = rows


@admin.register(Rating)
class RatingAdmin(SearchedByPharmacy, ExportAdmin, ReadOnlyAdmin):
    """Who may see: staff with the view permission; ratings of their districts."""

    list_display = (
        "shop",
        "district",
        "period",
        "grade_shown",
        "points",
        "in_district",
        "in_city",
        "limits",
    )
    list_before_template = "ratings/admin/shown_runs.html"
    ordering = ("-grade", "pharmacy_id")
    list_display_links = ("shop",)
    list_select_related = ("pharmacy", "district")
    list_filter = (RunFilter, RatedPeriodFilter, GradeFilter, DistrictFilter, CapFilter)
    linked_by = ("pharmacy__id__exact",)
    search_fields = ("pharmacy__code", "pharmacy__name")
    sortable_by = ("grade_shown", "points", "in_district", "in_city")
    export_columns = (
        ("定点编码", lambda row: row.pharmacy.code),
        ("药店", lambda row: row.pharmacy.name),
        ("区县", lambda row: row.district.name),
        ("评价周期", lambda row: row.run.period),
        ("评价批次", lambda row: row.run_id),
        ("等级", plain_grade),
        ("信用分", lambda row: show.points_number(row.score) if row.state == 0 else None),
        ("区县排名", lambda row: row.rank_district or "—"),
        ("全市排名", lambda row: row.rank_city or "—"),
        ("不予评级原因", reason_not_rated),
        ("触发的等级限制", lambda row: "；".join(caps_struck(row))),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RatingChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list says which runs it shows."""
        return super().changelist_view(request, {"shown_runs": shown_runs(request), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(run__state=RatingRun.State.DONE).defer("trace")

    def get_export_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_export_queryset(request).prefetch_related("run__scheme")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Worst grades first; a single pharmacy's by time."""
        if "pharmacy__id__exact" in request.GET:
            return ("-run__period_end", "-run_id")
        return self.ordering

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The rating with its explanation and the same pharmacy's other periods. Read only."""
        rating = self.visible_or_404(request, object_id)
        explanation, problem = None, ""
        try:
            explanation = explain_rating(rating)
        except Refused as refused:
            problem = str(refused)
        pharmacy = Pharmacy.objects.select_related("district", "enterprise").get(pk=rating.pharmacy_id)
        return self.page(
            request,
            "ratings/admin/rating.html",
            f"{pharmacy.name} {show.period_label(rating.run.period)}信用评价",
            rating=rating,
            run=rating.run,
            run_scope=run_scope(rating.run),
            pharmacy=pharmacy,
            period=show.period_label(rating.run.period),
            points=f"{show.points(rating.score)} 分" if rating.state == 0 else "—",
            cutoff=show.moment(rating.run.cutoff),
            badge=rating_badge(rating),
            reason=reason_not_rated(rating),
            explanation=explanation,
            problem=problem,
            desk=rating_desk(request, rating),
            table=published_history(request, pharmacy)
            if request.user.has_perm("ratings.view_publishedgrade")
            else None,
            neighbours=[
                {
                    "url": show.change_url(other),
                    "period": show.period_label(other.run.period),
                    "scheme": str(other.run.scheme),
                    "scope": run_scope(other.run),
                    "badge": rating_badge(other),
                    "points": show.points(other.score) if other.state == 0 else "—",
                    "this": other.pk == rating.pk,
                }
                for other in ratings_of(request, pharmacy)
            ],
        )

    @display(description="药店")
    def shop(self, row: Rating) -> SafeString:
        return show.two_lines(row.pharmacy.name, row.pharmacy.code)

    @display(description="评价周期")
    def period(self, row: Rating) -> str:
        return show.period_label(row.run.period)

    @display(description="等级", ordering="grade")
    def grade_shown(self, row: Rating) -> SafeString:
        return rating_badge(row)

    @display(description="信用分", ordering="score")
    def points(self, row: Rating) -> str:
        return show.points(row.score) if row.state == 0 else "—"

    @display(description="区县排名", ordering="rank_district")
    def in_district(self, row: Rating) -> str:
        return show.number(row.rank_district) if row.rank_district else "—"

    @display(description="全市排名", ordering="rank_city")
    def in_city(self, row: Rating) -> str:
        return show.number(row.rank_city) if row.rank_city else "—"

    @display(description="限制或不予评级原因")
    def limits(self, row: Rating) -> str:
        return reason_not_rated(row) or "；".join(caps_struck(row)) or "—"
