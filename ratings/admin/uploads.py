"""Files on their way in: kept between the upload and the dry run, what their headers say, and how they were read."""

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import content_disposition_header

from ratings.services.imports import Kind, UnreadableFile
from ratings.services.imports.files import opened
from ratings.services.imports.headers import find_layout, simplified
from ratings.services.imports.parsing import clean

#: Larger files go through ``manage.py import_facts``.
MAX_UPLOAD = 200 * 1024 * 1024
_KEPT_SECONDS = 24 * 3600
_SESSION = "import_uploads"
_SAMPLE_ROWS = 3
#: what a header adds in parentheses at its end, such as a unit
_NOTE = re.compile(r"[（(［\[【][^（(]*[)）］\]】]\s*$")


_READ_AS = {
    "format": "格式",
    "encoding": "编码",
    "delimiter": "分隔符",
    "sheet": "工作表",
    "header_line": "表头行号",
    "rows": "数据行数",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits for its columns to be named; it belongs to the session that sent it."""

    token: str
    kind: str
    name: str
    sheet: str

    @property
    def path(self) -> Path:
        return _folder() / self.token


@dataclass(frozen=True, slots=True)
class Header:
    """One column of the file: its header, sample cells, and the name of our column it seems to be."""

    text: str
    sample: str
    guess: str


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "uploads"


def keep_upload(request: HttpRequest, kind: str, name: str, sheet: str, chunks: Iterable[bytes]) -> Upload:
    """Put the file aside; what was put aside a day ago goes."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - _KEPT_SECONDS:
            old.unlink(missing_ok=True)
    upload = Upload(secrets.token_hex(16), kind, name[:255], sheet[:100])
    with upload.path.open("xb") as file:
        upload.path.chmod(0o600)
        for chunk in chunks:
            file.write(chunk)
    waiting = request.session.get(_SESSION, {})
    waiting[upload.token] = [upload.kind, upload.name, upload.sheet]
    request.session[_SESSION] = waiting
    return upload


def waiting_upload(request: HttpRequest, token: str) -> Upload | None:
    """The upload of this session, None when it is not there (any more)."""
    known = request.session.get(_SESSION, {}).get(token)
    if known is None:
        return None
    upload = Upload(token, *known)
    return upload if upload.path.exists() else None


def forget_upload(request: HttpRequest, upload: Upload) -> None:
    """Remove the file and the note of it."""
    upload.path.unlink(missing_ok=True)
    waiting = request.session.get(_SESSION, {})
    waiting.pop(upload.token, None)
    request.session[_SESSION] = waiting


def headers_of(kind: Kind, upload: Upload) -> list[Header]:
    """The columns of the file. Raises UnreadableFile when it is no table."""
    with opened(upload.path, upload.sheet or None) as source:
        rows = [(line, row) for head in source.heads() for line, row in head.rows]
        try:
            layout = find_layout(kind, source, {}, {})
        except UnreadableFile:
            line, header = max(rows, key=lambda item: _filled(item[1]), default=(0, []))
            guesses = _guesses(kind, header)
        else:
            line, header = layout.header_line, layout.headers
            bound = {each.index: each.column.name for each in layout.bound}
            guesses = [bound.get(place, "") for place in range(len(header))]
    if not any(cell.strip() for cell in header):
        raise UnreadableFile("文件里没有表头。", "请核对文件，表头须在前 10 行之内。")
    below = [row for number, row in rows if number > line][:_SAMPLE_ROWS]
    return [
        Header(
            clean(text), "；".join(row[place][:30] for row in below if "".join(row[place : place + 1])), guess
        )
        for place, (text, guess) in enumerate(zip(header, guesses, strict=True))
        if text.strip()
    ]


def columns_context(request: HttpRequest, kind: Kind, headers: list[Header]) -> dict[str, Any]:
    """For ``ratings/admin/columns.html``: which column each header is, as posted or as it seems to be, and which lack."""
    chosen = {one.text: request.POST.get(f"column{place}", one.guess) for place, one in enumerate(headers)}
    found = set(chosen.values())
    return {
        "headers": [
            {"place": place, "header": one, "chosen": chosen[one.text]} for place, one in enumerate(headers)
        ],
        "incomplete": any(column.required and column.name not in found for column in kind.columns),
        "columns": [
            {
                "column": column,
                "default": request.POST.get(f"default_{column.name}", ""),
                "found": column.name in found,
            }
            for column in kind.columns
        ],
    }


def posted_mapping(
    request: HttpRequest, kind: Kind, headers: list[Header]
) -> tuple[dict[str, str], dict[str, str]]:
    """What was posted from there: {their header: our column}, {our column: value for all rows}."""
    names = {column.name for column in kind.columns}
    mapping = {
        header.text: column
        for place, header in enumerate(headers)
        if (column := request.POST.get(f"column{place}", "")) in names
    }
    defaults = {name: text for name in names if (text := request.POST.get(f"default_{name}", "").strip())}
    return mapping, defaults


def bound_columns(columns: Mapping[str, str], read_as: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a batch that was read: their headers and our labels, in the order of the kind's columns."""
    theirs = read_as.get("columns") or {}
    return [(theirs[name], label) for name, label in columns.items() if name in theirs]


def told_read_as(read_as: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """How the file of a batch was read, for people."""
    return [(label, read_as[name]) for name, label in _READ_AS.items() if read_as.get(name)]


def download(answer: Any, name: str) -> Any:
    """The answer as a file of this name."""
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


def _guesses(kind: Kind, header: list[str]) -> list[str]:
    names = {
        simplified(name): column.name
        for column in kind.columns
        for name in (column.name, column.label, *column.aliases)
    }
    return [names.get(simplified(cell)) or names.get(simplified(_NOTE.sub("", cell)), "") for cell in header]


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell.strip())
