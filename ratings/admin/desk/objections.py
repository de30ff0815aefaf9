"""Objections: taken in, handled within their clocks, decided by another person, reviewed by a third."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Case, F, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.desk import objection_acts as todo
from ratings.admin.desk.acts import Act, DeskAdmin
from ratings.admin.desk.clocks import Step, course, days_left
from ratings.admin.desk.contact import ContactPages
from ratings.admin.desk.evidence import evidence_act, evidence_rows
from ratings.admin.desk.objection_acts import outcome_text
from ratings.admin.desk.receiving import ReceivingPages
from ratings.admin.desk.standings import WithRuns, arrow, place_badge, rating_in_full
from ratings.admin.filters import DistrictFilter
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Adjustment, AuditEvent, Objection
from ratings.rules.moves import OPEN_OBJECTION
from ratings.services import objections
from ratings.services.standing import standing

_KIND = {
    "OPEN": "warn",
    "PROPOSED": "warn",
    "REVIEW_REQUESTED": "warn",
    "REVIEW_PROPOSED": "warn",
    "UPHELD": "good",
    "REVIEW_UPHELD": "good",
}

_BACK, _BACK_AGAIN = ("退回异议", "退回办理"), ("退回复核", "退回复核")
#: in a state that one can be sent back to: the act on record, and what it is called on the page
_RETURNED = {
    "OPEN": _BACK,
    "PROPOSED": _BACK,
    "REVIEW_REQUESTED": _BACK_AGAIN,
    "REVIEW_PROPOSED": _BACK_AGAIN,
}


def state_badge(objection: Objection) -> SafeString:
    """The objection's state in a frame."""
    return show.badge(_KIND.get(objection.state, "plain"), objection.get_state_display())


class ClockFilter(DropdownFilter):
    """Open ones, and those whose day is over."""

    title = "期限"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "未办结"), ("overdue", "已逾期")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "open":
            return queryset.filter(state__in=OPEN_OBJECTION)
        if self.value() == "overdue":
            return objections.overdue(queryset, timezone.localdate())
        return queryset


@admin.register(Objection)
class ObjectionAdmin(SearchedByPharmacy, ReceivingPages, ContactPages, DeskAdmin):
    """Who may see: the view permission, objections of the own districts. Who may take in: the add
    permission; handle: change; decide: decide, never what one proposed, nor a review one had a hand in."""

    list_display = ("number", "shop", "district", "period_name", "ground", "state_mark", "due", "received")
    list_display_links = ("number", "shop")
    list_select_related = ("rating__pharmacy", "rating__district")
    list_filter = (
        ClockFilter,
        ("state", ChoicesDropdownFilter),
        ("ground", ChoicesDropdownFilter),
        DistrictFilter,
    )
    linked_by = ("period__id__exact",)
    search_fields = ("rating__pharmacy__code",)
    pharmacy_path = "rating__pharmacy"
    actions_list = ("receive",)

    contact_permissions = ("ratings.change_objection", "ratings.decide_objection")

    def get_urls(self) -> list[Any]:
        return [*self.receiving_urls(), *self.contact_urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("rating__trace")

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """By clock: open ones first, the nearest day first."""
        due = Case(When(state__in=OPEN_OBJECTION, then=F("due_on")))
        closed = Case(When(state__in=OPEN_OBJECTION, then=Value(0)), default=Value(1))
        return (closed.asc(), due.asc(nulls_last=True), "-id")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return WithRuns

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.rating = rating_in_full(row.rating_id)
        return row

    # acts

    def acts_of(self, request: HttpRequest, row: Objection) -> Sequence[Act]:
        makers = {
            "OPEN": (todo.propose, todo.facts, todo.extend, todo.withdraw),
            "PROPOSED": (todo.decide, todo.send_back, todo.extend, todo.withdraw),
            "UPHELD": (todo.serve,),
            "REJECTED": (todo.request_review, todo.serve),
            "REVIEW_REQUESTED": (todo.propose_review, todo.extend),
            "REVIEW_PROPOSED": (todo.decide_review, todo.return_review, todo.extend),
        }
        acts = [
            maker(row)
            for maker in makers.get(row.state, ())
            if maker is not todo.serve or row.served_on is None
        ]
        if row.is_open:
            acts.append(evidence_act("add_objection", "change_objection"))
        return acts

    def summary(self, row: Objection) -> list[tuple[str, Any]]:
        facts = [
            ("药店", f"{row.rating.pharmacy.name}（{row.rating.pharmacy.code}）"),
            ("评价周期", self.period_name(row)),
            ("现等级", place_badge(row.rating, standing(row.rating).position)),
            ("理由类别", row.get_ground_display()),
            ("异议内容", row.statement),
            ("答复期限", show.day(row.due_on)),
        ]
        if row.proposed_outcome and row.state == "PROPOSED":
            opinion = outcome_text(row.proposed_outcome, row.remedy)
            facts += [("拟处理意见", opinion), ("拟处理理由", row.proposed_text)]
        if row.review_statement:
            facts += [("原决定理由", row.decision_text), ("复核申请", row.review_statement)]
        if row.state == "REVIEW_PROPOSED":
            opinion = outcome_text(row.review_outcome, row.review_remedy)
            facts += [("拟复核意见", opinion), ("拟复核理由", row.review_proposed_text)]
        return facts

    # the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The objection with its facts, evidence, clocks, and the whole course."""
        row: Objection = self.visible_or_404(request, object_id)
        rating = row.rating
        listed = row.facts.select_related("violation", "complaint")
        adjusted = Adjustment.objects.filter(objection=row)
        return self.page(
            request,
            "ratings/admin/desk/objection.html",
            f"异议 #{row.pk}",
            row=row,
            rating=rating,
            pharmacy=rating.pharmacy,
            grade=place_badge(rating, standing(rating).position),
            state=state_badge(row),
            due=days_left(row.due_on) if row.is_open else "",
            period=self.period_name(row),
            acts=self.shown_acts(request, row),
            course=_course(row),
            listed=[_fact_row(entry.violation or entry.complaint) for entry in listed],
            adjustments=[
                (
                    show.link(show.change_url(made), f"等级调整 #{made.pk}"),
                    arrow(rating, made.from_grade, made.to_grade),
                    made.get_state_display(),
                )
                for made in adjusted
            ],
            evidence=evidence_rows(request, objection=row),
            **self.contact_context(request, row),
            **(extra_context or {}),
        )

    # columns

    @display(description="编号")
    def number(self, row: Objection) -> str:
        return f"#{row.pk}"

    @display(description="药店")
    def shop(self, row: Objection) -> SafeString:
        return show.two_lines(row.rating.pharmacy.name, row.rating.pharmacy.code)

    @display(description="区县")
    def district(self, row: Objection) -> str:
        return row.rating.district.name

    @display(description="评价周期")
    def period_name(self, row: Objection) -> str:
        return f"{show.period_label(row.rating.run.period)}（{row.get_against_display()}）"

    @display(description="状态")
    def state_mark(self, row: Objection) -> SafeString:
        return state_badge(row)

    @display(description="剩余时间")
    def due(self, row: Objection) -> SafeString | str:
        return show.two_lines(days_left(row.due_on), show.day(row.due_on)) if row.is_open else "—"

    @display(description="收到")
    def received(self, row: Objection) -> str:
        return received_text(row)


def received_text(row: Objection) -> str:
    """When and how it came; both days, where it was handed in before it was entered."""
    told = f"{show.moment(row.received_at)}，{row.get_channel_display()}"
    if row.handed_in_on == timezone.localdate(row.received_at):
        return told
    return f"{show.day(row.handed_in_on)}递交，{told}"


def _fact_row(fact: Any) -> tuple[SafeString, str, SafeString]:
    standing_now = (
        show.badge("good", "有效") if fact.is_live else show.badge("bad", f"已作废：{fact.void_reason}")
    )
    return (show.link(show.change_url(fact), str(fact)), show.day(fact.decided_on), standing_now)


def _course(row: Objection) -> list[tuple[str, str, str, str]]:
    """What was done, in order: (time, act, who, words)."""
    steps: list[Step] = [
        (row.received_at, "收到", row.received_by, received_text(row)),
        (row.extended_at, "延长期限", row.extended_by, row.extension_reason),
        (
            row.proposed_at,
            f"提出处理意见：{outcome_text(row.proposed_outcome, row.remedy)}",
            row.proposed_by,
            row.proposed_text,
        ),
        (row.decided_at, "决定", row.decided_by, row.decision_text),
        (row.served_at, f"登记送达：{show.day(row.served_on)}", row.served_by, ""),
        (row.review_requested_at, "申请复核", row.review_requested_by, row.review_statement),
        (
            row.review_proposed_at,
            f"提出复核意见：{outcome_text(row.review_outcome, row.review_remedy)}",
            row.review_proposed_by,
            row.review_proposed_text,
        ),
        (row.reviewed_at, "复核决定", row.reviewed_by, row.review_text),
    ]
    returned = _RETURNED.get(row.state)
    if row.proposed_at and returned:
        # only the record of acts keeps why a proposal was sent back
        action, title = returned
        sent_back = AuditEvent.objects.filter(subject=f"objection:{row.pk}", action=action)
        steps += [(event.at, title, event.actor, event.reason) for event in sent_back]
    rows = course(steps)
    if row.state == "WITHDRAWN":
        rows.append(("—", "撤回", "—", row.decision_text))
    return rows
