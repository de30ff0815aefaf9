"""Adjustments: proposals within the scheme's limits, decided by another person, reversed by a new one."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Case, F, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.desk.acts import Act, DeskAdmin
from ratings.admin.desk.clocks import days_left
from ratings.admin.desk.evidence import evidence_act, evidence_rows
from ratings.admin.desk.forms import form_of, words
from ratings.admin.desk.proposing import ProposingPages
from ratings.admin.desk.since import facts_since
from ratings.admin.desk.standings import WithRuns, arrow, place_badge, rating_in_full
from ratings.admin.filters import DistrictFilter
from ratings.admin.grades import readable
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Adjustment, CreditRepair, Objection, Publication
from ratings.services import adjustments
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rerating
from ratings.services.reratings import reason_of

_KIND = {"PROPOSED": "warn", "APPROVED": "good", "REJECTED": "bad", "CANCELLED": "plain"}


def state_badge(adjustment: Adjustment) -> SafeString:
    """The adjustment's state in a frame."""
    return show.badge(_KIND[adjustment.state], adjustment.get_state_display())


class OpenFilter(DropdownFilter):
    """Overdue ones, or those that the user could decide."""

    title = "期限"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "已逾期")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "overdue":
            return queryset.filter(state="PROPOSED", due_on__lt=timezone.localdate())
        return queryset


@admin.register(Adjustment)
class AdjustmentAdmin(SearchedByPharmacy, ProposingPages, DeskAdmin):
    """Who may see: the view permission, adjustments of the own districts. Who may propose: the add
    permission; decide: the decide permission, never what one proposed; cancel: the proposer."""

    list_display = (
        "number",
        "shop",
        "district",
        "period_name",
        "cause",
        "change",
        "state_mark",
        "due",
        "proposed",
    )
    list_display_links = ("number", "shop")
    list_select_related = ("rating__pharmacy", "rating__district")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
        DistrictFilter,
        OpenFilter,
    )
    linked_by = ("period__id__exact",)
    search_fields = ("rating__pharmacy__code",)
    pharmacy_path = "rating__pharmacy"
    actions_list = ("find",)

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("propose/<int:rating_id>/", self.propose_view, "propose"),
            ("correct/<int:rating_id>/", self.correct_view, "correct"),
        )
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("rating__trace")

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Open ones first, those with the nearest legal day before the others."""
        closed = Case(When(state="PROPOSED", then=Value(0)), default=Value(1))
        return (closed.asc(), Case(When(state="PROPOSED", then=F("due_on"))).asc(nulls_last=True), "-id")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return WithRuns

    # acts

    def acts_of(self, request: HttpRequest, row: Adjustment) -> Sequence[Act]:
        if row.state == Adjustment.State.PROPOSED:
            own = row.proposed_by == request.user.get_username()
            acts = [
                Act(
                    "approve",
                    "批准",
                    "decide_adjustment",
                    do=partial(_decide, True),
                    form=lambda request, row: form_of(text=words("审批意见")),
                    note=_approval_note(row),
                    faults=_not_own,
                ),
                Act(
                    "reject",
                    "不予批准",
                    "decide_adjustment",
                    do=partial(_decide, False),
                    form=lambda request, row: form_of(text=words("不予批准的理由")),
                    danger=True,
                    faults=_not_own,
                ),
            ]
            if own:
                acts.append(
                    Act(
                        "cancel",
                        "撤销提议",
                        "view_adjustment",
                        do=_cancel,
                        form=lambda request, row: form_of(text=words("撤销的理由")),
                        danger=True,
                    )
                )
            acts.append(evidence_act("add_adjustment"))
            return acts
        judged = row.state == Adjustment.State.APPROVED and row.cause == Adjustment.Cause.JUDGEMENT
        if judged and not row.reversals.filter(state__in=("PROPOSED", "APPROVED")).exists():
            return (
                Act(
                    "reverse",
                    "撤销这项调整",
                    "add_adjustment",
                    do=_reverse,
                    form=lambda request, row: form_of(text=words("撤销的理由")),
                    note="以一项新的调整恢复原等级，同样须由另一人审批；本记录保留。",
                    danger=True,
                ),
            )
        return ()

    def summary(self, row: Adjustment) -> list[tuple[str, Any]]:
        return [
            ("药店", f"{row.rating.pharmacy.name}（{row.rating.pharmacy.code}）"),
            ("评价周期", self.period_name(row)),
            ("事由", self.cause_text(row)),
            ("原等级", place_badge(row.rating, row.from_grade)),
            ("新等级", place_badge(row.rating, row.to_grade)),
            ("理由", row.text),
        ]

    # the page

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.rating = rating_in_full(row.rating_id)
        return row

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The proposal with what it rests on, its evidence, and how it was decided."""
        row: Adjustment = self.visible_or_404(request, object_id)
        rating = row.rating
        explanation, problem = None, ""
        if row.rerating is not None:
            try:
                explanation = explain_rerating(row.rerating)
            except Refused as refused:
                problem = str(refused)
        return self.page(
            request,
            "ratings/admin/desk/adjustment.html",
            f"等级调整 #{row.pk}",
            row=row,
            rating=rating,
            pharmacy=rating.pharmacy,
            state=state_badge(row),
            before=place_badge(rating, row.from_grade),
            after=place_badge(rating, row.to_grade),
            due=days_left(row.due_on) if row.state == "PROPOSED" and row.due_on else "",
            facts=self._facts(request, row),
            acts=self.shown_acts(request, row),
            rerating=row.rerating,
            rerating_cutoff=show.moment(row.rerating.cutoff) if row.rerating else "",
            demand=_demand(row),
            since=facts_since(request, rating, row.rerating) if row.rerating else (),
            explanation=explanation,
            problem=problem,
            evidence=evidence_rows(request, adjustment=row),
        )

    def _facts(self, request: HttpRequest, row: Adjustment) -> list[tuple[str, Any]]:
        facts: list[tuple[str, Any]] = [
            ("评价周期", show.link(show.change_url(row.rating), self.period_name(row))),
            ("事由", self.cause_text(row)),
            ("条款", row.clause),
            ("理由", row.text),
            ("提出", f"{row.proposed_by}，{show.moment(row.proposed_at)}"),
        ]
        if row.due_on:
            facts.append(("法定期限", show.day(row.due_on)))
        if row.decided_at:
            label = "撤销" if row.state == "CANCELLED" else "审批"
            facts.append((label, f"{row.decided_by}，{show.moment(row.decided_at)}"))
            facts.append((f"{label}意见", row.decision_text or "—"))
        for label, model, key in (
            ("异议", Objection, row.objection_id),
            ("信用修复", CreditRepair, row.repair_id),
            ("撤销的调整", Adjustment, row.reverses_id),
        ):
            if key:
                facts.append((label, show.link(show.row_url(model, key), f"{label} #{key}")))
        undone = Adjustment.objects.filter(reverses=row).first()
        if undone:
            facts.append(
                (
                    "后续",
                    show.link(
                        show.change_url(undone),
                        f"由等级调整 #{undone.pk} 撤销（{undone.get_state_display()}）",
                    ),
                )
            )
        published = Publication.objects.filter(adjustment=row).first()
        if published:
            facts.append(("发布号", show.link(show.change_url(published), published.number)))
        return facts

    # columns

    @display(description="编号")
    def number(self, row: Adjustment) -> str:
        return f"#{row.pk}"

    @display(description="药店")
    def shop(self, row: Adjustment) -> SafeString:
        return show.two_lines(row.rating.pharmacy.name, row.rating.pharmacy.code)

    @display(description="区县")
    def district(self, row: Adjustment) -> str:
        return row.rating.district.name

    @display(description="评价周期")
    def period_name(self, row: Adjustment) -> str:
        return show.period_label(row.rating.run.period)

    @display(description="变动")
    def change(self, row: Adjustment) -> SafeString:
        return arrow(row.rating, row.from_grade, row.to_grade)

    @display(description="事由")
    def cause_text(self, row: Adjustment) -> str:
        rules = readable(row.rating.run.scheme)
        titles = {}
        if rules is not None:
            document = rules.document
            titles = {cap.id: cap.title for cap in document.caps}
            titles |= {rule.id: rule.title for rule in document.eligibility}
            titles |= {reason.id: reason.title for reason in document.adjustments}
        reason = titles.get(row.reason_code, row.reason_code)
        return f"{row.get_cause_display()}：{reason}" if reason else row.get_cause_display()

    @display(description="状态")
    def state_mark(self, row: Adjustment) -> SafeString:
        return state_badge(row)

    @display(description="期限")
    def due(self, row: Adjustment) -> SafeString | str:
        return days_left(row.due_on) if row.state == "PROPOSED" else "—"

    @display(description="提出")
    def proposed(self, row: Adjustment) -> str:
        return f"{row.proposed_by}，{show.moment(row.proposed_at)}"


def _demand(row: Adjustment) -> str:
    """What beyond the score demands the re-rated grade, "" where nothing does."""
    rules = readable(row.rating.run.scheme)
    reason = reason_of(rules, row.rerating) if rules and row.rerating else None
    return f"{reason.title}（{reason.clause}）" if reason else ""


def _not_own(row: Adjustment, by: Actor) -> list[str]:
    if row.proposed_by == by.name:
        return ["这是您提出的，须由另一人审批。"]
    return []


def _approval_note(row: Adjustment) -> str:
    if row.period.state == "PUBLISHED":
        return "该周期已经发布：批准以后立即单独发布，不能取消。"
    return "批准以后，该药店以新等级进入公示和发布。"


def _decide(approve: bool, row: Adjustment, values: dict[str, Any], by: Actor) -> str:
    adjustments.decide_adjustment(row, approve=approve, text=values["text"], by=by)
    return "已批准。" if approve else "未予批准，等级不变。"


def _cancel(row: Adjustment, values: dict[str, Any], by: Actor) -> str:
    adjustments.cancel_adjustment(row, text=values["text"], by=by)
    return "已撤销提议，等级不变。"


def _reverse(row: Adjustment, values: dict[str, Any], by: Actor) -> str:
    made = adjustments.propose_reversal(row, text=values["text"], by=by)
    return f"已提出撤销（等级调整 #{made.pk}），等待另一人审批。"
