"""Credit repair (信用修复): applied for, accepted, decided by another person, in effect from then on.

Conditions and terms with their sources: ``rules/terms.toml``. How long one must wait goes by the
gravity of the violation and by the term in force on the day of the application.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ratings.models import Adjustment, CreditRepair, Violation
from ratings.rules.moves import OPEN_REPAIR, REPAIR_MOVES, REPAIR_STATES
from ratings.rules.terms import Term
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.evidence import Upload, add_evidence
from ratings.services.redress import (
    hold_sources_alone,
    published_rating,
    refuse_open_adjustment,
    rerate_in_favour,
    void_for,
)
from ratings.services.steps import DECISION_LENGTH, local_day, next_state, shown_day, written
from ratings.services.terms import deadline, end_of, term

#: Gravity of the violation to the term that must have passed since its decision.
WAITS: Final = {
    "MINOR": "repair_wait_minor",
    "GENERAL": "repair_wait_general",
    "SERIOUS": "repair_wait_serious",
}


def overdue(repairs: QuerySet[CreditRepair], on: date) -> QuerySet[CreditRepair]:
    """Those whose next step (acceptance, decision, answer) was due before ``on``."""
    return (
        repairs.filter(state="APPLIED", accept_due_on__lt=on)
        | repairs.filter(state__in=("ACCEPTED", "PROPOSED"), decide_due_on__lt=on)
        | repairs.filter(state__in=("GRANTED", "REFUSED"), replied_on=None, reply_due_on__lt=on)
    )


def waiting_term(violation: Violation, applied_on: date) -> tuple[Term, date]:
    """The term that must have passed since a violation's decision, and the first day to apply."""
    held = term(WAITS[violation.gravity], applied_on)
    return held, end_of(held, violation.decided_on).day


def check_repair(violation: Violation, applied_on: date, *, at: datetime | None = None) -> date:
    """The first day on which repair could be applied for, when it can be on ``applied_on``.

    Raises Refused when it cannot: the violation is void, its minimum time has not passed (with
    the first possible day), the dates are out of order, or an application is open already.
    """
    if not violation.is_live:
        raise Refused(f"“{violation}”已经作废，不再计入评价，无须修复。")
    today = local_day(at)
    if applied_on > today:
        raise Refused(f"申请日期 {shown_day(applied_on)}还没有到，不得晚于今天（{shown_day(today)}）。")
    if applied_on < violation.decided_on:
        raise Refused(f"申请日期不得早于处理决定日期（{shown_day(violation.decided_on)}）。")
    held, earliest = waiting_term(violation, applied_on)
    if applied_on < earliest:
        raise Refused(
            f"尚不能申请修复：情节{violation.get_gravity_display()}的，自处理决定之日"
            f"（{shown_day(violation.decided_on)}）起满 {held.length_text}方可申请（{held.source}），"
            f"最早可在 {shown_day(earliest)}申请。"
        )
    open_one = CreditRepair.objects.filter(violation=violation, state__in=OPEN_REPAIR).first()
    if open_one is not None:
        raise Refused(f"该违法违规已有一件办理中的申请（{open_one}），请在该件上办理。")
    return earliest


@transaction.atomic
def apply_repair(
    violation: Violation,
    *,
    applied_on: date,
    commitment: str,
    correction: str,
    contact: str = "",
    uploads: Iterable[Upload] = (),
    by: Actor,
    at: datetime | None = None,
) -> CreditRepair:
    """Take in an application; the term to accept it runs from the day it was handed in.

    Raises Refused as ``check_repair`` does, and for what is missing.
    """
    moment = at or timezone.now()
    current = Violation.objects.select_for_update(no_key=True).get(pk=violation.pk)
    earliest = check_repair(current, applied_on, at=moment)
    if len(contact.strip()) > 100:
        raise Refused("联系人和电话不超过 100 字。")
    due = deadline("repair_accept", applied_on)
    row = CreditRepair.objects.create(
        violation=current,
        applied_on=applied_on,
        contact=contact.strip(),
        commitment=written(commitment, "信用承诺", 2000),
        correction=written(correction, "整改情况", 2000),
        earliest_on=earliest,
        received_by=by.name,
        received_at=moment,
        accept_due_on=due.day,
        calendar_known=due.known,
    )
    for upload in uploads:
        add_evidence(row, upload, by=by, at=moment)
    record("收到信用修复申请", row, by=by, violation=current.pk, applied_on=applied_on, due_on=due.day)
    return row


@transaction.atomic
def accept_repair(
    repair: CreditRepair, *, accept: bool, text: str, by: Actor, at: datetime | None = None
) -> CreditRepair:
    """Accept an application, so that the term to decide begins, or decline it with the reason.

    Raises Refused to accept what has no evidence of the correction.
    """
    row = _locked(repair)
    moment = at or timezone.now()
    row.state = next_state(row, "accept" if accept else "decline", REPAIR_MOVES, REPAIR_STATES)
    if accept:
        if not row.evidence.exists():
            raise Refused("还没有整改的证明材料。请先上传材料再受理，或不予受理并说明理由。")
        due = deadline("repair_decide", local_day(moment))
        row.decide_due_on, row.calendar_known = due.day, row.calendar_known and due.known
    row.accept_text = written(text, "受理意见") if text.strip() or not accept else ""
    row.accepted_by, row.accepted_at = by.name, moment
    row.save(
        update_fields=[
            "state",
            "accepted_by",
            "accepted_at",
            "accept_text",
            "decide_due_on",
            "calendar_known",
        ]
    )
    record(
        "受理信用修复申请" if accept else "不予受理信用修复申请",
        row,
        by=by,
        reason=row.accept_text,
        due_on=row.decide_due_on,
    )
    return row


@transaction.atomic
def extend_repair(
    repair: CreditRepair, *, reason: str, by: Actor, at: datetime | None = None
) -> CreditRepair:
    """Extend the term to decide, once, before it has run out."""
    row = _locked(repair)
    moment = at or timezone.now()
    reason = written(reason, "延长理由", 300)
    if row.decide_due_on is None or row.state not in ("ACCEPTED", "PROPOSED"):
        raise Refused(f"{row} 现为“{REPAIR_STATES[row.state].label}”，受理之后、决定之前才能延长期限。")
    if row.extended_at is not None:
        raise Refused(f"{row} 已延长过一次，须在 {shown_day(row.decide_due_on)}前决定，不能再延长。")
    if local_day(moment) > row.decide_due_on:
        raise Refused(f"决定期限已于 {shown_day(row.decide_due_on)}届满，届满后不能延长，请立即决定。")
    before, due = row.decide_due_on, deadline("repair_extension", row.decide_due_on)
    row.decide_due_on, row.calendar_known = due.day, row.calendar_known and due.known
    row.extended_by, row.extended_at, row.extension_reason = by.name, moment, reason
    row.save(
        update_fields=["decide_due_on", "calendar_known", "extended_by", "extended_at", "extension_reason"]
    )
    record("延长信用修复决定期限", row, by=by, reason=reason, before=before, after=due.day)
    return row


@transaction.atomic
def propose_repair(
    repair: CreditRepair, *, grant: bool, text: str, by: Actor, at: datetime | None = None
) -> CreditRepair:
    """Propose to grant or to refuse an accepted application."""
    row = _locked(repair)
    row.state = next_state(row, "propose", REPAIR_MOVES, REPAIR_STATES)
    row.proposed_outcome = "GRANTED" if grant else "REFUSED"
    row.proposed_text = written(text, "处理理由")
    row.proposed_by, row.proposed_at = by.name, at or timezone.now()
    row.save(update_fields=["state", "proposed_outcome", "proposed_text", "proposed_by", "proposed_at"])
    record("提出信用修复处理意见", row, by=by, reason=row.proposed_text, outcome=row.proposed_outcome)
    return row


@transaction.atomic
def return_repair(repair: CreditRepair, *, text: str, by: Actor, at: datetime | None = None) -> CreditRepair:
    """Send a proposal back to be handled again."""
    row = _locked(repair)
    row.state = next_state(row, "return", REPAIR_MOVES, REPAIR_STATES)
    text = written(text, "退回理由")
    row.save(update_fields=["state"])
    record("退回信用修复", row, by=by, reason=text, outcome=row.proposed_outcome, proposed_by=row.proposed_by)
    return row


@transaction.atomic
def withdraw_repair(
    repair: CreditRepair, *, text: str, by: Actor, at: datetime | None = None
) -> CreditRepair:
    """Note that the pharmacy has withdrawn its application before it was decided."""
    row = _locked(repair)
    row.state = next_state(row, "withdraw", REPAIR_MOVES, REPAIR_STATES)
    row.decision_text = written(text, "撤回的说明")
    row.save(update_fields=["state", "decision_text"])
    record("撤回信用修复申请", row, by=by, reason=row.decision_text)
    return row


@transaction.atomic
def decide_repair(
    repair: CreditRepair, *, decision_no: str = "", text: str, by: Actor, at: datetime | None = None
) -> CreditRepair:
    """Decide as proposed, by another person than who proposed.

    Granted, under the document ``decision_no``: the violation is voided, so that it counts no
    more from now on (earlier ratings keep it), and where a grade of the pharmacy is in force, it
    is re-rated, adjusted and published. What came of it is added to the text.
    """
    hold_sources_alone()
    row = _locked(repair)
    moment = at or timezone.now()
    grant = row.proposed_outcome == "GRANTED"
    row.state = next_state(row, "grant" if grant else "refuse", REPAIR_MOVES, REPAIR_STATES)
    if by.name == row.proposed_by:
        raise Refused("信用修复须由提出处理意见以外的人决定。您提出了本件的处理意见，请交另一位审批员。")
    row.decision_text = written(text, "决定理由", DECISION_LENGTH)
    row.decision_no = written(decision_no, "决定文书号", 100) if grant or decision_no.strip() else ""
    if grant:
        row.decision_text += _carry_out(row, by, moment)
    row.decided_by, row.decided_at = by.name, moment
    reply = deadline("repair_reply", local_day(moment))
    row.reply_due_on, row.calendar_known = reply.day, row.calendar_known and reply.known
    row.save(
        update_fields=[
            "state",
            "decision_no",
            "decision_text",
            "decided_by",
            "decided_at",
            "reply_due_on",
            "calendar_known",
        ]
    )
    record(
        "决定信用修复",
        row,
        by=by,
        reason=row.decision_text,
        outcome=REPAIR_STATES[row.state].label,
        decision_no=row.decision_no,
        violation=row.violation_id,
    )
    return row


def _carry_out(row: CreditRepair, by: Actor, at: datetime) -> str:
    """Let a granted repair take effect; the sentence that the decision adds."""
    violation = row.violation
    if not violation.is_live:
        raise Refused(f"“{violation}”已经作废，无须修复。请登记撤回，或退回后改为不予修复。")
    day = local_day(at)
    rating = published_rating(violation.pharmacy, day)
    if rating is not None:
        refuse_open_adjustment(rating)
    void_for([violation], f"信用修复：{row.decision_no}", by=by)
    if rating is None:
        return "（该药店没有执行中的已发布等级，该记录自今日起不再计入评价。）"
    told = rerate_in_favour(
        rating,
        cause=Adjustment.Cause.REPAIR,
        text=f"{row} 准予修复（{row.decision_no}）：{row.proposed_text}",
        clause=term("repair_decide", row.applied_on).source,
        proposer=Actor(row.proposed_by),
        by=by,
        repair=row,
        at=at,
    )
    return f"（{told}）"


@transaction.atomic
def reply_repair(repair: CreditRepair, *, on: date, by: Actor, at: datetime | None = None) -> CreditRepair:
    """Note on which day the applicant was answered."""
    row = _locked(repair)
    if row.state not in ("GRANTED", "REFUSED") or row.decided_at is None:
        raise Refused(f"{row} 现为“{REPAIR_STATES[row.state].label}”，决定之后才能登记答复。")
    if row.replied_on is not None:
        raise Refused(f"{row} 已于 {shown_day(row.replied_on)}答复。")
    decided, today = local_day(row.decided_at), local_day(at)
    if not decided <= on <= today:
        raise Refused(f"答复日期须在决定日（{shown_day(decided)}）与今天（{shown_day(today)}）之间。")
    row.replied_on = on
    row.save(update_fields=["replied_on"])
    record("答复信用修复", row, by=by, on=on, due_on=row.reply_due_on)
    return row


def _locked(repair: CreditRepair) -> CreditRepair:
    return (
        CreditRepair.objects.select_for_update(no_key=True, of=("self",))
        .select_related("violation__pharmacy")
        .get(pk=repair.pk)
    )
