"""Exact whole-number arithmetic for everything that decides a grade.

Values are int64 counts of a small unit (thousandths of a point, fen, basis points; see
``columns.py``). The only inexact step there is, a division, names its rounding.
"""

from typing import Final, Literal

import numpy as np

from ratings.rules.columns import Int64

#: ``half_up``: ties away from zero (四舍五入); ``half_even``: ties to the even neighbour
#: (四舍六入五成双); ``down``: towards zero (舍去); ``up``: away from zero (进位).
Rounding = Literal["half_up", "half_even", "down", "up"]

ROUNDING_LABELS: Final[dict[str, str]] = {
    "half_up": "四舍五入",
    "half_even": "四舍六入五成双",
    "down": "舍去尾数",
    "up": "有尾数即进位",
}


def divide(numerator: Int64 | int, denominator: Int64 | int, rounding: Rounding) -> Int64:
    """``numerator / denominator`` rounded to a whole number; ``denominator`` must be positive.

    Every mode never decreases as the numerator grows, so rounding can never turn more points
    into fewer.
    """
    top = np.asarray(numerator, dtype=np.int64)
    bottom = np.asarray(denominator, dtype=np.int64)
    below = top // bottom
    rest = top - below * bottom
    negative = top < 0
    if rounding == "half_up":
        up = np.where(negative, 2 * rest > bottom, 2 * rest >= bottom)
    elif rounding == "half_even":
        up = (2 * rest > bottom) | ((2 * rest == bottom) & (below % 2 != 0))
    elif rounding == "down":
        up = negative & (rest != 0)
    else:
        up = ~negative & (rest != 0)
    return np.asarray(below + up, dtype=np.int64)


def to_step(value: Int64, unit: int, step: int, rounding: Rounding) -> Int64:
    """``value`` (in 1/``unit`` of a thousandth) as thousandths, a multiple of ``step`` of them."""
    return divide(value, unit * step, rounding) * step


def decimal_text(value: int, unit: int = 1000, places: int = 0) -> str:
    """``value / unit`` written exactly, at least ``places`` decimals; ``unit`` a power of ten.

    >>> decimal_text(95500), decimal_text(-250), decimal_text(95000, places=1)
    ('95.5', '-0.25', '95.0')
    """
    whole, rest = divmod(abs(int(value)), unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0") if rest else ""
    digits = digits.ljust(places, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def places_of(step: int) -> int:
    """Decimals needed to write multiples of ``step`` thousandths: 100 gives 1, 5000 gives 0."""
    return next(places for places in range(4) if step % 10 ** (3 - places) == 0)
