"""The result of a trial on paper: what was tried, what would change, and the first of those who move."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable

from creditsys import pdf
from ratings.admin.insight.lab_sheets import LISTED, Result
from ratings.admin.insight.sheets import Sheet, spelled

#: Widths of the list's columns, in parts.
_LIST_SHARES: Final = (1.25, 2.2, 0.9, 0.9, 1.25, 0.95, 0.75, 0.8, 0.75, 0.85, 3.4)
_SHADES: Final = ("#1f6391", "#8dbcda", "#e0c48a", "#c98a4b", "#a31621", "#d9dee5")


def report(
    title: str, facts: Sequence[tuple[str, str]], shared: Sequence[Sheet], results: Sequence[Result]
) -> bytes:
    """The whole as a PDF; its lists have the first rows only, and say so."""
    story: list[Flowable] = [pdf.paragraph(title, pdf.TITLE), pdf.facts(facts), pdf.gap()]
    story += [pdf.paragraph(f"{result.title}：{result.headline}") for result in results]
    for sheet in shared:
        story += _section(sheet)
    for result in results:
        story += pdf.heading(result.title)
        story += [pdf.paragraph(text) for text in (result.headline, *result.warnings)]
        for sheet in result.sheets:
            story += _section(sheet)
        story += _section(result.listed, LISTED, _LIST_SHARES)
    return pdf.render(title, f"{title}　没有存入，不是正式评价", story)


def _section(sheet: Sheet, most: int | None = None, shares: Sequence[float] = ()) -> Iterator[Flowable]:
    yield from pdf.heading(sheet.title)
    if sheet.key.endswith("-grades"):
        yield _bars(sheet)
    rows = [[_cell(value) for value in row] for row in sheet.rows[:most]]
    if rows:
        yield pdf.table(sheet.headers, rows, shares)
    note = sheet.note
    if most is not None and len(sheet.rows) > most:
        note = f"{note}此处列前 {most} 家。"
    if note or not rows:
        yield pdf.paragraph(note or "无", pdf.CELL)


def _cell(value: Any) -> str:
    return str(spelled(value))


def _bars(sheet: Sheet) -> Drawing:
    """One bar for each side of the table of grades: its shares by grade, best at the left."""
    sides = [place for place, header in enumerate(sheet.headers) if header.endswith("（家）")]
    left, step, tall = 70.0, 20.0, 14.0
    long = pdf.WIDTH - left - 10
    drawing = Drawing(pdf.WIDTH, step * len(sides) + 4)
    for number, place in enumerate(sides):
        y = step * (len(sides) - 1 - number) + 4
        drawing.add(
            String(
                0,
                y + 4,
                pdf.readable(sheet.headers[place].removesuffix("（家）")),
                fontName=pdf.FONT,
                fontSize=8,
            )
        )
        whole = sum(row[place] for row in sheet.rows) or 1
        x = left
        for shade, row in enumerate(sheet.rows):
            length = long * row[place] / whole
            colour = _SHADES[-1] if row is sheet.rows[-1] else _SHADES[min(shade, len(_SHADES) - 2)]
            drawing.add(
                Rect(
                    x,
                    y,
                    length,
                    tall,
                    fillColor=HexColor(colour),
                    strokeColor=HexColor("#ffffff"),
                    strokeWidth=0.6,
                )
            )
            words = f"{row[0]} {row[place]:,}"
            if length > 9 * len(words) * 0.62:
                ink = HexColor("#ffffff" if shade in (0, 4) and row is not sheet.rows[-1] else "#1f2933")
                drawing.add(
                    String(
                        x + length / 2,
                        y + 4,
                        pdf.readable(words),
                        fontName=pdf.FONT,
                        fontSize=8,
                        textAnchor="middle",
                        fillColor=ink,
                    )
                )
            x += length
    return drawing
