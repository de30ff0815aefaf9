"""The quarterly statistics table as a workbook: one sheet to hand in, one with what each figure means."""

import io
from decimal import Decimal
from typing import Final

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from ratings.insight.quarterly import FEN, FIGURES, NOT_HELD, Figure, Quarterly
from ratings.rules.wording import day_text
from ratings.services.imports.reports import harmless

_LINE: Final = Side(style="thin")
_BOX: Final = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_MIDDLE: Final = Alignment(horizontal="center", vertical="center", wrap_text=True)


def unit_of(figure: Figure) -> str:
    """The unit that people read: money is shown in yuan."""
    return "元" if figure.unit == FEN else figure.unit


def shown(figure: Figure, value: int) -> int | Decimal:
    """The value as people read it, exactly: fen as yuan."""
    return Decimal(value).scaleb(-2) if figure.unit == FEN else value


def title_of(place: str) -> str:
    """What the table is called; ``place`` says which districts it is of."""
    return f"定点零售药店医保信用监管季度统计表（{place}）"


def due_words(table: Quarterly) -> str:
    """By when the table is to be handed in, and on which calendar that rests."""
    due = table.due
    text = f"{day_text(due.day)}前（含当日）"
    if due.last_working_day != due.day:
        text += f"；该日不是工作日，应于此前最后一个工作日 {day_text(due.last_working_day)}报送"
    if not due.known:
        text += "（该年放假安排尚未公布，按周一至周五推算）"
    return text


def heading(table: Quarterly) -> list[tuple[str, str]]:
    """What the table is about, for the head of the sheet and of the page."""
    quarter, cutoff = table.quarter, timezone.localtime(table.cutoff)
    return [
        ("统计季度", f"{quarter.label}（{day_text(quarter.first)}至{day_text(quarter.last)}）"),
        ("数据截止时间", f"{day_text(cutoff)} {cutoff:%H:%M}（此前记录且未作废的计入）"),
        ("报送期限", due_words(table)),
        ("未采集", NOT_HELD),
    ]


def workbook_of(table: Quarterly, place: str) -> bytes:
    """The workbook; ``place`` says which districts it is of."""
    book = Workbook()
    for empty in book.worksheets:
        book.remove(empty)
    sheet = book.create_sheet("季度统计表")
    width = len(FIGURES) + 2
    sheet.append([title_of(place)])
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=width)
    sheet["A1"].font = Font(bold=True, size=14)
    sheet["A1"].alignment = _MIDDLE
    for name, words in heading(table):
        sheet.append([name, harmless(words)])
    sheet.append([])
    top = sheet.max_row + 2
    sheet.append([])
    sheet.cell(top, 1, "区县代码")
    sheet.cell(top, 2, "区县")
    start = 3
    for number, figure in enumerate(FIGURES, 3):
        sheet.cell(top, number, figure.group)
        sheet.cell(top + 1, number, f"{figure.title}（{unit_of(figure)}）")
        last = number == width or FIGURES[number - 2].group != figure.group
        if last:
            sheet.merge_cells(start_row=top, end_row=top, start_column=start, end_column=number)
            start = number + 1
    for column in (1, 2):
        sheet.merge_cells(start_row=top, end_row=top + 1, start_column=column, end_column=column)
    for code, name, counts in table.rows:
        sheet.append([code, harmless(name), *(shown(figure, counts[figure.id]) for figure in FIGURES)])
    sheet.append([None, "合计", *(shown(figure, table.total[figure.id]) for figure in FIGURES)])
    for row in range(top, sheet.max_row + 1):
        for column in range(1, width + 1):
            sheet.cell(row, column).border = _BOX
            if row <= top + 1:
                sheet.cell(row, column).alignment = _MIDDLE
                sheet.cell(row, column).font = Font(bold=True)
    for number, figure in enumerate(FIGURES, 3):
        sheet.column_dimensions[get_column_letter(number)].width = 16 if figure.unit == FEN else 10
        if figure.unit == FEN:
            for row in range(top + 2, sheet.max_row + 1):
                sheet.cell(row, number).number_format = "#,##0.00"
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 13, 14
    sheet.freeze_panes = sheet.cell(top + 2, 3)
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    meanings = book.create_sheet("指标解释")
    meanings.append(["类别", "指标", "单位", "含义"])
    for figure in FIGURES:
        meanings.append([figure.group, figure.title, unit_of(figure), figure.meaning])
    for letter, size in zip("ABCD", (12, 16, 8, 90), strict=True):
        meanings.column_dimensions[letter].width = size
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
