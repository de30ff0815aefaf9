"""Violations and complaints turned into points: the row that fits, then ageing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ratings.rules.columns import WHOLE, Events, Int32, Int64, Signals
from ratings.rules.days import whole_months
from ratings.rules.exact import Rounding, divide
from ratings.rules.fields import sure
from ratings.rules.indicators import (
    Ageing,
    Bracket,
    ComplaintsIndicator,
    EventIndicator,
    ViolationsIndicator,
)
from ratings.rules.periods import Period
from ratings.rules.vocabulary import COMPLAINT_TOPICS, TRACKS, VIOLATION_KINDS


@dataclass(frozen=True, slots=True)
class EventPoints:
    """What each fact scores under one indicator; one place a fact, in the order of the facts."""

    source: Literal["violations", "complaints"]
    #: the row of the indicator that applies, -1 for its default
    row: Int64
    #: points before ageing, thousandths
    full: Int64
    #: whole months passed by the period's last day
    age: Int64
    #: points after ageing, thousandths, each rounded for itself
    points: Int64
    #: 1 where the fact still weighs, 0 where it has aged away
    weighs: Int64


def event_points(indicator: EventIndicator, signals: Signals, rounding: Rounding) -> EventPoints:
    """Every fact's points under ``indicator``."""
    if isinstance(indicator, ViolationsIndicator):
        row, full = _violations(indicator, signals.violations)
        source: Literal["violations", "complaints"] = "violations"
    else:
        row, full = _complaints(indicator, signals.complaints)
        source = "complaints"
    events: Events = getattr(signals, source)
    age = age_of(events, indicator.ageing, signals.period)
    points, weighs = aged(full, age, indicator.ageing, rounding)
    return EventPoints(source, row, full, age, points, weighs)


def _violations(indicator: ViolationsIndicator, events: Events) -> tuple[Int64, Int64]:
    """The row that fits each violation, and its points before ageing."""
    rows = np.full((len(VIOLATION_KINDS), len(TRACKS)), -1, dtype=np.int64)
    for number, row in enumerate(indicator.rows):
        for kind in row.kinds:
            for track in row.tracks or TRACKS.ids:
                rows[VIOLATION_KINDS.number(kind), TRACKS.number(track)] = number
    # The default stands last, where index -1 finds it.
    everything = [*indicator.rows, indicator.default]
    table = np.array([row.points.by_number for row in everything], dtype=np.int64)
    found: Int64 = rows[events.kind, events.track]
    full: Int64 = table[found, events.gravity]
    for number, part in zip([*range(len(indicator.rows)), -1], everything, strict=True):
        if part.amounts:
            # Fen to thousandths of a yuan.
            extra = bracket_points(part.amounts, events.amount_fen * 10)
            full = full + np.where(found == number, extra, 0)
    return found, full


def _complaints(indicator: ComplaintsIndicator, events: Events) -> tuple[Int64, Int64]:
    rows = np.full(len(COMPLAINT_TOPICS), -1, dtype=np.int64)
    for number, row in enumerate(indicator.rows):
        for topic in row.topics:
            rows[COMPLAINT_TOPICS.number(topic)] = number
    points = [*(row.points for row in indicator.rows), indicator.default.points]
    found = rows[events.kind]
    return found, np.array(points, dtype=np.int64)[found]


def bracket_points(brackets: Sequence[Bracket], value: Int64, otherwise: int = 0) -> Int64:
    """The points of the highest step that ``value`` (thousandths) takes."""
    firsts = np.array([bracket.first for bracket in brackets], dtype=np.int64)
    points = np.array([otherwise, *(bracket.points for bracket in brackets)], dtype=np.int64)
    found: Int64 = points[np.searchsorted(firsts, value, side="right")]
    return found


def age_of(events: Events, ageing: Ageing, period: Period) -> Int64:
    """Whole months from each fact's starting day to the period's last day."""
    days = events.decided_on if ageing.from_ == "decided_on" else events.occurred_on
    return whole_months(days, period.last)


def aged(full: Int64, age: Int64, ageing: Ageing, rounding: Rounding) -> tuple[Int64, Int64]:
    """Points left after ``age`` whole months, and 1 where a fact still weighs at all."""
    if ageing.shape == "linear":
        months = sure(ageing.months)
        left = np.maximum(months - age, 0)
        return divide(full * left, months, rounding), (left > 0).astype(np.int64)
    percent = np.full(len(age), WHOLE, dtype=np.int64)
    for step in ageing.steps:
        percent[age >= step.months] = step.percent
    return divide(full * percent, WHOLE, rounding), (percent > 0).astype(np.int64)


def total_by_owner(owner: Int32, values: Int64, count: int) -> Int64:
    """Sums of ``values`` per owner, exact (numpy's bincount would add as floats)."""
    totals = np.zeros(count, dtype=np.int64)
    np.add.at(totals, owner, values)
    return totals
