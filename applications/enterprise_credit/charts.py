"""Charts as inline SVG: shape and text say everything, colour only helps; a table beside each has the numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final

from django.utils.safestring import SafeString

from applications.enterprise_credit.profiles import Score
from creditsys import charts
from ratings.rules.exact import decimal_text

WIDTH: Final = 560
HEIGHT: Final = 200
LEFT, RIGHT, TOP, _BELOW = 44, 34, 26, 34
BASE: Final = HEIGHT - _BELOW
#: Points of score, thousandths, that the axis spans at least.
_LEAST_SPAN: Final = 10_000
#: Beyond so many points only the ends, the best and the worst carry their value.
_LABELLED: Final = 12
_LABEL_WIDTH: Final = 46


@dataclass(frozen=True, slots=True)
class Point:
    """One score where the chart has it; ``label`` is "" where there is no room for it."""

    x: int
    y: int
    on: date
    label: str
    #: whether the label stands below: where the score fell, the line comes down from above
    fell: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The scores of an enterprise on paper: runs of points between which it was rated, the axis' bounds."""

    runs: tuple[tuple[Point, ...], ...]
    #: thousandths of a point, at the bottom and at the top
    low: int
    high: int


def score_line(scores: Sequence[Score]) -> Line | None:
    """Where each score lies, y from the top; None where there is none. Days without a grade part the runs; of several
    scores of a day the last one counts."""
    scores = list({one.on: one for one in scores}.values())
    values = [one.score for one in scores if one.score is not None]
    if not values:
        return None
    low, high = min(values) // 5_000 * 5_000, -(-max(values) // 5_000) * 5_000
    if high - low < _LEAST_SPAN:
        high, low = (high, high - _LEAST_SPAN) if low else (low + _LEAST_SPAN, low)
    first, last = scores[0].on.toordinal(), scores[-1].on.toordinal()
    marked = {values[0], values[-1], min(values), max(values)}
    runs: list[list[Point]] = [[]]
    for one in scores:
        if one.score is None:
            runs.append([])
            continue
        share = (one.on.toordinal() - first) / (last - first) if last > first else 0.5
        x = LEFT + round(share * (WIDTH - LEFT - RIGHT))
        y = TOP + round((high - one.score) / (high - low) * (HEIGHT - TOP - _BELOW))
        has_room = len(values) <= _LABELLED or one.score in marked
        label = f"{one.grade} {decimal_text(one.score)}" if has_room else ""
        fell = bool(runs[-1]) and y > runs[-1][-1].y
        runs[-1].append(Point(x, y, one.on, label, fell))
    return Line(tuple(tuple(run) for run in runs if run), low, high)


def score_chart(scores: Sequence[Score]) -> SafeString:
    """The enterprise's scores over time; "" where there are none. A score holds until the next."""
    line = score_line(scores)
    if line is None:
        return SafeString("")
    made = charts.Drawing.of("历次企业信用分")
    parts = []
    for value, y in ((line.high, TOP), (line.low, BASE)):
        parts.append(charts.text(LEFT - 8, y + 4, decimal_text(value), "end"))
        parts.append(charts.tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
    for run in line.runs:
        parts.append(charts.tag("path", class_="cs-line", d=_steps(run)))
        parts += [charts.tag("circle", class_="cs-dot", cx=one.x, cy=one.y, r=3.5) for one in run]
    parts += [charts.text(one.x, one.y + (16 if one.fell else -9), one.label) for one in labelled(line.runs)]
    points = [one for run in line.runs for one in run]
    for x, on in dict.fromkeys((one.x, one.on) for one in (points[0], points[-1])):
        parts.append(charts.text(x, BASE + 28, on.isoformat()))
    return made.close(parts, WIDTH, HEIGHT, "折线图；数值见下表", ())


def grade_chart(grades: Mapping[str, int]) -> SafeString:
    """How many pharmacies have which grade; "" = without. "" where there are none."""
    rows = [(name or "无等级", [count]) for name, count in grades.items()]
    return charts.bars("药店等级分布", charts.plain("药店（家）"), rows)


def _steps(run: Sequence[Point]) -> str:
    """A path that keeps each score until the next day that has one."""
    moves = [f"M{run[0].x} {run[0].y}"]
    moves += [f"H{after.x}V{after.y}" for _, after in pairwise(run)]
    return "".join(moves)


def labelled(runs: Sequence[Sequence[Point]]) -> Iterator[Point]:
    """Points whose value is written above them, where it has room: not where it would lie on the one before."""
    taken = -100
    for one in (one for run in runs for one in run if one.label):
        if one.x - taken >= _LABEL_WIDTH:
            yield replace(one, x=max(one.x, LEFT + 20))
            taken = one.x
