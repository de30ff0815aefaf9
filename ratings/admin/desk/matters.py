"""What the desk has in hand for one rating: adjustments, objections, and what can be begun from its page."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from ratings.admin import show
from ratings.admin.desk.standings import arrow, place_badge
from ratings.admin.scope import visible
from ratings.models import Adjustment, Complaint, Objection, Rating, RatingPeriod, ReviewItem, Violation
from ratings.services.adjustments import ALLOWED, Cause
from ratings.services.letters import TELLING
from ratings.services.redress import published_rating
from ratings.services.standing import standing


def _states(cause: Cause) -> tuple[str, ...]:
    """The states of a period in which a grade may be changed for this cause."""
    return tuple(state for state, causes in ALLOWED.items() if cause in causes)


#: (title, permission, states of the period, name of the address); the address takes the rating's id.
_BEGINNINGS = (
    ("提出等级调整", "add_adjustment", _states(Cause.JUDGEMENT), "ratings_adjustment_propose"),
    ("复评更正", "add_adjustment", _states(Cause.CORRECTION), "ratings_adjustment_correct"),
    ("受理异议", "add_objection", ("PUBLIC_NOTICE", "PUBLISHED"), "ratings_objection_statement"),
    ("签发告知链接", "add_noticelink", ("PUBLIC_NOTICE",), "ratings_noticelink_issue"),
    ("签发告知书", "add_issueddocument", TELLING, "ratings_letterbatch_single"),
)


def beginnings(request: HttpRequest, rating: Rating, state: str) -> list[tuple[str, str]]:
    """(title, address) of what the user can begin for this rating, its period being in ``state``."""
    return [
        (title, reverse(f"admin:{name}", args=(rating.pk,)))
        for title, permission, states, name in _BEGINNINGS
        if state in states and request.user.has_perm(f"ratings.{permission}")
    ]


def matters(request: HttpRequest, rating: Rating) -> list[dict[str, Any]]:
    """Adjustments and objections of a rating, newest first; those that the user may see."""
    found: list[tuple[Any, dict[str, Any]]] = []
    if request.user.has_perm("ratings.view_adjustment"):
        found += [
            (row.proposed_at, _adjustment(rating, row)) for row in Adjustment.objects.filter(rating=rating)
        ]
    if request.user.has_perm("ratings.view_objection"):
        found += [(row.received_at, _objection(row)) for row in Objection.objects.filter(rating=rating)]
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _adjustment(rating: Rating, row: Adjustment) -> dict[str, Any]:
    return {
        "url": show.change_url(row),
        "title": f"{row} {row.get_cause_display()}",
        "text": arrow(rating, row.from_grade, row.to_grade),
        "state": row.get_state_display(),
        "who": f"{row.proposed_by}，{show.moment(row.proposed_at)}",
    }


def _objection(row: Objection) -> dict[str, Any]:
    return {
        "url": show.change_url(row),
        "title": f"{row} {row.get_ground_display()}",
        "text": row.statement[:60],
        "state": row.get_state_display(),
        "who": f"{row.received_by}，{show.moment(row.received_at)}",
    }


def rating_desk(request: HttpRequest, rating: Rating) -> dict[str, Any] | None:
    """What ``ratings/admin/desk/rating.html`` draws on the page of a rating; None before its run is in hand.

    Needs ``run__scheme``.
    """
    if not request.user.has_perm("ratings.view_ratingperiod"):
        return None
    period = RatingPeriod.objects.select_related("district").filter(run=rating.run_id).first()
    if period is None:
        return None
    now = standing(rating)
    item = ReviewItem.objects.filter(rating=rating).first()
    return {
        "period": period,
        "period_url": show.change_url(period),
        "state": period.get_state_display(),
        "badge": place_badge(rating, now.position),
        "changed": now.adjustment is not None,
        "points": "—" if now.score is None else show.points(now.score),
        "item_url": show.change_url(item)
        if item and request.user.has_perm("ratings.view_reviewitem")
        else "",
        "matters": matters(request, rating),
        "beginnings": beginnings(request, rating, period.state),
    }


def fact_beginnings(request: HttpRequest, fact: Violation | Complaint) -> list[tuple[str, str]]:
    """(title, address) of what follows from a fact: repair while it is live, correction once it is void.

    A correction reckons again the grade in force, and what is on its way to publication.
    """
    if fact.is_live:
        if isinstance(fact, Violation) and request.user.has_perm("ratings.add_creditrepair"):
            return [
                ("登记信用修复申请", f"{reverse('admin:ratings_creditrepair_apply')}?violation={fact.pk}")
            ]
        return []
    if not request.user.has_perm("ratings.add_adjustment"):
        return []
    on_the_way = set(_states(Cause.CORRECTION)) - {"PUBLISHED"}
    open_runs = RatingPeriod.objects.filter(state__in=on_the_way).values_list("run")
    found = list(
        visible(
            request, Rating.objects.filter(run__in=[run for (run,) in open_runs], pharmacy=fact.pharmacy_id)
        )
        .select_related("run")
        .defer("trace")
    )
    published = published_rating(fact.pharmacy, timezone.localdate())
    if published is not None:
        found += visible(request, Rating.objects.filter(pk=published.pk)).select_related("run")
    return [
        (
            f"复评更正：{show.period_label(rating.run.period)}",
            reverse("admin:ratings_adjustment_correct", args=(rating.pk,)),
        )
        for rating in found
    ]
