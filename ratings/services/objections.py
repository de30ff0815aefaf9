"""Objections to a grade: taken in while it can be changed, answered in time, decided by another person.

Terms and their sources: ``rules/terms.toml``. An upheld objection changes a grade only through
facts and a re-rating, never by hand.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ratings.models import (
    Adjustment,
    Complaint,
    Fact,
    Objection,
    ObjectionFact,
    Rating,
    RatingPeriod,
    Violation,
)
from ratings.rules.moves import OBJECTION_MOVES, OBJECTION_STATES, OPEN_OBJECTION
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM, Actor, record
from ratings.services.errors import Refused
from ratings.services.evidence import Upload, add_evidence
from ratings.services.redress import (
    grade_in_force,
    hold_sources_alone,
    lineage,
    live_period,
    rating_to_change,
    refuse_open_adjustment,
    rerate_in_favour,
    void_for,
)
from ratings.services.steps import DECISION_LENGTH, local_day, next_state, shown_day, written
from ratings.services.terms import deadline, term

OUTCOMES: Final = {"UPHELD": "成立", "REJECTED": "不成立"}


def overdue(objections: QuerySet[Objection], on: date) -> QuerySet[Objection]:
    """Those still open whose term ended before ``on``."""
    return objections.filter(state__in=OPEN_OBJECTION, due_on__lt=on)


# Taking in


def check_objection(rating: Rating, *, at: datetime | None = None) -> Objection.Against:
    """What an objection to this rating would be against at a moment.

    Against the preliminary grade until the last day of public notice, against the published
    one while it is in force (浙江省公共信用信息管理条例第三十条). Raises Refused, with what to do
    instead, at any other time and while an objection to it is open.
    """
    period = RatingPeriod.objects.filter(run_id=rating.run_id).first()
    against = _against(rating, period, local_day(at))
    _refuse_second(rating)
    return against


def _refuse_second(rating: Rating) -> None:
    open_one = Objection.objects.filter(rating=rating, state__in=OPEN_OBJECTION).first()
    if open_one is not None:
        raise Refused(
            f"该药店对本期等级已有一件异议尚未办结（{shown_day(local_day(open_one.received_at))}收到，"
            f"#{open_one.pk}，{OBJECTION_STATES[open_one.state].label}），请把新的理由和材料并入该件。"
        )


def _against(rating: Rating, period: RatingPeriod | None, today: date) -> Objection.Against:
    state = period.state if period else ""
    until = period.notice_until if period else None
    if state == "PUBLIC_NOTICE" and until and today <= until:
        return Objection.Against.NOTICE
    if until and state in ("PUBLIC_NOTICE", "FINAL"):
        raise Refused(
            f"公示已于 {shown_day(until)}结束，对预评等级的异议不再受理。等级发布后，可以对已发布的等级提出异议。"
        )
    if state == "PUBLISHED":
        _refuse_past_grade(rating, today)
        return Objection.Against.PUBLISHED
    if state == "CLOSED":
        raise Refused("该评价周期已归档，其等级不再执行。请对该药店现行的等级提出异议。")
    if state == "ABANDONED":
        raise Refused("该评价周期的办理已终止，其结果不会发布。请等待重新评价后的公示。")
    raise Refused("该评价结果尚未公示。请在公示期内，或在等级发布后提出异议。")


def _refuse_past_grade(rating: Rating, today: date) -> None:
    row = grade_in_force(rating.pharmacy_id, today)
    if row is None:
        raise Refused("该药店已发布的等级已过有效期，不再执行，无从提出异议。")
    if row.run != rating.run_id:
        raise Refused(
            f"该等级已被 {shown_day(row.valid_from)}起生效的等级（评价周期 {row.period}）取代。"
            "请对现行的等级提出异议。"
        )


@transaction.atomic
def receive_objection(
    rating: Rating,
    *,
    ground: str,
    statement: str,
    channel: str,
    contact: str = "",
    facts: Iterable[Violation | Complaint] = (),
    uploads: Iterable[Upload] = (),
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Take in an objection; its clocks (working days) start and the grade is marked at once.

    ``facts`` are the violations and complaints it is about, ``uploads`` its evidence. Raises
    Refused as ``check_objection`` does, and for what is missing or does not fit.
    """
    moment = at or timezone.now()
    day = local_day(moment)
    period = live_period(rating)
    against = check_objection(rating, at=moment)
    if ground not in Objection.Ground.values:
        raise Refused(f"请选择理由类别：{'、'.join(Objection.Ground.labels)}。")
    if channel not in Objection.Channel.values:
        raise Refused(f"途径须为{'或'.join(Objection.Channel.labels)}。")
    if len(contact.strip()) > 100:
        raise Refused("联系人和电话不超过 100 字。")
    due, last = deadline("objection_answer", day), deadline("objection_last", day)
    row = Objection.objects.create(
        period=period,
        rating=rating,
        channel=channel,
        against=against,
        ground=ground,
        statement=written(statement, "异议内容", 2000),
        contact=contact.strip(),
        received_by=by.name,
        received_at=moment,
        due_on=due.day,
        last_due_on=last.day,
        calendar_known=due.known and last.known,
    )
    _list_facts(row, facts)
    for upload in uploads:
        add_evidence(row, upload, by=by, at=moment)
    record(
        "受理异议",
        row,
        by=by,
        pharmacy=rating.pharmacy.code,
        against=against,
        ground=ground,
        channel=channel,
        due_on=row.due_on,
    )
    return row


@transaction.atomic
def add_facts(
    objection: Objection, facts: Iterable[Violation | Complaint], *, by: Actor, at: datetime | None = None
) -> Objection:
    """List further facts that an objection in hand is about. Raises Refused for another's or a voided one."""
    row = _locked(objection)
    if row.state != "OPEN":
        raise Refused(
            f"{row} 现为“{OBJECTION_STATES[row.state].label}”，办理中的才能增列所涉事实；可先退回办理。"
        )
    listed = _list_facts(row, facts)
    record("增列异议所涉事实", row, by=by, facts=listed)
    return row


def _list_facts(row: Objection, facts: Iterable[Violation | Complaint]) -> list[str]:
    known = {(fact.violation_id, fact.complaint_id) for fact in row.facts.all()}
    shops = lineage(row.rating.pharmacy)
    listed = []
    for fact in facts:
        if fact.pharmacy_id not in shops:
            raise Refused(f"“{fact}”不是该药店的记录，不能列入异议。")
        if not fact.is_live:
            raise Refused(f"“{fact}”已经作废，无须列入异议；办理时选“事实已更正，复评”。")
        pair = (fact.pk, None) if isinstance(fact, Violation) else (None, fact.pk)
        if pair not in known:
            known.add(pair)
            ObjectionFact.objects.create(objection=row, violation_id=pair[0], complaint_id=pair[1])
            listed.append(str(fact))
    return listed


# Clocks


@transaction.atomic
def extend_objection(
    objection: Objection, *, reason: str, by: Actor, at: datetime | None = None
) -> Objection:
    """Move the answer's term to the last day that the law allows, once, before it has run out."""
    row = _locked(objection)
    moment = at or timezone.now()
    reason = written(reason, "延长理由", 300)
    if row.state not in OPEN_OBJECTION:
        raise Refused(f"{row} 已办结（{OBJECTION_STATES[row.state].label}），无须延长。")
    # A review has its own term, and its own extension.
    since = row.review_requested_at if row.state == "REVIEW_REQUESTED" else None
    if row.extended_at is not None and (since is None or row.extended_at >= since):
        raise Refused(f"{row} 已延长过一次，最迟须在 {shown_day(row.last_due_on)}办结，不能再延长。")
    if local_day(moment) > row.due_on:
        raise Refused(f"{row} 的期限已于 {shown_day(row.due_on)}届满，届满后不能延长，请立即办结。")
    before = row.due_on
    row.extended_by, row.extended_at, row.extension_reason = by.name, moment, reason
    row.due_on = row.last_due_on
    row.save(update_fields=["extended_by", "extended_at", "extension_reason", "due_on"])
    record("延长异议期限", row, by=by, reason=reason, before=before, after=row.due_on)
    return row


# Handling and deciding


@transaction.atomic
def propose_outcome(
    objection: Objection,
    *,
    outcome: str,
    remedy: str = "",
    text: str,
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Propose to uphold (with a remedy) or to reject. Raises Refused for what cannot be decided so."""
    row = _locked(objection)
    state = next_state(row, "propose", OBJECTION_MOVES, OBJECTION_STATES)
    if outcome not in OUTCOMES:
        raise Refused("处理意见须为“成立”或“不成立”。")
    if outcome == "REJECTED" and remedy:
        raise Refused("异议不成立的，不选处理方式。")
    if outcome == "UPHELD":
        _check_remedy(row, remedy)
    row.state, row.proposed_outcome, row.remedy = state, outcome, remedy
    row.proposed_text = written(text, "处理理由")
    row.proposed_by, row.proposed_at = by.name, at or timezone.now()
    row.save(
        update_fields=["state", "proposed_outcome", "remedy", "proposed_text", "proposed_by", "proposed_at"]
    )
    record("提出异议处理意见", row, by=by, reason=row.proposed_text, outcome=outcome, remedy=remedy)
    return row


def _check_remedy(row: Objection, remedy: str) -> None:
    if remedy not in Objection.Remedy.values:
        raise Refused(f"异议成立的，请选择处理方式：{'、'.join(Objection.Remedy.labels)}。")
    if remedy == Objection.Remedy.VOID_FACTS and not any(fact.is_live for fact in _facts(row)):
        raise Refused("没有列出仍然有效的所涉事实，无从作废。请先列入所涉事实，或改选其他处理方式。")


def _facts(row: Objection) -> list[Fact]:
    listed = row.facts.select_related("violation", "complaint")
    return [fact for fact in (each.violation or each.complaint for each in listed) if fact is not None]


@transaction.atomic
def return_objection(objection: Objection, *, text: str, by: Actor, at: datetime | None = None) -> Objection:
    """Send a proposal back to be handled again."""
    row = _locked(objection)
    row.state = next_state(row, "return", OBJECTION_MOVES, OBJECTION_STATES)
    text = written(text, "退回理由")
    row.save(update_fields=["state"])
    record("退回异议", row, by=by, reason=text, outcome=row.proposed_outcome, proposed_by=row.proposed_by)
    return row


@transaction.atomic
def decide_objection(objection: Objection, *, text: str, by: Actor, at: datetime | None = None) -> Objection:
    """Decide as proposed, by another person than who proposed.

    Upheld: the remedy takes effect in this transaction (facts voided, the pharmacy re-rated, the
    adjustment proposed as the proposer and approved as ``by``), and what came of it is added to
    the text. Raises Refused where the state, the person or an open adjustment forbids it.
    """
    hold_sources_alone()
    row = _locked(objection)
    upheld = row.proposed_outcome == "UPHELD"
    row.state = next_state(row, "uphold" if upheld else "reject", OBJECTION_MOVES, OBJECTION_STATES)
    if by.name == row.proposed_by:
        raise Refused("异议须由提出处理意见以外的人决定。您提出了本件的处理意见，请交另一位审批员。")
    row.decision_text = written(text, "决定理由", DECISION_LENGTH)
    if upheld:
        reason = f"{row} 成立：{row.proposed_text}"
        row.decision_text += _carry_out(row, row.remedy, reason, Actor(row.proposed_by), by, at)
    row.decided_by, row.decided_at = by.name, at or timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at", "decision_text"])
    outcome = OBJECTION_STATES[row.state].label
    record("决定异议", row, by=by, reason=row.decision_text, outcome=outcome, remedy=row.remedy)
    return row


def _carry_out(
    row: Objection, remedy: str, reason: str, proposer: Actor, by: Actor, at: datetime | None
) -> str:
    """Let an upheld objection take effect; the sentence that the decision adds."""
    if remedy == Objection.Remedy.RECORD_ONLY:
        return ""
    rating = rating_to_change(row.rating, local_day(at))
    refuse_open_adjustment(rating)
    if remedy == Objection.Remedy.VOID_FACTS:
        _check_remedy(row, remedy)
        void_for(_facts(row), reason, by=by)
    told = rerate_in_favour(
        rating,
        cause=Adjustment.Cause.OBJECTION,
        text=reason,
        clause=term("objection_answer", local_day(row.received_at)).source,
        proposer=proposer,
        by=by,
        objection=row,
        at=at,
    )
    if rating.pk == row.rating_id:
        return f"（{told}）"
    return f"（现行等级属{Period.parse(rating.run.period).label}，对其{told}）"


@transaction.atomic
def withdraw_objection(
    objection: Objection, *, text: str, by: Actor, at: datetime | None = None
) -> Objection:
    """Note that the pharmacy has withdrawn its objection before it was decided."""
    row = _locked(objection)
    row.state = next_state(row, "withdraw", OBJECTION_MOVES, OBJECTION_STATES)
    row.decision_text = written(text, "撤回的说明")
    row.save(update_fields=["state", "decision_text"])
    record("撤回异议", row, by=by, reason=row.decision_text)
    return row


# Review (复核)


def review_until(objection: Objection) -> date:
    """The last day on which a review of a rejected objection can be asked for."""
    if objection.decided_at is None:
        raise Refused(f"{objection} 尚未决定，无从申请复核。")
    return deadline("review_apply", local_day(objection.decided_at)).day


@transaction.atomic
def request_review(
    objection: Objection, *, statement: str, by: Actor, at: datetime | None = None
) -> Objection:
    """Take in the request to review a rejection; new clocks start. Raises Refused after the term."""
    row = _locked(objection)
    moment = at or timezone.now()
    row.state = next_state(row, "request_review", OBJECTION_MOVES, OBJECTION_STATES)
    until = review_until(row)
    if local_day(moment) > until:
        raise Refused(f"申请复核的期限已于 {shown_day(until)}届满。对等级仍有异议的，可依法申请行政复议。")
    _refuse_second(row.rating)
    day = local_day(moment)
    due, last = deadline("review_answer", day), deadline("review_last", day)
    before = row.due_on
    row.review_statement, row.review_requested_at = written(statement, "复核申请"), moment
    row.due_on, row.last_due_on = due.day, last.day
    row.calendar_known = due.known and last.known
    row.save(
        update_fields=[
            "state",
            "review_statement",
            "review_requested_at",
            "due_on",
            "last_due_on",
            "calendar_known",
        ]
    )
    record("受理复核申请", row, by=by, reason=row.review_statement, before=before, due_on=row.due_on)
    return row


@transaction.atomic
def decide_review(
    objection: Objection,
    *,
    upheld: bool,
    remedy: str = "",
    text: str,
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Decide a review, by a third person. Upheld: the remedy takes effect as in ``decide_objection``.

    Both who proposed and who decided were for rejection, so the adjustment that follows from the
    re-rating is on record as proposed by the system.
    """
    hold_sources_alone()
    row = _locked(objection)
    name = "uphold_review" if upheld else "reject_review"
    row.state = next_state(row, name, OBJECTION_MOVES, OBJECTION_STATES)
    if by.name in (row.proposed_by, row.decided_by):
        raise Refused("复核须由提出处理意见和作出原决定以外的人办理，请交另一位审批员。")
    if not upheld and remedy:
        raise Refused("复核维持原决定的，不选处理方式。")
    row.review_text = written(text, "复核意见", DECISION_LENGTH)
    if upheld:
        _check_remedy(row, remedy)
        row.remedy = remedy
        reason = f"{row} 复核成立：{row.review_text}"
        row.review_text += _carry_out(row, remedy, reason, SYSTEM, by, at)
    row.reviewed_by, row.reviewed_at = by.name, at or timezone.now()
    row.save(update_fields=["state", "remedy", "review_text", "reviewed_by", "reviewed_at"])
    outcome = OBJECTION_STATES[row.state].label
    record("决定复核", row, by=by, reason=row.review_text, outcome=outcome, remedy=remedy)
    return row


def _locked(objection: Objection) -> Objection:
    return (
        Objection.objects.select_for_update(no_key=True, of=("self",))
        .select_related("rating__run__scheme", "rating__run__life", "rating__pharmacy")
        .get(pk=objection.pk)
    )
