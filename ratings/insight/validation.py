"""Whether grades are worth anything: statistics of past ratings against what happened afterwards.

Pure numpy, floats throughout: nothing here decides a grade. Definitions and sources, also told
for people in ``ratings/insight/README.md``:

- accuracy ratio AR = 2 AUC - 1, where AUC is the chance that of two pharmacies, one with an event
  and one without, the one with the event had been rated worse (a tie counts half). It is the same
  as the area between the CAP curve and its diagonal, as a share of the perfect one's (Engelmann,
  Hayden, Tasche 2003; Basel Committee working paper 14, 2005), and as Somers' D.
- its interval: DeLong, DeLong, Clarke-Pearson 1988, reckoned without the matrix of pairs.
- interval of a rate: Wilson 1927.
- population stability index: Siddiqi 2006; what chance alone gives it: Yurdakul, Naranjo 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Any whole or decimal numbers.
Numbers = NDArray[Any]

#: 97.5 % point of the normal distribution: all intervals are 95 % ones.
Z: Final = 1.959963984540054
#: With fewer events, or fewer pharmacies without one, no ratio is told: an interval that rests on
#: asymptotic normality would be a pretence.
MIN_EVENTS: Final = 10
#: The PSI below which a population is called steady, and from which on changed (Siddiqi 2006).
PSI_STEADY, PSI_CHANGED = 0.1, 0.25


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, both included; 95 %."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def midranks(values: Numbers) -> Floats:
    """Ranks from 1 for the smallest; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


@dataclass(frozen=True, slots=True)
class Placements:
    """DeLong's structural components: how each pharmacy stands among those of the other sort."""

    auc: float
    #: of each pharmacy with an event: the share of those without one that were rated better
    of_events: Floats
    #: of each pharmacy without one: the share of those with an event that were rated worse
    of_others: Floats


def placements(risk: Numbers, event: Bools) -> Placements:
    """``risk`` is larger where the rating was worse; there must be events and others."""
    _, place = np.unique(risk, return_inverse=True)
    bad, good = (np.bincount(place[rows], minlength=place.max() + 1) for rows in (event, ~event))
    # Of each distinct rating: what was rated better, or worse, with half of what ties with it.
    better = (np.cumsum(good) - good / 2) / good.sum()
    worse = 1 - (np.cumsum(bad) - bad / 2) / bad.sum()
    of_events, of_others = better[place[event]], worse[place[~event]]
    return Placements(float(of_events.mean()), of_events, of_others)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a rating foretold events."""

    pharmacies: int
    events: int
    #: None where there are no events, or nothing else
    ratio: float | None
    #: None with too few events or others, and where it cannot be estimated (a perfect rating)
    interval: Interval | None

    @property
    def auc(self) -> float | None:
        return None if self.ratio is None else (self.ratio + 1) / 2

    @property
    def too_few(self) -> bool:
        """Whether the sample says nothing: the ratio is not to be told."""
        return min(self.events, self.pharmacies - self.events) < MIN_EVENTS


def accuracy(risk: Numbers, event: Bools) -> Accuracy:
    """The accuracy ratio of ``risk`` (larger = rated worse) for ``event``, with DeLong's interval.

    The interval is symmetrical and cut at -1 and 1.
    """
    count, events = len(event), int(event.sum())
    if events in (0, count):
        return Accuracy(count, events, None, None)
    found = placements(risk, event)
    ratio = 2 * found.auc - 1
    few = min(events, count - events) < MIN_EVENTS
    spread = 0.0 if few else 2 * Z * _deviation(found.of_events, found.of_others)
    interval = Interval(max(-1.0, ratio - spread), min(1.0, ratio + spread)) if spread > 0 else None
    return Accuracy(count, events, ratio, interval)


def _deviation(of_events: Floats, of_others: Floats) -> float:
    """The standard deviation of an AUC, or of a difference of two, from the components."""
    return float(np.sqrt(of_events.var(ddof=1) / len(of_events) + of_others.var(ddof=1) / len(of_others)))


@dataclass(frozen=True, slots=True)
class Gain:
    """What one rating foretells beyond another, as a difference of accuracy ratios."""

    difference: float
    #: None with too few events or others, and where the two ratings order alike
    interval: Interval | None


def gain(risk: Numbers, other: Numbers, event: Bools) -> Gain | None:
    """AR of ``risk`` less AR of ``other`` on the same pharmacies, DeLong's paired interval.

    None where there are no events, or nothing else.
    """
    events = int(event.sum())
    if events in (0, len(event)):
        return None
    one, two = placements(risk, event), placements(other, event)
    difference = 2 * (one.auc - two.auc)
    if min(events, len(event) - events) < MIN_EVENTS:
        return Gain(difference, None)
    spread = 2 * Z * _deviation(one.of_events - two.of_events, one.of_others - two.of_others)
    return Gain(difference, Interval(difference - spread, difference + spread) if spread > 0 else None)


def cap_curve(risk: Numbers, event: Bools) -> tuple[Floats, Floats]:
    """The CAP curve from (0, 0) to (1, 1), from the worst rated on; there must be an event.

    Share of pharmacies, share of events among them; a point after each group of equal ratings,
    so that a straight line crosses the ties.
    """
    _, place = np.unique(risk, return_inverse=True)
    counts = np.bincount(place)[::-1]
    events = np.bincount(place, weights=event)[::-1]
    x = np.concatenate(([0.0], np.cumsum(counts) / counts.sum()))
    y = np.concatenate(([0.0], np.cumsum(events) / events.sum()))
    return x, y


def captured(curve: tuple[Floats, Floats], share: float) -> float:
    """The share of events among the worst ``share`` of pharmacies; ties are cut evenly."""
    return float(np.interp(share, *curve))


def wilson(events: int, count: int) -> Interval | None:
    """The interval of a rate; None of nothing."""
    if not count:
        return None
    rate, square = events / count, Z * Z
    middle = (rate + square / (2 * count)) / (1 + square / count)
    half = Z * np.sqrt(rate * (1 - rate) / count + square / (4 * count**2)) / (1 + square / count)
    # At both ends the bound is the rate itself; only rounding would miss it.
    low = 0.0 if events == 0 else float(middle - half)
    high = 1.0 if events == count else float(middle + half)
    return Interval(low, high)


@dataclass(frozen=True, slots=True)
class Rate:
    """Pharmacies of one sort, and how many of them had an event."""

    pharmacies: int
    events: int

    @property
    def share(self) -> float | None:
        return self.events / self.pharmacies if self.pharmacies else None

    @property
    def interval(self) -> Interval | None:
        return wilson(self.events, self.pharmacies)


def rates(grade: Numbers, event: Bools, grades: int) -> list[Rate]:
    """The rate of each grade, best first."""
    counts = np.bincount(grade, minlength=grades)
    events = np.bincount(grade, weights=event, minlength=grades).astype(np.int64)
    return [Rate(int(count), int(bad)) for count, bad in zip(counts, events, strict=True)]


@dataclass(frozen=True, slots=True)
class Reversal:
    """A better grade with a higher rate of events than the next worse one that has pharmacies."""

    better: int
    worse: int
    #: whether the intervals overlap, so that chance alone may have done it
    may_be_chance: bool


def reversals(found: Sequence[Rate]) -> list[Reversal]:
    """Where the rates do not rise from grade to grade; none = monotonic. Empty grades are passed over."""
    places = [place for place, rate in enumerate(found) if rate.pharmacies]
    wrong = []
    for better, worse in pairwise(places):
        one, two = found[better], found[worse]
        # Whole numbers, so that equal rates are equal.
        if one.events * two.pharmacies > two.events * one.pharmacies:
            low, high = one.interval, two.interval
            wrong.append(Reversal(better, worse, low is None or high is None or low.low <= high.high))
    return wrong


@dataclass(frozen=True, slots=True)
class Stability:
    """How grades moved between two periods, of the pharmacies that have one in both."""

    #: row = grade before, column = grade now, best first
    matrix: NDArray[np.int64]

    @property
    def pharmacies(self) -> int:
        return int(self.matrix.sum())

    @property
    def unchanged(self) -> int:
        return int(np.trace(self.matrix))

    @property
    def better(self) -> int:
        return int(np.tril(self.matrix, -1).sum())

    @property
    def worse(self) -> int:
        return int(np.triu(self.matrix, 1).sum())

    @property
    def mean_steps(self) -> float | None:
        """The mean number of grades moved, whichever way."""
        places = np.arange(len(self.matrix))
        steps = np.abs(places[:, None] - places[None, :])
        return float((self.matrix * steps).sum() / self.pharmacies) if self.pharmacies else None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the make-up of a population moved between two periods."""

    psi: float
    #: the 95 % point of what chance alone gives to samples of this size from one population
    by_chance: float
    before: tuple[int, ...]
    now: tuple[int, ...]

    @property
    def beyond_chance(self) -> bool:
        return self.psi > self.by_chance


def drift(before: Sequence[int] | Numbers, now: Sequence[int] | Numbers) -> Drift | None:
    """PSI = sum of (now - before) ln(now / before) over the shares of all sorts; None of nothing.

    Sorts empty in both periods are left out; where one is empty in one of them, half a pharmacy
    stands in its place there. ``by_chance`` is the chi-square point at 95 % with one degree of
    freedom fewer than sorts, times (1/N + 1/M).
    """
    one, two = np.asarray(before, np.float64), np.asarray(now, np.float64)
    if not one.sum() or not two.sum():
        return None
    kept = (one > 0) | (two > 0)
    a = np.maximum(one[kept], 0.5) / one.sum()
    b = np.maximum(two[kept], 0.5) / two.sum()
    psi = float(((b - a) * np.log(b / a)).sum())
    limit = chi_square_95(int(kept.sum()) - 1) * (1 / one.sum() + 1 / two.sum())
    return Drift(psi, float(limit), tuple(map(int, one)), tuple(map(int, two)))


#: The 95 % points with 0, 1 and 2 degrees of freedom.
_SMALL_CHI_SQUARES: Final = (0.0, 3.841458820694124, 5.991464547107979)


def chi_square_95(freedom: int) -> float:
    """The 95 % point of the chi-square distribution; beyond 2 by Wilson and Hilferty (1931), within 1 %."""
    if freedom < len(_SMALL_CHI_SQUARES):
        return _SMALL_CHI_SQUARES[max(freedom, 0)]
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + 1.6448536269514722 * np.sqrt(part)) ** 3)


def cuts(values: Numbers, bins: int = 10) -> Numbers:
    """Upper bounds of up to ``bins`` equally filled bins but the last; equal values stay together."""
    if not len(values):
        return values
    places = np.ceil(np.arange(1, bins) * len(values) / bins).astype(np.int64) - 1
    found = np.unique(np.sort(values)[np.maximum(places, 0)])
    bounds: Numbers = found[found < values.max()]
    return bounds


def bin_of(values: Numbers, bounds: Numbers) -> NDArray[np.int64]:
    """The bin of each value, from 0: up to and including each bound, and beyond the last."""
    found: NDArray[np.int64] = np.searchsorted(bounds, values, side="left").astype(np.int64)
    return found


def rank_correlation(one: Numbers, two: Numbers) -> float | None:
    """Spearman's, with midranks; None of nothing, and where either is the same for all."""
    if not len(one):
        return None
    a, b = midranks(one), midranks(two)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size else None
