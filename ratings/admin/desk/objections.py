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
from ratings.admin.desk.acts import Act, DeskAdmin
from ratings.admin.desk.clocks import Step, course, days_left
from ratings.admin.desk.contact import ContactPages
from ratings.admin.desk.evidence import evidence_act, evidence_rows
from ratings.admin.desk.forms import choice, form_of, words
from ratings.admin.desk.receiving import ReceivingPages, fact_choices, facts_chosen, facts_field
from ratings.admin.desk.standings import WithRuns, arrow, place_badge, rating_in_full
from ratings.admin.filters import DistrictFilter
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Adjustment, AuditEvent, Objection
from ratings.rules.moves import OPEN_OBJECTION
from ratings.services import objections
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.standing import standing
from ratings.services.steps import DECISION_LENGTH

_KIND = {
    "OPEN": "warn",
    "PROPOSED": "warn",
    "REVIEW_REQUESTED": "warn",
    "UPHELD": "good",
    "REVIEW_UPHELD": "good",
}
_OUTCOMES = (
    *((f"UPHELD|{value}", f"成立：{label}") for value, label in Objection.Remedy.choices),
    ("REJECTED|", "不成立"),
)


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
    permission; handle: change; decide: decide, never what one proposed, nor review what one decided."""

    list_display = ("number", "shop", "district", "period_name", "ground", "state_mark", "due", "received")
    list_display_links = ("number", "shop")
    list_select_related = ("rating__pharmacy", "rating__district")
    list_filter = (
        ClockFilter,
        ("state", ChoicesDropdownFilter),
        ("ground", ChoicesDropdownFilter),
        DistrictFilter,
    )
    search_fields = ("rating__pharmacy__code",)
    pharmacy_path = "rating__pharmacy"
    actions_list = ("receive",)

    contact_permissions = ("ratings.change_objection", "ratings.decide_objection")

    def get_urls(self) -> list[Any]:
        return [*self.receiving_urls(), *self.contact_urls(), *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in {"period__id__exact", "rating__id__exact"} or super().lookup_allowed(
            lookup, value, request
        )

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
            "OPEN": (_propose, _facts, _extend, _withdraw),
            "PROPOSED": (_decide, _return, _extend, _withdraw),
            "REJECTED": (_request_review,),
            "REVIEW_REQUESTED": (_uphold_review, _reject_review, _extend),
        }
        acts = [maker(row) for maker in makers.get(row.state, ())]
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
            facts += [("拟处理意见", outcome_text(row)), ("拟处理理由", row.proposed_text)]
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
        return f"{show.moment(row.received_at)}，{row.get_channel_display()}"


def outcome_text(row: Objection) -> str:
    """The proposed outcome with its remedy, in words."""
    outcome = objections.OUTCOMES.get(row.proposed_outcome, "")
    return f"{outcome}：{row.get_remedy_display()}" if row.remedy else outcome


def _fact_row(fact: Any) -> tuple[SafeString, str, SafeString]:
    standing_now = (
        show.badge("good", "有效") if fact.is_live else show.badge("bad", f"已作废：{fact.void_reason}")
    )
    return (show.link(show.change_url(fact), str(fact)), show.day(fact.decided_on), standing_now)


def _course(row: Objection) -> list[tuple[str, str, str, str]]:
    """What was done, in order: (time, act, who, words)."""
    steps: list[Step] = [
        (row.received_at, "收到", row.received_by, row.get_channel_display()),
        (row.extended_at, "延长期限", row.extended_by, row.extension_reason),
        (row.proposed_at, f"提出处理意见：{outcome_text(row)}", row.proposed_by, row.proposed_text),
        (row.decided_at, "决定", row.decided_by, row.decision_text),
        (row.review_requested_at, "申请复核", "", row.review_statement),
        (row.reviewed_at, "复核决定", row.reviewed_by, row.review_text),
    ]
    if row.proposed_at and row.state in {"OPEN", "PROPOSED"}:
        # only the record of acts keeps why a proposal was sent back
        sent_back = AuditEvent.objects.filter(subject=f"objection:{row.pk}", action="退回异议")
        steps += [(event.at, "退回办理", event.actor, event.reason) for event in sent_back]
    rows = course(steps)
    if row.state == "WITHDRAWN":
        rows.append(("—", "撤回", "—", row.decision_text))
    return rows


# The acts, each made for one row


def _propose(row: Objection) -> Act:
    return Act(
        "propose",
        "提出处理意见",
        "change_objection",
        do=_do_propose,
        form=lambda request, row: form_of(outcome=choice("处理意见", _OUTCOMES), text=words("理由")),
        note="由另一人决定。成立并作废所列事实的，决定时系统按原批次规则复评；申辩不加重。",
    )


def _do_propose(row: Objection, values: dict[str, Any], by: Actor) -> str:
    outcome, remedy = values["outcome"].split("|")
    objections.propose_outcome(row, outcome=outcome, remedy=remedy, text=values["text"], by=by)
    return "已提出处理意见，等待另一人决定。"


def _facts(row: Objection) -> Act:
    return Act(
        "facts",
        "增列所涉事实",
        "change_objection",
        minor=True,
        do=_do_facts,
        form=lambda request, row: form_of(facts=facts_field(fact_choices(row.rating), required=True)),
        also=("add_objection",),
    )


def _do_facts(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.add_facts(row, facts_chosen(values["facts"]), by=by)
    return "已增列所涉事实。"


def _extend(row: Objection) -> Act:
    return Act(
        "extend",
        "延长期限",
        "change_objection",
        minor=True,
        do=_do_extend,
        form=lambda request, row: form_of(text=words("延长理由", most=300)),
        note=f"延长至{show.day(row.last_due_on)}，只能延长一次，届满以后不能延长。",
    )


def _do_extend(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.extend_objection(row, reason=values["text"], by=by)
    return "已延长期限。"


def _decide(row: Objection) -> Act:
    upheld = row.proposed_outcome == "UPHELD"
    return Act(
        "decide",
        "认定成立" if upheld else "认定不成立",
        "decide_objection",
        do=_do_decide,
        form=lambda request, row: form_of(text=words("决定理由", most=DECISION_LENGTH)),
        note="决定以后立即生效：作废所列事实、复评、调整等级一次办完，已发布的随即发布更正。"
        if upheld
        else "",
        faults=_not_own_proposal,
    )


def _not_own_proposal(row: Objection, by: Actor) -> list[str]:
    return ["处理意见是您提出的，须由另一人决定。"] if row.proposed_by == by.name else []


def _do_decide(row: Objection, values: dict[str, Any], by: Actor) -> str:
    done = objections.decide_objection(row, text=values["text"], by=by)
    return f"已决定：{done.decision_text}"


def _return(row: Objection) -> Act:
    return Act(
        "return",
        "退回办理",
        "decide_objection",
        do=_do_return,
        form=lambda request, row: form_of(text=words("退回理由")),
        danger=True,
    )


def _do_return(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.return_objection(row, text=values["text"], by=by)
    return "已退回办理。"


def _withdraw(row: Objection) -> Act:
    return Act(
        "withdraw",
        "登记撤回",
        "add_objection",
        do=_do_withdraw,
        form=lambda request, row: form_of(text=words("撤回的说明", help_text="写明药店何时、如何撤回。")),
        minor=True,
    )


def _do_withdraw(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.withdraw_objection(row, text=values["text"], by=by)
    return "已登记撤回。"


def _request_review(row: Objection) -> Act:
    return Act(
        "request_review",
        "登记复核申请",
        "add_objection",
        do=_do_request_review,
        form=lambda request, row: form_of(text=words("复核申请", help_text="药店不服的理由。")),
        note=f"可在{show.day(objections.review_until(row))}以前（含当日）申请复核，由原决定人以外的人办理。",
        faults=_review_faults,
    )


def _review_faults(row: Objection, by: Actor) -> list[str]:
    try:
        until = objections.review_until(row)
    except Refused as refused:
        return [str(refused)]
    return [f"申请复核的期限已于{show.day(until)}届满。"] if timezone.localdate() > until else []


def _do_request_review(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.request_review(row, statement=values["text"], by=by)
    return "已登记复核申请。"


def _not_earlier_hand(row: Objection, by: Actor) -> list[str]:
    if by.name in {row.proposed_by, row.decided_by}:
        return ["您提出过处理意见或作出了原决定，复核须由另一人办理。"]
    return []


def _uphold_review(row: Objection) -> Act:
    return Act(
        "uphold_review",
        "复核认定成立",
        "decide_objection",
        do=lambda row, values, by: _do_review(row, values, by, upheld=True),
        form=lambda request, row: form_of(
            remedy=choice("处理方式", Objection.Remedy.choices), text=words("复核意见", most=DECISION_LENGTH)
        ),
        note="决定以后立即生效：复评、调整等级一次办完，已发布的随即发布更正。",
        faults=_not_earlier_hand,
    )


def _reject_review(row: Objection) -> Act:
    return Act(
        "reject_review",
        "复核认定不成立",
        "decide_objection",
        do=lambda row, values, by: _do_review(row, values, by, upheld=False),
        form=lambda request, row: form_of(text=words("复核意见", most=DECISION_LENGTH)),
        danger=True,
        faults=_not_earlier_hand,
    )


def _do_review(row: Objection, values: dict[str, Any], by: Actor, *, upheld: bool) -> str:
    done = objections.decide_review(
        row, upheld=upheld, remedy=values.get("remedy", ""), text=values["text"], by=by
    )
    return f"已作出复核决定：{done.review_text}"
