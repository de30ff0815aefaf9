"""Lists of authorisations as people send them: CSV or XLSX with 定点编码, 起始日, 失效日."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final

from openpyxl import load_workbook

from applications.bank_loans.services import MAX_ROWS, BadRows, Row
from creditsys.documents import Upload
from creditsys.workbooks import DAMAGE, MIB, UnsafeWorkbook, check_workbook
from ratings.services.errors import Refused

HEADERS: Final = ("定点编码", "起始日", "失效日")
#: Headers of which one cannot know whether the day itself is still valid.
_UNCLEAR: Final = {"截止日", "截止日期", "到期日", "到期日期", "有效期至", "终止日"}
#: Of the whole file, bytes.
MAX_FILE: Final = 5 * MIB
_MAX_SHEET: Final = 64 * MIB
_CODE: Final = re.compile("P[1-9][0-9]{10}")
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


def read_rows(upload: Upload) -> list[Row]:
    """The rows of the file, in its order; 失效日 may be empty or missing.

    Raises Refused for what is no such list, BadRows with every cell that cannot be read.
    """
    upload.seek(0)
    content = upload.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise Refused(f"名单超过 {MAX_FILE // MIB} MB。请分成几个文件。")
    table = _workbook(content) if content.startswith(b"PK") else _csv(content)
    places: list[int] | None = None
    rows: list[Row] = []
    faults: list[tuple[int, str]] = []
    for line, cells in enumerate(table, 1):
        texts = [_text(cell) for cell in cells]
        if not any(texts):
            continue
        if places is None:
            places = _places(texts)
            continue
        try:
            rows.append(_row(line, [texts[place] if 0 <= place < len(texts) else "" for place in places]))
        except ValueError as error:
            faults.append((line, str(error)))
        if len(rows) + len(faults) > MAX_ROWS:
            raise Refused(f"名单超过 {MAX_ROWS:,} 行。请分成几个文件。")
    if faults:
        raise BadRows(faults)
    if not rows:
        raise Refused(f"名单里没有内容。第一行应为表头：{'、'.join(HEADERS)}。")
    return rows


def _places(texts: list[str]) -> list[int]:
    """Where each of HEADERS stands, -1 = nowhere."""
    if unclear := sorted(_UNCLEAR.intersection(texts)):
        raise Refused(f"表头“{unclear[0]}”看不出当日是否有效。请改为“失效日”，写不再有效的首日。")
    places = [texts.index(header) if header in texts else -1 for header in HEADERS]
    missing = [header for header, place in zip(HEADERS[:2], places, strict=False) if place < 0]
    if missing:
        raise Refused(f"表头缺少“{'”“'.join(missing)}”。第一行应为表头：{'、'.join(HEADERS)}。")
    return places


def _row(line: int, cells: list[str]) -> Row:
    code, start, until = cells
    code = code.upper()
    if not _CODE.fullmatch(code):
        raise ValueError(f"定点编码“{code[:20]}”应为 P 加十一位数字。")
    return Row(line, code, _day("起始日", start), _day("失效日", until) if until else None)


def _day(label: str, text: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{label}“{text[:20]}”应如 2026-01-31。") from None


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return "" if cell is None else str(cell).strip().lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")


def _csv(content: bytes) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Refused("名单不是 CSV（UTF-8 或 GB18030）或 XLSX 文件。")
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise Refused(f"名单不是完好的 CSV 文件：{error}。") from error


def _workbook(content: bytes) -> Iterable[tuple[Any, ...]]:
    try:
        check_workbook(io.BytesIO(content), max_sheet=_MAX_SHEET, max_shared_strings=_MAX_SHEET)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
        book.close()
    except (UnsafeWorkbook, *DAMAGE) as error:
        raise Refused("名单不是完好的 XLSX 文件。请重新另存为 XLSX 或 CSV。") from error
