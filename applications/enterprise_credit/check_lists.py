"""Lists of enterprises to be checked: pasted text, CSV or XLSX, or the codes of a call, as lines to look up.

Codes are cleaned of blanks, small letters and full width. A code that cannot be one refuses nothing: its line is
told so in the result.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final
from unicodedata import normalize

from ratings.services.errors import Refused
from ratings.services.imports import Column, ImportStopped, Kind
from ratings.services.imports.columns import plain, text
from ratings.services.imports.errors import BadValue
from ratings.services.imports.files import opened, received
from ratings.services.imports.headers import find_layout, simplified
from ratings.services.imports.parsing import clean, compact, parse_uscc
from ratings.services.imports.sources import Source

#: Enterprises that one list may hold.
MAX_LINES: Final = 10_000
#: Bytes that a file may have.
MAX_FILE: Final = 10 * 1024**2
#: Characters that pasted text may have.
MAX_TEXT: Final = 1_000_000
#: Of a code or name that is kept as given.
_LONGEST_CODE, _LONGEST_NAME = 40, 200

_USCC: Final = Column(
    "uscc", "统一社会信用代码", plain(parse_uscc), "text",
    aliases=("社会信用代码", "统一信用代码", "信用代码", "统一代码", "企业代码", "代码", "纳税人识别号", "税号", "code"),
)  # fmt: skip
_NAME: Final = Column(
    "name", "企业名称", text(_LONGEST_NAME), "text",
    aliases=(
        "名称", "单位名称", "单位", "企业", "公司名称", "公司", "申报单位", "申报企业", "申请单位", "主体名称", "enterprise",
    ),
)  # fmt: skip
_LIST: Final = Kind("enterprises_to_check", "企业名单", "", (_USCC, _NAME), key=())
_HEADERS: Final = {
    simplified(name) for column in _LIST.columns for name in (column.name, column.label, *column.aliases)
}
_APART: Final = re.compile(r"[\t,，;；|]+")
#: What somebody meant for a code, whole or within a text.
_CODE_LIKE: Final = re.compile(r"[0-9A-Za-z]{15,20}")
_NAME_LIKE: Final = re.compile("[\u4e00-\u9fff]{4}")
_CODE_WITHIN: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{18}(?![0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. ``row`` counts from 1; ``uscc`` is cleaned, ``problem`` says why it cannot be a code."""

    row: int
    uscc: str
    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list, with the SHA-256 of what was given."""

    entries: tuple[Entry, ...]
    sha256: str
    file_name: str = ""


def read_file(file: BinaryIO, name: str, size: int) -> Listed:
    """A CSV or XLSX file, its columns found by their headers; without any, by what its cells look like.

    Raises Refused for one that cannot be read, is too large, or holds no or too many enterprises.
    """
    with taken(file, size) as (source, digest):
        entries = _entries(_cells(source))
    return Listed(entries, digest, name[-255:])


def read_text(given: str) -> Listed:
    """Pasted lines: a code, a name, or both. Raises Refused where they are none or too many."""
    if len(given) > MAX_TEXT:
        raise Refused(f"粘贴的内容超过 {MAX_TEXT:,} 字；请改为上传文件。")
    return Listed(_entries(_pasted(given)), sha256(given.encode("utf-8", "replace")).hexdigest())


def read_codes(codes: Sequence[str], content: bytes) -> Listed:
    """The codes of a call; ``content`` is all that it brought, for the digest. Raises Refused."""
    return Listed(_entries((code, "") for code in codes), sha256(content).hexdigest())


@contextmanager
def taken(file: BinaryIO, size: int) -> Iterator[tuple[Source, str]]:
    """A file that came in, as rows, and its SHA-256; nothing of it is kept. Raises Refused."""
    if size > MAX_FILE:
        raise Refused(f"文件超过 {MAX_FILE // 1024**2} MB；请只留用得到的列和行，或分成几个文件。")
    with received(file) as got, opened(got.path, None) as source:
        yield source, got.sha256


def _cells(source: Source) -> Iterator[tuple[str, str]]:
    """Code and name of each row that has either."""
    heads = source.heads()
    if not any(_is_header(row) for head in heads for _, row in head.rows):
        if not any(map(_is_enterprise, (row for head in heads for _, row in head.rows))):
            raise Refused("文件里找不到企业：请在首行写表头“统一社会信用代码”或“企业名称”，并核对各列。")
        for chunk in source.chunks(heads[0], 0):
            yield from (guessed for row in chunk.rows if (guessed := _guessed(row)))
        return
    try:
        layout = find_layout(_LIST, source, {}, {})
    except ImportStopped as stopped:  # two columns alike
        raise Refused(f"{stopped.message}请只留要用的一列。") from stopped
    places = {bound.column.name: bound.index for bound in layout.bound}
    for chunk in source.chunks(layout.head, layout.skip):
        for row in chunk.rows:
            code, name = (_cell(row, places.get(column.name)) for column in _LIST.columns)
            if code or name:
                yield code, name


def _cell(row: list[str], place: int | None) -> str:
    return clean(row[place]) if place is not None and place < len(row) else ""


def _is_header(row: Sequence[str]) -> bool:
    return any(simplified(cell) in _HEADERS for cell in row)


def _is_enterprise(row: Sequence[str]) -> bool:
    """Whether a cell looks like a code, or like a name: some Chinese characters."""
    return any(_CODE_LIKE.fullmatch(compact(cell)) or _NAME_LIKE.search(cell) for cell in row)


def _pasted(given: str) -> Iterator[tuple[str, str]]:
    for line in given.splitlines():
        cells = _APART.split(line)
        if not _is_header(cells) and (guessed := _guessed(cells)):
            yield guessed


def _guessed(cells: Iterable[str]) -> tuple[str, str] | None:
    """Code and name by what cells look like; None of an empty line."""
    code = name = ""
    rest = [cleaned for cell in cells if (cleaned := clean(cell))]
    if not rest:
        return None
    for cell in rest:
        written = normalize("NFKC", cell)
        if not code and _CODE_LIKE.fullmatch(compact(cell)):
            code = cell
        elif not code and (found := _CODE_WITHIN.search(written)):
            code = found[0]
            name = name or clean(written.replace(code, " "))
        elif not name and any(character.isalpha() for character in cell):
            name = cell
    return (code, name) if code or name else (rest[0], "")


def _entries(pairs: Iterable[tuple[str, str]]) -> tuple[Entry, ...]:
    found: list[Entry] = []
    for row, (code, name) in enumerate(pairs, 1):
        if row > MAX_LINES:
            raise Refused(f"名单超过 {MAX_LINES:,} 家；请分成几份分别核查。")
        found.append(_entry(row, code, name))
    if not found:
        raise Refused("名单里没有企业：每行写一个统一社会信用代码或企业名称。")
    return tuple(found)


def _entry(row: int, code: str, name: str) -> Entry:
    name = clean(name)[:_LONGEST_NAME]
    written = compact(clean(code)).upper()
    if not written:
        return Entry(row, "", name)
    try:
        return Entry(row, parse_uscc(written), name)
    except BadValue as bad:
        return Entry(row, written[:_LONGEST_CODE], name, f"{bad}{bad.remedy}"[:300])
