"""XLSX workbooks, one sheet, streamed; guarded against archives that unpack to far too much."""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl

from creditsys.workbooks import (
    DAMAGE,
    MAX_PARTS,
    MIB,
    DeclaresEntities,
    PartTooLarge,
    TooManyParts,
    UnsafeWorkbook,
    check_workbook,
)
from ratings.services.imports.errors import UnreadableFile
from ratings.services.imports.sources import (
    CHUNK_ROWS,
    CHUNK_SIZE,
    HEAD_ROWS,
    MAX_CELL,
    MAX_COLUMNS,
    Chunk,
    Head,
    Source,
    too_large,
    too_wide,
)

#: Unpacked size of a sheet, which is streamed.
_MAX_SHEET = 2048 * MIB
#: Excel's own limit of rows.
_MAX_ROWS = 1_048_576
_BROKEN = "XLSX 文件已损坏或不完整（可能在传输中被截断）。"
_BROKEN_REMEDY = "请重新导出或重新传输；也可在 Excel 中打开后另存一次。"


class XlsxSource(Source):
    """One sheet of a workbook: the named one, or the first."""

    short_rows_are_whole = True

    def __init__(self, path: Path, sheet: str | None) -> None:
        self._file = path.open("rb")  # by name, openpyxl would insist on an ending
        try:
            self._open(sheet)
        except BaseException:
            self._file.close()
            raise

    def _open(self, sheet: str | None) -> None:
        try:
            _guard(self._file)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._book = openpyxl.load_workbook(self._file, read_only=True, data_only=True)
        except UnreadableFile:
            raise
        except DAMAGE as error:
            raise UnreadableFile(_BROKEN, _BROKEN_REMEDY) from error
        names = [worksheet.title for worksheet in self._book.worksheets]
        if sheet is not None and sheet not in names:
            raise UnreadableFile(f"工作簿里没有名为“{sheet}”的工作表。", f"现有工作表：{'、'.join(names)}。")
        if not names:
            raise UnreadableFile("工作簿里没有工作表。", "请核对文件。")
        self._name = sheet if sheet is not None else names[0]
        self.epoch = self._book.epoch.date() if self._book.epoch else date(1899, 12, 30)

    def described(self, head: Head) -> dict[str, str]:
        return {"format": "XLSX", "sheet": self._name}

    def close(self) -> None:
        self._book.close()
        self._file.close()

    def heads(self) -> list[Head]:
        rows: list[tuple[int, list[str]]] = []
        for number, row in enumerate(self._rows(), start=1):
            if any(row):
                rows.append((number, row))
            if len(rows) >= HEAD_ROWS or number >= 10 * HEAD_ROWS:
                break
        return [Head(self._name, rows)]

    def chunks(self, head: Head, skip: int) -> Iterator[Chunk]:
        first = head.rows[skip - 1][0] + 1 if skip else 1
        total = max(self._book[self._name].max_row or 0, 1)
        lines: list[int] = []
        rows: list[list[str]] = []
        size = 0
        for number, row in enumerate(self._rows(), start=1):
            if number > _MAX_ROWS:
                raise too_large(f"工作表超过 {_MAX_ROWS} 行")
            if number < first or not any(row):
                continue
            lines.append(number)
            rows.append(row)
            size += sum(map(len, row))
            if len(rows) == CHUNK_ROWS or size > CHUNK_SIZE:
                yield Chunk(lines, rows, min(number / total, 1.0))
                lines, rows, size = [], [], 0
        if rows:
            yield Chunk(lines, rows, 1.0)

    def _rows(self) -> Iterator[list[str]]:
        sheet = self._book[self._name]
        sheet.reset_dimensions()  # files often misstate them
        values: Iterator[Sequence[Any]] = iter(sheet.iter_rows(values_only=True))
        for number in count(1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    row = next(values, None)
                    if row is None:
                        return
                    width = len(row)
                    while width and row[width - 1] is None:  # cells with a format and nothing in them
                        width -= 1
                    if width > MAX_COLUMNS:
                        raise too_wide(number)
                    cells = [as_text(value) for value in row[:width]]
            except UnreadableFile:
                raise
            except DAMAGE as error:
                raise UnreadableFile(_BROKEN, _BROKEN_REMEDY) from error
            yield cells


def as_text(value: object) -> str:
    """A cell as text that parsing.py reads back exactly."""
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) > MAX_CELL:
            raise UnreadableFile(f"有单元格超过 {MAX_CELL} 个字符。", "请检查文件内容。")
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=None, microsecond=0)
        return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _guard(file: BinaryIO) -> None:
    """Refuse archives whose parts would unpack to too much, or that declare XML entities."""
    try:
        check_workbook(file, max_sheet=_MAX_SHEET)
    except TooManyParts as error:
        raise too_large(f"XLSX 内部文件超过 {MAX_PARTS} 个") from error
    except PartTooLarge as error:
        raise too_large(f"XLSX 中的 {error.part} 解压后超过 {error.limit // MIB} MB") from error
    except DeclaresEntities as error:
        raise UnreadableFile("XLSX 内含不允许的 XML 声明。", "请在 Excel 中打开后另存一次。") from error
    except UnsafeWorkbook as error:
        raise UnreadableFile(
            "这是 ZIP 压缩文件，不是 XLSX 工作簿。", "请解压后导入其中的 CSV 或 .xlsx 文件。"
        ) from error
