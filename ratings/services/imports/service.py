"""Checking, accepting and dropping import batches. One call, one transaction, one audit event."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import BinaryIO

from ratings.models import ImportBatch
from ratings.services.audit import Actor

#: Called with (rows read so far, share of the whole work done, 0 to 1).
Progress = Callable[[int, float], None]


def check_import(
    kind: str,
    file: BinaryIO,
    file_name: str,
    *,
    by: Actor,
    mapping: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None,
    sheet: str | None = None,
    within: Collection[int] | None = None,
    progress: Progress | None = None,
) -> ImportBatch:
    """A dry run: keep the file, parse it, check it against the database, write no fact.

    ``mapping`` is {their header: our column}; ``defaults`` {our column: value} fills columns
    that the file lacks and cells that are empty; ``sheet`` names a sheet of an XLSX file
    (the first otherwise); ``within`` are the district codes that the person works for (None =
    the whole city): rows of other districts are refused.

    Returns the batch, CHECKED, with counts and the first 1,000 problems. Raises UnknownKind,
    or UnreadableFile when the file as a whole cannot be taken (then no batch is made).
    """
    raise NotImplementedError


def accept_import(
    batch: ImportBatch,
    *,
    by: Actor,
    skip_refused: bool = False,
    recorded_at: datetime | None = None,
    within: Collection[int] | None = None,
    progress: Progress | None = None,
) -> ImportBatch:
    """Read the kept file again, check it again, and write it, in one transaction.

    Raises RowsRefused when rows are refused, unless ``skip_refused`` (the batch then says how
    many were left out); BatchNotOpen when it was accepted or dropped before; UnreadableFile
    when the kept file is gone or is no longer the one that was checked; DatabaseRefused.
    ``recorded_at`` (default: now) is when the facts become known.
    """
    raise NotImplementedError


def drop_import(batch: ImportBatch, *, by: Actor) -> ImportBatch:
    """Give up a checked batch. Raises BatchNotOpen when it was accepted or dropped before."""
    raise NotImplementedError


def problems_csv(batch: ImportBatch) -> Iterator[bytes]:
    """All problems of the batch as a CSV file for Excel, in pieces (for a streaming response).

    Columns: 行号, 列, 值, 问题, 处理办法. UTF-8 with BOM; no cell can act as a formula.
    """
    raise NotImplementedError


def template_csv(kind: str) -> bytes:
    """A file to fill in: the Chinese headers and one example line, which imports ignore."""
    raise NotImplementedError
