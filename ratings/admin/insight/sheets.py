"""One set of numbers, three ways: a chart with its table on the page, a CSV, a sheet of an XLSX workbook.

The cells are kept as values, so that what is drawn, read and downloaded cannot differ.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

import tablib  # type: ignore[import-untyped]
from django.http import HttpResponse
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from openpyxl import Workbook

from ratings.admin import show
from ratings.admin.exports import SafeCSV, SafeXLSX, harmless

FORMATS: Final[dict[str, Any]] = {"csv": SafeCSV, "xlsx": SafeXLSX}
#: Rows that a page draws of one table, unless the table says otherwise; files have all.
SHOWN_ROWS: Final = 250
#: Rows of one sheet, at most: it is built in memory and read by people.
MAX_ROWS: Final = 100_000
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Sheet:
    """A table of values and what is drawn of it.

    ``key`` names it in addresses and file names; ``note`` says what the figures mean and where
    they come from. Numbers stay numbers (shares as percent with one decimal); texts may be markup
    on the page (``looks``: (row, column) to what is shown instead of the plain value).
    """

    key: str
    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    drawing: SafeString | str = ""
    legend: SafeString | str = ""
    looks: Mapping[tuple[int, int], Any] = field(default_factory=dict)
    #: the last row is the sum of the others
    total: bool = False
    #: columns at the left that name a row
    names: int = 1
    #: the drawing is itself the table
    own_table: bool = False
    #: rows that the page draws at most
    most: int = SHOWN_ROWS

    def body(self) -> SafeString:
        """The rows as the page draws them; put together here, because templates are slow at thousands of cells."""
        numbers = [number for _, number in self.numeric]
        last = len(self.rows) - 1
        lines = []
        for place, row in enumerate(self.rows[: self.most]):
            cells = []
            for column, value in enumerate(row):
                words = conditional_escape(self.looks.get((place, column)) or spelled(value))
                if column < self.names:
                    cells.append(f'<th scope="row">{words}</th>')
                else:
                    cells.append(
                        f'<td class="cs-num">{words}</td>' if numbers[column] else f"<td>{words}</td>"
                    )
            total = ' class="cs-total"' if self.total and place == last else ""
            lines.append(f"<tr{total}>{''.join(cells)}</tr>")
        return SafeString("".join(lines))

    @property
    def numeric(self) -> list[tuple[str, bool]]:
        """(header, whether its column holds numbers; those that name a row stand at the left)."""
        return [
            (
                header,
                column >= self.names
                and any(isinstance(row[column], int | float | Decimal) for row in self.rows[: self.most]),
            )
            for column, header in enumerate(self.headers)
        ]

    @property
    def hidden(self) -> int:
        """Rows that only the files have."""
        return max(0, len(self.rows) - self.most)


def spelled(value: Any) -> Any:
    """A cell for people: thousands separated, days in words, — for what is not known."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return show.day(value) if isinstance(value, date) else value


def rounded(value: float | None, places: int) -> Decimal | None:
    """A statistic with so many decimals."""
    return None if value is None else Decimal(f"{value:.{places}f}")


def share(value: float | None) -> Decimal | None:
    """A share as percent with one decimal."""
    return None if value is None else rounded(100 * value, 1)


#: All tables of a page, in one file.
WHOLE: Final = "all.xlsx"


class File(NamedTuple):
    """A file to take away: its bytes, media type, number of rows, and the one table that is in it."""

    data: bytes | str
    kind: str
    rows: int
    #: None where all are
    sheet: Sheet | None = None


def file_named(wanted: str, sheets: Sequence[Sheet], facts: Iterable[tuple[str, Any]]) -> File | None:
    """What ``?file=`` asks for: ``<key of a sheet>.<format>``, or WHOLE, which begins with ``facts``; None for others."""
    if wanted == WHOLE and sheets:
        return File(workbook_of(sheets, facts), XLSX_TYPE, sum(len(sheet.rows) for sheet in sheets))
    key, _, format_ = wanted.rpartition(".")
    sheet = next((sheet for sheet in sheets if sheet.key == key), None)
    if sheet is None or format_ not in FORMATS:
        return None
    return File(file_of(sheet, format_), FORMATS[format_]().get_content_type(), len(sheet.rows), sheet)


def file_of(sheet: Sheet, format_: str) -> bytes | str:
    """One sheet as a file of :data:`FORMATS`; cells that a spreadsheet would run are made harmless."""
    # Heads name grades, which whoever writes a scheme has named.
    heads = [harmless(header) for header in sheet.headers]
    rows = tablib.Dataset(*(list(row) for row in sheet.rows[:MAX_ROWS]), headers=heads)
    data: bytes | str = FORMATS[format_]().export_data(rows)
    return data


def workbook_of(sheets: Iterable[Sheet], facts: Iterable[tuple[str, Any]]) -> bytes:
    """All sheets in one workbook: first what it is (``facts``) and every figure's meaning, then each table."""
    book = Workbook(write_only=True)
    given = list(sheets)
    first = book.create_sheet("说明")
    for fact in facts:
        first.append([harmless(cell) for cell in fact])
    for sheet in given:
        first.append([harmless(sheet.title), harmless(sheet.note)])
    for sheet in given:
        # A spreadsheet's names are short, and some signs are not allowed in them.
        page = book.create_sheet(sheet.title.translate(_NOT_IN_NAMES)[:31])
        page.freeze_panes = "A2"
        page.append([harmless(header) for header in sheet.headers])
        for row in sheet.rows[:MAX_ROWS]:
            page.append([harmless(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def attached(data: bytes | str, kind: str, title: str, format_: str) -> HttpResponse:
    """The file as an answer, named by what it is and the day."""
    name = f"{title.translate(_NOT_IN_NAMES)}-{timezone.localdate():%Y%m%d}.{format_}"
    made = HttpResponse(data, content_type=kind)
    made["Content-Disposition"] = content_disposition_header(True, name)
    return made


_NOT_IN_NAMES: Final = str.maketrans("[]:*?/\\", " " * 7)
