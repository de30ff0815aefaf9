"""Charts drawn on the server as inline SVG: bars, stacked bars, lines, scores over time, a heat table.

Where things lie: :mod:`creditsys.chart_plans`; a table with the same numbers stands beside each chart.
Drawings print as they look, ask for nothing from outside, and escape every text.
Maps: :mod:`creditsys.maps`. On paper: :mod:`creditsys.pdf_charts`.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString

from creditsys import chart_plans
from creditsys.chart_parts import (
    CORNERS,
    DASHES,
    FILLS,
    PLAIN,
    SMALL,
    Box,
    Cell,
    Curve,
    Fill,
    Label,
    Mark,
    Part,
    Plan,
    Rule,
    Series,
    Value,
    grade_fill,
    plain,
    spelled,
    width_of,
)
from creditsys.chart_plans import ScorePoint

#: Also what callers of this module need of the plans.
__all__ = (
    "FILLS",
    "PLAIN",
    "Cell",
    "Drawing",
    "Series",
    "Value",
    "bars",
    "grade_fill",
    "legend",
    "lines",
    "matrix",
    "plain",
    "score_line",
    "spelled",
    "stacked",
    "tag",
    "text",
    "width_of",
)

#: Of its width, what a drawing shrinks to at most: its texts are 8 pixels high then.
_LEAST: Final = 0.65
#: Hatches in squares of 8.
_HATCHES: Final = {
    "rising": "M0 8 8 0M-2 2 2-2M6 10 10 6",
    "cross": "M0 0 8 8M0 8 8 0",
    "across": "M0 2h8M0 6h8",
    "upright": "M2 0v8M6 0v8",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A piece of SVG under way: ``key`` makes the names of its patterns its own on the page."""

    title: str
    key: str

    @classmethod
    def of(cls, title: str) -> "Drawing":
        return cls(title, f"cs-{zlib.crc32(title.encode()):08x}")

    def fill(self, name: str) -> str:
        """The value of a ``fill`` attribute."""
        return f"url(#{self.key}-{name})"

    def close(
        self, parts: Iterable[str], width: float, height: float, said: str, fills: Iterable[str]
    ) -> SafeString:
        """The whole drawing; ``said`` tells those who do not see it what it is and where the numbers are."""
        defs = "".join(_pattern(f"{self.key}-{name}", FILLS[name]) for name in dict.fromkeys(fills))
        head = tag("title", escape(self.title))
        return SafeString(
            f'<svg class="cs-chart" role="img" aria-label="{escape(f"{self.title}：{said}")}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
            # On a phone it shrinks as long as it can be read, and beyond that is moved sideways.
            f'style="max-width: 100%; height: auto; min-width: {_LEAST * width:.0f}px">'
            f"{head}<defs>{defs}</defs>{''.join(parts)}</svg>"
        )


def tag(name: str, inside: str = "", /, **attributes: Any) -> str:
    """One element; values of attributes are escaped, ``inside`` is markup already.

    A trailing underscore is dropped from an attribute's name, others become hyphens.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def text(x: float, y: float, words: object, anchor: str = "middle", **attributes: Any) -> str:
    """A line of text; ``anchor`` is start, middle or end."""
    return tag("text", escape(str(words)), x=x, y=y, style=f"text-anchor: {anchor}", **attributes)


def _short(value: Any) -> Any:
    """A length with one decimal, without a zero behind it."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def legend(series: Sequence[Series], of: str = "") -> SafeString:
    """What each fill means, as pieces of the chart ``of`` this title (which makes its patterns its own)."""
    made = Drawing.of(f"图例：{of}{[one.name for one in series]}")
    return SafeString("".join(f'<span class="cs-key-item">{_swatch(made, one)}</span>' for one in series))


def _swatch(made: Drawing, one: Series) -> str:
    name = f"{made.key}-{one.fill}"
    box = tag("rect", width=14, height=14, fill=f"url(#{name})", stroke=FILLS[one.fill].edge)
    return (
        f'<svg class="cs-swatch" width="16" height="16" viewBox="-1 -1 16 16" aria-hidden="true">'
        f"<defs>{_pattern(name, FILLS[one.fill])}</defs>{box}</svg>{escape(one.name)}"
    )


def _pattern(name: str, fill: Fill) -> str:
    hatch = ""
    if fill.hatch == "dots":
        hatch = tag("circle", cx=4, cy=4, r=fill.weight / 2, fill=fill.ink)
    elif fill.hatch:
        hatch = tag("path", d=_HATCHES[fill.hatch], stroke=fill.ink, stroke_width=fill.weight)
    ground = tag("rect", width=8, height=8, fill=fill.ground)
    return (
        f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">{ground}{hatch}</pattern>'
    )


def bars(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[Value]]],
    *,
    unit: float = 1,
    mark: tuple[int, str] | None = None,
) -> SafeString:
    """As :func:`chart_plans.bars`; "" where there is nothing to draw."""
    return _drawn(chart_plans.bars(title, series, rows, unit=unit, mark=mark))


def stacked(
    title: str, series: Sequence[Series], rows: Sequence[tuple[str, Sequence[int]]], *, share: bool = True
) -> SafeString:
    """As :func:`chart_plans.stacked`; "" where there is nothing to draw."""
    return _drawn(chart_plans.stacked(title, series, rows, share=share))


def lines(
    title: str,
    series: Sequence[Series],
    labels: Sequence[str],
    values: Sequence[Sequence[Value]],
    *,
    unit: str = "",
    mark: tuple[int, str] | None = None,
) -> SafeString:
    """As :func:`chart_plans.lines`; "" where there is nothing to draw."""
    return _drawn(chart_plans.lines(title, series, labels, values, unit=unit, mark=mark))


def score_line(title: str, points: Sequence[ScorePoint], grades: int) -> SafeString:
    """As :func:`chart_plans.score_line`; "" where there is nothing to draw."""
    return _drawn(chart_plans.score_line(title, points, grades))


def _drawn(plans: Iterable[Plan]) -> SafeString:
    return SafeString("".join(map(_plan, plans)))


def _plan(plan: Plan) -> SafeString:
    made = Drawing.of(plan.title)
    parts = [_part(made, part) for part in plan.parts]
    return made.close(parts, plan.width, plan.height, plan.said, plan.fills)


def _part(made: Drawing, part: Part) -> str:
    match part:
        case Box(fill, x, y, width, height):
            edge = FILLS[fill].edge
            return tag("rect", x=x, y=y, width=width, height=height, fill=made.fill(fill), stroke=edge)
        case Label(x, y, words, anchor, ground):
            if not ground:
                return text(x, y, words, anchor)
            below = tag("rect", x=x - ground / 2, y=y - SMALL, width=ground, height=14, rx=3, fill="#fff")
            return below + text(x, y, words, anchor)
        case Rule(x1, y1, x2, y2, kind):
            return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, **({"class_": f"cs-{kind}"} if kind else {}))
        case Curve():
            return _curve(part)
        case Mark():
            return _mark(part)


def _curve(curve: Curve) -> str:
    moves, pen = [], "M"
    for point in curve.points:
        if point is None:
            pen = "M"
        else:
            moves.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
            pen = "L"
    return tag(
        "path", d="".join(moves), fill="none", stroke=FILLS[curve.fill].edge, stroke_width=2,
        stroke_dasharray=DASHES.get(curve.fill, ""),
    )  # fmt: skip


def _mark(mark: Mark) -> str:
    fill = FILLS[mark.fill]
    #: hollow, so that lines that cross are told apart
    inside = "#fff" if fill.ground == "#ffffff" else fill.edge
    if mark.fill not in CORNERS:
        return tag("circle", cx=mark.x, cy=mark.y, r=mark.size * 0.8, fill=inside)
    corners = "L".join(
        f"{mark.x + x * mark.size:.1f} {mark.y + y * mark.size:.1f}" for x, y in CORNERS[mark.fill]
    )
    return tag("path", d=f"M{corners}z", fill=inside, stroke=fill.edge, stroke_width=2)


# A table whose cells are shaded


def matrix(
    title: str,
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Cell]]],
) -> SafeString:
    """A table whose cells are shaded by weight; the numbers stand in it, so it is its own table.

    Heads may be markup (badges of grades); texts are escaped. ``corner`` says what goes down and across.
    """
    head = "".join(f'<th scope="col">{conditional_escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{conditional_escape(name)}</th>{"".join(map(_heat, cells))}</tr>'
        for name, cells in rows
    )
    return SafeString(
        f'<table class="cs-table cs-matrix"><caption class="cs-hidden">{escape(title)}</caption>'
        f'<thead><tr><th scope="col">{escape(corner)}</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _heat(cell: Cell) -> str:
    words: str = escape(cell.words)
    if cell.url:
        words = f'<a class="cs-link" href="{escape(cell.url)}">{words}</a>'
    sub = f'<span class="cs-sub">{escape(cell.sub)}</span>' if cell.sub else ""
    kept = " cs-kept" if cell.kept else ""
    return f'<td class="cs-heat-{cell.level}{kept}">{words}{sub}</td>'
