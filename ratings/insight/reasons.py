"""What cost points: by indicator, and by kind of violation or complaint.

Source: one finished run, as it was computed (later re-ratings are not in it). What an indicator cost
is its points in the stored trace, within the indicator's limits. What a kind cost is each fact's
points under the run's scheme, reckoned again from the facts as the run knew them by the one
implementation of the rules (:func:`ratings.rules.facts.event_points`); limits of an indicator and of
the score are not yet applied there, so that kinds may add up to more than their indicator.
Only rated pharmacies count; points are thousandths, whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from django.core.cache import cache

from ratings.bulk import read_columns, rows_of
from ratings.insight.sql import KEPT_SECONDS, Districts, rows
from ratings.models import RatingRun
from ratings.rules.columns import Signals
from ratings.rules.facts import event_points
from ratings.rules.indicators import ComplaintsIndicator, ViolationsIndicator
from ratings.rules.periods import Period
from ratings.rules.scheme import Scheme
from ratings.rules.vocabulary import COMPLAINT_TOPICS, VIOLATION_KINDS
from ratings.services.schemes import parsed
from ratings.signals import read_signals


@dataclass(frozen=True, slots=True)
class Loss:
    """What one reason cost in the districts asked for."""

    indicator: str
    #: id in VIOLATION_KINDS or COMPLAINT_TOPICS; "" = the whole indicator
    kind: str
    #: thousandths that made scores worse
    points: int
    #: rated pharmacies concerned, each once
    pharmacies: int
    #: facts that weighed; 0 for a whole indicator
    facts: int = 0


#: Of one district: (district, indicator, kind, points, pharmacies, facts).
_Row = tuple[int, str, str, int, int, int]


class _Figures(NamedTuple):
    """What is kept of a run."""

    losses: list[_Row]
    #: district to its rated pharmacies
    rated: dict[int, int]


def run_of_period(period: str, districts: Districts = None) -> list[int]:
    """The runs that were published for a period: one of the city, or one of each district rated apart."""
    found = rows(
        """SELECT run_id, district_id FROM ratings_ratingperiod
           WHERE period = %(period)s AND published_at IS NOT NULL ORDER BY run_id""",
        {"period": period},
    )
    return [run for run, district in found if districts is None or district is None or district in districts]


def losses(runs: Sequence[RatingRun], districts: Districts = None) -> list[Loss]:
    """What each reason cost in these runs (each with its ``scheme``), the dearest first: indicators, then kinds.

    A pharmacy that lost points for one reason counts once for it. Runs never change, so what they
    give is kept.
    """
    sums: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        for district, indicator, kind, *figures in _of_run(run).losses:
            if districts is None or district in districts:
                total = sums.setdefault((indicator, kind), [0, 0, 0])
                sums[indicator, kind] = [a + b for a, b in zip(total, figures, strict=True)]
    made = [Loss(*key, *figures) for key, figures in sums.items()]
    return sorted(made, key=lambda one: (one.kind != "", -one.points, one.indicator, one.kind))


def rated(runs: Sequence[RatingRun], districts: Districts = None) -> int:
    """Pharmacies that were rated in these runs and districts: those that could lose points."""
    counts = (_of_run(run).rated.items() for run in runs)
    return sum(
        count for one in counts for district, count in one if districts is None or district in districts
    )


def _of_run(run: RatingRun) -> _Figures:
    key = f"insight:losses:{run.pk}:{run.outcomes_sha256}"
    known: _Figures | None = cache.get(key)
    if known is None:
        scheme = parsed(run.scheme)
        whole = _indicators(run, scheme)
        known = _Figures([*whole.losses, *_kinds(run, scheme)], whole.rated)
        cache.set(key, known, KEPT_SECONDS)
    return known


def _indicators(run: RatingRun, scheme: Scheme) -> _Figures:
    """From the trace, in one pass over the run's ratings."""
    places = {
        indicator.id: run.trace_columns.index(f"indicator.{indicator.id}.points") + 1
        for indicator in scheme.indicators
    }
    # In a trace, points that make a score worse have the sign against the better one.
    lost = {name: f"greatest(r.trace[{place}] * {-scheme.better_sign}, 0)" for name, place in places.items()}
    wanted = ", ".join(
        f"coalesce(sum({points}), 0)::int8, count(*) FILTER (WHERE {points} > 0)" for points in lost.values()
    )
    found = rows(
        f"""SELECT r.district_id, count(*), {wanted} FROM ratings_rating r
            WHERE r.run_id = %(run)s AND r.state = 0 GROUP BY 1""",
        {"run": run.pk},
    )
    whole = [
        (district, name, "", int(figures[2 * number]), int(figures[2 * number + 1]), 0)
        for district, _rated, *figures in found
        for number, name in enumerate(lost)
        if figures[2 * number]
    ]
    return _Figures(whole, {district: int(count) for district, count, *_ in found})


_SOURCES: Final[dict[str, Any]] = {"violations": VIOLATION_KINDS, "complaints": COMPLAINT_TOPICS}


def _kinds(run: RatingRun, scheme: Scheme) -> list[_Row]:
    """From the facts as the run knew them; payments, which no event needs, are not read."""
    indicators = [
        one for one in scheme.indicators if isinstance(one, ViolationsIndicator | ComplaintsIndicator)
    ]
    if not indicators:
        return []
    signals = read_signals(
        Period.day(Period.parse(run.period).last), run.cutoff, district=run.district_id, settled=True
    )
    ratings = read_columns(
        "SELECT pharmacy_id, district_id FROM ratings_rating WHERE run_id = %(run)s AND state = 0",
        {"run": run.pk},
        {"pharmacy": "i8", "district": "i4"},
    )
    at = rows_of(ratings["pharmacy"], signals.pharmacy_id)
    district = np.where(at >= 0, ratings["district"][at], -1) if len(ratings["pharmacy"]) else at
    return [row for indicator in indicators for row in _of_events(indicator, scheme, signals, district)]


def _of_events(
    indicator: ViolationsIndicator | ComplaintsIndicator, scheme: Scheme, signals: Signals, district: Any
) -> list[_Row]:
    found = event_points(indicator, signals, scheme.document.score.rounding)
    events = getattr(signals, found.source)
    lost = np.maximum(found.points * -scheme.better_sign, 0)
    counted = (lost > 0) & (district[events.owner] >= 0)
    owner, kind, lost = events.owner[counted], events.kind[counted], lost[counted]
    words = _SOURCES[found.source].ids
    groups, member = np.unique(district[owner].astype(np.int64) * len(words) + kind, return_inverse=True)
    points = np.zeros(len(groups), np.int64)
    np.add.at(points, member, lost)
    facts = np.bincount(member, minlength=len(groups))
    # each pharmacy once in each group
    once = np.unique(member * len(district) + owner) // max(len(district), 1)
    shops = np.bincount(once, minlength=len(groups))
    return [
        (group // len(words), indicator.id, words[group % len(words)], *figures)
        for group, *figures in zip(
            groups.tolist(), points.tolist(), shops.tolist(), facts.tolist(), strict=True
        )
    ]
