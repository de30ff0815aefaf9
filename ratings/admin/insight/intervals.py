"""A drawing of estimates with their intervals: a point and a line from bound to bound, one a row."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.safestring import SafeString

from creditsys.chart_plans import scale
from creditsys.charts import Drawing, tag, text, width_of

_LEFT_MOST, _LONG, _STEP, _TOP = 190, 430, 26, 24


class Estimate(NamedTuple):
    """One row; without bounds there is only the point, without a value only the words."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    #: behind the row, for example the numbers it rests on
    words: str


def intervals(title: str, rows: Sequence[Estimate], *, unit: str = "", least: float = 0.0) -> SafeString:
    """The estimates below each other on one scale that holds ``least`` and 0; "" where none is known."""
    known = [bound for row in rows for bound in (row.value, row.low, row.high) if bound is not None]
    if not known:
        return SafeString("")
    low, high, ticks = scale(min(0.0, *known), max(least, 0.0, *known))
    left = min(max(width_of(row.label) for row in rows), _LEFT_MOST) + 14
    right = max(width_of(row.words) for row in rows) + 16
    base = _TOP + len(rows) * _STEP

    def place(value: float) -> float:
        return left + _LONG * (value - low) / (high - low)

    parts = []
    for tick in ticks:
        parts.append(
            tag(
                "line",
                x1=place(tick),
                x2=place(tick),
                y1=_TOP - 4,
                y2=base,
                class_="" if tick == 0 else "cs-tick",
            )
        )
        parts.append(text(place(tick), _TOP - 9, f"{tick:g}{unit}"))
    for number, row in enumerate(rows):
        y = float(_TOP + number * _STEP + 13)
        parts.append(text(left - 8, y + 4, row.label, "end"))
        parts.append(text(left + _LONG + 8, y + 4, row.words, "start"))
        if row.value is None:
            continue
        if row.low is not None and row.high is not None:
            ends = place(row.low), place(row.high)
            parts.append(
                tag("line", x1=ends[0], x2=ends[1], y1=y, y2=y, style="stroke: #1d4f91; stroke-width: 2")
            )
            parts += [
                tag("line", x1=end, x2=end, y1=y - 5, y2=y + 5, style="stroke: #1d4f91; stroke-width: 2")
                for end in ends
            ]
        parts.append(tag("circle", cx=place(row.value), cy=y, r=4.5, fill="#1d4f91"))
    return Drawing.of(title).close(
        parts, left + _LONG + right, base + 8, "点为估计值，横线为 95% 区间；数值见下表", ()
    )
