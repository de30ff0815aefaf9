"""A rating period's life: opened from a finished run, moved as ``rules/moves.py`` allows.

Public notice begins on the day of the move, which itself does not count (民法典第二百零一条): it
ends with the last of ``settings.NOTICE_WORKING_DAYS`` working days after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from ratings.models import (
    Adjustment,
    CreditRepair,
    Event,
    PeriodMove,
    PublishedGrade,
    Rating,
    RatingPeriod,
    RatingRun,
)
from ratings.rules.moves import (
    OPEN_OBJECTION,
    OPEN_REPAIR,
    PERIOD_MOVES,
    PERIOD_STATES,
    PUBLISHED_STATES,
    Move,
    find,
    moves_from,
)
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM, Actor, record
from ratings.services.errors import Refused
from ratings.services.interim import find_interim
from ratings.services.overtaken import overtaken
from ratings.services.publication import publish_period
from ratings.services.review import list_items, unconfirmed_districts
from ratings.working_days import add_working_days


def title(period: RatingPeriod) -> str:
    """``2025年下半年（全市）``."""
    return f"{Period.parse(period.period).label}（{period.scope}）"


# Opening


@transaction.atomic
def open_period(run: RatingRun, *, by: Actor, at: datetime | None = None) -> RatingPeriod:
    """Begin the life of a finished run, in state COMPUTED.

    Raises Refused for an unfinished run, one that has had its life, and where another live
    period covers the same pharmacies or a later one has been published to them.
    """
    _one_at_a_time()
    check_open(run)
    period = RatingPeriod.objects.create(
        run=run,
        period=run.period,
        period_end=run.period_end,
        district=run.district,
        opened_by=by.name,
        opened_at=at or timezone.now(),
    )
    record("建立评价周期", period, by=by, run=run.pk, period=run.period, district=run.district_id)
    return period


def _one_at_a_time() -> None:
    """Opening and publishing wait for each other: what they check lies in rows that do not meet.

    A city and its district are different rows, and so are two periods of the same pharmacies.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ratings.period', 0))")


def check_open(run: RatingRun) -> None:
    """Raises Refused, with the remedy, when no period can be opened from the run."""
    if run.state != RatingRun.State.DONE:
        raise Refused(f"评价批次 {run} 尚未完成，完成后才能建立评价周期。")
    before = RatingPeriod.objects.filter(run=run).first()
    if before is not None and before.state == "ABANDONED":
        raise Refused(f"评价批次 {run} 的办理已终止，不能重来；请另定数据截止时间重新评价，用新的批次建立。")
    if before is not None:
        raise Refused(f"评价批次 {run} 已建立评价周期，现为“{_label(before.state)}”，请在该周期办理。")
    live = RatingPeriod.objects.filter(period=run.period).exclude(state="ABANDONED")
    rival = _overlapping(live, run.district_id).select_related("district").first()
    if rival is not None:
        remedy = (
            "须以更正、信用修复等改变已发布的等级。"
            if rival.state in PUBLISHED_STATES
            else "如要改用本批次，请审批员先终止该周期。"
        )
        raise Refused(f"{title(rival)}已在办理，现为“{_label(rival.state)}”，范围与本批次重叠；{remedy}")
    if late := _later_published(run.period_end, run.district_id).select_related("district").first():
        raise Refused(_overtaken(late))


def _overlapping(periods: QuerySet[RatingPeriod], district: int | None) -> QuerySet[RatingPeriod]:
    """Those that share pharmacies with a scope: the city shares with all, a district with itself and the city."""
    if district is None:
        return periods
    return periods.filter(district_id=district) | periods.filter(district=None)


def _later_published(end: date, district: int | None) -> QuerySet[RatingPeriod]:
    later = RatingPeriod.objects.filter(state__in=PUBLISHED_STATES, period_end__gt=end)
    return _overlapping(later, district)


def _overtaken(late: RatingPeriod) -> str:
    return f"更晚的{title(late)}已发布，更早的评价不能再盖过它；请终止本周期的办理。"


# What must be true: each demand of rules/moves.py, and why it is not met ("" = it is)


@dataclass(frozen=True)
class _Case:
    period: RatingPeriod
    by: Actor
    today: date


def _items_confirmed(case: _Case) -> str:
    count = case.period.items.filter(confirmed_at=None).count()
    return f"还有 {count} 件审核事项未确认：请在“审核事项”中逐件确认。" if count else ""


def _rest_confirmed(case: _Case) -> str:
    names = "、".join(district.name for district in unconfirmed_districts(case.period))
    return f"{names}的其余结果尚未批量确认：请按区县确认。" if names else ""


def _no_open_adjustment(case: _Case) -> str:
    count = case.period.adjustments.filter(state=Adjustment.State.PROPOSED).count()
    return f"有 {count} 件等级调整待审批：请先审批，或由提出人撤销。" if count else ""


def _no_open_objection(case: _Case) -> str:
    count = case.period.objections.filter(state__in=OPEN_OBJECTION).count()
    return f"有 {count} 件异议未办结：请先作出决定，或登记撤回。" if count else ""


def _nothing_open(case: _Case) -> str:
    repairs = len(_open_repairs(case.period))
    told = f"有 {repairs} 件信用修复未办结：请先作出决定，或登记撤回。" if repairs else ""
    return "".join((_no_open_objection(case), told, _no_open_adjustment(case)))


def _open_repairs(period: RatingPeriod) -> QuerySet[CreditRepair]:
    """Open repairs that would change a grade of this period: it is the pharmacy's newest."""
    newest = PublishedGrade.objects.filter(
        pharmacy=OuterRef("violation__pharmacy"), event=Event.PERIODIC
    ).order_by("-seq")
    return CreditRepair.objects.annotate(newest=Subquery(newest.values("run")[:1])).filter(
        state__in=OPEN_REPAIR, newest=period.run_id
    )


def _notice_over(case: _Case) -> str:
    until = case.period.notice_until
    if until is None or case.today > until:
        return ""
    return f"公示期至 {until}（含当日），{until + timedelta(days=1)} 起可以审定。"


def _not_the_reviewer(case: _Case) -> str:
    mine = case.by.name == case.period.reviewed_by
    return f"审核由您（{case.by.name}）开始，公示须由另一人办理。" if mine else ""


def _not_the_finaliser(case: _Case) -> str:
    mine = case.by.name == case.period.finalised_by
    return f"审定由您（{case.by.name}）办理，发布须由另一人办理。" if mine else ""


def _later_is_out(case: _Case) -> str:
    later = _later_published(case.period.period_end, case.period.district_id)
    scopes = set(later.values_list("district_id", flat=True))
    if None not in scopes and case.period.district_id not in scopes:
        rated = Rating.objects.filter(run=case.period.run_id).values_list("district_id", flat=True)
        if not scopes or set(rated.distinct()) - scopes:
            return "以后的评价周期尚未发布：本期等级仍在施行，发布下一期后再归档。"
    left = _left_in_force(case.period, later, case.today)
    if not left:
        return ""
    return (
        f"有 {len(left)} 家药店以后没有评价，本期等级仍在施行（{'、'.join(left[:3])}{'等' if left[3:] else ''}）："
        "已不再定点的，请“查找期间变动”，撤回其等级；其余的待其下一期发布后再归档。"
    )


def _left_in_force(period: RatingPeriod, later: QuerySet[RatingPeriod], on: date) -> list[str]:
    """Codes of pharmacies that no later period has, and whose grade of this one is in force.

    Once the period is closed, nothing could change or withdraw it.
    """
    rows = PublishedGrade.objects.filter(pharmacy=OuterRef("pharmacy"))
    newest = rows.order_by("-publication__period__period_end", "-seq").values("seq")
    again = Rating.objects.filter(run__in=later.values("run"), pharmacy=OuterRef("pharmacy"))
    last = Rating.objects.filter(~Exists(again), run=period.run_id).values_list(Subquery(newest[:1]))
    graded = PublishedGrade.objects.filter(seq__in=last, run=period.run_id, position__gte=0)
    valid = Q(valid_until=None) | Q(valid_until__gt=on)
    return list(graded.filter(valid).order_by("code").values_list("code", flat=True))


def _reckoned_again(case: _Case) -> str:
    codes = overtaken(case.period)
    if not codes:
        return ""
    return (
        f"数据截止后，{len(codes)} 家药店（{'、'.join(codes[:3])}{'等' if codes[3:] else ''}）有事实作废，"
        "或现行等级已有期间变动，本期结果尚未计入：请先“查找期间变动”，其余的逐家“复评更正”。"
    )


def _not_overtaken(case: _Case) -> str:
    late = _later_published(case.period.period_end, case.period.district_id).select_related("district")
    return _overtaken(late[0]) if late else ""


#: Every demand of PERIOD_MOVES but the reason, which ``move`` is given.
DEMANDS: Final[Mapping[str, Callable[[_Case], str]]] = {
    "审核事项全部确认": _items_confirmed,
    "各区县其余结果均已批量确认": _rest_confirmed,
    "没有未决定的等级调整": _no_open_adjustment,
    "截止后作废的事实和期间变动已复评": _reckoned_again,
    "不是开始审核的人": _not_the_reviewer,
    "公示期已满": _notice_over,
    "没有未办结的异议": _no_open_objection,
    "不是审定的人": _not_the_finaliser,
    "更晚的评价周期尚未发布": _not_overtaken,
    "以后的评价周期已发布": _later_is_out,
    "没有未办结的异议、信用修复和等级调整": _nothing_open,
}


def faults(period: RatingPeriod, name: str, *, by: Actor, at: datetime | None = None) -> list[str]:
    """Why this person cannot make the move now, in Chinese; empty when he can.

    The permission and the reason are not looked at. Raises KeyError for a move that no state has.
    """
    wanted = find(PERIOD_MOVES, name)
    try:
        found = find(PERIOD_MOVES, name, period.state)
    except KeyError:
        sources = "、".join(f"“{_label(move.source)}”" for move in PERIOD_MOVES if move.name == name)
        return [f"{title(period)}现为“{_label(period.state)}”，只有{sources}的周期可以“{wanted.title}”。"]
    case = _Case(period, by, timezone.localdate(at or timezone.now()))
    checks = [DEMANDS[demand] for demand in found.demands if demand in DEMANDS]
    return [fault for check in checks if (fault := check(case))]


def check(period: RatingPeriod, name: str, *, by: Actor, at: datetime | None = None) -> None:
    """Raises Refused with all of ``faults``."""
    if found := faults(period, name, by=by, at=at):
        raise Refused("\n".join(found))


def _label(state: str) -> str:
    return PERIOD_STATES[state].label


# Moving


#: Before these moves the system looks for what applies at once, so that nobody has to think of it:
#: a fraud that was confirmed meanwhile becomes a proposal, and an open proposal stops the move.
_LOOK_FIRST: Final = frozenset({"give_notice", "finalise", "publish"})


def move(
    period: RatingPeriod, name: str, *, by: Actor, reason: str = "", at: datetime | None = None
) -> RatingPeriod:
    """Make a move: its effect, its record and its audit event, or nothing. The period as it is then.

    Of two people at once, one wins and the other is told. What is found to apply at once is
    proposed by the system, and stays proposed when the move is refused for it. Raises Refused
    when something that the move demands is missing; KeyError for a move that no state has.
    """
    at = at or timezone.now()
    if name in _LOOK_FIRST and not faults(period, name, by=by, at=at):
        find_interim(by=SYSTEM, at=at)
    return _move(period, name, by=by, reason=reason.strip(), at=at)


@transaction.atomic
def _move(period: RatingPeriod, name: str, *, by: Actor, reason: str, at: datetime) -> RatingPeriod:
    if name == "publish":
        _one_at_a_time()
    locked = (
        RatingPeriod.objects.select_for_update(no_key=True, of=("self",))
        .select_related("district", "run__scheme")
        .get(pk=period.pk)
    )
    if locked.state != period.state and all(
        step.name != name for step in moves_from(PERIOD_MOVES, locked.state)
    ):
        raise Refused(_forestalled(locked))
    check(locked, name, by=by, at=at)
    step = find(PERIOD_MOVES, name, locked.state)
    if step.needs_reason and not reason:
        raise Refused(f"“{step.title}”须写明理由。")
    if len(reason) > 500:
        raise Refused(f"理由不超过 500 字，现有 {len(reason)} 字。")
    if name == "publish":
        publish_period(locked, by=by, at=at)
    changed = {"state": step.target, **_CLEARS.get(name, {}), **_stamp(step, by, at)}
    if name == "give_notice":
        changed |= notice_dates(at)
    for column, value in changed.items():
        setattr(locked, column, value)
    locked.save(update_fields=list(changed))
    if step.target == "UNDER_REVIEW":
        # Grades that were published meanwhile may make further results deserve a look.
        changed["items"] = list_items(locked)
    PeriodMove.objects.create(
        period=locked, name=name, source=step.source, target=step.target, by=by.name, at=at, reason=reason
    )
    record(
        step.title,
        locked,
        by=by,
        reason=reason,
        before={"state": step.source},
        after=changed,
        period=str(locked),
    )
    return locked


def notice_dates(at: datetime) -> dict[str, Any]:
    """The columns of a public notice that begins at ``at``."""
    first = timezone.localdate(at)
    last = add_working_days(first, settings.NOTICE_WORKING_DAYS)
    return {"notice_from": first, "notice_until": last.day, "calendar_known": last.known}


def _forestalled(period: RatingPeriod) -> str:
    last = period.moves.order_by("id").last()
    if last is None:
        return f"{title(period)}现为“{_label(period.state)}”，请刷新页面后再办理。"
    done = find(PERIOD_MOVES, last.name, last.source)
    moment = timezone.localtime(last.at)
    return (
        f"{title(period)}已由 {last.by} 于 {moment:%Y-%m-%d %H:%M} “{done.title}”，"
        f"现为“{_label(period.state)}”；请刷新页面后再办理。"
    )


_NO_NOTICE: Final = {
    "noticed_by": "",
    "noticed_at": None,
    "notice_from": None,
    "notice_until": None,
    "calendar_known": True,
}
#: Moves back take back what the moves forth wrote; the record of moves keeps it.
_CLEARS: Final[Mapping[str, dict[str, Any]]] = {
    "recall": _NO_NOTICE,
    "reopen": {**_NO_NOTICE, "finalised_by": "", "finalised_at": None},
}
#: Who made a move, where the period has columns for it.
_STAMPS: Final = {
    "review": "reviewed",
    "give_notice": "noticed",
    "finalise": "finalised",
    "publish": "published",
}


def _stamp(step: Move, by: Actor, at: datetime) -> dict[str, Any]:
    prefix = _STAMPS.get(step.name)
    return {f"{prefix}_by": by.name, f"{prefix}_at": at} if prefix else {}
