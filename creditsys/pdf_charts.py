"""Charts in PDF documents: what ``charts.py`` draws on pages, from the same plans, with the document's font.

Each function gives what goes into a document's story: the title, what the fills mean, the drawings; nothing
where there is nothing to draw. Many rows go on in further drawings of the same scale.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from reportlab.graphics.shapes import (
    Circle,
    Drawing,
    Group,
    Line,
    Path,
    Polygon,
    PolyLine,
    Rect,
    Shape,
    String,
)
from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table, TableStyle

from creditsys import chart_plans, pdf
from creditsys.chart_parts import (
    CORNERS,
    DASHES,
    FILLS,
    SMALL,
    TEXT,
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
)
from creditsys.chart_plans import ScorePoint

__all__ = ("Cell", "ScorePoint", "Series", "bars", "legend", "lines", "matrix", "score_line", "stacked")

#: Points of paper for a unit of a plan: texts are 8.4 points high.
_SCALE: Final = 0.7
#: Of lying bars, a drawing.
_ROWS: Final = 28
_INK, _DIM, _TICK, _START = "#1f2933", "#52606d", "#d9dee5", "#a31621"
#: Of a heat table's cells, as in charts.css.
_HEATS: Final = ("#ffffff", "#eaf2f9", "#d3e5f3", "#b8d5ea", "#9cc4e0", "#83b4d6")


def bars(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[Value]]],
    *,
    unit: float = 1,
    mark: tuple[int, str] | None = None,
    width: float = pdf.PORTRAIT.width,
) -> list[Flowable]:
    """As :func:`chart_plans.bars`, at most ``width`` points wide."""
    written = [(pdf.readable(label), values) for label, values in rows]
    plans = chart_plans.bars(title, series, written, unit=unit, mark=mark, room=width / _SCALE)
    return _figure(title, series, plans, width)


def stacked(
    title: str,
    series: Sequence[Series],
    rows: Sequence[tuple[str, Sequence[int]]],
    *,
    share: bool = True,
    width: float = pdf.PORTRAIT.width,
) -> list[Flowable]:
    """As :func:`chart_plans.stacked`, ``width`` points wide."""
    written = [(pdf.readable(label), values) for label, values in rows]
    plans = chart_plans.stacked(title, series, written, share=share, room=width / _SCALE, most_rows=_ROWS)
    return _figure(title, series, plans, width)


def lines(
    title: str,
    series: Sequence[Series],
    labels: Sequence[str],
    values: Sequence[Sequence[Value]],
    *,
    unit: str = "",
    mark: tuple[int, str] | None = None,
    width: float = pdf.PORTRAIT.width,
) -> list[Flowable]:
    """As :func:`chart_plans.lines`, at most ``width`` points wide."""
    written = [pdf.readable(label) for label in labels]
    plans = chart_plans.lines(title, series, written, values, unit=unit, mark=mark, room=width / _SCALE)
    return _figure(title, series, plans, width)


def score_line(
    points: Sequence[ScorePoint],
    grades: Sequence[str],
    *,
    title: str = "历次信用分",
    width: float = pdf.PORTRAIT.width,
) -> list[Flowable]:
    """As :func:`chart_plans.score_line`, ``width`` points wide; ``grades`` are those of the scheme, best first."""
    return _figure(title, (), chart_plans.score_line(title, points, len(grades), room=width / _SCALE), width)


def matrix(
    title: str,
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Cell]]],
    *,
    width: float = pdf.PORTRAIT.width,
) -> list[Flowable]:
    """A table whose cells are shaded by weight, ``width`` points wide; the kept ones are framed."""
    if not rows:
        return []
    cells = [[pdf.paragraph(words, pdf.CELL) for words in (corner, *columns)]]
    style: list[tuple[object, ...]] = [
        ("GRID", (0, 0), (-1, -1), 0.4, HexColor(_TICK)),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    for down, (name, found) in enumerate(rows, 1):
        texts = [f"{cell.words}（{cell.sub}）" if cell.sub else cell.words for cell in found]
        cells.append([pdf.paragraph(words, pdf.CELL) for words in (name, *texts)])
        for across, cell in enumerate(found, 1):
            place = (across, down)
            style.append(("BACKGROUND", place, place, HexColor(_HEATS[cell.level])))
            if cell.kept:
                style.append(("BOX", place, place, 1.4, HexColor(_DIM)))
    column = width / (len(columns) + 1)
    made = Table(cells, colWidths=[column] * (len(columns) + 1), repeatRows=1)
    made.setStyle(TableStyle(style))
    return [KeepTogether([_caption(title), made])]


def legend(series: Sequence[Series], width: float = pdf.PORTRAIT.width) -> list[Flowable]:
    """What each fill means."""
    named = [Series(pdf.readable(one.name), one.fill) for one in series]
    return [_drawn(plan) for plan in chart_plans.legend("", named, width / _SCALE)]


def _figure(title: str, series: Sequence[Series], plans: Sequence[Plan], width: float) -> list[Flowable]:
    if not plans:
        return []
    key = legend(series, width) if len(series) > 1 else []
    first, *others = (_drawn(plan) for plan in plans)
    return [KeepTogether([_caption(title), *key, first]), *others, Spacer(1, 4)]


def _caption(title: str) -> Flowable:
    return pdf.paragraph(title, pdf.CAPTION)


def _drawn(plan: Plan) -> Drawing:
    drawing = Drawing(plan.width * _SCALE, plan.height * _SCALE)
    drawing.scale(_SCALE, _SCALE)
    for part in plan.parts:
        for shape in _shapes(part, plan.height):
            drawing.add(shape)
    return drawing


def _shapes(part: Part, top: float) -> Iterable[Shape]:
    """A part of a plan that is ``top`` high; paper counts upwards."""
    match part:
        case Box(fill, x, y, width, height):
            yield from _box(FILLS[fill], x, top - y - height, width, height)
        case Label():
            yield from _label(part, top)
        case Rule(x1, y1, x2, y2, kind):
            look = {"tick": {"strokeColor": HexColor(_TICK)}, "start": {"strokeColor": HexColor(_START)}}
            more = {"strokeWidth": 2, "strokeDashArray": (6, 3)} if kind == "start" else {}
            yield Line(
                x1, top - y1, x2, top - y2, **{"strokeColor": HexColor(_DIM), **look.get(kind, {}), **more}
            )
        case Curve():
            yield from _curve(part, top)
        case Mark():
            yield _mark(part, top)


def _box(fill: Fill, x: float, y: float, width: float, height: float) -> Iterable[Shape]:
    if width <= 0 or height <= 0:
        return
    yield Rect(x, y, width, height, fillColor=HexColor(fill.ground), strokeColor=None)
    if fill.hatch:
        edge = Path(isClipPath=1, fillColor=None, strokeColor=None)
        edge.moveTo(x, y)
        for corner in ((x + width, y), (x + width, y + height), (x, y + height)):
            edge.lineTo(*corner)
        edge.closePath()
        yield Group(edge, _hatch(fill, x, y, width, height))
    yield Rect(x, y, width, height, fillColor=None, strokeColor=HexColor(fill.edge))


def _hatch(fill: Fill, x: float, y: float, width: float, height: float) -> Path:
    """Lines or dots beyond the edges of a box, which cut them off."""
    found = Path(
        strokeColor=HexColor(fill.ink),
        strokeWidth=fill.weight,
        strokeLineCap=1 if fill.hatch == "dots" else 0,
        fillColor=None,
    )

    def line(*ends: float) -> None:
        found.moveTo(ends[0], ends[1])
        found.lineTo(ends[2], ends[3])

    if fill.hatch in ("rising", "cross"):
        for start in _steps(x - height, x + width, 8):
            line(start, y, start + height, y + height)
            if fill.hatch == "cross":
                line(start, y + height, start + height, y)
    elif fill.hatch == "across":
        for at in _steps(y + 2, y + height, 4):
            line(x, at, x + width, at)
    elif fill.hatch == "upright":
        for at in _steps(x + 2, x + width, 4):
            line(at, y, at, y + height)
    else:
        for at in _steps(x + 4, x + width + 4, 8):
            for up in _steps(y + 4, y + height + 4, 8):
                line(at, up, at + 0.01, up)  # with round ends
    return found


def _steps(first: float, end: float, step: float) -> Iterable[float]:
    while first < end:
        yield first
        first += step


def _label(label: Label, top: float) -> Iterable[Shape]:
    x, y, words, anchor, ground = label
    if ground:
        white = HexColor("#ffffff")
        yield Rect(x - ground / 2, top - y - 3, ground, 14, rx=3, ry=3, fillColor=white, strokeColor=None)
    yield String(
        x,
        top - y,
        pdf.readable(words),
        fontName=pdf.FONT,
        fontSize=SMALL if ground else TEXT,
        textAnchor=anchor,
        fillColor=HexColor(_INK),
    )


def _curve(curve: Curve, top: float) -> Iterable[Shape]:
    runs: list[list[float]] = [[]]
    for point in curve.points:
        if point is None:
            runs.append([])
        else:
            runs[-1] += [point[0], top - point[1]]
    dash = [int(part) for part in DASHES.get(curve.fill, "").split()] or None
    for run in runs:
        if len(run) > 2:
            yield PolyLine(
                run, strokeColor=HexColor(FILLS[curve.fill].edge), strokeWidth=2, strokeDashArray=dash
            )


def _mark(mark: Mark, top: float) -> Shape:
    fill = FILLS[mark.fill]
    # hollow, so that lines that cross are told apart
    look = {
        "strokeColor": HexColor(fill.edge),
        "fillColor": HexColor("#ffffff" if fill.ground == "#ffffff" else fill.edge),
        "strokeWidth": 2,
    }
    if mark.fill not in CORNERS:
        return Circle(mark.x, top - mark.y, mark.size * 0.8, **look)
    corners = [
        value
        for x, y in CORNERS[mark.fill]
        for value in (mark.x + x * mark.size, top - mark.y - y * mark.size)
    ]
    return Polygon(corners, **look)
