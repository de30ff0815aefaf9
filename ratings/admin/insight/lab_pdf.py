"""The result of a trial on paper: what was tried, what would change, and the first of those who move."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reportlab.platypus import Flowable

from creditsys import charts, pdf, pdf_charts
from creditsys.charts import Series
from ratings.admin.insight.lab_sheets import LISTED, Result
from ratings.admin.insight.sheets import Sheet, spelled

#: Widths of the list's columns, in parts.
_LIST_SHARES: Final = (1.25, 2.2, 0.9, 0.9, 1.25, 0.95, 0.75, 0.8, 0.75, 0.85, 3.4)


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
        yield from _bars(sheet)
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


def _bars(sheet: Sheet) -> list[Flowable]:
    """One bar for each side of the table of grades: its shares by grade, best first, not rated last."""
    grades = len(sheet.rows) - 1
    series = [
        Series(str(row[0]), charts.grade_fill(place if place < grades else -1, grades))
        for place, row in enumerate(sheet.rows)
    ]
    sides = [
        (header.removesuffix("（家）"), [row[place] for row in sheet.rows])
        for place, header in enumerate(sheet.headers)
        if header.endswith("（家）")
    ]
    return pdf_charts.stacked(sheet.title, series, sides, width=pdf.WIDTH)
