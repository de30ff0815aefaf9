"""Reviews (复核) of rejected objections: asked for in time, proposed and decided by others than before.

Terms and their sources: ``rules/terms.toml``.
"""

from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from ratings.models import Objection
from ratings.rules.moves import OBJECTION_MOVES, OBJECTION_STATES
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.objections import (
    OUTCOMES,
    carry_out,
    check_remedy,
    locked_objection,
    refuse_second,
)
from ratings.services.redress import hold_sources_alone, live_period
from ratings.services.steps import DECISION_LENGTH, local_day, next_state, shown_day, written
from ratings.services.terms import deadline

#: From when the term to ask for a review runs, for those who read its last day.
REVIEW_TERM: Final = "自送达之日起；未登记送达的，自决定之日起算"


def review_until(objection: Objection) -> date:
    """The last day on which a review of a rejected objection can be asked for.

    The term runs from the day of service, or, where none is on record, from that of the decision.
    """
    if objection.decided_at is None:
        raise Refused(f"{objection} 尚未决定，无从申请复核。")
    return deadline("review_apply", objection.served_on or local_day(objection.decided_at)).day


@transaction.atomic
def request_review(
    objection: Objection, *, statement: str, by: Actor, at: datetime | None = None
) -> Objection:
    """Take in the request to review a rejection; new clocks start. Raises Refused after the term."""
    # As with a new objection, so that the period is not settled meanwhile.
    live_period(objection.rating)
    row = locked_objection(objection)
    moment = at or timezone.now()
    row.state = next_state(row, "request_review", OBJECTION_MOVES, OBJECTION_STATES)
    until = review_until(row)
    if local_day(moment) > until:
        raise Refused(
            f"申请复核的期限已于 {shown_day(until)}届满（{REVIEW_TERM}）。对等级仍有异议的，可依法申请行政复议。"
        )
    refuse_second(row.rating)
    day = local_day(moment)
    due, last = deadline("review_answer", day), deadline("review_last", day)
    before = row.due_on
    row.review_statement = written(statement, "复核申请")
    row.review_requested_by, row.review_requested_at = by.name, moment
    row.due_on, row.last_due_on = due.day, last.day
    row.calendar_known = due.known and last.known
    row.save(
        update_fields=[
            "state",
            "review_statement",
            "review_requested_by",
            "review_requested_at",
            "due_on",
            "last_due_on",
            "calendar_known",
        ]
    )
    record("受理复核申请", row, by=by, reason=row.review_statement, before=before, due_on=row.due_on)
    return row


@transaction.atomic
def propose_review(
    objection: Objection,
    *,
    outcome: str,
    remedy: str = "",
    text: str,
    by: Actor,
    at: datetime | None = None,
) -> Objection:
    """Propose to uphold the objection after all (with a remedy) or to let the rejection stand.

    Raises Refused for what cannot be decided so, and for the one who made the first decision.
    """
    row = locked_objection(objection)
    state = next_state(row, "propose_review", OBJECTION_MOVES, OBJECTION_STATES)
    if by.name == row.decided_by:
        raise Refused("复核意见须由作出原决定以外的人提出，请交另一位审核员。")
    if outcome not in OUTCOMES:
        raise Refused("复核意见须为“成立”或“不成立”。")
    if outcome == "REJECTED" and remedy:
        raise Refused("复核维持原决定的，不选处理方式。")
    if outcome == "UPHELD":
        check_remedy(row, remedy)
    row.state, row.review_outcome, row.review_remedy = state, outcome, remedy
    row.review_proposed_text = written(text, "复核理由")
    row.review_proposed_by, row.review_proposed_at = by.name, at or timezone.now()
    row.save(
        update_fields=[
            "state",
            "review_outcome",
            "review_remedy",
            "review_proposed_text",
            "review_proposed_by",
            "review_proposed_at",
        ]
    )
    record("提出复核意见", row, by=by, reason=row.review_proposed_text, outcome=outcome, remedy=remedy)
    return row


@transaction.atomic
def return_review(objection: Objection, *, text: str, by: Actor, at: datetime | None = None) -> Objection:
    """Send the opinion on a review back to be worked on again."""
    row = locked_objection(objection)
    row.state = next_state(row, "return_review", OBJECTION_MOVES, OBJECTION_STATES)
    text = written(text, "退回理由")
    row.save(update_fields=["state"])
    before = {"outcome": row.review_outcome, "proposed_by": row.review_proposed_by}
    record("退回复核", row, by=by, reason=text, **before)
    return row


@transaction.atomic
def decide_review(objection: Objection, *, text: str, by: Actor, at: datetime | None = None) -> Objection:
    """Decide a review as proposed, by somebody who had no hand in it nor in what is reviewed.

    Upheld: the remedy takes effect as in ``decide_objection``; the adjustment that follows is
    proposed as who proposed the review's outcome.
    """
    hold_sources_alone()
    row = locked_objection(objection)
    upheld = row.review_outcome == "UPHELD"
    name = "uphold_review" if upheld else "reject_review"
    row.state = next_state(row, name, OBJECTION_MOVES, OBJECTION_STATES)
    if by.name in earlier_hands(row):
        raise Refused(
            "复核须由登记复核申请、提出原处理意见和复核意见、作出原决定以外的人决定，请交另一位审批员。"
        )
    row.review_text = written(text, "复核决定", DECISION_LENGTH)
    if upheld:
        reason = f"{row} 复核成立：{row.review_proposed_text}"
        row.review_text += carry_out(row, row.review_remedy, reason, Actor(row.review_proposed_by), by, at)
    row.reviewed_by, row.reviewed_at = by.name, at or timezone.now()
    row.save(update_fields=["state", "review_text", "reviewed_by", "reviewed_at"])
    outcome = OBJECTION_STATES[row.state].label
    record("决定复核", row, by=by, reason=row.review_text, outcome=outcome, remedy=row.review_remedy)
    return row


def earlier_hands(row: Objection) -> set[str]:
    """Who may not decide a review: names of those who acted on it, or on what is reviewed."""
    return {row.proposed_by, row.decided_by, row.review_requested_by, row.review_proposed_by}
