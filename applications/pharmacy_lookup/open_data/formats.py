"""The kinds of files in which a publication is handed out; one table, one function each to write them.

All are made of the signed original and hold its values unchanged, so that each can be turned back into
canonical lines and verified (``reading``).
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import orjson
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from applications.pharmacy_lookup.open_data.about import described_fields, licence
from applications.pharmacy_lookup.open_data.fields import cell, read_line, typed
from applications.pharmacy_lookup.open_data.original import Original

#: A last column of tables without a place for a description; it is not part of what was signed.
DEMO_COLUMN: Final = "demo"
_DEMO_MARK: Final = "演示数据"
BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
#: The proof in a workbook: what each is called there.
PROOF: Final = {"statement": "声明", "signature": "签名（Ed25519）", "public_key": "公钥"}
ROWS_SHEET, NOTES_SHEET = "名单", "说明"
#: What XML cannot hold, and what would be read back as such an escape (ECMA-376, ST_Xstring).
_NO_XML: Final = re.compile("[\0-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_WIDTHS: Final = {"code": 15, "name": 30, "scheme": 22, "reason": 40, "valid_from": 12, "valid_until": 12}

About = Mapping[str, Any]
_TITLES: Final = {
    "title": "标题",
    "note": "注意",
    "city": "城市",
    "district": "区县代码",
    "period": "评价周期",
    "event": "种类",
    "publication": "发布号",
    "published_at": "发布时间",
    "rows": "行数",
    "statement_sha256": "声明指纹（SHA-256）",
    "verify": "核验",
    "source": "出处",
}


def write_json(original: Original, about: About, out: BinaryIO) -> None:
    """Description, proof, and the rows as arrays of numbers, text and null, one a line."""
    head = {
        "about": about,
        "licence": licence(),
        "fields": described_fields(),
        "statement": original.statement,
        "signature": original.signature,
        "public_key": original.public_key,
        "columns": original.columns,
    }
    out.write(orjson.dumps(head)[:-1] + b',"rows":[')
    before = b"\n"
    for line in original.lines():
        out.write(before + orjson.dumps(typed(original.columns, read_line(line))))
        before = b",\n"
    out.write(b"\n]}\n")


def write_csv(original: Original, about: About, out: BinaryIO) -> None:
    """A table for spreadsheet programs: UTF-8 with a byte-order mark, commas, formulas made harmless."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    text.write(BOM)
    writer = csv.writer(text)
    mark: list[str | int | None] = [_DEMO_MARK] if about["demo"] else []
    writer.writerow([*original.columns, *([DEMO_COLUMN] if mark else [])])
    for line in original.lines():
        writer.writerow([*map(cell, read_line(line)), *mark])
    text.detach()


def write_xlsx(original: Original, about: About, out: BinaryIO) -> None:
    """A workbook: a sheet of rows, and one with description, proof, licence and fields."""
    book = Workbook(write_only=True)
    rows = book.create_sheet(ROWS_SHEET + ("（演示数据）" if about["demo"] else ""))
    rows.freeze_panes = "A2"
    for number, name in enumerate(original.columns, start=1):
        rows.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(name, 11)
    titles = {field["field"]: field["title"] for field in described_fields()}
    head = [WriteOnlyCell(rows, f"{titles.get(name, '')} {name}".strip()) for name in original.columns]
    for one in head:
        one.font = Font(bold=True)
    rows.append(head)
    for line in original.lines():
        values = typed(original.columns, read_line(line))
        rows.append([_printable(cell(value)) for value in values])
    notes = book.create_sheet(NOTES_SHEET)
    for letter, width in (("A", 24), ("B", 60), ("C", 14), ("D", 70), ("E", 14), ("F", 20)):
        notes.column_dimensions[letter].width = width
    for name, title in _TITLES.items():
        if about.get(name) not in (None, ""):
            notes.append([title, _printable(cell(about[name]))])
    notes.append(["许可", licence()])
    for name, title in PROOF.items():
        notes.append([f"{title} {name}", getattr(original, name)])
    notes.append([])
    notes.append(["字段", "标题", "类型", "含义", "单位", "示例"])
    for field in described_fields():
        shown = (field[key] for key in ("field", "title", "type", "meaning", "unit", "example"))
        notes.append([cell(text) for text in shown])
    book.save(out)


def write_fields(out: BinaryIO) -> None:
    """The field descriptions as a table, for those who take the CSV."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    text.write(BOM)
    writer = csv.DictWriter(text, list(described_fields()[0]))
    writer.writeheader()
    writer.writerows(
        {name: str(cell(value)) for name, value in field.items()} for field in described_fields()
    )
    text.detach()


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    title: str | Promise
    content_type: str
    #: None for the original itself, which the others are made of
    write: Callable[[Original, About, BinaryIO], None] | None


#: The ending of the signed original.
ORIGINAL: Final = "txt"
#: By the ending of the file's name, in the order in which they are offered.
FORMATS: Final = {
    "xlsx": Format(
        _("Excel 表格（XLSX）"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        write_xlsx,
    ),
    "csv": Format(_("CSV 表格"), "text/csv; charset=utf-8", write_csv),
    "json": Format(_("JSON"), "application/json", write_json),
    ORIGINAL: Format(_("签名原件"), "text/plain; charset=utf-8", None),
}


def _printable(value: str | int | None) -> str | int | None:
    """A cell that XML can hold: other characters are written as the format's own escapes."""
    return _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", value) if isinstance(value, str) else value
