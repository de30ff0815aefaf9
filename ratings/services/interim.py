"""Interim changes (期间变动): what the scheme lets apply at once, held against the grades in force.

A confirmed fraud makes the grade D today, a terminated agreement withdraws it, whatever the
last period gave. Found set-based, proposed by the finder, approved by somebody else.
"""

from datetime import date, datetime
from typing import Any, Final

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from ratings.bulk import read_columns, rows_of
from ratings.models import Adjustment, RatingPeriod, Rerating
from ratings.rules.adjusting import at_once_limits, withdrawals_at_once
from ratings.rules.columns import Signals
from ratings.rules.periods import Period
from ratings.rules.scheme import Scheme
from ratings.services.adjustments import ALLOWED, grade_name
from ratings.services.audit import Actor, record
from ratings.services.reratings import reason_of, reckon
from ratings.services.schemes import parsed
from ratings.services.standing import STANDING_JOIN
from ratings.services.steps import shown_day
from ratings.signals import hold_sources, read_signals

Columns = dict[str, np.ndarray[Any, Any]]
#: Periods whose grades are looked at: out, or on their way.
STATES: Final = tuple(ALLOWED)


@transaction.atomic
def find_interim(*, by: Actor, at: datetime | None = None) -> list[Adjustment]:
    """Propose a change for every pharmacy whose grade is better than the scheme allows today.

    Looked at are each pharmacy's public grade, while it is valid, and its grade in a period
    between review and publication, so that the next publication does not undo what applies at
    once; where nothing is proposed yet. They are held against the caps and eligibility rules
    marked ``at_once``, and whether the pharmacy is still designated, as of the Shanghai day of
    ``at``. Run again, it finds only what is new; what an approver rejected is found again as
    long as the facts stand, because the scheme leaves no choice: void the fact instead. The new
    proposals, by code.
    """
    with connection.cursor() as cursor:
        hold_sources(cursor)
    periods = list(
        RatingPeriod.objects.select_for_update(no_key=True, of=("self",))
        .select_related("run__scheme")
        .filter(state__in=STATES)
        .order_by("pk")
    )
    if not periods:
        return []
    cutoff = timezone.now()
    at = at or cutoff
    day = timezone.localtime(at).date()
    today = read_signals(Period.day(day), cutoff, settled=True)
    public = _grades(day)
    found: list[Adjustment] = []
    for period in periods:
        mine = {name: values[public["period"] == period.pk] for name, values in public.items()}
        found += _propose(period, _too_good(period, mine, today, day), cutoff, day, at, by)
    if found:
        record(
            "提出期间变动",
            "adjustment",
            by=by,
            cutoff=cutoff,
            adjustments=[
                {"id": row.pk, "pharmacy": row.rating.pharmacy.code, "rule": row.reason_code}
                | {"before": row.from_grade, "after": row.to_grade}
                for row in found
            ],
        )
    return found


def _grades(day: date) -> Columns:
    """Each pharmacy's valid public grade and its grade in an open period, without those about to change."""
    return read_columns(
        f"""
        SELECT rating, pharmacy, period, position FROM (
            -- The newest of the published ones, and each of those on their way.
            SELECT DISTINCT ON (r.pharmacy_id, CASE WHEN p.state <> 'PUBLISHED' THEN p.id END)
                   r.id AS rating, r.run_id AS run, r.pharmacy_id AS pharmacy,
                   p.id AS period, p.state = 'PUBLISHED' AS published, standing.position,
                   EXISTS (SELECT FROM ratings_adjustment o
                           WHERE o.rating_id = r.id AND o.state = 'PROPOSED') AS pending
            FROM ratings_ratingperiod p JOIN ratings_rating r ON r.run_id = p.run_id {STANDING_JOIN}
            WHERE p.state = ANY(%(states)s)
            ORDER BY r.pharmacy_id, CASE WHEN p.state <> 'PUBLISHED' THEN p.id END,
                     p.period_end DESC, p.published_at DESC
        ) newest
        WHERE position >= 0 AND NOT pending AND (NOT published OR EXISTS (
            SELECT FROM ratings_publishedgrade g
            WHERE g.pharmacy_id = newest.pharmacy AND g.run = newest.run
              AND (g.valid_until IS NULL OR g.valid_until > %(day)s)
        ))
        ORDER BY pharmacy
        """,
        {"states": list(STATES), "day": day},
        {"rating": "i8", "pharmacy": "i8", "period": "i8", "position": "i2"},
    )


def _too_good(period: RatingPeriod, public: Columns, today: Signals, day: date) -> dict[int, tuple[int, int]]:
    """Pharmacy to (rating, position) of those better than what applies at once leaves."""
    scheme = parsed(period.run.scheme)
    # Row -1, for those no longer designated, stands for "withdraw".
    limits = np.append(at_once_limits(scheme, today, day), -1)
    withdrawn = np.append(withdrawals_at_once(scheme, today, day) > 0, True)
    rows = rows_of(today.pharmacy_id, public["pharmacy"])
    chosen = withdrawn[rows] | (limits[rows] > public["position"])
    columns = (public[name][chosen].tolist() for name in ("pharmacy", "rating", "position"))
    return {pharmacy: (rating, position) for pharmacy, rating, position in zip(*columns, strict=True)}


def _propose(
    period: RatingPeriod,
    chosen: dict[int, tuple[int, int]],
    cutoff: datetime,
    day: date,
    at: datetime,
    by: Actor,
) -> list[Adjustment]:
    """Store the re-ratings of the chosen pharmacies and the proposals that follow from them."""
    scheme = parsed(period.run.scheme)
    # A pharmacy that the corrected registry no longer has in the period cannot be reckoned: a
    # person's matter.
    reckoned = reckon(period.run, list(chosen), cutoff, day) if chosen else {}
    reratings = Rerating.objects.bulk_create(
        Rerating(rating_id=chosen[key][0], cutoff=cutoff, reckoned_by=by.name, reckoned_at=at, **columns)
        for key, columns in reckoned.items()
    )
    positions = dict(chosen.values())
    made = Adjustment.objects.bulk_create(
        _adjustment(period, scheme, rerating, positions[rerating.rating_id], day, at, by)
        for rerating in reratings
    )
    stored = Adjustment.objects.filter(pk__in=[row.pk for row in made])
    return list(
        stored.select_related("rating__pharmacy", "rating__run__scheme").order_by("rating__pharmacy__code")
    )


def _adjustment(
    period: RatingPeriod,
    scheme: Scheme,
    rerating: Rerating,
    position: int,
    day: date,
    at: datetime,
    by: Actor,
) -> Adjustment:
    reason = reason_of(scheme, rerating)
    to_grade = rerating.position
    text = f"自{shown_day(day)}起适用“{reason.title}”：" if reason else "按此刻的事实复评："
    text += f"等级由 {grade_name(scheme, position)} 变为 {grade_name(scheme, to_grade)}。"
    return Adjustment(
        period=period,
        rating_id=rerating.rating_id,
        cause=Adjustment.Cause.WITHDRAWAL if to_grade < 0 else Adjustment.Cause.INTERIM,
        from_grade=position,
        to_grade=to_grade,
        reason_code=reason.id if reason else "",
        clause=reason.clause if reason else f"《{scheme.document.title}》",
        text=text,
        rerating=rerating,
        proposed_by=by.name,
        proposed_at=at,
    )
