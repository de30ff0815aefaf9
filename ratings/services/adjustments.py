"""Adjustments: the one way in which a pharmacy's grade comes to differ from the computed one.

Proposed by one person, decided by another. By judgement only for the reasons and as far as the
scheme allows; for every other cause a re-rating gives the grade. Once the period is published,
the approval publishes the new grade in the same transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from ratings.models import (
    Adjustment,
    CreditRepair,
    Objection,
    PublishedGrade,
    Rating,
    RatingPeriod,
    Rerating,
    ReviewItem,
)
from ratings.rules.adjusting import adjustment_faults, ceiling
from ratings.rules.document import AllowedAdjustment
from ratings.rules.periods import Period
from ratings.rules.scheme import Scheme
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.publication import publish_adjustment
from ratings.services.reratings import rerate, still_holds
from ratings.services.schemes import parsed
from ratings.services.standing import Standing, standing
from ratings.services.steps import written

Cause = Adjustment.Cause
_RECKONED: Final = frozenset(Cause) - {Cause.JUDGEMENT}
#: For which causes a grade may be changed while its period is in a state; else not at all. Judgement
#: ends where public notice begins: what the public was told changes by facts and rules only.
ALLOWED: Final[Mapping[str, frozenset[Cause]]] = {
    "UNDER_REVIEW": frozenset(Cause),
    "PUBLIC_NOTICE": _RECKONED,
    "FINAL": _RECKONED,
    "PUBLISHED": _RECKONED,
}
#: What to do instead in a state that does not allow the cause.
_INSTEAD: Final = {
    "COMPUTED": "请先开始审核。",
    "PUBLIC_NOTICE": "公示开始后不得再依规调整；确有必要的，请由审批员退回审核，调整后重新公示。",
    "FINAL": "审定后不得再依规调整；确有必要的，请由审批员撤销审定，调整后重新公示。",
    "PUBLISHED": "已发布的等级不能依规调整；事实有误的，请更正事实后复评更正。",
    "CLOSED": "请在该药店最近一次发布的评价周期中办理。",
    "ABANDONED": "请在该周期重新评价的批次中办理。",
}


@dataclass(frozen=True, slots=True)
class AllowedReason:
    """A reason for which one rating may be adjusted by judgement, and the grades that it allows."""

    rule: AllowedAdjustment
    #: (position, name of the grade), best first
    grades: tuple[tuple[int, str], ...]


def allowed_reasons(rating: Rating) -> list[AllowedReason]:
    """The scheme's reasons that allow this rating at least one other grade now; none where it may not be adjusted."""
    try:
        _check_period(_period_of(rating), rating, Cause.JUDGEMENT)
        before = _unjudged(rating)
    except Refused:
        return []
    scheme, best = parsed(rating.run.scheme), _ceiling(rating, before.rerating or rating)
    found = []
    for rule in scheme.document.adjustments:
        grades = tuple(
            (position, grade.name)
            for position, grade in enumerate(scheme.grades)
            if not adjustment_faults(scheme, rule.id, before.position, position, best)
        )
        if grades:
            found.append(AllowedReason(rule, grades))
    return found


def check_adjustment(rating: Rating, reason_code: str, to_grade: int) -> None:
    """Raises Refused, with the reasons, when the rating cannot be adjusted so by judgement."""
    _check_period(_period_of(rating), rating, Cause.JUDGEMENT)
    before = _unjudged(rating)
    scheme = parsed(rating.run.scheme)
    best = _ceiling(rating, before.rerating or rating)
    faults = adjustment_faults(scheme, reason_code, before.position, to_grade, best)
    if faults:
        raise Refused("".join(faults))


@transaction.atomic
def propose_adjustment(
    rating: Rating,
    *,
    reason_code: str,
    to_grade: int,
    text: str,
    by: Actor,
    at: datetime | None = None,
) -> Adjustment:
    """Propose another grade by judgement (依规调整), for a reason of the scheme.

    Raises Refused where the period's state, the scheme, a struck cap, or an adjustment that is
    open or in effect does not allow it.
    """
    period = _period_of(rating, hold=True)
    check_adjustment(rating, reason_code, to_grade)
    rules = {rule.id: rule for rule in parsed(rating.run.scheme).document.adjustments}
    return _propose(
        rating,
        period,
        standing(rating),
        cause=Cause.JUDGEMENT,
        to_grade=to_grade,
        reason_code=reason_code,
        clause=rules[reason_code].clause,
        text=text,
        by=by,
        at=at,
    )


@transaction.atomic
def propose_rerated(
    rating: Rating,
    rerating: Rerating,
    *,
    cause: str,
    text: str,
    clause: str,
    by: Actor,
    reason_code: str = "",
    objection: Objection | None = None,
    repair: CreditRepair | None = None,
    due_on: date | None = None,
    at: datetime | None = None,
) -> Adjustment | None:
    """Propose what a re-rating gave; None where it changes neither grade nor score.

    Where only the score changes, the adjustment keeps the grade and corrects the score. What was
    adjusted by judgement stays as ``position_after`` says. Raises Refused where the period's state
    does not allow the cause, another adjustment is open, or a correction would make a grade worse
    that the pharmacy has been told.
    """
    if rerating.rating_id != rating.pk:
        raise ValueError("the re-rating is of another rating")
    period = _period_of(rating, hold=True)
    _check_period(period, rating, Cause(cause))
    before = standing(rating)
    to_grade = position_after(before, rerating)
    if to_grade == before.position and (to_grade < 0 or rerating.score == before.score):
        return None
    if cause == Cause.CORRECTION:
        _refuse_worse(period, rating, before.position, to_grade)
    return _propose(
        rating,
        period,
        before,
        cause=Cause(cause),
        to_grade=to_grade,
        reason_code=reason_code,
        clause=clause,
        text=text,
        by=by,
        at=at,
        rerating=rerating,
        objection=objection,
        repair=repair,
        due_on=due_on,
    )


@transaction.atomic
def propose_correction(
    rating: Rating,
    *,
    text: str,
    clause: str,
    due_on: date | None = None,
    by: Actor,
    at: datetime | None = None,
) -> Adjustment | None:
    """Re-rate after facts were put right, and propose what comes of it; None: nothing changes.

    ``due_on`` is the legal day, for an annulled penalty three days. Raises Refused as
    ``rerate`` and ``propose_rerated`` do.
    """
    _check_period(_period_of(rating), rating, Cause.CORRECTION)
    text, clause = written(text, "更正的理由"), written(clause, "依据的条款")
    rerating = rerate(rating, by=by, at=at)
    return propose_rerated(
        rating, rerating, cause=Cause.CORRECTION, text=text, clause=clause, due_on=due_on, by=by, at=at
    )


@transaction.atomic
def propose_reversal(
    adjustment: Adjustment, *, text: str, by: Actor, at: datetime | None = None
) -> Adjustment:
    """Propose to take back an approved adjustment by judgement: a new record restores the grade before it.

    What rests on a re-rating is changed by correcting facts and re-rating, never by hand.
    Raises Refused for that, for one that is not approved, that another stands on, or that is
    being or has been taken back.
    """
    rating = adjustment.rating
    period = _period_of(rating, hold=True)
    adjustment = Adjustment.objects.get(pk=adjustment.pk)
    _check_period(period, rating, Cause.CORRECTION)
    if adjustment.state != Adjustment.State.APPROVED:
        raise Refused(f"{adjustment}{adjustment.get_state_display()}，没有生效，无须撤销。")
    if adjustment.cause != Cause.JUDGEMENT:
        raise Refused(
            f"{adjustment}（{adjustment.get_cause_display()}）出自复评，不能以撤销改变：请更正事实，再复评更正。"
        )
    before = standing(rating)
    if before.adjustment != adjustment:
        raise Refused(f"{adjustment}之后又批准了{before.adjustment}，不能再撤销；请对最近一件办理。")
    return _propose(
        rating,
        period,
        before,
        cause=Cause.CORRECTION,
        to_grade=adjustment.from_grade,
        reason_code="",
        clause=adjustment.clause,
        text=text,
        by=by,
        at=at,
        reverses=adjustment,
    )


@transaction.atomic
def decide_adjustment(
    adjustment: Adjustment, *, approve: bool, text: str = "", by: Actor, at: datetime | None = None
) -> Adjustment:
    """Approve or reject a proposal of somebody else; approved, it holds, and is published at once where its period is.

    A rejection needs words. Raises Refused for one's own proposal, one decided already, and,
    on approval, where the grade or the facts behind it have changed since, or the period's
    state no longer allows it.
    """
    period, current, at = _hold_open(adjustment, at)
    if current.proposed_by == by.name:
        raise Refused(f"{current}由您提出，须由他人审批。")
    if approve:
        _check_approval(period, current, at)
    words = written(text, "审批意见") if text.strip() or not approve else ""
    state = Adjustment.State.APPROVED if approve else Adjustment.State.REJECTED
    _decide(current, state, words, by, at)
    if approve and period.state == "PUBLISHED":
        publish_adjustment(current, by=by, at=at)
    _record("批准等级调整" if approve else "不批准等级调整", current, by)
    return current


@transaction.atomic
def cancel_adjustment(
    adjustment: Adjustment, *, text: str, by: Actor, at: datetime | None = None
) -> Adjustment:
    """Take back one's own open proposal. Raises Refused for another's, or one decided already."""
    _period, current, at = _hold_open(adjustment, at)
    if current.proposed_by != by.name:
        raise Refused(f"{current}由 {current.proposed_by} 提出，只有本人可以撤销；审批员可以不予批准。")
    _decide(current, Adjustment.State.CANCELLED, written(text, "撤销的理由"), by, at)
    _record("撤销等级调整", current, by)
    return current


def _refuse_worse(period: RatingPeriod, rating: Rating, before: int, after: int) -> None:
    """Raises Refused where a correction lowers a grade that is under notice or public.

    The pharmacy has been told that grade and heard about it; a worse one needs a notice of its
    own (告知, 行政处罚法第四十四条 by analogy). What applies at once is an interim change, not a correction.
    """
    if period.state == "UNDER_REVIEW" or before < 0 or 0 <= after <= before:
        return
    scheme = parsed(rating.run.scheme)
    told = f"复评为 {grade_name(scheme, after)}，低于现等级 {grade_name(scheme, before)}："
    if period.state == "PUBLISHED":
        raise Refused(
            f"{told}更正不得加重已发布的等级。迟报的事实计入下一评价周期；即时生效的情形请“查找期间变动”。"
        )
    raise Refused(
        f"{told}公示以后不得加重。请由审批员退回审核，更正后重新公示；即时生效的情形请“查找期间变动”。"
    )


def position_after(before: Standing, again: Rerating) -> int:
    """The position that follows from a re-rating, given how the rating stood before it.

    What was adjusted by judgement stays as long as the reckoned grade does, unless a cap has
    struck that judgement may not pass.
    """
    if again.position != before.reckoned:
        return again.position
    if before.judged and before.position < max(_ceiling(again.rating, again), again.limit):
        return again.position
    return before.position


def grade_name(scheme: Scheme, position: int) -> str:
    """The grade's name, or 无等级 for -1."""
    return scheme.grades[position].name if position >= 0 else "无等级"


def _period_of(rating: Rating, *, hold: bool = False) -> RatingPeriod:
    """The period of a rating; held, no other proposal, decision or move of it is made meanwhile."""
    periods = RatingPeriod.objects.filter(run_id=rating.run_id)
    period = (periods.select_for_update(no_key=True) if hold else periods).first()
    if period is None:
        raise Refused(f"评价批次 #{rating.run_id} 还没有建立评价周期：请先由该批次建立评价周期。")
    return period


def _check_period(period: RatingPeriod, rating: Rating, cause: Cause) -> None:
    """Raises Refused where a change for this cause cannot be proposed now."""
    _check_state(period, rating, cause)
    opened = Adjustment.objects.filter(rating=rating, state=Adjustment.State.PROPOSED).first()
    if opened is not None:
        raise Refused(
            f"该药店已有一件待审批的调整（{opened}，{opened.get_cause_display()}，由 {opened.proposed_by} 提出），"
            "请先审批，或由提出人撤销。"
        )


def _check_state(period: RatingPeriod, rating: Rating, cause: Cause) -> None:
    if cause not in ALLOWED.get(period.state, ()):
        raise Refused(
            f"评价周期 {period} 现为“{period.get_state_display()}”，不能办理“{cause.label}”：{_INSTEAD[period.state]}"
        )
    if period.state != "PUBLISHED":
        return
    rows = PublishedGrade.objects.filter(pharmacy=rating.pharmacy_id)
    newest = rows.order_by("-publication__period__period_end", "-seq").first()
    if newest is not None and newest.run != rating.run_id:
        label, newer = Period.parse(newest.period).label, RatingPeriod.objects.get(run=newest.run)
        raise Refused(f"该药店现行的是{label}的等级，不是本周期的等级：请在评价周期 {newer} 中办理。")


def _unjudged(rating: Rating) -> Standing:
    """How a rating stands. Raises Refused where an adjustment by judgement is in effect already.

    Otherwise one reason, applied twice, would go further than the scheme allows.
    """
    before = standing(rating)
    if before.judged:
        raise Refused(f"该药店的等级已经依规调整过（{before.adjustment}）；要另作调整，请先撤销那一件。")
    return before


def _ceiling(rating: Rating, reckoned: Rating | Rerating) -> int:
    """The best position that the caps of a reckoning of the rating leave."""
    scheme = parsed(rating.run.scheme)
    trace = dict(zip(rating.run.trace_columns, reckoned.trace, strict=True))
    return ceiling(scheme, reckoned.caps, trace)


def _propose(
    rating: Rating,
    period: RatingPeriod,
    before: Standing,
    *,
    cause: Cause,
    to_grade: int,
    text: str,
    clause: str,
    by: Actor,
    at: datetime | None,
    **links: Any,
) -> Adjustment:
    moment = at or timezone.now()
    last = before.adjustment
    if last is not None and last.decided_at is not None and moment < last.decided_at:
        raise Refused(f"提出时间不得早于{last}的审批时间。")
    adjustment = Adjustment.objects.create(
        period=period,
        rating=rating,
        cause=cause,
        from_grade=before.position,
        to_grade=to_grade,
        text=written(text, "调整的理由"),
        clause=written(clause, "依据的条款"),
        proposed_by=by.name,
        proposed_at=moment,
        **links,
    )
    mark_looked_at([rating.pk], by, moment)
    _record("提出等级调整", adjustment, by)
    return adjustment


def mark_looked_at(ratings: Iterable[int], by: Actor, at: datetime) -> None:
    """Who proposes a change has looked: the review items of these ratings are confirmed."""
    ReviewItem.objects.filter(rating__in=list(ratings), confirmed_at=None).update(
        confirmed_by=by.name, confirmed_at=at, note="已提出调整"
    )


def _hold_open(adjustment: Adjustment, at: datetime | None) -> tuple[RatingPeriod, Adjustment, datetime]:
    """The period and the proposal, held, and when it is decided. Raises Refused when it is decided already."""
    period = RatingPeriod.objects.select_for_update(no_key=True).get(pk=adjustment.period_id)
    current = (
        Adjustment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("rating__run__scheme", "rating__pharmacy", "rerating__rating__run__scheme")
        .get(pk=adjustment.pk)
    )
    if current.state != Adjustment.State.PROPOSED:
        when = timezone.localtime(current.decided_at).strftime("%Y-%m-%d %H:%M")
        raise Refused(f"{current}已于 {when} 由 {current.decided_by} 办结（{current.get_state_display()}）。")
    moment = at or timezone.now()
    if moment < current.proposed_at:
        raise Refused(f"审批时间不得早于{current}的提出时间。")
    return period, current, moment


def _check_approval(period: RatingPeriod, adjustment: Adjustment, at: datetime) -> None:
    """Raises Refused where a proposal no longer fits what stands, or what is known."""
    remedy = "请不予批准，由提出人按现在的情况重新提出。"
    scheme = parsed(adjustment.rating.run.scheme)
    _check_state(period, adjustment.rating, Cause(adjustment.cause))
    now = standing(adjustment.rating).position
    if now != adjustment.from_grade:
        raise Refused(
            f"提出{adjustment}时等级为 {grade_name(scheme, adjustment.from_grade)}，"
            f"现为 {grade_name(scheme, now)}。{remedy}"
        )
    if adjustment.rerating is not None and not still_holds(adjustment.rerating, at):
        raise Refused(f"{adjustment}所依据的事实在复评后又有变化，按现在的事实结果不同。{remedy}")


def _decide(adjustment: Adjustment, state: str, text: str, by: Actor, at: datetime) -> None:
    adjustment.state, adjustment.decision_text = state, text
    adjustment.decided_by, adjustment.decided_at = by.name, at
    adjustment.save(update_fields=["state", "decision_text", "decided_by", "decided_at"])


def _record(action: str, adjustment: Adjustment, by: Actor) -> None:
    record(
        action,
        adjustment,
        by=by,
        reason=adjustment.decision_text or adjustment.text,
        rating=adjustment.rating_id,
        pharmacy=adjustment.rating.pharmacy.code,
        cause=adjustment.cause,
        reason_code=adjustment.reason_code,
        clause=adjustment.clause,
        before={"grade": adjustment.from_grade},
        after={"grade": adjustment.to_grade},
    )
