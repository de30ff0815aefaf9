"""What a pharmacy can expect: the next better grade, what blocks it, and what time alone does."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ratings.rules.bands import thresholds
from ratings.rules.columns import Signals
from ratings.rules.outcomes import RATED, Outcomes
from ratings.rules.peers import Peers
from ratings.rules.periods import Period, add_months
from ratings.rules.rating import rate
from ratings.rules.scheme import Scheme

#: How far ahead time alone is looked at.
HORIZON_MONTHS: Final = 60


@dataclass(frozen=True, slots=True)
class Ahead:
    """What time alone brings, with no new facts; growth and peers held as they are.

    Nothing is looked for where the grade is the best already.

    Days are the last days of months, None where nothing changes within the horizon.
    """

    #: when the pharmacy is first rated (for one that is not), or first gets a better grade
    better_on: date | None
    #: place of that grade in ``scheme.grades``
    better_grade: int | None
    #: for each cap that strikes now: when it no longer does
    cap_ends: dict[int, date | None]


def later(signals: Signals, months: int) -> Signals:
    """The same facts and payments, rated ``months`` later."""
    period = signals.period
    moved = Period(period.code, add_months(period.first, months), period.months)
    return replace(signals, period=moved)


def ahead(
    scheme: Scheme, signals: Signals, peers: Peers, now: Outcomes, horizon: int = HORIZON_MONTHS
) -> Ahead:
    """Rates one pharmacy again at the end of each coming month until nothing more can be told."""
    rated = int(now.state[0]) == RATED
    if rated and int(now.grade[0]) == 0:
        return Ahead(None, None, {})
    struck = [number for number in range(62) if int(now.caps[0]) >> number & 1]
    ends: dict[int, date | None] = dict.fromkeys(struck)
    better_on: date | None = None
    better_grade: int | None = None
    for months in range(1, horizon + 1):
        moved = later(signals, months)
        then = rate(scheme, moved, peers)
        if int(then.state[0]) != RATED:
            continue
        grade = int(then.grade[0])
        if better_on is None and (not rated or grade < int(now.grade[0])):
            better_on, better_grade = moved.period.last, grade
        for number in struck:
            if ends[number] is None and not int(then.caps[0]) >> number & 1:
                ends[number] = moved.period.last
        if better_on is not None and None not in ends.values():
            break
    return Ahead(better_on, better_grade, ends)


def target_band(scheme: Scheme, grade: int) -> int | None:
    """The band of the next better grade that bands can give; None for the best."""
    bands = scheme.document.bands.rows
    better = [place for place, row in enumerate(bands) if scheme.positions[row.grade] < grade]
    return better[-1] if better else None


def band_threshold(scheme: Scheme, signals: Signals, peers: Peers, band: int) -> int | None:
    """The worst score, in thousandths, that reaches ``band``; None where none or any does."""
    found = thresholds(scheme, signals, peers.cuts)
    if band >= len(found):
        return None
    value = int(found[band][0])
    return None if abs(value) >= 2**61 else value * scheme.better_sign
