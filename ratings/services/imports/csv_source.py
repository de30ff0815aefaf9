"""CSV files: encoding and delimiter found out, rows streamed, damage noticed."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

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
    too_wide,
)

if TYPE_CHECKING:
    from _csv import Reader

_BLOCK = 1 << 20
#: Characters that one line may have.
_MAX_LINE = _BLOCK
#: Rows between two looks at how much has been read, and bytes that so few rows may have.
_STEP = 8
_MAX_STEP = 32 * _BLOCK
_DELIMITERS = {"逗号": ",", "制表符": "\t", "分号": ";"}
_BREAK = re.compile(r"\r\n|\r|\n")
_CJK = re.compile("[\u4e00-\u9fff]")
_LABELS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8（有 BOM）",
    "utf-16": "UTF-16",
    "gb18030": "GB18030",
}


class CsvSource(Source):
    """A text file with one record a line. Raises UnreadableFile when its encoding is broken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._encoding = detect_encoding(path)
        self._bytes_read = 0
        self._step_began = 0

    def described(self, head: Head) -> dict[str, str]:
        return {"format": "CSV", "encoding": _LABELS[self._encoding], "delimiter": head.way}

    def heads(self) -> list[Head]:
        """The top of the file under each delimiter that fits it."""
        found = []
        error = ""
        for way, delimiter in _DELIMITERS.items():
            reader = self._reader(delimiter)
            rows: list[tuple[int, list[str]]] = []
            try:
                for row in islice(reader, HEAD_ROWS):
                    rows.append((reader.line_num, row[:MAX_COLUMNS]))  # noqa: PERF401 (keeps rows read before damage)
            except csv.Error as stumble:
                error = str(stumble)
            found.append(Head(way, rows))
        if error and not any(head.rows for head in found):
            raise self._damage(",", error)
        return found

    def chunks(self, head: Head, skip: int) -> Iterator[Chunk]:
        delimiter = _DELIMITERS[head.way]
        reader = self._reader(delimiter)
        try:
            _line_numbers(list(islice(reader, skip)), 0, reader.line_num)
            while True:
                before = reader.line_num
                rows = self._some_rows(reader)
                if not rows:
                    return
                lines = _line_numbers(rows, before, reader.line_num)
                yield Chunk(lines, rows, self._bytes_read / max(self._size, 1))
        except csv.Error as error:
            raise self._damage(delimiter, str(error)) from None

    def _some_rows(self, reader: "Reader") -> list[list[str]]:
        """The next rows: CHUNK_ROWS, or fewer when they are long."""
        began = self._step_began = self._bytes_read
        rows: list[list[str]] = []
        while len(rows) < CHUNK_ROWS and self._bytes_read - began <= CHUNK_SIZE:
            some = list(islice(reader, min(_STEP, CHUNK_ROWS)))
            if not some:
                break
            rows += some
            self._step_began = self._bytes_read
        return rows

    def _damage(self, delimiter: str, error: str) -> UnreadableFile:
        """What csv stumbled over, with the line where the record began."""
        reader = self._reader(delimiter)
        line = 1
        try:
            for _ in reader:
                line = reader.line_num + 1
        except csv.Error:
            pass
        if "larger than" in error:
            return UnreadableFile(
                f"第 {line} 行起有单元格超过 {MAX_CELL} 个字符，或引号没有配对。",
                "请检查该行的引号是否成对；内容中的引号须写成两个。",
            )
        if "unexpected end" in error:
            return UnreadableFile(
                f"第 {line} 行的引号到文件末尾也没有配对：文件可能在中间被截断。",
                "请重新导出完整的文件；若文件完整，请检查该行的引号。",
            )
        return UnreadableFile(
            f"第 {line} 行的引号用法有误。", "单元格内容中的引号须写成两个，并用引号把整个单元格括起来。"
        )

    def _reader(self, delimiter: str) -> "Reader":
        return csv.reader(chain.from_iterable(self._texts()), delimiter=delimiter, strict=True)

    def _texts(self) -> Iterator[io.StringIO]:
        """The file in pieces of whole lines."""
        decoder = codecs.getincrementaldecoder(self._encoding)()
        self._bytes_read = self._step_began = 0
        lines_before = 0
        rest = ""
        last = "\n"
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                self._bytes_read += len(block)
                if self._bytes_read - self._step_began > _MAX_STEP:
                    raise UnreadableFile(
                        f"第 {lines_before + 1} 行附近有一条记录跨越多行、超过 {_MAX_STEP // _STEP // _BLOCK} MB。",
                        "请检查文件是否为 CSV、引号是否成对。",
                    )
                text = rest + decoder.decode(block)
                if "\0" in text:
                    line = lines_before + text.count("\n", 0, text.index("\0")) + 1
                    raise UnreadableFile(
                        f"第 {line} 行含有 NUL 字节：不是完好的文本文件。",
                        "请重新导出为 CSV UTF-8 或 .xlsx。",
                    )
                # a "\r" at the very end may be half of "\r\n"
                cut = text.rfind("\n") + 1 or text.rfind("\r", 0, len(text) - 1) + 1
                whole, rest = text[:cut], text[cut:]
                if len(rest) > _MAX_LINE:
                    raise UnreadableFile(
                        f"第 {lines_before + whole.count(chr(10)) + 1} 行超过 {_MAX_LINE} 个字符。",
                        "请检查文件是否为 CSV，一行一条记录。",
                    )
                lines_before += whole.count("\n")
                last = (rest or whole or last)[-1]
                if whole:
                    yield io.StringIO(whole, newline="")
        self.ends_within_line = last not in "\r\n"
        if rest:
            yield io.StringIO(rest, newline="")


def _line_numbers(rows: list[list[str]], before: int, after: int) -> range | list[int]:
    """The line where each record begins, given the lines read before and after the chunk.

    Raises UnreadableFile when one has too many columns.
    """
    lines: range | list[int]
    if after - before == len(rows):
        lines = range(before + 1, after + 1)
    else:
        lines = []
        line = before + 1
        for row in rows:
            lines.append(line)
            line += 1 + sum(len(_BREAK.findall(cell)) for cell in row)
    if max(map(len, rows), default=0) > MAX_COLUMNS:
        raise too_wide(next(line for line, row in zip(lines, rows, strict=True) if len(row) > MAX_COLUMNS))
    return lines


def detect_encoding(path: Path) -> str:
    """utf-8, utf-8-sig, utf-16 or gb18030; the whole file is decoded once to be sure.

    Raises UnreadableFile, with the line, when it is none of them from first to last byte.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UnreadableFile("文件编码为 UTF-32。", "请另存为 CSV UTF-8。")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif start.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    else:
        candidates = ["utf-8", "gb18030"]
    place = _first_damage(path, candidates[0])
    if place is None:
        return candidates[0]
    if len(candidates) == 2 and not _speaks_chinese(path, place):
        if (worse := _first_damage(path, "gb18030")) is None:
            return "gb18030"
        raise UnreadableFile(
            f"文件编码无法识别：既不是 UTF-8（第 {_line_at(path, place)} 行），"
            f"也不是 GB18030（第 {_line_at(path, worse)} 行）。",
            "请在表格软件中另存为 CSV UTF-8。",
        )
    name = _LABELS[candidates[0]]
    size = path.stat().st_size
    if size - place < 4:
        raise UnreadableFile(
            f"文件在第 {_line_at(path, place)} 行的一个字中间断开（{name}）：文件可能被截断。",
            "请重新导出或重新传输完整的文件。",
        )
    raise UnreadableFile(
        f"第 {_line_at(path, place)} 行有不是 {name} 的字节：文件已损坏，或混用了编码。",
        "请重新导出；或在表格软件中另存为 CSV UTF-8。",
    )


def _first_damage(path: Path, encoding: str) -> int | None:
    """Offset of the first byte that does not decode, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                kept_over = len(error.object) - len(block)
                return offset - kept_over + error.start
            if not block:
                return None
            offset += len(block)


def _speaks_chinese(path: Path, place: int) -> bool:
    """The bytes before ``place`` hold Chinese in UTF-8, so the file is meant to be UTF-8.

    Two whole characters in the Chinese block do not arise by chance from GB18030.
    """
    with path.open("rb") as file:
        file.seek(max(0, place - _BLOCK))
        before = file.read(place - max(0, place - _BLOCK)).decode("utf-8", "ignore")
    return len(_CJK.findall(before)) >= 2


def _line_at(path: Path, place: int) -> int:
    line = 1
    with path.open("rb") as file:
        while place > 0 and (block := file.read(min(_BLOCK, place))):
            line += block.count(b"\n")
            place -= len(block)
    return line
