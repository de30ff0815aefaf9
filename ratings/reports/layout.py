"""What documents share: how they say their number and where they are verified, and how the office signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.conf import settings
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, KeepTogether, TableStyle
from reportlab.platypus import Table as Grid

from creditsys import pdf
from ratings.services.documents import Stamp
from ratings.services.steps import shown_day

_QR: Final = 24 * mm
#: Where the office stands, with room for its seal.
_OFFICE: Final = 50 * mm
_RIGHT: Final = ParagraphStyle("right", pdf.BODY, alignment=TA_RIGHT)


@dataclass(frozen=True, slots=True)
class Table:
    """A part of a document that is a table: what it says, without how it looks."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    #: of the width, a column
    shares: Sequence[float]
    #: below the rows
    note: str = ""
    #: what stands in place of the rows where there are none
    none: str = "无"


def part(
    table: Table, width: float = pdf.PORTRAIT.width, *, above: Sequence[Flowable] = ()
) -> list[Flowable]:
    """A table under its heading; ``above`` stands between them, such as a chart of the same numbers."""
    if table.rows:
        rows = pdf.table(table.headers, table.rows, table.shares, width)
        found = [*pdf.heading(table.title), *above, rows]
    else:
        found = [pdf.paragraph(f"{table.title}：{table.none}", pdf.HEADING), *above]
    if table.note:
        found += [pdf.gap(3), pdf.paragraph(table.note, pdf.CELL)]
    return found


def clipped(text: str, width: float = pdf.PORTRAIT.width, size: float = 8) -> str:
    """``text`` cut with … so that it fits on one line, such as the one on top of each page."""
    pdf.lacking("")  # has the font registered
    if stringWidth(text, pdf.FONT, size) <= width:
        return text
    while text and stringWidth(text + "…", pdf.FONT, size) > width:
        text = text[:-1]
    return text + "…"


def foot(stamp: Stamp) -> str:
    """What stands below each page."""
    return "　".join(filter(None, (f"编号 {stamp.number}", f"验证码 {stamp.code}", demo())))


def demo() -> str:
    """What a document of the demo city says wherever its number stands; "" in production."""
    return "" if settings.PRODUCTION else "演示数据，并非真实"


def verification(stamp: Stamp, width: float, said: str = "扫码核验真伪和当前状态") -> Flowable:
    """The QR code with the number, the code and the address beside it; kept on one page."""
    return KeepTogether([_row([width - _QR - 4 * mm], stamp, [_words(stamp, said)])])


def closing(stamp: Stamp, width: float, *above: Flowable) -> Flowable:
    """How a document ends: at the left where it is verified, at the right the office and the day, where the seal is put.

    Kept on one page, with what stands ``above``.
    """
    office = [pdf.paragraph(text, _RIGHT) for text in (stamp.office, shown_day(stamp.at.date()))]
    row = _row(
        [width - _QR - 4 * mm - _OFFICE, _OFFICE], stamp, [_words(stamp, "扫码核验真伪和当前状态"), office]
    )
    return KeepTogether([*above, row])


def _words(stamp: Stamp, said: str) -> list[Flowable]:
    return [
        pdf.paragraph(said),
        pdf.paragraph(f"编号：{stamp.number}　验证码：{stamp.code}", pdf.CELL),
        pdf.paragraph(f"核验地址：{stamp.address}", pdf.CELL),
    ]


def _row(widths: Sequence[float], stamp: Stamp, cells: Sequence[Sequence[Flowable]]) -> Flowable:
    """The QR code and, beside it, other cells."""
    row = Grid([[pdf.qr(stamp.address, _QR), *cells]], colWidths=[_QR + 4 * mm, *widths])
    row.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LEFTPADDING", (0, 0), (0, 0), 0),
                ("RIGHTPADDING", (-1, 0), (-1, 0), 0),
            ]
        )
    )
    return row


def signed_off(stamp: Stamp) -> Flowable:
    """The office and the day of issue, at the right, where the seal is put."""
    lines = [pdf.paragraph(text, _RIGHT) for text in (stamp.office, shown_day(stamp.at.date()))]
    return KeepTogether(lines)


def month_text(day: date) -> str:
    """Such as 2026年3月."""
    return f"{day.year}年{day.month}月"


def quarter_text(day: date) -> str:
    """The quarter of a day, short for axes: 2026年1季度."""
    return f"{day.year}年{(day.month + 2) // 3}季度"
