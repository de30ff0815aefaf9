"""What follows for a grade when an objection is upheld or a credit repair is granted.

The pharmacy is reckoned again on the facts of now and never fares worse for having spoken up
(行政处罚法第四十五条：申辩不加重). The change of grade is an adjustment like any other.
"""

from datetime import date, datetime
from typing import Final

from django.db import connection

from ratings.models import (
    Adjustment,
    CreditRepair,
    Fact,
    Objection,
    Pharmacy,
    PublishedGrade,
    Rating,
    RatingPeriod,
)
from ratings.rules.moves import PUBLISHED_STATES
from ratings.rules.scheme import Scheme
from ratings.services.adjustments import decide_adjustment, position_after, propose_rerated
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import void_fact
from ratings.services.reratings import rerate
from ratings.services.schemes import parsed
from ratings.services.standing import standing
from ratings.services.steps import local_day
from ratings.signals import SOURCES

#: A period in one of these states has no grade left to change.
_OVER: Final = ("CLOSED", "ABANDONED")


def hold_sources_alone() -> None:
    """First in a transaction that voids facts and then re-rates.

    A re-rating holds the sources against writers. Two transactions that had both voided facts
    would wait for each other there for ever; so each waits here, before it writes.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(SOURCES)} IN SHARE ROW EXCLUSIVE MODE")


def refuse_open_adjustment(rating: Rating) -> None:
    """Raises Refused while another change of this rating's grade waits for a decision."""
    pending = Adjustment.objects.filter(rating=rating, state=Adjustment.State.PROPOSED).first()
    if pending is not None:
        raise Refused(
            f"该药店有一件待审批的{pending}（{pending.get_cause_display()}，{pending.proposed_by} 提出）："
            "请先审批，或由提出人撤销，再作本决定。"
        )


def void_for(facts: list[Fact], reason: str, *, by: Actor) -> None:
    """Void those of the facts that still count."""
    for fact in facts:
        if fact.is_live:
            void_fact(fact, reason=reason[:300], by=by)


def rerate_in_favour(
    rating: Rating,
    *,
    cause: Adjustment.Cause,
    text: str,
    clause: str,
    proposer: Actor,
    by: Actor,
    objection: Objection | None = None,
    repair: CreditRepair | None = None,
    at: datetime | None = None,
) -> str:
    """Reckon a pharmacy again and let the change take effect, unless it is for the worse.

    The adjustment is proposed as ``proposer`` and approved as ``by``; where the period is
    published, the approval publishes it. Returns what came of it, one Chinese sentence for the
    decision. Raises Refused where the grade cannot be changed at this point of the period.
    """
    period = rating.run.life
    if period.state in _OVER:
        return f"该评价周期{period.get_state_display()}，等级不再变更。"
    if period.state == "PUBLISHED" and grade_in_force(rating.pharmacy_id, local_day(at)) is None:
        return "该药店已发布的等级已过有效期，不再变更。"
    scheme = parsed(rating.run.scheme)
    standing_now = standing(rating)
    before = standing_now.position
    again = rerate(rating, by=by, at=at)
    after = position_after(standing_now, again)
    if _worse(after, before, scheme):
        return f"复评为{_name(after, scheme)}，低于现等级；申辩不加重，保持{_name(before, scheme)}。"
    if after == before and standing_now.score is not None and again.score < standing_now.score:
        return (
            f"复评等级不变，信用分低于原分；申辩不加重，等级和信用分均保持不变，仍为{_name(before, scheme)}。"
        )
    adjustment = propose_rerated(
        rating,
        again,
        cause=cause,
        text=text[:500],
        clause=clause,
        by=proposer,
        objection=objection,
        repair=repair,
        at=at,
    )
    if adjustment is None:
        return f"复评后等级不变，仍为{_name(before, scheme)}。"
    adjustment = decide_adjustment(adjustment, approve=True, text=text[:500], by=by, at=at)
    if adjustment.to_grade == before:
        return f"复评后等级不变，仍为{_name(before, scheme)}；信用分按复评更正。"
    return f"复评后等级由{_name(before, scheme)}变更为{_name(adjustment.to_grade, scheme)}。"


def _worse(after: int, before: int, scheme: Scheme) -> bool:
    """Whether a position is worse than another; to have no grade is worse than the worst."""
    places = [position if position >= 0 else len(scheme.grades) for position in (after, before)]
    return places[0] > places[1]


def _name(position: int, scheme: Scheme) -> str:
    return f" {scheme.grades[position].name} 级" if position >= 0 else "不予评级"


def grade_in_force(pharmacy_id: int, on: date) -> PublishedGrade | None:
    """The row in force of a pharmacy, if it holds on the day; it may say that there is no grade.

    As at the door outward (``ratings/published/``), it is the newest of the latest period: a
    pharmacy that changed districts may have been published for an earlier period later.
    """
    rows = PublishedGrade.objects.filter(pharmacy_id=pharmacy_id)
    last = rows.order_by("-publication__period__period_end", "-seq").first()
    return last if last is not None and (last.valid_until is None or on < last.valid_until) else None


def published_rating(pharmacy: Pharmacy, on: date) -> Rating | None:
    """The rating behind the grade in force of a pharmacy, or of the one that took it over."""
    shop: Pharmacy | None = pharmacy
    found = None
    while shop is not None:
        row = grade_in_force(shop.pk, on)
        if row is not None:
            found = Rating.objects.select_related("run__scheme", "run__life", "pharmacy").get(
                run_id=row.run, pharmacy_id=shop.pk
            )
        shop = Pharmacy.objects.filter(predecessor=shop).first()
    return found if found is None or found.run.life.state == "PUBLISHED" else None


def rating_to_change(rating: Rating, on: date) -> Rating:
    """The rating whose grade follows from a decision about this one.

    That is the rating itself, or, where a later published grade has taken its place since
    (also of the pharmacy that took it over), the one behind that grade: it may rest on the same facts.
    """
    if rating.run.life.state not in PUBLISHED_STATES:
        return rating
    return published_rating(rating.pharmacy, on) or rating


def lineage(pharmacy: Pharmacy) -> list[int]:
    """Ids of a pharmacy and of those before it, whose facts it inherits."""
    ids = []
    shop: Pharmacy | None = pharmacy
    while shop is not None:
        ids.append(shop.pk)
        shop = shop.predecessor
    return ids


def live_period(rating: Rating) -> RatingPeriod:
    """The period of a rating, locked, so that it does not move meanwhile.

    Raises Refused for a rating whose run has had no life on the desk.
    """
    period = (
        RatingPeriod.objects.select_for_update(no_key=True, of=("self",))
        .select_related("run")
        .filter(run_id=rating.run_id)
        .first()
    )
    if period is None:
        raise Refused("该评价结果只是计算结果，没有进入评价周期，未公示也未发布，没有等级可提异议。")
    return period
