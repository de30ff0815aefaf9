"""Files of text as claims: the signed original, JSON, and CSV as any spreadsheet program saves it."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

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
from applications.pharmacy_lookup.open_data.formats import ORIGINAL

#: Bytes of one line: the fingerprints of two million rows are one.
_MAX_LINE: Final = 32 << 20
#: Characters of one value of JSON, and of one line of CSV.
_MAX_VALUE: Final = 1 << 20
_BLOCK: Final = 1 << 18
#: In the first line of an original the statement stands as it is; elsewhere its quotes are escaped.
_STATEMENT: Final = re.compile(rb'(?<!\\)"merkle_root":"')
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_DELIMITERS: Final = (",", "\t", ";")


def is_original(start: bytes) -> bool:
    """Whether a file that begins like this is a signed original, however altered."""
    return bool(_STATEMENT.search(start))


def read_original(file: BinaryIO) -> Claim:
    """The signed original."""
    head = _lines(file)
    statement, keys = next(head, b""), next(head, b"")
    next(head, b"")
    columns = next(head, b"").decode(errors="replace").split("\t")
    try:
        signed = json.loads(keys)
        proof = Proof(statement.decode(), str(signed["signature"]), str(signed["public_key"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        proof = Proof(statement.decode(errors="replace"), "", "")

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        for place, line in enumerate(_lines(file), start=1):
            if place > 4:
                yield place, line

    return Claim(ORIGINAL, proof, tuple(columns), rows, lambda: _lines(file))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends, whichever system wrote these, and without a byte-order mark."""
    file.seek(0)
    before = codecs.BOM_UTF8
    while line := file.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise broken()
        yield line.removeprefix(before).rstrip(b"\r\n")
        before = b""


def read_json(file: BinaryIO) -> Claim:
    """The JSON file, however it was laid out anew."""
    told: dict[str, Any] = {}
    for name, value in _members(file):
        told[name] = value
        if {"statement", "signature", "public_key", "columns"} <= told.keys():
            break
    else:
        if "rows" not in told:
            raise _not_ours()
    columns = told.get("columns")
    if not isinstance(columns, list) or len(columns) > MAX_COLUMNS:
        raise _not_ours()
    parts = [told.get(name) for name in ("statement", "signature", "public_key")]
    proof = Proof(*(str(part) for part in parts)) if any(parts) else None
    names = tuple(map(str, columns))

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        for name, value in _members(file):
            if name == "rows":
                return canonical(enumerate(value, start=1), names, wanted)
        return iter(())

    return Claim("json", proof, signed_columns(names), rows)


def _members(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """The members of the file's object; "rows" as an iterator, read over when it is not used."""
    text = _Json(file)
    text.take("{")
    while True:
        name = text.value()
        text.take(":")
        if name == "rows":
            items = text.items()
            yield name, items
            for _item in items:
                pass
        else:
            yield str(name), text.value()
        if text.peek() == "}":
            return
        text.take(",")


class _Json:
    """JSON read piece by piece; one value at a time is held."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, char: str) -> None:
        """Read over a sign that must come next."""
        if self.peek() != char:
            raise broken()
        self._at += 1

    def value(self) -> Any:
        """The next value; numbers as they are written."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                end = len(self._text)
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            if end - self._at > _MAX_VALUE or not self._more():
                raise broken()

    def items(self) -> Iterator[Any]:
        """The items of the array that comes next."""
        self.take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            item = self.value()
            yield item if isinstance(item, list | dict) else [item]
            if self.peek() == "]":
                self._at += 1
                return
            self.take(",")

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        block = self._file.read(_BLOCK)
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            raise Unreadable(_("文件的编码不是 UTF-8。"), _("请重新下载 JSON 文件后再试。")) from None
        self._ended = not block
        self._text, self._at = self._text[self._at :] + text, 0
        return not self._ended


def read_csv(file: BinaryIO) -> Claim:
    """A table in text: UTF-8, UTF-16 or GB18030, with commas, tabs or semicolons."""
    encoding = _encoding(file)
    head = next(_text_lines(file, encoding), "")
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        header = next(csv.reader([head], delimiter=delimiter), [])
    except csv.Error:
        raise _not_ours() from None
    names = tuple(name.strip() for name in header)
    if not {"seq", "code"} <= set(names) or len(names) > MAX_COLUMNS:
        raise _not_ours()

    def rows(wanted: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        return canonical(_records(file, encoding, delimiter), names, wanted, restore_cell)

    return Claim("csv", None, signed_columns(names), rows)


def _records(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_text_lines(file, encoding), delimiter=delimiter)
    try:
        for place, row in enumerate(reader, start=1):
            if len(row) > MAX_COLUMNS:
                raise broken()
            if place > 1:
                yield place, row
    except csv.Error:
        raise Unreadable(
            _("有单元格过长，或引号没有配对。"), _("请重新下载，或在表格软件中另存为 CSV UTF-8 后再试。")
        ) from None


def _text_lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines of the text with their ends, each of a bounded length."""
    file.seek(0)
    csv.field_size_limit(MAX_CELL)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        while line := text.readline(_MAX_VALUE):
            if len(line) == _MAX_VALUE:
                raise broken()
            yield line
    except UnicodeError:
        raise broken() from None
    finally:
        text.detach()


def _encoding(file: BinaryIO) -> str:
    """The encoding that the whole file can be read in. Raises Unreadable where there is none."""
    file.seek(0)
    start = file.read(2)
    candidates = ("utf-16",) if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _ENCODINGS
    for encoding in candidates:
        decoder = codecs.getincrementaldecoder(encoding)()
        file.seek(0)
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeError:
            continue
        return encoding
    raise Unreadable(
        _("文件的编码无法识别，或文件已损坏。"), _("请重新下载，或在表格软件中另存为 CSV UTF-8 后再试。")
    )


def _not_ours() -> Unreadable:
    return Unreadable(
        _("这不是我们发布的名单：没有我们的列名，也没有发布声明。"),
        _("请选择从开放数据页下载的 XLSX、CSV、JSON 或签名原件。"),
    )
