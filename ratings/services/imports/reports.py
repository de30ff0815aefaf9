"""What is wrong with a batch, for the screen and for download; and templates to fill in."""

import csv
import io
import os
import re
from collections.abc import Iterator
from typing import Any, Protocol

from django.db import connection

from ratings.services.imports.columns import Kind
from ratings.services.imports.files import FOLDER, problems_path
from ratings.services.imports.headers import EXAMPLE_MARK
from ratings.services.imports.kinds import kind_named
from ratings.services.imports.staging import PROBLEMS, copying

#: So many problems are kept in the batch itself.
KEPT_IN_BATCH = 1_000
_BOM = b"\xef\xbb\xbf"
_HEADERS = ("行号", "列", "值", "问题", "处理办法")
_ORDER = 'ORDER BY line, place, "column", message'
#: What a spreadsheet may take for a formula, also after blanks and in full width.
_FORMULA = r"^[\s']*[=+\-@＝＋－＠\t\r]"


class WithProblems(Protocol):
    """A batch, of whichever table."""

    @property
    def pk(self) -> Any: ...
    @property
    def problems(self) -> list[dict[str, Any]]: ...


def first_problems() -> list[dict[str, Any]]:
    """The first problems of the import under way, as the batch keeps them."""
    names = ("line", "column", "value", "message", "remedy")
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT line, "column", value, message, remedy FROM {PROBLEMS} {_ORDER} LIMIT {KEPT_IN_BATCH}'
        )
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def keep_all_problems(batch_id: int, kept: int, folder: str = FOLDER) -> None:
    """Write every problem of the import under way to a file, streamed from the database, when the
    batch itself does not keep them all (but ``kept``)."""
    path = problems_path(batch_id, folder)
    if kept < KEPT_IN_BATCH:
        path.unlink(missing_ok=True)
        return
    harmless = ", ".join(
        f"CASE WHEN {name} ~ '{_FORMULA.replace(chr(39), chr(39) * 2)}' THEN '''' || {name} ELSE {name} END"
        for name in ('"column"', "value", "message", "remedy")
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(_header())
        with copying(
            f"COPY (SELECT line, {harmless} FROM {PROBLEMS} {_ORDER}) TO STDOUT (FORMAT csv)"
        ) as copy:
            for block in copy:
                file.write(bytes(block).replace(b"\n", b"\r\n"))


def problems_csv(batch: WithProblems, folder: str = FOLDER) -> Iterator[bytes]:
    """All problems of the batch as a CSV file for Excel, in pieces (for a streaming response).

    Columns: 行号, 列, 值, 问题, 处理办法. UTF-8 with BOM; no cell can act as a formula.
    """
    path = problems_path(batch.pk, folder)
    if path.is_file():
        with path.open("rb") as file:
            while block := file.read(1 << 18):
                yield block
        return
    yield _header()
    for problem in batch.problems:
        fields = (problem[name] for name in ("column", "value", "message", "remedy"))
        yield _line([problem["line"], *map(harmless, fields)])


def harmless(text: str) -> str:
    """The text, unable to act as a formula in a spreadsheet."""
    return f"'{text}" if re.match(_FORMULA, text) else text


def template_csv(kind: str | Kind) -> bytes:
    """A file to fill in: the Chinese headers and one example line, which imports ignore."""
    columns = (kind if isinstance(kind, Kind) else kind_named(kind)).columns
    examples = [column.example for column in columns]
    examples[0] = f"{EXAMPLE_MARK} {examples[0]}"
    return _BOM + _line([column.label for column in columns]) + _line(examples)


def _header() -> bytes:
    return _BOM + _line(list(_HEADERS))


def _line(cells: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
