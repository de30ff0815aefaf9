"""Shares and ratios as tables write them: percent with one decimal."""

from decimal import Decimal


def percent(part: int, whole: int) -> Decimal | None:
    """``part`` of ``whole`` in percent with one decimal, half up; None where there is no whole."""
    if not whole:
        return None
    return Decimal((2000 * part + whole) // (2 * whole)).scaleb(-1)


def ratio_percent(ratio: float | None) -> Decimal | None:
    """A ratio (0.2 = 20 %) in percent with one decimal."""
    return None if ratio is None else Decimal(round(ratio * 1000)).scaleb(-1)
