"""Where everything in a chart lies: bars, stacked bars, lines, scores over time.

``charts.py`` draws it as SVG on pages, ``pdf_charts.py`` on paper. Of what: :mod:`creditsys.chart_parts`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from creditsys.chart_parts import (
    SMALL,
    Box,
    Curve,
    Label,
    Mark,
    Part,
    Plan,
    Rule,
    Series,
    Value,
    cut,
    grade_fill,
    spelled,
    width_of,
)


def _inside(x: float, y: float, words: str, width: float) -> Label:
    """A text around ``x`` as far as the edges of the drawing allow."""
    half = width_of(words) / 2
    return Label(max(min(x, width - half), half), y, words)


def _fills_said(series: Sequence[Series]) -> str:
    words = {"b": "斜纹", "c": "圆点", "d": "交叉纹"}
    return "，".join(f"{one.name}为{words.get(one.fill, '实心')}" for one in series)


# What the fills mean


def legend(series: Sequence[Series], room: float) -> Plan:
    """A piece of each fill with its name, in as many lines as it takes."""
    parts: list[Part] = []
    x, y = 1.0, 4.0
    for one in series:
        name = cut(one.name, room - 30)
        wide = 20 + width_of(name)
        if x > 1 and x + wide > room:
            x, y = 1.0, y + 22
        parts += [Box(one.fill, x, y, 14, 14), Label(x + 20, y + 11.5, name, "start")]
        x += wide + 16
    return Plan("图例", room, y + 18, tuple(parts), "")


# Bars beside each other

_LONGEST_LABEL: Final = 190
_BAR, _BAR_GAP, _LEAST_GAP = 26, 34, 16


def bars(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[Value]]],
    *,
    unit: float = 1,
    mark: tuple[int, str] | None = None,
    room: float | None = None,
) -> list[Plan]:
    """Upright bars, one of each series a row, each with its value in ``unit`` above it.

    ``rows`` are (label, values); ``mark`` draws a line before that row, with words. One drawing, or of
    one scale as many as it takes where each may be ``room`` wide. None where there is no value above zero.
    """
    most = max((value or 0 for _, values in rows for value in values), default=0)
    if most <= 0:
        return []
    rows = [(cut(label, _LONGEST_LABEL), values) for label, values in rows]
    # so wide that the value above has room
    bar = max(_BAR, *(math.ceil(width_of(spelled(one, unit))) + 5 for _, values in rows for one in values))
    longest = max(math.ceil(width_of(label)) + 10 for label, _ in rows)
    gap, each = _BAR_GAP, len(rows)
    step = max(len(series) * bar + gap, longest)
    if room is not None and gap + each * step > room:
        gap = _LEAST_GAP
        step = max(len(series) * bar + gap, longest)
        drawings = math.ceil(len(rows) / max(1, int((room - gap) // step)))
        each = math.ceil(len(rows) / drawings)  # about as many in each
    tall, top, below = 150, 26 + (18 if mark else 0), 24
    base = top + tall
    plans = []
    for first in range(0, len(rows), each):
        here = rows[first : first + each]
        width = gap + len(here) * step
        parts: list[Part] = [Rule(0, base, width, base)]
        for place, (label, values) in enumerate(here):
            middle = gap // 2 + place * step + step // 2
            left = middle - len(series) * bar // 2
            for offset, (one, value) in enumerate(zip(series, values, strict=True)):
                height = round(max(value or 0, 0) * tall / most)
                x = left + offset * bar
                parts.append(Box(one.fill, x, base - height, bar - 3, height))
                parts.append(Label(x + (bar - 3) // 2, base - height - 6, spelled(value, unit)))
            parts.append(Label(middle, base + 17, label))
        if mark is not None and first <= mark[0] < first + each:
            parts += _start(gap // 2 + (mark[0] - first) * step, 14, base, mark[1], width)
        plans.append(Plan(title, width, base + below, tuple(parts), f"{_fills_said(series)}；数值见下表"))
    return plans


def _start(x: float, top: float, base: float, words: str, width: float) -> list[Part]:
    """A line for the moment at which something began."""
    return [Rule(x, top + 4, x, base, "start"), _inside(x, top, cut(words, width), width)]


# Bars cut in pieces

#: The longest bar is so long that a drawing fits a phone at the least size.
_STEP, _LONG = 26, 420


def stacked(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[int]]],
    *,
    share: bool = True,
    room: float | None = None,
    most_rows: int | None = None,
) -> list[Plan]:
    """Lying bars, each cut into its series. With ``share`` every bar is the whole, else the longest is.

    ``rows`` are (label, counts of each series); the number stands in each piece that has room
    for it and is not the whole bar, the sum behind the bar. A drawing is ``room`` wide; with ``most_rows`` as many drawings of one scale
    as it takes. None where there is nothing to draw.
    """
    sums = [sum(values) for _, values in rows]
    most = max(sums, default=0)
    if most <= 0:
        return []
    labels = [cut(label, _LONGEST_LABEL) for label, _ in rows]
    left = max(width_of(label) for label in labels) + 12
    right = max(width_of(spelled(total)) for total in sums) + 14
    long = _LONG if room is None else room - left - right
    each = most_rows or len(rows)
    said = f"每条由{'、'.join(one.name for one in series)}组成；数值见下表"
    plans = []
    for first in range(0, len(rows), each):
        here = range(first, min(first + each, len(rows)))
        parts: list[Part] = []
        for place, row in enumerate(here):
            whole = (sums[row] if share else most) or 1
            lengths = [long * value / whole for value in rows[row][1]]
            parts += _lying(labels[row], series, rows[row][1], lengths, left, 4 + place * _STEP)
        parts_high = 4 + len(here) * _STEP
        plans.append(Plan(title, left + long + right, parts_high, tuple(parts), said))
    return plans


def _lying(
    label: str, series: Sequence[Series], values: Sequence[int], lengths: Sequence[float], x: float, y: float
) -> list[Part]:
    """One bar of pieces, with its label before and its sum behind it."""
    parts: list[Part] = [Label(x - 8, y + 14, label, "end")]
    total = sum(values)
    for one, value, length in zip(series, values, lengths, strict=True):
        if value:
            parts.append(Box(one.fill, x, y, max(length, 0.5), 18))
            words = f"{value:,}"
            ground = width_of(words, SMALL) + 6
            if value < total and ground + 2 <= length:
                parts.append(Label(x + length / 2, y + 13.5, words, ground=ground))
        x += length
    return [*parts, Label(x + 8, y + 14, spelled(total), "start")]


# Lines


def lines(
    title: str,
    series: Sequence[Series],
    labels: Sequence[str],
    values: Sequence[Sequence[Value]],
    *,
    unit: str = "",
    mark: tuple[int, str] | None = None,
    room: float | None = None,
) -> list[Plan]:
    """One line a series over ``labels``: each with its own dash and its own mark at every value.

    ``values`` are one list a series, None where not known (the line has a gap there); ``unit`` is
    written at the scale. ``mark`` draws a line before that place, with words. ``room`` is the most
    that the drawing may be wide. None where no value is known.
    """
    known = [value for row in values for value in row if value is not None]
    if not known:
        return []
    low, high, ticks = scale(min(0, *known), max(0, *known))
    left = max(width_of(unit), *(width_of(spelled(tick)) for tick in ticks)) + 14
    step = max(34.0, min(64.0, 640 / max(len(labels), 1)))
    if room is not None:
        step = min(64.0, (room - left - 8) / len(labels))
    top, tall = 34, 190
    base, right = top + tall, left + step * len(labels)
    whole = right + 8

    def height(value: float) -> float:
        return base - tall * (value - low) / (high - low)

    parts: list[Part] = [Label(left - 6, 12, unit, "end")] if unit else []
    for tick in ticks:
        y = height(tick)
        parts.append(Rule(left, y, right, y, "tick" if tick else "zero"))
        parts.append(Label(left - 6, y + 4, spelled(tick), "end"))
    shown = [cut(label, min(_LONGEST_LABEL, whole)) for label in labels]
    every = max(1, round(max(width_of(label) for label in shown) / step + 0.4))
    middles = [left + step * (place + 0.5) for place in range(len(labels))]
    for place, label in enumerate(shown):
        if place % every == 0:
            parts.append(_inside(middles[place], base + 18, label, whole))
    for one, row in zip(series, values, strict=True):
        points = [(x, height(v)) if v is not None else None for x, v in zip(middles, row, strict=True)]
        parts.append(Curve(one.fill, tuple(points)))
        parts += [Mark(one.fill, *point) for point in points if point]
    if mark is not None:
        parts += _start(left + step * mark[0], 26, base, mark[1], whole)
    said = f"{'、'.join(one.name for one in series)}随时间的变化；数值见下表"
    return [Plan(title, whole, base + 28, tuple(parts), said)]


#: Values closer to each other are drawn as equal.
_NOTHING: Final = 1e-4


def scale(low: float, high: float) -> tuple[float, float, list[float]]:
    """Round bounds around the values, and four to seven ticks."""
    span = high - low if high - low > _NOTHING else 1.0
    tenth = 10.0 ** (math.floor(math.log10(span)) - 1)
    step = next(tenth * times for times in (1, 2, 5, 10, 20, 50) if span / (tenth * times) <= 6)
    first, last = int(low // step), -int(-high // step)
    ticks = [round(step * number, 6) for number in range(first, max(last, first + 1) + 1)]
    return ticks[0], ticks[-1], ticks


# Scores over time


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """A score from a day on: what it belongs to ("" = nothing to tell), thousandths of a point, the grade.

    Without a grade, ``score`` is None and ``position`` -1.
    """

    on: date
    label: str
    score: int | None
    grade: str
    #: in its scheme's grades, 0 = best
    position: int


#: Points of score, thousandths, that the axis spans at least, and of which its bounds are multiples.
_LEAST_SPAN, _ROUND = 10_000, 5_000
_SCORE_WIDTH, _SCORE_TALL, _SCORE_RIGHT, _SCORE_TOP, _SCORE_INSET = 560, 140, 40, 30, 30


def score_line(
    title: str, points: Sequence[ScorePoint], grades: int, *, room: float = _SCORE_WIDTH
) -> list[Plan]:
    """Scores by day, each holding until the next: grade and score at each, day and label below, where there is room.

    ``points`` in the order of their days; of several of a day the last one counts. One without a grade
    parts the line and stands on the axis. ``grades`` is how many the scheme has. None where there is no score.
    """
    points = list({one.on: one for one in points}.values())
    values = [one.score for one in points if one.score is not None]
    if not values:
        return []
    low, high = score_bounds(values)
    top, base = _SCORE_TOP, _SCORE_TOP + _SCORE_TALL
    first, last = points[0].on.toordinal(), points[-1].on.toordinal()
    left = max(width_of(points_text(bound)) for bound in (low, high)) + 16

    def across(one: ScorePoint) -> float:
        share = (one.on.toordinal() - first) / (last - first) if last > first else 0.5
        return round(left + _SCORE_INSET + share * (room - left - _SCORE_INSET - _SCORE_RIGHT), 1)

    def down(score: int) -> float:
        return round(base - (score - low) / (high - low) * _SCORE_TALL, 1)

    parts: list[Part] = []
    for bound, at in ((high, top), (low, base)):
        parts.append(Label(left - 10, at + 4, points_text(bound), "end"))
        parts.append(Rule(left, at, room - _SCORE_RIGHT, at, "tick" if at == top else ""))
    corners: list[tuple[float, float] | None] = []
    marks: list[Mark] = []
    said: list[Label] = []
    before: ScorePoint | None = None
    for one in points:
        x = across(one)
        if one.score is None:
            corners.append(None)
            marks.append(Mark("none", x, base))
            said.append(_inside(x, base - 8, one.grade or "无等级", room))
        else:
            y = down(one.score)
            fell = before is not None and before.score is not None and one.score < before.score
            if before is not None and before.score is not None:
                corners.append((x, down(before.score)))
            corners.append((x, y))
            marks.append(Mark(grade_fill(one.position, grades), x, y))
            # where the score fell, the line comes down from above
            words = f"{one.grade} {points_text(one.score)}"
            said.append(_inside(x, y + 19 if fell else y - 9, words, room))
        before = one
    parts += [Curve("a", tuple(corners)), *marks, *_apart(said)]
    parts += _apart(
        [
            _inside(across(one), base + 32, f"{one.on.year}年{one.on.month}月{one.on.day}日", room)
            for one in points
        ]
    )
    parts += _apart(
        [_inside(across(one), base + 46, cut(one.label, 90), room) for one in points if one.label]
    )
    lower = 53 if any(one.label for one in points) else 39
    return [Plan(title, room, base + lower, tuple(parts), "折线图；数值见下表")]


def points_text(thousandths: int) -> str:
    """Points, written exactly."""
    return f"{Decimal(thousandths).scaleb(-3).normalize():f}"


def score_bounds(values: Sequence[int]) -> tuple[int, int]:
    """Round bounds of an axis for scores, thousandths, not below zero unless a score is."""
    low, high = min(values) // _ROUND * _ROUND, -(-max(values) // _ROUND) * _ROUND
    if high - low < _LEAST_SPAN:
        return (high - _LEAST_SPAN, high) if low else (low, low + _LEAST_SPAN)
    return low, high


def _apart(labels: Sequence[Label]) -> list[Label]:
    """The first, the last, and of those between as many as do not touch the one before or the last."""
    if len(labels) < 2:
        return list(labels)
    end = labels[-1]
    kept: list[Label] = []
    for one in labels[:-1]:
        room = (width_of(one.words) + width_of(end.words)) / 2 + 6
        if end.x - one.x >= room and all(
            one.x - other.x >= (width_of(one.words) + width_of(other.words)) / 2 + 6 for other in kept[-1:]
        ):
            kept.append(one)
    return [*kept, end]
