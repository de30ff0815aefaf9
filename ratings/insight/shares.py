"""Shares of whole numbers, exactly."""

from decimal import Decimal


def percent(part: int, whole: int) -> Decimal | None:
    """``part`` of ``whole`` in percent with one decimal, half up; None where there is no whole."""
    if not whole:
        return None
    return Decimal((2000 * part + whole) // (2 * whole)).scaleb(-1)
