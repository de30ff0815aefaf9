"""PDF documents in Chinese: an embedded font, text that can be copied out, a heading and page numbers on each page.

The font is that of settings.PDF_FONT, by default a subset of Noto Sans SC (``fonts/OFL.txt``): GB 2312, all of
通用规范汉字表, the other signs of GBK and half-width punctuation. What it lacks would print as a blank; :func:`readable` writes it as its code point instead, and
:func:`noting_gaps` tells who must not issue such a document.
"""

import functools
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import escape

from django.conf import settings
from reportlab.graphics import shapes
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
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
from reportlab.platypus.tables import CellStyle

from creditsys import pdf_lines

FONT: Final = "NotoSansSC"
_MARGIN: Final = 14 * mm


@dataclass(frozen=True, slots=True)
class Sheet:
    """The size of a page, in points."""

    across: float
    down: float
    margin: float

    @property
    def width(self) -> float:
        """Between the margins."""
        return self.across - 2 * self.margin


#: For wide tables; and for what is read like a letter.
LANDSCAPE: Final = Sheet(A4[1], A4[0], _MARGIN)
PORTRAIT: Final = Sheet(A4[0], A4[1], 20 * mm)
#: Of a landscape page.
WIDTH: Final = LANDSCAPE.width
INK, DIM, LINE, SOFT = (colors.HexColor(code) for code in ("#1f2933", "#52606d", "#c3cbd5", "#f1f4f8"))
#: Of the Basic Multilingual Plane; what lies beyond has two halves in UTF-16.
_PLANE: Final = 0x10000


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, fontName=FONT, fontSize=size, leading=size * 1.45, wordWrap="CJK", textColor=INK, **more
    )


TITLE: Final = _style("title", 17, spaceAfter=6)
HEADING: Final = _style("heading", 11.5, spaceBefore=10, spaceAfter=4)
BODY: Final = _style("body", 9.5)
CELL: Final = _style("cell", 8)
#: Above a chart or a table, on its page.
CAPTION: Final = _style("caption", 8.5, spaceBefore=6, spaceAfter=3, keepWithNext=1)
_HEADER: Final = ParagraphStyle("header", CELL, textColor=DIM)


def readable(text: str) -> str:
    """``text`` with what the font lacks as ``〔U+20000〕``, control characters as blanks, for :class:`Paragraph`."""
    gaps = lacking(text)
    if (noted := _GAPS.get()) is not None:
        noted.update(dict.fromkeys(gaps))
    known = _font().face.charToGlyph
    shown = (
        character if ord(character) in known else f"〔U+{ord(character):04X}〕" if character in gaps else " "
        for character in text
    )
    return "".join(shown)


def lacking(text: Iterable[str]) -> dict[str, None]:
    """The characters of ``text`` that the font cannot draw, in their order; control characters are none."""
    known = _font().face.charToGlyph
    return {one: None for one in text if ord(one) not in known and ord(one) >= 0x20}


#: What :func:`readable` found lacking, for whoever asked.
_GAPS: ContextVar[dict[str, None] | None] = ContextVar("gaps", default=None)


@contextmanager
def noting_gaps() -> Iterator[dict[str, None]]:
    """Gives a dict that takes, as its keys, every character that texts set meanwhile lack."""
    noted: dict[str, None] = {}
    token = _GAPS.set(noted)
    try:
        yield noted
    finally:
        _GAPS.reset(token)


def paragraph(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """A paragraph of plain text; line breaks stay."""
    lines = (escape(readable(line)) for line in text.split("\n"))
    return Paragraph("<br/>".join(lines), style)


def heading(text: str) -> list[Flowable]:
    """Of a part; not at the foot of a page, and without dragging a whole table to the next one."""
    return [CondPageBreak(30 * mm), paragraph(text, HEADING)]


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    shares: Sequence[float] = (),
    width: float = WIDTH,
) -> Flowable:
    """Rows of texts under headers that come again on each page; ``shares`` of the width, equal without."""
    whole = sum(shares) if shares else len(headers)
    widths = [width * share / whole for share in (shares or [1.0] * len(headers))]
    cells = [[paragraph(text, _HEADER) for text in headers]]
    cells += [[paragraph(text, CELL) for text in row] for row in rows]
    found = LongTable(cells, colWidths=widths, repeatRows=1)
    found.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), SOFT),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
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


def render(
    title: str,
    running: str,
    story: Sequence[Flowable],
    *,
    sheet: Sheet = LANDSCAPE,
    foot: str = "",
    made_at: datetime | None = None,
    bare: bool = False,
) -> bytes:
    """The document; ``running`` stands on top of each page, ``foot`` and the page's number of how many below.

    ``title`` is what viewers show. With ``made_at`` the same content gives the same bytes. ``bare``: the
    story has the whole page to itself, with neither margins nor anything on top and below.
    """
    _font()
    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=(sheet.across, sheet.down), title=title, lang="zh-CN", author=settings.OFFICE_NAME,
        invariant=made_at is not None,
    )  # fmt: skip
    low, high = sheet.margin + 4 * mm, sheet.margin + 6 * mm
    frame = Frame(sheet.margin, low, sheet.width, sheet.down - low - high, 0, 0, 0, 0)
    if bare:
        frame = Frame(0, 0, sheet.across, sheet.down, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    canvas = functools.partial(
        _NumberedCanvas,
        sheet=sheet,
        heading=readable(running),
        foot=readable(foot),
        made_at=made_at,
        bare=bare,
    )
    document.build(list(story), canvasmaker=canvas)
    return out.getvalue()


class _NumberedCanvas(Canvas):  # type: ignore[misc] # reportlab is not typed
    """Keeps its pages until it is known how many there are."""

    def __init__(
        self,
        *args: Any,
        sheet: Sheet,
        heading: str,
        foot: str,
        made_at: datetime | None,
        bare: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "initialFontName": FONT})
        self._sheet, self._heading, self._foot, self._bare = sheet, heading, foot, bare
        self._pages: list[dict[str, Any]] = []
        if made_at is not None:
            stamp, zone = self._doc._timeStamp, made_at.utcoffset() or timedelta()
            stamp.YMDhms = made_at.timetuple()[:6]
            stamp.dhh, stamp.dmm = divmod(int(zone.total_seconds()) // 60, 60)

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            if not self._bare:
                self._frame(number, len(self._pages))
            super().showPage()
        super().save()

    def _frame(self, number: int, pages: int) -> None:
        sheet = self._sheet
        left, right, top = sheet.margin, sheet.across - sheet.margin, sheet.down - sheet.margin
        self.setFont(FONT, 8)
        self.setFillColor(DIM)
        self.drawString(left, top, self._heading)
        self.setStrokeColor(LINE)
        self.line(left, top - 4, right, top - 4)
        self.drawString(left, sheet.margin - 2, self._foot)
        self.drawRightString(right, sheet.margin - 2, f"第 {number} 页 / 共 {pages} 页")


@functools.cache
def _font() -> Any:
    """The font, registered once."""
    given = ttfonts.makeToUnicodeCMap
    # reportlab writes characters beyond the first plane with five digits there; PDF wants UTF-16.
    ttfonts.makeToUnicodeCMap = lambda name, subset: given(name, [_utf16(code) for code in subset])
    font = ttfonts.TTFont(FONT, str(settings.PDF_FONT))
    pdfmetrics.registerFont(font)
    pdf_lines.install()
    # Drawings and cells begin in this one, whether they have text or not: else Helvetica is named, and not embedded.
    shapes.STATE_DEFAULTS["fontName"] = FONT
    CellStyle.fontname = FONT
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT, italic=FONT, boldItalic=FONT)
    return font


def _utf16(code: int) -> int:
    """The UTF-16 of a character as one number."""
    if code < _PLANE:
        return code
    rest = code - _PLANE
    return (0xD800 + (rest >> 10) << 16) + 0xDC00 + (rest & 0x3FF)
