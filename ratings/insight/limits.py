"""Which limits made grades worse than the score alone, and why pharmacies are not rated.

Source: one finished run, as it was computed (later re-ratings and adjustments are not in it).
"""

from collections import Counter
from dataclasses import dataclass

from django.core.cache import cache

from ratings.insight.sql import KEPT_SECONDS, Districts, rows
from ratings.models import RatingRun
from ratings.rules.scheme import Scheme
from ratings.services.schemes import parsed

#: (district, rule that excluded or 0, caps that hold, grade before them, grade, pharmacies)
_Row = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Struck:
    """One limit, or one reason not to be rated, and how many pharmacies it concerns."""

    title: str
    clause: str
    pharmacies: int


def lowering(scheme: Scheme, caps: int, before: int, grade: int) -> list[int]:
    """Numbers of the scheme's limits that made a grade worse: of those that hold (``caps``, bit by bit) the ones
    below the grade ``before`` them; positions, 0 = best."""
    if grade <= before:
        return []
    return [
        number
        for number, cap in enumerate(scheme.document.caps)
        if caps >> number & 1 and (cap.limit is None or scheme.positions[cap.limit] > before)
    ]


def limited(run: RatingRun, districts: Districts = None) -> list[Struck]:
    """The scheme's limits that struck, the most frequent first; who is struck by two counts for both."""
    scheme, counts = parsed(run.scheme), Counter[int]()
    for district, state, caps, before, grade, count in _of_run(run):
        if state == 0 and (districts is None or district in districts):
            counts.update(dict.fromkeys(lowering(scheme, caps, before, grade), count))
    caps_ = scheme.document.caps
    return [Struck(caps_[number].title, caps_[number].clause, count) for number, count in _ordered(counts)]


def lowered(run: RatingRun, districts: Districts = None) -> int:
    """Pharmacies whose grade a limit made worse, each once."""
    return sum(
        count
        for district, state, _, before, grade, count in _of_run(run)
        if state == 0 and grade > before and (districts is None or district in districts)
    )


def not_rated(run: RatingRun, districts: Districts = None) -> list[Struck]:
    """Why pharmacies have no grade, the most frequent reason first; each has one."""
    reasons, counts = parsed(run.scheme).reasons, Counter[int]()
    for district, state, _, _, _, count in _of_run(run):
        if state > 0 and (districts is None or district in districts):
            counts[state - 1] += count
    return [
        Struck(reasons[number].title, reasons[number].clause, count) for number, count in _ordered(counts)
    ]


def _ordered(counts: Counter[int]) -> list[tuple[int, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _of_run(run: RatingRun) -> list[_Row]:
    """Those with a limit or a reason; a run never changes, so its counts are kept."""
    key = f"insight:limits:{run.pk}:{run.outcomes_sha256}"
    known: list[_Row] | None = cache.get(key)
    if known is None:
        known = rows(
            """SELECT district_id, state, caps, grade_before_caps, grade, count(*) FROM ratings_rating
               WHERE run_id = %(run)s AND (state > 0 OR grade > grade_before_caps)
               GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5""",
            {"run": run.pk},
        )
        cache.set(key, known, KEPT_SECONDS)
    return known
