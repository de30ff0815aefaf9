"""A small bar chart as inline SVG: shape and text say everything, colour only helps; a table beside it has the numbers."""

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_HEIGHT: Final = 150
_TOP, _BELOW, _BAR, _GAP = 26, 24, 26, 34


def bars(title: str, names: tuple[str, str], rows: Sequence[tuple[str, int, int]], unit: int) -> SafeString:
    """Two bars a row: the first filled, the second hatched, each with its value in ``unit`` above it.

    ``rows`` are (label, first, second). "" where there is nothing to draw.
    """
    most = max((max(first, second) for _, first, second in rows), default=0)
    if most <= 0:
        return SafeString("")
    step = 2 * _BAR + _GAP
    parts = []
    for place, (label, *values) in enumerate(rows):
        left = _GAP // 2 + place * step
        for offset, value in enumerate(values):
            tall = round(value * _HEIGHT / most)
            parts.append(
                format_html(
                    '<rect class="cs-bar-{}" x="{}" y="{}" width="{}" height="{}"/><text x="{}" y="{}">{}</text>',
                    offset,
                    left + offset * _BAR,
                    _TOP + _HEIGHT - tall,
                    _BAR - 3,
                    tall,
                    left + offset * _BAR + (_BAR - 3) // 2,
                    _TOP + _HEIGHT - tall - 6,
                    _short(value, unit),
                )
            )
        middle = left + _BAR
        parts.append(format_html('<text x="{}" y="{}">{}</text>', middle, _TOP + _HEIGHT + 17, label))
    return format_html(
        '<svg class="cs-chart" role="img" aria-label="{}" viewBox="0 0 {width} {height}" width="{width}"'
        ' height="{height}" style="max-width: 100%; height: auto; min-width: {least}px"><defs><pattern id="cs-hatch" width="6" height="6" patternTransform="rotate(45)"'
        ' patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#fff"/><rect width="3" height="6"'
        ' fill="#8a5a00"/></pattern></defs><line x1="0" x2="{width}" y1="{base}" y2="{base}"/>{}</svg>',
        f"{title}：{names[0]}为实心，{names[1]}为斜纹；数值见下表",
        format_html_join("", "{}", ((part,) for part in parts)),
        width=_GAP + len(rows) * step,
        height=_TOP + _HEIGHT + _BELOW,
        # On a phone it shrinks as long as it can be read, and beyond that is moved sideways.
        least=len(rows) * _BAR * 2,
        base=_TOP + _HEIGHT,
    )


def _short(value: int, unit: int) -> str:
    """A value in ``unit``, to be glanced at: the table has it exactly."""
    if not value:
        return "0"
    found = value / unit
    return f"{found:,.0f}" if found >= 100 else f"{found:.1f}"
