"""Rating periods: where each is in its life, what is missing for the next step, and who takes it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.desk.acts import Act, DeskAdmin, refusal_texts
from ratings.admin.desk.forms import form_of, words
from ratings.admin.desk.period_documents import PeriodDocuments, state_badge
from ratings.admin.filters import DistrictFilter
from ratings.admin.scope import districts_of, sees_whole_city, visible
from ratings.models import (
    Adjustment,
    District,
    Objection,
    PeriodMove,
    Publication,
    Rating,
    RatingPeriod,
    RatingRun,
    ReviewItem,
)
from ratings.rules.moves import PERIOD_MOVES, PERIOD_STATES, Move, moves_from
from ratings.services import periods, review
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.review import progress

#: What each step means to those who take it.
_NOTES = {
    "review": "系统将列出需要逐件审核的结果（等级变动大、触发限制、临近分数线、首次评级、基金支付增幅大）。",
    "give_notice": "各区县名单将在公示页面公开，任何人可以查看预评等级；药店可以在公示期内提出异议。",
    "recall": "公示页面随即撤下；已收到的异议继续办理。",
    "finalise": "审定以后不再依规调整，等待发布；事实有变化的，仍须复评更正。",
    "publish": "全部等级一次写入“公布等级”并签名，发布以后不能取消；以后的变动另行发布。",
    "close": "归档以后不再受理本周期的异议和信用修复。",
    "abandon": "本次办理作废，不可恢复；可以重新评价后另行建立。",
    "reopen": "回到审核；再次公示、审定以后才能发布。",
}
_DANGER = {"abandon"}
_MINOR = {"recall", "reopen"}


def steps(period: RatingPeriod) -> list[dict[str, Any]]:
    """The life as steps, each done, now or ahead; an abandoned one has no steps."""
    if period.state == "ABANDONED":
        return []
    line = [state.id for state in PERIOD_STATES if state.id != "ABANDONED"]
    here = line.index(period.state)
    when = {
        "COMPUTED": period.opened_at,
        "UNDER_REVIEW": period.reviewed_at,
        "PUBLIC_NOTICE": period.noticed_at,
        "FINAL": period.finalised_at,
        "PUBLISHED": period.published_at,
    }
    return [
        {
            "title": PERIOD_STATES[state].label,
            "standing": "done" if place < here else "now" if place == here else "ahead",
            "when": show.day(timezone.localdate(when[state])) if place <= here and when.get(state) else "",
        }
        for place, state in enumerate(line)
    ]


@admin.register(RatingPeriod)
class RatingPeriodAdmin(PeriodDocuments, DeskAdmin):
    """Who may see: the view permission; periods of the city and of the own districts, with figures
    of these only. Who may move: see ``rules/moves.py``; a period of the whole city only those who
    work for it."""

    list_display = ("name", "scope", "state_mark", "notice", "run_name", "opened", "published")
    list_display_links = ("name",)
    list_select_related = ("district", "run__scheme", "run__district")
    list_filter = (DistrictFilter, ("state", ChoicesDropdownFilter))
    search_fields = ("period",)
    search_help_text = "评价周期，如 2025H1"

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("open/<int:run_id>/", self.open_view, "open"),
            ("<int:pk>/rest/<int:code>/", self.rest_view, "rest"),
        )
        return own + super().get_urls()

    # acts

    def may(self, request: HttpRequest, row: RatingPeriod, act: Act) -> bool:
        return super().may(request, row, act) and (row.district_id is not None or sees_whole_city(request))

    def acts_of(self, request: HttpRequest, row: RatingPeriod) -> Sequence[Act]:
        return [
            Act(
                move.name,
                move.title,
                move.permission,
                do=partial(_move, move),
                form=(lambda request, row: form_of(text=words("理由"))) if move.needs_reason else None,
                note=_NOTES.get(move.name, ""),
                danger=move.name in _DANGER,
                minor=move.name in _MINOR,
                faults=partial(_faults, move.name),
            )
            for move in moves_from(PERIOD_MOVES, row.state)
        ]

    def summary(self, row: RatingPeriod) -> list[tuple[str, Any]]:
        """What stands beside a move that cannot be taken back: how many grades, and until when."""
        grades = "　".join(f"{name} {count:,}" for name, count in row.run.grade_counts.items())
        adjusted = row.adjustments.filter(state=Adjustment.State.APPROVED).count()
        known = [
            ("评价周期", show.period_label(row.period)),
            ("范围", self.scope(row)),
            ("状态", state_badge(row)),
            ("评价批次", self.run_name(row)),
            ("计算的等级", f"{grades}　不予评级 {row.run.pharmacies - row.run.rated:,}"),
            ("已批准的调整", f"{adjusted:,} 件"),
        ]
        if row.state == "UNDER_REVIEW":
            notice = periods.notice_dates(timezone.now())
            remark = "" if notice["calendar_known"] else "（放假安排尚未公布，按周一至周五推算）"
            until = f"{show.day(notice['notice_from'])}至{show.day(notice['notice_until'])}{remark}"
            known.append(("今天开始的公示期", until))
        return known

    def open_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Begin the procedure for a finished run. Who may: those who review, and see all of the run."""
        if not request.user.has_perm("ratings.review_ratingperiod"):
            raise PermissionDenied("评价周期由审核员建立。")
        run = get_object_or_404(
            visible(request, RatingRun.objects.select_related("scheme", "district")), pk=run_id
        )
        if run.district_id is None and not sees_whole_city(request):
            raise PermissionDenied("全市的评价周期由市级人员建立。")
        faults: list[str] = []
        if request.method == "POST":
            try:
                period = periods.open_period(run, by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, "已建立，可以开始审核。")
                return HttpResponseRedirect(show.change_url(period))
        return self.page(
            request,
            "ratings/admin/desk/confirm.html",
            "建立评价周期",
            note="以此评价批次的结果为准，进入审核、公示、审定、发布。同一周期、同一范围只能有一个办理过程。",
            summary=[
                ("评价周期", show.period_label(run.period)),
                ("范围", run.district.name if run.district else "全市"),
                ("评价批次", f"#{run.pk}"),
                ("评价规则", str(run.scheme)),
                ("数据截止时间", show.moment(run.cutoff)),
                ("已评级", f"{run.rated:,} 家，共 {run.pharmacies:,} 家"),
            ],
            faults=faults,
            button="建立",
            back=show.change_url(run),
        )

    def rest_view(self, request: HttpRequest, pk: int, code: int) -> HttpResponse:
        """Confirm what needs no look in one district. Who may: those who review, in that district."""
        period: RatingPeriod = self.visible_or_404(request, pk)
        if not request.user.has_perm("ratings.review_ratingperiod"):
            raise PermissionDenied("批量确认由审核员办理。")
        district = get_object_or_404(visible(request, District.objects.all()), pk=code)
        row = next((row for row in progress(period) if row.district == district), None)
        faults = [] if row else ["该评价周期没有这个区县的评价结果。"]
        if request.method == "POST" and not faults:
            try:
                done = review.confirm_rest(period, district, by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, f"{district.name}其余 {done.count:,} 家已全部确认。")
                return HttpResponseRedirect(show.change_url(period))
        return self.page(
            request,
            "ratings/admin/desk/confirm.html",
            f"{district.name}：其余全部确认",
            note="这些药店没有任何审核要点。确认以后不能撤销；发现问题的，可以提出等级调整或更正事实后复评。",
            summary=[
                ("评价周期", show.period_label(period.period)),
                ("区县", district.name),
                ("无审核要点", f"{row.rest:,} 家" if row else "—"),
                ("须逐件审核", f"{row.items:,} 家，已确认 {row.confirmed:,} 家" if row else "—"),
            ],
            faults=faults,
            button="其余全部确认",
            back=show.change_url(period),
        )

    # the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The life as steps, what can be done, how far each district is, and what was done."""
        period: RatingPeriod = self.visible_or_404(request, object_id)
        districts = districts_of(request.user)
        listed = period.state not in {"COMPUTED", "ABANDONED"}
        reviews = period.state == "UNDER_REVIEW" and request.user.has_perm("ratings.review_ratingperiod")
        informs = period.state == "PUBLIC_NOTICE" and request.user.has_perm("ratings.add_noticelink")
        return self.page(
            request,
            "ratings/admin/desk/period.html",
            f"{show.period_label(period.period)} {self.scope(period)}",
            period=period,
            steps=steps(period),
            state=state_badge(period),
            acts=self.shown_acts(request, period),
            facts=self._facts(request, period),
            rows=[
                row
                for row in (progress(period) if listed else ())
                if districts is None or row.district.pk in districts
            ],
            reviews=reviews,
            informs=informs,
            on_notice=period.state == "PUBLIC_NOTICE",
            **self.offered(request, period),
            items_url=show.list_url(ReviewItem, period=period.pk),
            objections_url=show.list_url(Objection, period__id__exact=period.pk),
            adjustments_url=show.list_url(Adjustment, period__id__exact=period.pk),
            moves=[
                (
                    show.moment(move.at),
                    _title(move),
                    f"{PERIOD_STATES[move.source].label} → {PERIOD_STATES[move.target].label}",
                    move.by,
                    move.reason or "—",
                )
                for move in period.moves.all()
            ],
        )

    def _facts(self, request: HttpRequest, period: RatingPeriod) -> list[tuple[str, Any]]:
        run = period.run
        facts: list[tuple[str, Any]] = [
            (
                "评价批次",
                show.link(show.change_url(run), self.run_name(period))
                if _sees(request, "ratingrun")
                else self.run_name(period),
            ),
            ("评价规则", str(run.scheme)),
            ("数据截止时间", show.moment(run.cutoff)),
            (
                "评价结果",
                show.link(
                    show.list_url(Rating, run=run.pk), f"{run.rated:,} 家已评级，共 {run.pharmacies:,} 家"
                )
                if sees_whole_city(request)
                else show.link(show.list_url(Rating, run=run.pk), "查看"),
            ),
            ("建立", _who(period.opened_by, period.opened_at)),
            ("开始审核", _who(period.reviewed_by, period.reviewed_at)),
            ("开始公示", _who(period.noticed_by, period.noticed_at)),
            ("审定", _who(period.finalised_by, period.finalised_at)),
            ("发布", _who(period.published_by, period.published_at)),
        ]
        if period.notice_from:
            facts.append(
                ("公示期", f"{show.day(period.notice_from)}至{show.day(period.notice_until)}（含当日）")
            )
        if _sees(request, "publication"):
            published = Publication.objects.filter(period=period, event="PERIODIC").first()
            if published:
                facts.append(("发布号", show.link(show.change_url(published), f"{published.number}")))
        return facts

    # columns

    @display(description="评价周期")
    def name(self, row: RatingPeriod) -> str:
        return show.period_label(row.period)

    @display(description="范围")
    def scope(self, row: RatingPeriod) -> str:
        return row.scope

    @display(description="状态")
    def state_mark(self, row: RatingPeriod) -> SafeString:
        return state_badge(row)

    @display(description="公示期")
    def notice(self, row: RatingPeriod) -> str:
        return f"{show.day(row.notice_from)}至{show.day(row.notice_until)}" if row.notice_from else "—"

    @display(description="评价批次")
    def run_name(self, row: RatingPeriod) -> str:
        return f"#{row.run_id} {row.run.scheme}"

    @display(description="建立")
    def opened(self, row: RatingPeriod) -> str:
        return show.moment(row.opened_at)

    @display(description="发布")
    def published(self, row: RatingPeriod) -> str:
        return show.moment(row.published_at)


def _move(move: Move, row: RatingPeriod, values: dict[str, Any], by: Actor) -> str:
    periods.move(row, move.name, by=by, reason=values.get("text", ""))
    return f"已办理：{move.title}。"


def _faults(name: str, row: RatingPeriod, by: Actor) -> Sequence[str]:
    return periods.faults(row, name, by=by)


def _title(move: PeriodMove) -> str:
    titles = {known.name: known.title for known in PERIOD_MOVES}
    return titles.get(move.name, move.name)


def _who(name: str, at: Any) -> str:
    return f"{name}，{show.moment(at)}" if at else "—"


def _sees(request: HttpRequest, model: str) -> bool:
    return request.user.has_perm(f"ratings.view_{model}")
