"""Grades in PDF documents: the shapes of :mod:`creditsys.marks` with the letter in them."""

from typing import Final

from reportlab.graphics.shapes import Circle, Drawing, Group, Polygon, Rect, Shape, String
from reportlab.lib import colors

from creditsys import pdf
from creditsys.marks import grade_colour

#: As in ``static/creditsys/marks.css``, by the ending of the style class.
_COLOURS: Final = {
    "0": "#14653a",
    "1": "#1d4f91",
    "2": "#8a5a00",
    "3": "#9a3412",
    "worst": "#a31621",
    "none": "#4b5563",
}
#: Outlines as in ``marks.py``, in a box of 24 by 24 with y downwards; a circle and a square are drawn as such.
OUTLINES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "2": ((6.5, 1.5), (17.5, 1.5), (23, 12), (17.5, 22.5), (6.5, 22.5), (1, 12)),
    "3": ((12, 0.8), (23.2, 12), (12, 23.2), (0.8, 12)),
    "worst": ((0.5, 1.5), (23.5, 1.5), (12, 23.5)),
    "none": ((2, 10), (22, 10), (22, 14), (2, 14)),
}
_BOX: Final = 24.0


def grade_mark(position: int, grades: int, letter: str, size: float) -> Drawing:
    """The mark of a grade, ``size`` points wide and high; a name of more than two characters stays outside."""
    kind = grade_colour(position, grades)
    mark = Group(_shape(kind, colors.HexColor(_COLOURS[kind])))
    if kind != "none" and len(letter) <= 2:
        high = 10.0 if kind == "worst" else 12.0
        height = (11.0 if kind == "worst" else 13.0) / max(len(letter) / 1.6, 1)
        mark.add(
            String(
                _BOX / 2, _BOX - high - 0.36 * height, pdf.readable(letter),
                fontName=pdf.FONT, fontSize=height, textAnchor="middle", fillColor=colors.white,
                strokeColor=colors.white, strokeWidth=0.35,
            )
        )  # fmt: skip
    mark.scale(size / _BOX, size / _BOX)
    drawing = Drawing(size, size)
    drawing.add(mark)
    return drawing


def _shape(kind: str, colour: colors.Color) -> Shape:
    fill = {"fillColor": colour, "strokeColor": None, "strokeWidth": 0}
    if kind == "0":
        return Circle(12, 12, 11, **fill)
    if kind == "1":
        return Rect(1.5, 1.5, 21, 21, rx=4, ry=4, **fill)
    return Polygon([part for x, y in OUTLINES[kind] for part in (x, _BOX - y)], **fill)
