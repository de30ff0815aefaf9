"""Maps of points drawn on the server, with nothing fetched from elsewhere: shapes, districts' names, a scale.

A few thousand points are drawn one by one; more are gathered in a grid, where each cell shows how
many of each sort lie in it by the size of that sort's shape, so that a province stays light.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from django.utils.html import escape
from django.utils.safestring import SafeString
from numpy.typing import NDArray

from creditsys.charts import FILLS, Drawing, Series, tag, text, width_of

#: More points than that are gathered in a grid.
MOST_POINTS: Final = 2_500
_WIDTH, _MARGIN, _CELL = 760, 24, 38
#: More names than that are written small.
_FEW_LABELS: Final = 40
_KM_A_DEGREE: Final = 111.195
_Numbers = NDArray[np.float64]


def dots(
    title: str,
    series: Sequence[Series],
    longitude: _Numbers,
    latitude: _Numbers,
    kind: NDArray[np.int64],
    labels: Sequence[tuple[str, float, float]],
) -> SafeString:
    """Points by WGS-84 degrees, each of the sort ``series[kind]``; ``labels`` are (name, longitude, latitude).

    Drawn in the order of the series, so that the last ones lie on top; a label that would cover an
    earlier one is left out. "" where there is no point.
    """
    if not len(longitude):
        return SafeString("")
    frame = _Frame(longitude, latitude)
    x, y = frame.places(longitude, latitude)
    made = Drawing.of(title)
    gathered = len(x) > MOST_POINTS
    draw = _gathered if gathered else _single
    parts = draw(series, x, y, kind)
    parts += _labels(frame, labels)
    parts.append(_scale_bar(frame))
    said = f"{len(x)} 家药店按所在位置画出，{'、'.join(one.name for one in series)}各用一种形状"
    if gathered:
        said += "；按方格汇总，形状越大家数越多"
    drawn = made.close(parts, _WIDTH, frame.height, f"{said}；数值见下表", (), least=420)
    return SafeString(drawn.replace('class="cs-chart"', 'class="cs-chart cs-map"', 1))


class _Frame:
    """Degrees to pixels: equal lengths at the middle latitude, north above."""

    def __init__(self, longitude: _Numbers, latitude: _Numbers) -> None:
        self.west, self.north = float(longitude.min()), float(latitude.max())
        south, east = float(latitude.min()), float(longitude.max())
        self.narrow = math.cos(math.radians((south + self.north) / 2))
        across, down = max((east - self.west) * self.narrow, 1e-4), max(self.north - south, 1e-4)
        inner = _WIDTH - 2 * _MARGIN
        #: pixels a degree of latitude; no map is taller than about its width
        self.scale = min(inner / across, 1.1 * inner / down)
        self.left = _MARGIN + (inner - across * self.scale) / 2
        self.height = 2 * _MARGIN + down * self.scale + 20

    def places(self, longitude: _Numbers, latitude: _Numbers) -> tuple[_Numbers, _Numbers]:
        x = self.left + (longitude - self.west) * self.narrow * self.scale
        return x, _MARGIN + (self.north - latitude) * self.scale


def shape(fill: str, x: float, y: float, radius: float) -> str:
    """The outline of a grade's badge around a point, as path data; others are a small cross."""
    radius = round(radius, 1)  # else the halves of a circle do not meet in it
    r, lower = f"{radius:.1f}", f"{radius * 0.6:.1f}"
    if fill == "0":
        return (
            f"M{x - radius:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * radius:.1f} 0a{r} {r} 0 1 0 {-2 * radius:.1f} 0z"
        )
    if fill == "1":
        side = f"{2 * radius * 0.88:.1f}"
        return f"M{x - radius * 0.88:.1f} {y - radius * 0.88:.1f}h{side}v{side}h-{side}z"
    if fill == "2":
        half = f"{radius / 2:.1f}"
        return f"M{x - radius / 2:.1f} {y - radius:.1f}h{r}l{half} {r}-{half} {r}h-{r}l-{half}-{r}z"
    if fill == "3":
        return f"M{x:.1f} {y - radius:.1f}l{r} {r}-{r} {r}-{r}-{r}z"
    if fill == "worst":
        return f"M{x - radius:.1f} {y - radius * 0.8:.1f}h{2 * radius:.1f}l-{r} {radius * 1.8:.1f}z"
    return f"M{x - radius:.1f} {y - radius * 0.3:.1f}h{2 * radius:.1f}v{lower}h-{2 * radius:.1f}z"


def _single(series: Sequence[Series], x: _Numbers, y: _Numbers, kind: NDArray[np.int64]) -> list[str]:
    radius = 4.6 if len(x) < 400 else 3.6
    parts = []
    for number, one in enumerate(series):
        mine = kind == number
        outlines = [
            shape(one.fill, left, top, radius)
            for left, top in zip(x[mine].tolist(), y[mine].tolist(), strict=True)
        ]
        parts.append(_filled(one, outlines, 0.6))
    return parts


def _gathered(series: Sequence[Series], x: _Numbers, y: _Numbers, kind: NDArray[np.int64]) -> list[str]:
    """Each sort has its own corner of a cell, so that none covers another; area goes by number."""
    columns = _WIDTH // _CELL + 1
    cell = (y // _CELL).astype(np.int64) * columns + (x // _CELL).astype(np.int64)
    sorts = len(series)
    both, counts = np.unique(cell * sorts + kind, return_counts=True)
    cells, kinds = both // sorts, both % sorts
    side = math.ceil(math.sqrt(sorts))
    slot = _CELL / side
    radius = np.maximum(2.0, slot / 2 * np.sqrt(counts / counts.max()))
    left = (cells % columns) * _CELL + (kinds % side + 0.5) * slot
    top = (cells // columns) * _CELL + (kinds // side + 0.5) * slot
    parts = []
    for number, one in enumerate(series):
        mine = kinds == number
        outlines = [
            shape(one.fill, *place)
            for place in zip(left[mine].tolist(), top[mine].tolist(), radius[mine].tolist(), strict=True)
        ]
        parts.append(_filled(one, outlines, 0.4))
    return parts


def _filled(one: Series, outlines: Sequence[str], edge: float) -> str:
    colour = "#4b5563" if one.fill == "none" else FILLS[one.fill].ground
    if not outlines:
        return ""
    return tag("path", d="".join(outlines), fill=colour, stroke="#fff", stroke_width=edge)


def _labels(frame: _Frame, labels: Sequence[tuple[str, float, float]]) -> list[str]:
    taken: list[tuple[float, float, float, float]] = []
    parts = []
    for name, longitude, latitude in labels:
        (x,), (y,) = frame.places(np.array([longitude]), np.array([latitude]))
        half = width_of(name, 13) / 2 + 4
        x = min(max(float(x), half), _WIDTH - half)
        box = (x - half, y - 20, x + half, y)
        if any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            for other in taken
        ):
            continue
        taken.append(box)
        few = len(labels) <= _FEW_LABELS
        parts.append(text(x, float(y) - 6, name, class_="cs-place" if few else "cs-place cs-small-place"))
    return parts


def _scale_bar(frame: _Frame) -> str:
    """A length of a round number of kilometres, and where north is."""
    pixels_a_km = frame.scale / _KM_A_DEGREE
    most = 150 / pixels_a_km
    tenth = 10.0 ** (math.floor(math.log10(most)) - 1)
    km = max(tenth * times for times in (1, 2, 5, 10, 20, 50) if tenth * times <= most)
    long, y = km * pixels_a_km, frame.height - 10
    line = tag("path", d=f"M{_MARGIN} {y - 4:.1f}v4h{long:.1f}v-4", fill="none", stroke="#1f2937")
    words = text(_MARGIN + long + 8, y + 2, f"{km:g} 公里（上为北）", "start")
    return line + words


def key(series: Sequence[Series]) -> SafeString:
    """What each shape means."""
    return SafeString(
        "".join(f'<span class="cs-key-item">{_sign(one)}{escape(one.name)}</span>' for one in series)
    )


def _sign(one: Series) -> str:
    outline = _filled(one, [shape(one.fill, 8, 8, 7)], 0.6)
    return f'<svg class="cs-swatch" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">{outline}</svg>'
