"""What waits for the user, by right: counts and the nearest legal day, one query each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ratings.admin import show
from ratings.admin.desk.clocks import days_left
from ratings.admin.scope import visible
from ratings.models import Adjustment, CreditRepair, Objection, RatingPeriod, ReviewItem
from ratings.services import objections, repairs

#: Takes the user's name and today.
Rows = Callable[[str, date], QuerySet]


@dataclass(frozen=True)
class Duty:
    """One sort of work: who does it, which rows wait, by when."""

    title: str
    #: codename in app ratings
    permission: str
    rows: Rows
    #: what the list behind it is filtered by
    filters: dict[str, str]
    #: field with the legal day, "" for none
    due: str = ""


def _periods(state: str, *conditions: Any) -> Rows:
    return lambda name, today: RatingPeriod.objects.filter(*conditions, state=state)


def _reviewed(name: str, today: date) -> QuerySet:
    waiting = ReviewItem.objects.filter(period=OuterRef("pk"), confirmed_at=None)
    return RatingPeriod.objects.filter(~Exists(waiting), state="UNDER_REVIEW").exclude(reviewed_by=name)


DUTIES = (
    Duty("评价周期待开始审核", "review_ratingperiod", _periods("COMPUTED"), {"state__exact": "COMPUTED"}),
    Duty(
        "审核事项待确认",
        "review_ratingperiod",
        lambda name, today: ReviewItem.objects.filter(confirmed_at=None, period__state="UNDER_REVIEW"),
        {"confirmed": "0"},
    ),
    Duty("评价周期待开始公示", "approve_ratingperiod", _reviewed, {"state__exact": "UNDER_REVIEW"}),
    Duty(
        "公示期满待审定",
        "review_ratingperiod",
        lambda name, today: RatingPeriod.objects.filter(state="PUBLIC_NOTICE", notice_until__lt=today),
        {"state__exact": "PUBLIC_NOTICE"},
    ),
    Duty(
        "已审定待发布",
        "approve_ratingperiod",
        lambda name, today: RatingPeriod.objects.filter(state="FINAL").exclude(finalised_by=name),
        {"state__exact": "FINAL"},
    ),
    Duty(
        "等级调整待审批",
        "decide_adjustment",
        lambda name, today: Adjustment.objects.filter(state="PROPOSED").exclude(proposed_by=name),
        {"state__exact": "PROPOSED"},
        "due_on",
    ),
    Duty(
        "异议待办理",
        "change_objection",
        lambda name, today: Objection.objects.filter(state="OPEN"),
        {"state__exact": "OPEN"},
        "due_on",
    ),
    Duty(
        "异议待决定",
        "decide_objection",
        lambda name, today: Objection.objects.filter(state="PROPOSED").exclude(proposed_by=name),
        {"state__exact": "PROPOSED"},
        "due_on",
    ),
    Duty(
        "异议待复核",
        "change_objection",
        lambda name, today: Objection.objects.filter(state="REVIEW_REQUESTED").exclude(decided_by=name),
        {"state__exact": "REVIEW_REQUESTED"},
        "due_on",
    ),
    Duty(
        "复核待决定",
        "decide_objection",
        lambda name, today: Objection.objects.filter(state="REVIEW_PROPOSED").exclude(
            Q(decided_by=name)
            | Q(proposed_by=name)
            | Q(review_requested_by=name)
            | Q(review_proposed_by=name)
        ),
        {"state__exact": "REVIEW_PROPOSED"},
        "due_on",
    ),
    Duty(
        "信用修复待受理",
        "change_creditrepair",
        lambda name, today: CreditRepair.objects.filter(state="APPLIED"),
        {"state__exact": "APPLIED"},
        "accept_due_on",
    ),
    Duty(
        "信用修复待办理",
        "change_creditrepair",
        lambda name, today: CreditRepair.objects.filter(state="ACCEPTED"),
        {"state__exact": "ACCEPTED"},
        "decide_due_on",
    ),
    Duty(
        "信用修复待决定",
        "decide_creditrepair",
        lambda name, today: CreditRepair.objects.filter(state="PROPOSED").exclude(proposed_by=name),
        {"state__exact": "PROPOSED"},
        "decide_due_on",
    ),
    Duty(
        "信用修复待答复",
        "add_creditrepair",
        lambda name, today: CreditRepair.objects.filter(state__in=("GRANTED", "REFUSED"), replied_on=None),
        {"due": "reply"},
        "reply_due_on",
    ),
    # for those who watch over the terms
    Duty(
        "督办：等级调整逾期",
        "view_auditevent",
        lambda name, today: Adjustment.objects.filter(state="PROPOSED", due_on__lt=today),
        {"due": "overdue"},
        "due_on",
    ),
    Duty(
        "督办：异议逾期",
        "view_auditevent",
        lambda name, today: objections.overdue(Objection.objects.all(), today),
        {"due": "overdue"},
        "due_on",
    ),
    Duty(
        "督办：信用修复逾期",
        "view_auditevent",
        lambda name, today: repairs.overdue(CreditRepair.objects.all(), today),
        {"due": "overdue"},
    ),
)


def work(request: HttpRequest) -> list[dict[str, Any]] | None:
    """What waits for the user, in the order of :data:`DUTIES`; None for those without any duty.

    Each only for those with the right, of the own districts; what one proposed oneself waits
    for others.
    """
    mine = [duty for duty in DUTIES if request.user.has_perm(f"ratings.{duty.permission}")]
    if not mine:
        return None
    today = timezone.localdate()
    found = []
    for duty in mine:
        rows = visible(request, duty.rows(request.user.get_username(), today))
        asked: dict[str, Any] = {"count": Count("pk")}
        if duty.due:
            asked |= {"nearest": Min(duty.due), "late": Count("pk", filter=Q(**{f"{duty.due}__lt": today}))}
        counts = rows.order_by().aggregate(**asked)
        if counts["count"]:
            nearest = counts.get("nearest")
            found.append(
                {
                    "title": duty.title,
                    "count": show.number(counts["count"]),
                    "url": show.list_url(rows.model, **duty.filters),
                    "nearest": days_left(nearest, today) if nearest else "",
                    "late": counts.get("late", 0),
                }
            )
    return found
