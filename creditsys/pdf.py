"""PDF documents in Chinese: an embedded font, text that can be copied out, a heading and page numbers on each page.

The font is a subset of Noto Sans SC (``fonts/OFL.txt``): GB 2312 and all of 通用规范汉字表. What it lacks would print
as a blank; :func:`readable` writes it as its code point instead.
"""

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics, ttfonts
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    LongTable,
    PageTemplate,
    Paragraph,
    Spacer,
    TableStyle,
)

FONT: Final = "NotoSansSC"
_FILE: Final = Path(__file__).parent / "fonts" / "NotoSansSC-Regular.ttf"
#: Landscape, as most tables are wide; points.
PAGE: Final = landscape(A4)
_MARGIN: Final = 14 * mm
WIDTH: Final = PAGE[0] - 2 * _MARGIN
_INK, _DIM, _LINE, _SOFT = (colors.HexColor(code) for code in ("#1f2933", "#52606d", "#c3cbd5", "#f1f4f8"))
#: Of the Basic Multilingual Plane; what lies beyond has two halves in UTF-16.
_PLANE: Final = 0x10000


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, fontName=FONT, fontSize=size, leading=size * 1.45, wordWrap="CJK", textColor=_INK, **more
    )


TITLE: Final = _style("title", 17, spaceAfter=6)
HEADING: Final = _style("heading", 11.5, spaceBefore=10, spaceAfter=4)
BODY: Final = _style("body", 9.5)
CELL: Final = _style("cell", 8)
_HEADER: Final = ParagraphStyle("header", CELL, textColor=_DIM)


def readable(text: str) -> str:
    """``text`` with what the font lacks as ``〔U+20000〕``, control characters as blanks, for :class:`Paragraph`."""
    known = _font().face.charToGlyph
    shown = (
        character
        if ord(character) in known
        else " "
        if ord(character) < 0x20
        else f"〔U+{ord(character):04X}〕"
        for character in text
    )
    return "".join(shown)


def paragraph(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """A paragraph of plain text; line breaks stay."""
    lines = (escape(readable(line)) for line in text.split("\n"))
    return Paragraph("<br/>".join(lines), style)


def heading(text: str) -> list[Flowable]:
    """Of a part; not at the foot of a page, and without dragging a whole table to the next one."""
    return [CondPageBreak(30 * mm), paragraph(text, HEADING)]


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float] = ()) -> Flowable:
    """Rows of texts under headers that come again on each page; ``shares`` of the width, equal without."""
    whole = sum(shares) if shares else len(headers)
    widths = [WIDTH * share / whole for share in (shares or [1.0] * len(headers))]
    cells = [[paragraph(text, _HEADER) for text in headers]]
    cells += [[paragraph(text, CELL) for text in row] for row in rows]
    found = LongTable(cells, colWidths=widths, repeatRows=1)
    found.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), _SOFT),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
                ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    return found


def facts(pairs: Sequence[tuple[str, str]], width: float = WIDTH) -> Flowable:
    """Labels and values, two pairs a line."""
    cells = [part for label, value in pairs for part in (paragraph(label, _HEADER), paragraph(value, BODY))]
    cells += [""] * (-len(cells) % 4)
    rows = [cells[at : at + 4] for at in range(0, len(cells), 4)]
    found = LongTable(rows, colWidths=[width * share for share in (0.13, 0.37, 0.13, 0.37)])
    found.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return found


def qr(text: str, size: float = 26 * mm) -> Drawing:
    """``text`` as a QR code of middle error correction, ``size`` points wide."""
    widget = QrCodeWidget(text, barLevel="M", barWidth=size, barHeight=size)
    drawing = Drawing(size, size)
    drawing.add(widget)
    return drawing


def gap(height: float = 3 * mm) -> Flowable:
    return Spacer(1, height)


def render(title: str, running: str, story: Sequence[Flowable]) -> bytes:
    """The document; ``running`` stands on top of each page, its number and how many there are below."""
    _font()
    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=PAGE, title=title, lang="zh-CN")
    low, high = _MARGIN + 4 * mm, _MARGIN + 6 * mm
    frame = Frame(_MARGIN, low, WIDTH, PAGE[1] - low - high, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    canvas = functools.partial(_NumberedCanvas, heading=readable(running))
    document.build(list(story), canvasmaker=canvas)
    return out.getvalue()


class _NumberedCanvas(Canvas):
    """Keeps its pages until it is known how many there are."""

    def __init__(self, *args: Any, heading: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heading = heading
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._frame(number, len(self._pages))
            super().showPage()
        super().save()

    def _frame(self, number: int, pages: int) -> None:
        self.setFont(FONT, 8)
        self.setFillColor(_DIM)
        top = PAGE[1] - _MARGIN
        self.drawString(_MARGIN, top, self._heading)
        self.setStrokeColor(_LINE)
        self.line(_MARGIN, top - 4, PAGE[0] - _MARGIN, top - 4)
        self.drawRightString(PAGE[0] - _MARGIN, _MARGIN - 2, f"第 {number} 页 / 共 {pages} 页")


@functools.cache
def _font() -> Any:
    """The font, registered once."""
    given = ttfonts.makeToUnicodeCMap
    # reportlab writes characters beyond the first plane with five digits there; PDF wants UTF-16.
    ttfonts.makeToUnicodeCMap = lambda name, subset: given(name, [_utf16(code) for code in subset])
    font = ttfonts.TTFont(FONT, str(_FILE))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT, italic=FONT, boldItalic=FONT)
    return font


def _utf16(code: int) -> int:
    """The UTF-16 of a character as one number."""
    if code < _PLANE:
        return code
    rest = code - _PLANE
    return (0xD800 + (rest >> 10) << 16) + 0xDC00 + (rest & 0x3FF)
