"""The review work list: results that deserve a look before public notice, and the page to look at one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Sign
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList

from ratings.admin import show
from ratings.admin.desk.acts import Act, DeskAdmin, refusal_texts
from ratings.admin.desk.comparison import comparison
from ratings.admin.desk.forms import form_of, words
from ratings.admin.desk.matters import beginnings, matters
from ratings.admin.desk.standings import beside, named_badge, place_badge, share_runs
from ratings.admin.filters import DistrictFilter
from ratings.admin.scope import visible
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Adjustment, Objection, Rating, RatingPeriod, ReviewItem
from ratings.rules.moves import OPEN_OBJECTION
from ratings.services import review
from ratings.services.audit import Actor
from ratings.services.errors import Refused

#: Remarks by weight: what comes first on the list.
_WEIGHTS = {"CHANGED": 16, "CAPPED": 8, "GROWTH": 4, "NEAR": 2, "FIRST": 1}


def live_periods(request: HttpRequest) -> list[RatingPeriod]:
    """Periods that have review items, newest first; one query a request."""
    known: list[RatingPeriod] | None = getattr(request, "_live_periods", None)
    if known is None:
        rows = visible(request, RatingPeriod.objects.exclude(state="COMPUTED"))
        known = list(rows.select_related("district")[:50])
        request._live_periods = known  # type: ignore[attr-defined]
    return known


def period_text(period: RatingPeriod) -> str:
    """A period with its place and state, for choices."""
    return f"{show.period_label(period.period)} {period.scope}（{period.get_state_display()}）"


def usual_period(request: HttpRequest) -> str:
    """The key of the period that lists show unasked: under review, else the newest; "" for none."""
    periods = [period for period in live_periods(request) if period.state != "ABANDONED"]
    current = [period for period in periods if period.state == "UNDER_REVIEW"] or periods
    return str(current[0].pk) if current else ""


class ItemPeriodFilter(DropdownFilter):
    """By period; unless asked otherwise the one that is under review, else the newest."""

    title = "评价周期"
    parameter_name = "period"
    all_option = None

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.usual = usual_period(request)
        super().__init__(request, params, model, model_admin)

    def value(self) -> str:
        return super().value() or self.usual

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(period.pk), period_text(period)) for period in live_periods(request)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(period=int(value)) if value.isdecimal() else queryset.none()


class RemarkFilter(DropdownFilter):
    title = "审核要点"
    parameter_name = "remark"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(bit.value), str(bit.label)) for bit in ReviewItem.Remark]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if not value:
            return queryset
        bits = [bit.value for bit in ReviewItem.Remark if str(bit.value) == value]
        return queryset.filter(remarks__in=[n for n in range(32) if n & bits[0]]) if bits else queryset.none()


class ConfirmedFilter(DropdownFilter):
    title = "是否确认"
    parameter_name = "confirmed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("0", "未确认"), ("1", "已确认")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(confirmed_at__isnull=self.value() == "0") if self.value() else queryset


class OpenMatterFilter(DropdownFilter):
    """Where somebody still works on an objection or an adjustment."""

    title = "在办事项"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("objection", "有在办异议"), ("adjustment", "有待批调整")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "objection":
            heard = Objection.objects.filter(rating=OuterRef("rating"), state__in=OPEN_OBJECTION)
            return queryset.filter(Exists(heard))
        if self.value() == "adjustment":
            proposed = Adjustment.objects.filter(rating=OuterRef("rating"), state="PROPOSED")
            return queryset.filter(Exists(proposed))
        return queryset


class ItemChangeList(ChangeList):
    """Gives the rows what stands beside their ratings, read at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[ReviewItem] = list(self.result_list)  # type: ignore[has-type]
        ratings = [row.rating for row in rows]
        share_runs(request, ratings)
        found = beside(ratings)
        for row in rows:
            row.beside = found[row.rating_id]  # type: ignore[attr-defined]
        self.result_list = rows


def remark_badges(item: ReviewItem) -> SafeString:
    """The remarks of an item, each in a frame."""
    strong = {ReviewItem.Remark.CHANGED, ReviewItem.Remark.CAPPED}
    marks = [
        (show.badge("warn" if bit in strong else "plain", bit.label),)
        for bit in ReviewItem.Remark
        if item.remarks & bit
    ]
    return format_html_join(" ", "{}", marks)


@admin.register(ReviewItem)
class ReviewItemAdmin(SearchedByPharmacy, DeskAdmin):
    """Who may see: the view permission, items of the own districts. Who may confirm: those who
    review periods."""

    list_display = ("shop", "district", "grade_now", "grade_before", "points", "remarks_shown", "confirmed")
    list_display_links = ("shop",)
    list_select_related = ("rating__pharmacy", "rating__district")
    list_filter = (ItemPeriodFilter, DistrictFilter, RemarkFilter, ConfirmedFilter, OpenMatterFilter)
    search_fields = ("rating__pharmacy__code",)
    pharmacy_path = "rating__pharmacy"
    actions = ("confirm_chosen",)  # type: ignore[assignment]

    list_before_template = "ratings/admin/desk/shown_period.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ItemChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list says which period it shows."""
        wanted = request.GET.get(ItemPeriodFilter.parameter_name) or usual_period(request)
        shown = next((each for each in live_periods(request) if str(each.pk) == wanted), None)
        context = {"shown_period": shown, "shown_text": period_text(shown) if shown else ""}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the weight of the remarks: what weighs most comes first, the confirmed last."""
        weight = sum(
            Sign(F("remarks").bitand(ReviewItem.Remark[name].value)) * points
            for name, points in _WEIGHTS.items()
        )
        return super().get_queryset(request).defer("rating__trace").annotate(weight=weight)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return (F("confirmed_at").asc(nulls_first=True), F("weight").desc(), "id")

    # acts

    def has_review_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.review_ratingperiod")

    @action(description="确认所选", permissions=["review"])
    def confirm_chosen(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Confirm the ticked items of this page as they are. Who may: those who review.

        Not those of other pages, which nobody has seen: they stand on this list to be looked at.
        """
        if request.POST.get("select_across") == "1":
            messages.error(request, "没有确认：这些结果须逐页看过，只能确认本页所选的，不能一次确认所有页。")
            return
        try:
            done = review.confirm_items(queryset.values_list("pk", flat=True), by=Actor.of(request))
        except (Refused, ValidationError) as refused:
            for text in refusal_texts(request, refused):
                messages.error(request, text)
        else:
            messages.success(request, f"已确认 {done:,} 件。")

    def acts_of(self, request: HttpRequest, row: ReviewItem) -> Sequence[Act]:
        if row.period.state != "UNDER_REVIEW" or row.confirmed_at:
            return ()
        return (
            Act(
                "confirm",
                "确认",
                "review_ratingperiod",
                do=_confirm,
                form=lambda request, row: form_of(text=words("审核意见", most=300, required=False)),
                note="确认表示已逐项核对，同意预评等级（有已批准的调整的，同意调整后的等级）。",
            ),
        )

    def summary(self, row: ReviewItem) -> list[tuple[str, Any]]:
        return [
            ("药店", f"{row.rating.pharmacy.name}（{row.rating.pharmacy.code}）"),
            ("评价周期", show.period_label(row.period.period)),
            ("审核要点", remark_badges(row)),
        ]

    # the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One result beside the last period's: points, explanation, facts, what is in hand."""
        item: ReviewItem = self.visible_or_404(request, object_id)
        rating = Rating.objects.select_related("run__scheme", "run__district", "pharmacy", "district").get(
            pk=item.rating_id
        )
        item.rating = rating
        return self.page(
            request,
            "ratings/admin/desk/review.html",
            f"审核：{rating.pharmacy.name} {show.period_label(item.period.period)}",
            item=item,
            rating=rating,
            pharmacy=rating.pharmacy,
            remarks=remark_badges(item),
            confirmed=_confirmation(item),
            acts=self.shown_acts(request, item),
            next_url=self._next(request, item),
            matters=matters(request, rating),
            beginnings=beginnings(request, rating, item.period.state),
            **comparison(request, rating),
        )

    def _next(self, request: HttpRequest, item: ReviewItem) -> str:
        """The next open item of the same district, "" when there is none."""
        rows = self.get_queryset(request).filter(
            period=item.period_id, rating__district=item.rating.district_id, confirmed_at=None
        )
        following = rows.exclude(pk=item.pk).order_by(F("weight").desc(), "id").values_list("pk", flat=True)
        found = following.first()
        return show.row_url(ReviewItem, found) if found else ""

    # columns

    @display(description="药店")
    def shop(self, row: ReviewItem) -> SafeString:
        return show.two_lines(row.rating.pharmacy.name, row.rating.pharmacy.code)

    @display(description="区县")
    def district(self, row: ReviewItem) -> str:
        return row.rating.district.name

    @display(description="现等级")
    def grade_now(self, row: Any) -> SafeString:
        now = place_badge(row.rating, row.beside.position)
        return show.two_lines(now, row.beside.remark) if row.beside.remark else now

    @display(description="上次公布")
    def grade_before(self, row: ReviewItem) -> SafeString | str:
        return named_badge(row.rating, row.previous_grade)

    @display(description="信用分")
    def points(self, row: ReviewItem) -> str:
        return show.points(row.rating.score) if row.rating.state == 0 else "—"

    @display(description="审核要点")
    def remarks_shown(self, row: ReviewItem) -> SafeString:
        return remark_badges(row)

    @display(description="确认")
    def confirmed(self, row: ReviewItem) -> str | SafeString:
        return _confirmation(row) if row.confirmed_at else show.badge("warn", "未确认")


def _confirmation(item: ReviewItem) -> str:
    if not item.confirmed_at:
        return ""
    said = f"：{item.note}" if item.note else ""
    return f"{item.confirmed_by}，{show.moment(item.confirmed_at)}{said}"


def _confirm(item: ReviewItem, values: dict[str, Any], by: Actor) -> str:
    review.confirm_item(item, note=values["text"], by=by)
    return "已确认。"
