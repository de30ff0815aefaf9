"""A run beside an earlier one: how stable the grades are, and how far the population has drifted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ratings.bulk import rows_of
from ratings.insight.cohort import UNKNOWN_SIZE, Ratings, read_ratings
from ratings.insight.sql import Districts
from ratings.insight.validation import Drift, Numbers, Stability, bin_of, cuts, drift
from ratings.models import RatingRun
from ratings.rules.columns import Int64
from ratings.rules.exact import decimal_text
from ratings.rules.scheme import Scheme
from ratings.services.schemes import parsed

#: The earlier run's scores are cut into so many bins, its payments into so many.
_SCORE_BINS: Final = 10
_SIZE_BINS: Final = 4
_NO_SIZE: Final = "无可比月份"


@dataclass(frozen=True, slots=True)
class Drifted:
    """How the make-up by one quality moved."""

    id: str
    title: str
    #: of the sorts, in the order of the drift's counts
    sorts: Sequence[str]
    drift: Drift | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against an earlier one, of the pharmacies rated in each."""

    before: RatingRun
    #: whether another version of the scheme was used
    other_scheme: bool
    #: None where the schemes do not have the same grades
    stability: Stability | None
    drifts: Sequence[Drifted]
    #: district code to the same
    stability_of: Mapping[int, Stability]
    #: quality's id to district code to its drift there
    drift_of: Mapping[str, Mapping[int, Drift | None]]


@dataclass(frozen=True, slots=True)
class _Quality:
    """One quality by which a population is sorted, and the sort of each rated pharmacy in both runs."""

    id: str
    title: str
    sorts: Sequence[str]
    before: Int64
    now: Int64

    def whole(self) -> Drifted:
        """The drift of all together."""
        size = len(self.sorts)
        counts = (np.bincount(one, minlength=size) for one in (self.before, self.now))
        return Drifted(self.id, self.title, self.sorts, drift(*counts))

    def by_district(self, districts: int, before: Int64, now: Int64) -> list[Drift | None]:
        """The drift within each district; the two columns say in which one each pharmacy is."""
        size = len(self.sorts)
        tables = [
            np.bincount(place * size + sort, minlength=districts * size).reshape(districts, size)
            for place, sort in ((before, self.before), (now, self.now))
        ]
        return [drift(one, two) for one, two in zip(*tables, strict=True)]


def compare(
    run: RatingRun, scheme: Scheme, now: Ratings, before: RatingRun, districts: Districts
) -> Comparison:
    """Read the earlier run and set the two side by side; one query.

    Raises Refused where the earlier scheme's text cannot be read.
    """
    earlier = parsed(before.scheme)
    then = read_ratings(before, earlier, districts)
    codes = np.union1d(now.district[now.rated], then.district[then.rated])
    here = np.searchsorted(codes, now.district[now.rated])
    there = np.searchsorted(codes, then.district[then.rated])
    qualities = _qualities(then, now)
    by_district = _Quality("district", "区县", [str(code) for code in codes], there, here)
    names = [grade.name for grade in scheme.grades]
    moves = None
    if names == [grade.name for grade in earlier.grades]:
        moves = _moves(then, now, codes, len(names))
    return Comparison(
        before=before,
        other_scheme=before.scheme_id != run.scheme_id,
        stability=None if moves is None else Stability(moves.sum(axis=0)),
        drifts=[one.whole() for one in (*qualities, by_district)],
        stability_of={}
        if moves is None
        else {int(code): Stability(matrix) for code, matrix in zip(codes, moves, strict=True)},
        drift_of={
            one.id: dict(zip(codes.tolist(), one.by_district(len(codes), there, here), strict=True))
            for one in qualities
        },
    )


def _moves(then: Ratings, now: Ratings, codes: Numbers, grades: int) -> NDArray[np.int64]:
    """(district now, grade before, grade now) to how many have a grade in both runs."""
    rows = rows_of(then.pharmacy, now.pharmacy)
    both = (rows >= 0) & now.rated
    both[both] &= then.rated[rows[both]]
    place = np.searchsorted(codes, now.district[both])
    before, after = then.grade[rows[both]].astype(np.int64), now.grade[both]
    counts = np.bincount((place * grades + before) * grades + after, minlength=len(codes) * grades**2)
    return counts.reshape(len(codes), grades, grades)


def _qualities(then: Ratings, now: Ratings) -> list[_Quality]:
    """By score, whether of a chain, and size; bins are the earlier run's."""
    before, after = then.rated, now.rated
    bounds = cuts(then.score[before], _SCORE_BINS)
    found = [
        _Quality(
            "score",
            "信用分",
            _ranges([decimal_text(bound) for bound in bounds]),
            bin_of(then.score[before], bounds),
            bin_of(now.score[after], bounds),
        ),
        _Quality(
            "chain",
            "连锁",
            ["单体", "连锁"],
            then.chain[before].astype(np.int64),
            now.chain[after].astype(np.int64),
        ),
    ]
    if then.size is not None and now.size is not None:
        sizes = then.size[before], now.size[after]
        bounds = cuts(sizes[0][sizes[0] != UNKNOWN_SIZE], _SIZE_BINS)
        ranges = _ranges([f"{bound / 1_000_000:,.2f} 万元" for bound in bounds.tolist()])
        # The unknown ones lie below every bound; they are a sort of their own.
        columns = (np.where(one == UNKNOWN_SIZE, len(ranges), bin_of(one, bounds)) for one in sizes)
        found.append(_Quality("size", "规模", [*ranges, _NO_SIZE], *columns))
    return found


def _ranges(bounds: Sequence[Any]) -> list[str]:
    """Names of the bins between bounds, each with its upper one."""
    if not bounds:
        return ["全部"]
    between = [f"{low} 至 {high}" for low, high in pairwise(bounds)]
    return [f"{bounds[0]} 及以下", *(f"高于 {name}" for name in between), f"高于 {bounds[-1]}"]
