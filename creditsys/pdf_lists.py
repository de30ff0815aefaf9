"""Long lists in PDF documents: plain rows under headers that come again on each page.

``pdf.table`` lays out every cell as a paragraph and measures its columns again on each page: right for
tables of some hundred rows. A list of a province has tens of thousands; here each row is drawn as it is,
so that time and memory grow with the rows only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from reportlab.platypus import Flowable

from creditsys import pdf, pdf_lines

_SIZE: Final = 9.0
_LEADING: Final = 12.5
#: Above and below the lines of a row, and beside a cell.
_PAD: Final = 2.2
_SIDE: Final = 3.0

#: Of one row, its cells; of one cell, its lines.
_Row = Sequence[Sequence[str]]


def roll(
    headers: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float], width: float
) -> Flowable:
    """Rows of texts, broken into lines where they are longer than their column, over as many pages as it takes."""
    whole = sum(shares)
    widths = [width * share / whole for share in shares]
    laid = [_laid(row, widths) for row in rows]
    depths = [0.0, *accumulate(map(_height, laid))]
    return _Roll(_laid(headers, widths), laid, depths, widths, 0, len(laid))


def _laid(cells: Sequence[str], widths: Sequence[float]) -> _Row:
    return [
        pdf_lines.lines(pdf.readable(text), [width - 2 * _SIDE], pdf.FONT, _SIZE)
        for text, width in zip(cells, widths, strict=True)
    ]


def _height(row: _Row) -> float:
    return max(len(lines) for lines in row) * _LEADING + 2 * _PAD


class _Roll(Flowable):  # type: ignore[misc] # reportlab is not typed
    """Rows ``start`` to ``stop`` of a list; parts of one list share its rows.

    ``depths`` says how high the first so many rows are together.
    """

    def __init__(
        self,
        header: _Row,
        rows: Sequence[_Row],
        depths: Sequence[float],
        widths: Sequence[float],
        start: int,
        stop: int,
    ) -> None:
        super().__init__()
        self._header, self._rows, self._depths, self._widths = header, rows, depths, widths
        self._start, self._stop = start, stop

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        self.width = sum(self._widths)
        self.height = _height(self._header) + self._depths[self._stop] - self._depths[self._start]
        return self.width, self.height

    def split(self, available_width: float, available_height: float) -> list[Flowable]:
        """The rows that the rest of the page takes, and the others; nothing where it takes none."""
        room = self._depths[self._start] + available_height - _height(self._header)
        cut = min(bisect_right(self._depths, room) - 1, self._stop)
        if cut <= self._start:
            return []
        parts = ((self._start, cut), (cut, self._stop))
        return [
            _Roll(self._header, self._rows, self._depths, self._widths, start, stop)
            for start, stop in parts
            if start < stop
        ]

    def draw(self) -> None:
        canvas = self.canv
        canvas.setStrokeColor(pdf.LINE)
        canvas.setLineWidth(0.4)
        top = self.height
        canvas.setFillColor(pdf.SOFT)
        canvas.rect(0, top - _height(self._header), self.width, _height(self._header), stroke=0, fill=1)
        canvas.setFont(pdf.FONT, _SIZE)
        canvas.setFillColor(pdf.DIM)
        top = self._drawn(self._header, top)
        canvas.setFillColor(pdf.INK)
        for row in self._rows[self._start : self._stop]:
            top = self._drawn(row, top)

    def _drawn(self, row: _Row, top: float) -> float:
        """Draw one row below ``top``; where the next one begins."""
        left = _SIDE
        for lines, width in zip(row, self._widths, strict=True):
            for number, line in enumerate(lines):
                self.canv.drawString(left, top - _PAD - _SIZE - number * _LEADING, line)
            left += width
        bottom = top - _height(row)
        self.canv.line(0, bottom, self.width, bottom)
        return bottom
