"""Files as rows of text with line numbers: what CSV and XLSX readers have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ratings.services.imports.errors import UnreadableFile

#: Rows are read and checked so many at a time; memory does not grow with the file.
CHUNK_ROWS = 5_000
#: No more rows join a chunk once it has so many bytes (CSV) or characters (XLSX).
CHUNK_SIZE = 4 * 1024**2
#: Columns that a file may have.
MAX_COLUMNS = 256
#: Among so many rows at the top the header is sought.
HEAD_ROWS = 10
#: Characters that one cell may have.
MAX_CELL = 131_072
#: Bytes that a file may have.
MAX_FILE = 2 * 1024**3

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN = {
    b"%PDF": "PDF 文件",
    b"\x1f\x8b": "gzip 压缩文件",
    b"Rar!": "RAR 压缩文件",
    b"7z\xbc\xaf": "7z 压缩文件",
    b"{\\rtf": "RTF 文档",
}


@dataclass(frozen=True, slots=True)
class Head:
    """The first rows of the file, read in one way (``way``: a delimiter, or a sheet)."""

    way: str
    rows: list[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows, the line in the file of each, and the share of the file read so far (0 to 1)."""

    lines: Sequence[int]
    rows: list[list[str]]
    share: float


class Source(ABC):
    """A file that can be read as rows of text, several times."""

    #: day 0 of date serials; None where numbers are no dates
    epoch: date | None = None
    #: rows may end early because empty cells at their end are not stored
    short_rows_are_whole = False
    #: after the last chunk: the file ends within a line
    ends_within_line = False

    @abstractmethod
    def heads(self) -> list[Head]:
        """The top of the file in every way that it may be meant."""

    @abstractmethod
    def chunks(self, head: Head, skip: int) -> Iterator[Chunk]:
        """All rows after the first ``skip``, read as ``head`` was."""

    @abstractmethod
    def described(self, head: Head) -> dict[str, str]:
        """How the file was read, for people: format, encoding, delimiter, sheet."""

    def close(self) -> None:  # noqa: B027 (most hold nothing open)
        """Let go of the file."""


def too_large(limit: str) -> UnreadableFile:
    """The error for a file beyond a limit."""
    return UnreadableFile(f"文件过大：{limit}。", "请拆成几个文件分别导入。")


def too_wide(line: int) -> UnreadableFile:
    """The error for a row beyond the limit of columns."""
    return UnreadableFile(
        f"第 {line} 行超过 {MAX_COLUMNS} 列。",
        f"请删去用不到的列，只留 {MAX_COLUMNS} 列以内；CSV 文件请核对该行的分隔符。",
    )


def refuse_foreign(path: Path, start: bytes) -> None:
    """Raise UnreadableFile when the first bytes are those of neither text nor XLSX."""
    if start.startswith(_OLD_OFFICE):
        raise UnreadableFile(
            "这是旧版 Excel（.xls）文件或加了密码的工作簿。",
            "请在 Excel 中打开（去掉密码），另存为 .xlsx 或 CSV UTF-8 后再导入。",
        )
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise UnreadableFile(f"这是{name}，不是表格。", "请导出为 CSV 或 .xlsx 后再导入。")
    if start.lstrip()[:9].lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml")):
        raise UnreadableFile(
            "这是网页或 XML 文件，不是表格。", "请在 Excel 中打开，另存为 .xlsx 或 CSV UTF-8 后再导入。"
        )
