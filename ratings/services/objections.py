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
from ratings.services.audit import Actor, record
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
from ratings.working_days import working_days_between

OUTCOMES: Final = {"UPHELD": "成立", "REJECTED": "不成立"}
#: Working days between the day of a paper and its entry, at most (the city's own rule).
HANDED_IN_BACK: Final = 10


def overdue(objections: QuerySet[Objection], on: date) -> QuerySet[Objection]:
    """Those still open whose term ended before ``on``."""
    return objections.filter(state__in=OPEN_OBJECTION, due_on__lt=on)


# Taking in


def check_objection(
    rating: Rating, *, handed_in_on: date | None = None, at: datetime | None = None
) -> Objection.Against:
    """What an objection to this rating would be against, entered at a moment.

    ``handed_in_on`` is the day on which the party handed it in, where that was earlier: the party
    is in time if it was so on that day.

    Against the preliminary grade until the last day of public notice, against the published
    one while it is in force (浙江省公共信用信息管理条例第三十条). Raises Refused, with what to do
    instead, at any other time and while an objection to it is open.
    """
    period = RatingPeriod.objects.filter(run_id=rating.run_id).first()
    against = _against(rating, period, handed_in_on or local_day(at))
    refuse_second(rating)
    return against


def last_paper_day(rating: Rating, *, at: datetime | None = None) -> date | None:
    """The last day of public notice, where it is over but a paper of that day may still be entered."""
    period = RatingPeriod.objects.filter(run_id=rating.run_id).first()
    last = period.notice_until if period else None
    if last is None or working_days_between(last, local_day(at)) > HANDED_IN_BACK:
        return None
    try:
        check_objection(rating, handed_in_on=last, at=at)
    except Refused:
        return None
    return last


def refuse_second(rating: Rating) -> None:
    """Raises Refused while an objection to the rating is open."""
    open_one = Objection.objects.filter(rating=rating, state__in=OPEN_OBJECTION).first()
    if open_one is not None:
        raise Refused(
            f"该药店对本期等级已有一件异议尚未办结（{shown_day(open_one.handed_in_on)}递交，"
            f"#{open_one.pk}，{OBJECTION_STATES[open_one.state].label}），请把新的理由和材料并入该件。"
        )


def _against(rating: Rating, period: RatingPeriod | None, today: date) -> Objection.Against:
    state = period.state if period else ""
    until = period.notice_until if period else None
    # Settled periods still take papers that were handed in during notice.
    if state in ("PUBLIC_NOTICE", "FINAL") and until and today <= until:
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
    handed_in_on: date | None = None,
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Take in an objection; the grade is marked at once.

    ``facts`` are the violations and complaints it is about, ``uploads`` its evidence. Its clocks
    (working days) run from ``handed_in_on``, the day of the paper where one was handed in before
    today; the stamped paper is then among the uploads. Raises Refused as ``check_objection``
    does, and for what is missing or does not fit.
    """
    moment = at or timezone.now()
    day = handed_in_on or local_day(moment)
    uploads = tuple(uploads)
    period = live_period(rating)
    if day != local_day(moment):
        _check_handed_in(day, local_day(moment), period, bool(uploads))
    against = check_objection(rating, handed_in_on=day, at=moment)
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
        handed_in_on=day,
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
        handed_in_on=day,
        due_on=row.due_on,
    )
    return row


def _check_handed_in(day: date, today: date, period: RatingPeriod, with_paper: bool) -> None:
    """Whether an objection can be entered today as handed in on another day."""
    if day > today:
        raise Refused(f"递交日期 {shown_day(day)}晚于今天，请核对。")
    if working_days_between(day, today) > HANDED_IN_BACK:
        raise Refused(
            f"递交日期 {shown_day(day)}距今超过 {HANDED_IN_BACK} 个工作日，不能补登。请核对日期；"
            "确系当日递交的，请按今天受理，并在异议内容中写明经过。"
        )
    if period.notice_from and day < period.notice_from:
        raise Refused(f"递交日期 {shown_day(day)}早于公示开始的 {shown_day(period.notice_from)}，请核对。")
    if not with_paper:
        raise Refused("递交日期早于今天的，须上传加盖收件章的书面异议作为证据材料。")


@transaction.atomic
def add_facts(
    objection: Objection, facts: Iterable[Violation | Complaint], *, by: Actor, at: datetime | None = None
) -> Objection:
    """List further facts that an objection in hand is about. Raises Refused for another's or a voided one."""
    row = locked_objection(objection)
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
    row = locked_objection(objection)
    moment = at or timezone.now()
    reason = written(reason, "延长理由", 300)
    if row.state not in OPEN_OBJECTION:
        raise Refused(f"{row} 已办结（{OBJECTION_STATES[row.state].label}），无须延长。")
    # A review has its own term, and its own extension.
    since = row.review_requested_at if row.state in ("REVIEW_REQUESTED", "REVIEW_PROPOSED") else None
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
    row = locked_objection(objection)
    state = next_state(row, "propose", OBJECTION_MOVES, OBJECTION_STATES)
    if outcome not in OUTCOMES:
        raise Refused("处理意见须为“成立”或“不成立”。")
    if outcome == "REJECTED" and remedy:
        raise Refused("异议不成立的，不选处理方式。")
    if outcome == "UPHELD":
        check_remedy(row, remedy)
    row.state, row.proposed_outcome, row.remedy = state, outcome, remedy
    row.proposed_text = written(text, "处理理由")
    row.proposed_by, row.proposed_at = by.name, at or timezone.now()
    row.save(
        update_fields=["state", "proposed_outcome", "remedy", "proposed_text", "proposed_by", "proposed_at"]
    )
    record("提出异议处理意见", row, by=by, reason=row.proposed_text, outcome=outcome, remedy=remedy)
    return row


def check_remedy(row: Objection, remedy: str) -> None:
    """Raises Refused for a remedy that an upheld objection cannot have."""
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
    row = locked_objection(objection)
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
    row = locked_objection(objection)
    upheld = row.proposed_outcome == "UPHELD"
    row.state = next_state(row, "uphold" if upheld else "reject", OBJECTION_MOVES, OBJECTION_STATES)
    if by.name == row.proposed_by:
        raise Refused("异议须由提出处理意见以外的人决定。您提出了本件的处理意见，请交另一位审批员。")
    row.decision_text = written(text, "决定理由", DECISION_LENGTH)
    if upheld:
        reason = f"{row} 成立：{row.proposed_text}"
        row.decision_text += carry_out(row, row.remedy, reason, Actor(row.proposed_by), by, at)
    row.decided_by, row.decided_at = by.name, at or timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at", "decision_text"])
    outcome = OBJECTION_STATES[row.state].label
    record("决定异议", row, by=by, reason=row.decision_text, outcome=outcome, remedy=row.remedy)
    return row


def carry_out(
    row: Objection, remedy: str, reason: str, proposer: Actor, by: Actor, at: datetime | None
) -> str:
    """Let an upheld objection take effect; the sentence that the decision adds."""
    if remedy == Objection.Remedy.RECORD_ONLY:
        return ""
    rating = rating_to_change(row.rating, local_day(at))
    refuse_open_adjustment(rating)
    if remedy == Objection.Remedy.VOID_FACTS:
        check_remedy(row, remedy)
        void_for(_facts(row), reason, by=by)
    told = rerate_in_favour(
        rating,
        cause=Adjustment.Cause.OBJECTION,
        text=reason,
        clause=term("objection_answer", row.handed_in_on).source,
        proposer=proposer,
        by=by,
        objection=row,
        at=at,
    )
    if rating.pk == row.rating_id:
        return f"（{told}）"
    return f"（现行等级属{Period.parse(rating.run.period).label}，对其{told}）"


@transaction.atomic
def record_service(
    objection: Objection, *, served_on: date, by: Actor, at: datetime | None = None
) -> Objection:
    """Record, once, the day on which the decision reached the party; its term for a review begins there.

    Raises Refused before the decision, for a second record, and for a day that cannot be.
    """
    row = locked_objection(objection)
    moment = at or timezone.now()
    if row.state not in ("UPHELD", "REJECTED") or row.decided_at is None:
        raise Refused(f"{row} 现为“{OBJECTION_STATES[row.state].label}”，作出决定后、申请复核前才登记送达。")
    if row.served_on is not None:
        raise Refused(f"{row} 的决定已登记于 {shown_day(row.served_on)}送达，不能再改。")
    decided = local_day(row.decided_at)
    if not decided <= served_on <= local_day(moment):
        raise Refused(f"送达日期须在决定之日（{shown_day(decided)}）至今天之间，请核对。")
    row.served_on, row.served_by, row.served_at = served_on, by.name, moment
    row.save(update_fields=["served_on", "served_by", "served_at"])
    record("登记异议决定送达", row, by=by, served_on=served_on)
    return row


@transaction.atomic
def withdraw_objection(
    objection: Objection,
    *,
    text: str,
    uploads: Iterable[Upload],
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Note that the pharmacy has withdrawn its objection before it was decided.

    ``uploads`` hold the party's written withdrawal: nobody's objection ends on a clerk's word.
    """
    row = locked_objection(objection)
    state = next_state(row, "withdraw", OBJECTION_MOVES, OBJECTION_STATES)
    row.decision_text = written(text, "撤回的说明")
    uploads = tuple(uploads)
    if not uploads:
        raise Refused("登记撤回须上传药店书面撤回的材料。")
    for upload in uploads:
        add_evidence(row, upload, by=by, at=at)
    row.state = state
    row.save(update_fields=["state", "decision_text"])
    record("撤回异议", row, by=by, reason=row.decision_text)
    return row


def locked_objection(objection: Objection) -> Objection:
    """The objection as it is now, locked, with what its handling reads."""
    return (
        Objection.objects.select_for_update(no_key=True, of=("self",))
        .select_related("rating__run__scheme", "rating__run__life", "rating__pharmacy")
        .get(pk=objection.pk)
    )
