"""Workbooks as claims: ours, or saved anew by a spreadsheet program."""

import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, BinaryIO, Final

import openpyxl
from django.utils.translation import gettext_lazy as _

from applications.pharmacy_lookup.open_data.claims import (
    MAX_CELL,
    MAX_COLUMNS,
    Claim,
    Proof,
    Unreadable,
    broken,
    canonical,
    signed_columns,
)
from applications.pharmacy_lookup.open_data.fields import restore_cell
from applications.pharmacy_lookup.open_data.formats import PROOF
from creditsys.workbooks import DAMAGE, MIB, PartTooLarge, UnsafeWorkbook, check_workbook

#: Unpacked sizes: a sheet of some 75,000 rows, read in about 12 seconds, and the texts that it shares.
_MAX_SHEET: Final = 64 * MIB
_MAX_SHARED_STRINGS: Final = 32 * MIB
_MAX_ROWS: Final = 200_000
_CHUNK: Final = 100
#: Sheets looked at for rows and for the proof, and rows of one looked at for the proof.
_MAX_SHEETS: Final = 10
_MAX_NOTES: Final = 200
#: A header is a title and the column's name.
_NAME: Final = re.compile(r"([a-z_]+)\s*$")
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def read_workbook(file: BinaryIO) -> Claim:
    """A workbook with a sheet of rows; the proof where another sheet bears it."""
    book = _open(file)
    proof: dict[str, str] = {}
    found: tuple[int, tuple[str, ...]] | None = None
    for number, _sheet in enumerate(book.worksheets[:_MAX_SHEETS]):
        for row, values in enumerate(_rows(book, number)):
            names = tuple(_name(value) for value in values)
            if row == 0 and found is None and {"seq", "code"} <= set(names):
                found = number, names
                break
            if row > _MAX_NOTES:
                break
            if len(values) > 1 and names[0] in PROOF:
                proof[names[0]] = str(values[1] or "")
    if found is None:
        raise Unreadable(
            _("这个工作簿里没有我们发布的名单：没有列名 seq 和 code。"),
            _("请选择从开放数据页下载的文件；表头一行须保留。"),
        )
    sheet, names = found

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        placed = enumerate(_rows(_open(file), sheet), start=1)
        next(placed, None)
        return canonical(placed, names, wanted, restore_cell)

    return Claim(
        "xlsx",
        Proof(**{name: proof.get(name, "") for name in PROOF}) if any(proof.values()) else None,
        signed_columns(names),
        rows,
    )


def _open(file: BinaryIO) -> Any:
    file.seek(0)
    try:
        check_workbook(file, max_sheet=_MAX_SHEET, max_shared_strings=_MAX_SHARED_STRINGS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(file, read_only=True, data_only=True)
    except PartTooLarge:
        raise _too_large() from None
    except UnsafeWorkbook:
        raise Unreadable(
            _("这是压缩文件，不是我们发布的工作簿。"),
            _("请选择下载的 XLSX 文件；若文件在压缩包里，请先解压。"),
        ) from None
    except DAMAGE:
        raise broken() from None


def _rows(book: Any, sheet: int) -> Iterator[list[Any]]:
    """The rows of a sheet without empty cells at their end."""
    worksheet = book.worksheets[sheet]
    worksheet.reset_dimensions()  # files often misstate them
    values = iter(worksheet.iter_rows(values_only=True))
    for number, row in enumerate(chain.from_iterable(iter(lambda: _some(values), []))):
        if number == _MAX_ROWS:
            raise _too_large()
        cells = [_text(value) for value in row]
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise broken()
        yield cells


def _some(values: Iterator[Sequence[Any]]) -> list[Sequence[Any]]:
    """The next rows, none at the end; what openpyxl warns of in somebody's file is no news."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(islice(values, _CHUNK))
    except DAMAGE:
        raise broken() from None


def _text(value: Any) -> Any:
    """A cell with the format's escapes taken back."""
    if not isinstance(value, str):
        return value
    if len(value) > MAX_CELL:
        raise broken()
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value


def _name(value: Any) -> str:
    found = _NAME.search(value) if isinstance(value, str) and len(value) <= 100 else None
    return found[1] if found else str(value or "")[:100]


def _too_large() -> Unreadable:
    return Unreadable(
        _("工作簿太大，不能在网页上核验。"),
        _("请改用同一名单的 CSV、JSON 或签名原件，或用核验程序离线核验。"),
    )
