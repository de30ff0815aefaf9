"""Charts drawn on the server as inline SVG: bars, stacked bars, lines, a heat table.

Shape, hatching and text say everything, colour only helps; a table with the same numbers stands
beside each. Drawings print as they look, ask for nothing from outside, and escape every text.
Maps: :mod:`creditsys.maps`.
"""

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString

from creditsys.marks import grade_colour

#: What a share or a value may be; None = not known, drawn as a gap.
Value = int | float | None


class Series(NamedTuple):
    """One of the things compared in a chart; ``fill`` is a key of :data:`FILLS`."""

    name: str
    fill: str


#: Key of a fill to its colour (as in marks.css) and its hatching, told apart without colour.
FILLS: Final[dict[str, tuple[str, str]]] = {
    "0": ("#14653a", ""),
    "1": ("#1d4f91", '<path d="M0 8 8 0" stroke="#fff" stroke-width="1.6"/>'),
    "2": ("#8a5a00", '<circle cx="4" cy="4" r="1.5" fill="#fff"/>'),
    "3": ("#9a3412", '<path d="M0 0 8 8M0 8 8 0" stroke="#fff" stroke-width="1.2"/>'),
    "worst": ("#a31621", '<path d="M0 2h8M0 6h8" stroke="#fff" stroke-width="1.6"/>'),
    "none": ("#d9dee5", '<path d="M2 0v8M6 0v8" stroke="#4b5563" stroke-width="1"/>'),
    # of plain series, in this order
    "a": ("#1d4f91", ""),
    "b": ("#fff", '<path d="M0 8 8 0M-2 2 2-2M6 10 10 6" stroke="#8a5a00" stroke-width="3"/>'),
    "c": ("#fff", '<circle cx="4" cy="4" r="2.2" fill="#14653a"/>'),
    "d": ("#fff", '<path d="M0 0 8 8M0 8 8 0" stroke="#4b5563" stroke-width="1.4"/>'),
}
PLAIN: Final = ("a", "b", "c", "d")
#: Colours of lines and frames, by fill.
_INK: Final = {"b": "#8a5a00", "c": "#14653a", "d": "#4b5563", "none": "#4b5563"}
_DASHES: Final = {"a": "", "b": "7 4", "c": "2 3", "d": "9 3 2 3"}
_TEXT: Final = 12
#: Of its width, what a drawing shrinks to at most: its texts are 9 pixels high then.
_LEAST: Final = 0.75


def grade_fill(position: int, grades: int) -> str:
    """The fill of a grade, as its badge is coloured; -1 = no grade."""
    return grade_colour(position, grades)


def plain(*names: str) -> tuple[Series, ...]:
    """Up to four series that are no grades."""
    return tuple(Series(name, fill) for name, fill in zip(names, PLAIN, strict=False))


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
        defs = "".join(
            f'<pattern id="{self.key}-{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
            f'<rect width="8" height="8" fill="{FILLS[name][0]}"/>{FILLS[name][1]}</pattern>'
            for name in dict.fromkeys(fills)
        )
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


def width_of(words: object, size: float = _TEXT) -> float:
    """About how wide a text is: Chinese takes a square a character, Latin a little more than half."""
    return size * sum(1.0 if ord(char) > 0x2E7F else 0.58 for char in str(words))


def spelled(value: Value, unit: float = 1) -> str:
    """A value in ``unit``, to be glanced at: the table has it exactly."""
    if value is None:
        return "—"
    found = value / unit
    if not found or abs(found) >= 100 or (unit == 1 and isinstance(value, int)):
        return f"{found:,.0f}"
    return f"{found:.1f}"


def _short(value: Any) -> Any:
    """A length with one decimal, without a zero behind it."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def legend(series: Sequence[Series], of: str = "") -> SafeString:
    """What each fill means, as pieces of the chart ``of`` this title (which makes its patterns its own)."""
    made = Drawing.of(f"图例：{of}{[one.name for one in series]}")
    return SafeString("".join(f'<span class="cs-key-item">{_swatch(made, one)}</span>' for one in series))


def _swatch(made: Drawing, one: Series) -> str:
    colour, hatch = FILLS[one.fill]
    name = f"{made.key}-{one.fill}"
    box = tag("rect", width=14, height=14, fill=f"url(#{name})", stroke=_INK.get(one.fill, colour))
    pattern = (
        f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="{colour}"/>{hatch}</pattern>'
    )
    return (
        f'<svg class="cs-swatch" width="16" height="16" viewBox="-1 -1 16 16" aria-hidden="true">'
        f"<defs>{pattern}</defs>{box}</svg>{escape(one.name)}"
    )


# Bars beside each other


def bars(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[Value]]],
    *,
    unit: float = 1,
    mark: tuple[int, str] | None = None,
) -> SafeString:
    """Upright bars, one of each series a row, each with its value in ``unit`` above it.

    ``rows`` are (label, values); ``mark`` draws a line before that row, with words. "" where there
    is nothing to draw, that is, no value above zero.
    """
    most = max((value or 0 for _, values in rows for value in values), default=0)
    if most <= 0:
        return SafeString("")
    tall, top, below = 150, 26 + (18 if mark else 0), 24
    bar, gap = 26, 34
    step = len(series) * bar + gap
    step = max(step, *(int(width_of(label)) + 10 for label, _ in rows))
    made, base = Drawing.of(title), top + tall
    parts = [tag("line", x1=0, x2=gap + len(rows) * step, y1=base, y2=base)]
    for place, (label, values) in enumerate(rows):
        middle = gap // 2 + place * step + step // 2
        left = middle - len(series) * bar // 2
        for offset, (one, value) in enumerate(zip(series, values, strict=True)):
            height = round(max(value or 0, 0) * tall / most)
            x = left + offset * bar
            parts.append(_box(made, one.fill, x, base - height, bar - 3, height))
            parts.append(text(x + (bar - 3) // 2, base - height - 6, spelled(value, unit)))
        parts.append(text(middle, base + 17, label))
    if mark is not None:
        parts.append(_start(gap // 2 + mark[0] * step, 14, base, mark[1]))
    return made.close(
        parts,
        gap + len(rows) * step,
        base + below,
        f"{_fills_said(series)}；数值见下表",
        (one.fill for one in series),
    )


def _box(made: Drawing, fill: str, x: float, y: float, width: float, height: float) -> str:
    colour = _INK.get(fill, FILLS[fill][0])
    return tag("rect", x=x, y=y, width=width, height=height, fill=made.fill(fill), stroke=colour)


def _start(x: float, top: float, base: float, words: str) -> str:
    """A line for the moment at which something began."""
    anchor = "start" if x < width_of(words) else "middle"
    return tag("line", x1=x, x2=x, y1=top + 4, y2=base, class_="cs-start") + text(x, top, words, anchor)


def _fills_said(series: Sequence[Series]) -> str:
    words = {"b": "斜纹", "c": "圆点", "d": "交叉纹"}
    return "，".join(f"{one.name}为{words.get(one.fill, '实心')}" for one in series)


# Bars cut in pieces


def stacked(
    title: str, series: Sequence[Series], rows: Sequence[tuple[str, Sequence[int]]], *, share: bool = True
) -> SafeString:
    """Lying bars, each cut into its series. With ``share`` every bar is the whole, else the longest is.

    ``rows`` are (label, counts of each series); the number stands in each piece that has room for
    it and is not the whole bar, the sum behind the bar. "" where there is nothing to draw.
    """
    sums = [sum(values) for _, values in rows]
    most = max(sums, default=0)
    if most <= 0:
        return SafeString("")
    left = min(max(width_of(label) for label, _ in rows), 190) + 12
    long, step, bar = 640, 26, 18
    right = max(width_of(spelled(total)) for total in sums) + 14
    made = Drawing.of(title)
    parts = []
    for place, ((label, values), total) in enumerate(zip(rows, sums, strict=True)):
        y = 4 + place * step
        parts.append(text(left - 8, y + 14, label, "end"))
        x, whole = float(left), (total if share else most) or 1
        for one, value in zip(series, values, strict=True):
            length = long * value / whole
            if value:
                parts.append(_box(made, one.fill, x, y, max(length, 0.5), bar))
                if value < total:
                    parts.append(_piece(x + length / 2, y + 13.5, value, length))
            x += length
        parts.append(text(x + 8, y + 14, spelled(total), "start"))
    height = 4 + len(rows) * step
    return made.close(
        parts,
        left + long + right,
        height,
        f"每条由{'、'.join(one.name for one in series)}组成；数值见下表",
        (one.fill for one in series),
    )


def _piece(x: float, y: float, value: int, room: float) -> str:
    """The number of a piece on a white ground, where it fits."""
    words = f"{value:,}"
    wide = width_of(words, 11) + 6
    if wide + 2 > room:
        return ""
    ground = tag("rect", x=x - wide / 2, y=y - 11, width=wide, height=14, rx=3, fill="#fff")
    return ground + text(x, y, words)


# Lines


def lines(
    title: str,
    series: Sequence[Series],
    labels: Sequence[str],
    values: Sequence[Sequence[Value]],
    *,
    unit: str = "",
    mark: tuple[int, str] | None = None,
) -> SafeString:
    """One line a series over ``labels``: each with its own dash and its own mark at every value.

    ``values`` are one list a series, None where not known (the line has a gap there); ``unit`` is
    written at the scale. ``mark`` draws a line before that place, with words. "" where no value is known.
    """
    known = [value for row in values for value in row if value is not None]
    if not known:
        return SafeString("")
    low, high, ticks = _scale(min(0, *known), max(0, *known))
    left = max(width_of(spelled(tick)) for tick in ticks) + 14
    step = max(34.0, min(64.0, 640 / max(len(labels), 1)))
    top, tall = 34, 190
    base, right = top + tall, left + step * len(labels)
    made = Drawing.of(title)

    def height(value: float) -> float:
        return base - tall * (value - low) / (high - low)

    parts = [text(left - 6, 12, unit, "end")] if unit else []
    for tick in ticks:
        y = height(tick)
        parts.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="cs-zero" if not tick else "cs-tick"))
        parts.append(text(left - 6, y + 4, spelled(tick), "end"))
    every = max(1, round(max(width_of(label) for label in labels) / step + 0.4))
    middles = [left + step * (place + 0.5) for place in range(len(labels))]
    for place, label in enumerate(labels):
        if place % every == 0:
            parts.append(text(middles[place], base + 18, label))
    for one, row in zip(series, values, strict=True):
        points = [(x, height(v)) if v is not None else None for x, v in zip(middles, row, strict=True)]
        parts.append(_path(one.fill, points))
        parts += [_mark(one.fill, *point) for point in points if point]
    if mark is not None:
        parts.append(_start(left + step * mark[0], 26, base, mark[1]))
    return made.close(
        parts,
        right + 8,
        base + 28,
        f"{'、'.join(one.name for one in series)}随时间的变化；数值见下表",
        (one.fill for one in series),
    )


def _scale(low: float, high: float) -> tuple[float, float, list[float]]:
    """Round bounds around the values, and four to seven ticks."""
    span = (high - low) or 1.0
    tenth = 10.0 ** (math.floor(math.log10(span)) - 1)
    step = next(tenth * times for times in (1, 2, 5, 10, 20, 50) if span / (tenth * times) <= 6)
    first, last = int(low // step), -int(-high // step)
    ticks = [round(step * number, 6) for number in range(first, max(last, first + 1) + 1)]
    return ticks[0], ticks[-1], ticks


def _path(fill: str, points: Sequence[tuple[float, float] | None]) -> str:
    moves, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
        else:
            moves.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
            pen = "L"
    colour = _INK.get(fill, FILLS[fill][0])
    return tag("path", d="".join(moves), fill="none", stroke=colour, stroke_width=2, stroke_dasharray=_DASHES.get(fill, ""))  # fmt: skip


def _mark(fill: str, x: float, y: float) -> str:
    """A circle, a square, a triangle, a diamond: one for each plain series."""
    colour = _INK.get(fill, FILLS[fill][0])
    shapes = {
        "b": f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z",
        "c": f"M{x:.1f} {y - 5:.1f}l5 9h-10z",
        "d": f"M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z",
    }
    if fill in shapes:
        return tag("path", d=shapes[fill], fill="#fff", stroke=colour, stroke_width=2)
    return tag("circle", cx=x, cy=y, r=3.5, fill=colour)


# A table whose cells are shaded


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a heat table: what is written, how dark (0 to 1), where it leads; ``kept`` frames it."""

    words: str
    weight: float = 0.0
    url: str = ""
    sub: str = ""
    kept: bool = False


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
    level = min(5, round(max(cell.weight, 0) * 5 + (0.4 if cell.weight > 0 else 0)))
    words: str = escape(cell.words)
    if cell.url:
        words = f'<a class="cs-link" href="{escape(cell.url)}">{words}</a>'
    sub = f'<span class="cs-sub">{escape(cell.sub)}</span>' if cell.sub else ""
    kept = " cs-kept" if cell.kept else ""
    return f'<td class="cs-heat-{level}{kept}">{words}{sub}</td>'
