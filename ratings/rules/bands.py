"""From score to grade: bands by score or by position, then caps."""

from collections.abc import Mapping, Sequence

import numpy as np

from ratings.rules.columns import POINT, Bool, Int64, Signals
from ratings.rules.document import PositionBands, ScoreBands
from ratings.rules.fields import sure
from ratings.rules.outcomes import NO_GRADE
from ratings.rules.peers import Figure, Grouped, figures, group, places, spread
from ratings.rules.quantities import Quantities
from ratings.rules.scheme import Scheme

#: Better than any score: a grade that nobody in the group reaches by position.
_NOBODY = 2**62


def cut_points(scheme: Scheme, signals: Signals, score: Int64, rated: Bool) -> dict[str, Figure]:
    """For bands by position: each group's worst score that reaches each grade but the last."""
    bands = scheme.document.bands
    if isinstance(bands, ScoreBands):
        return {}
    groups = group(signals, bands.group)
    good = score * scheme.better_sign
    return figures(groups, good, rated, bands.min_group, lambda ascending: _cuts(scheme, bands, ascending))


def _cuts(scheme: Scheme, bands: PositionBands, ascending: Int64) -> Sequence[int | None]:
    """Cut points among scores that are reckoned so that more is better."""
    rule = scheme.document.score
    sign = scheme.better_sign
    worst = min(rule.floor * sign, rule.ceiling * sign)
    size = len(ascending)
    cuts: list[int | None] = []
    share = 0
    for row in bands.rows[:-1]:
        share += row.share
        count = places(size, share, bands.count_rounding)
        if count == 0:
            cuts.append(None)
        elif count == size:
            cuts.append(worst * sign)
        elif bands.ties == "better":
            cuts.append(int(ascending[size - count]) * sign)
        else:
            # Better than the best of those who stay out: one step above it.
            cuts.append((int(ascending[size - count - 1]) + rule.step) * sign)
    return cuts


def thresholds(scheme: Scheme, pharmacies: Grouped, cuts: Mapping[str, Figure]) -> list[Int64]:
    """Per band but the last, the worst score that reaches it, so that more is better."""
    bands, sign = scheme.document.bands, scheme.better_sign
    if isinstance(bands, ScoreBands):
        fixed = []
        for row in bands.rows[:-1]:
            far = sure(row.min if sign > 0 else row.max)
            fixed.append(np.full(len(pharmacies), far * sign, dtype=np.int64))
        return fixed
    groups = group(pharmacies, bands.group)
    return [spread(groups, cuts, place, _NOBODY * sign) * sign for place in range(len(bands.rows) - 1)]


def band_grades(
    scheme: Scheme,
    quantities: Quantities,
    score: Int64,
    rated: Bool,
    cuts: Mapping[str, Figure],
) -> Int64:
    """The first grade whose threshold the score reaches and whose further condition holds."""
    rows = scheme.document.bands.rows
    good = score * scheme.better_sign
    grade = np.full(len(score), scheme.positions[rows[-1].grade], dtype=np.int64)
    reached = zip(rows[:-1], thresholds(scheme, quantities.signals, cuts), strict=True)
    for row, threshold in reversed(list(reached)):
        holds = good >= threshold
        if row.also is not None:
            holds &= quantities.holds(row.also)
        grade[holds] = scheme.positions[row.grade]
    grade[~rated] = NO_GRADE
    return grade


def apply_caps(scheme: Scheme, quantities: Quantities, before: Int64, rated: Bool) -> tuple[Int64, Int64]:
    """The grade after all caps, and the bits of those whose condition holds."""
    grade = before.copy()
    bits = np.zeros(len(before), dtype=np.int64)
    for number, cap in enumerate(scheme.document.caps):
        strikes = rated & quantities.holds(cap.when)
        if cap.limit is not None:
            limit = np.full(len(before), scheme.positions[cap.limit], dtype=np.int64)
        else:
            measure = quantities.signals.measures.get(sure(cap.limit_measure))
            if measure is None:
                continue
            strikes = strikes & measure.present
            limit = measure.value // POINT - 1
        bits |= strikes.astype(np.int64) << number
        grade = np.where(strikes, np.maximum(grade, limit), grade)
    return grade, bits
