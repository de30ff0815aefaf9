"""What a file claims to be: its proof, its columns, and its rows as canonical lines.

Each kind of file is read by a module of its own into a :class:`Claim`. Files come from anyone: whoever
reads one holds no more of it in memory than one row or one line, each of a bounded size.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from applications.pharmacy_lookup.open_data.fields import restore, write_line
from applications.pharmacy_lookup.open_data.formats import DEMO_COLUMN

#: Columns that a row may have, and characters that a cell may have.
MAX_COLUMNS: Final = 256
MAX_CELL: Final = 131_072


class Unreadable(Exception):
    """A file that is none of ours, or broken beyond reading: why, and what to do."""

    def __init__(self, why: str | Promise, remedy: str | Promise) -> None:
        super().__init__(str(why))
        self.why, self.remedy = why, remedy


def broken() -> Unreadable:
    """The error for a file that ends too early or was damaged."""
    return Unreadable(_("文件已损坏或不完整。"), _("请重新下载或重新传输后再试。"))


@dataclass(frozen=True, slots=True)
class Proof:
    """The statement that a file bears, with signature and key as written in it."""

    statement: str
    signature: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that was recognised."""

    #: a key of FORMATS
    kind: str
    #: None where the file bears none, as a CSV
    proof: Proof | None
    #: as the file names them, without those that are ours but not signed
    columns: tuple[str, ...]
    #: Where each row stands in the file (line, row of the sheet, or item), and its canonical line, with
    #: values for the columns asked for. Every call reads the file again. Raises Unreadable.
    rows: Callable[[Sequence[str]], Iterator[tuple[int, bytes]]]
    #: all lines of a signed original as they are, to be verified as a whole; None for other files
    whole: Callable[[], Iterator[bytes]] | None = None


def signed_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The named columns without empty ones at the end and the mark of demo data."""
    kept = list(names)
    while kept and kept[-1] in ("", DEMO_COLUMN):
        kept.pop()
    return tuple(kept)


def canonical(
    rows: Iterator[tuple[int, Sequence[Any] | Mapping[str, Any]]],
    names: Sequence[str],
    wanted: Sequence[str],
    value_of: Callable[[str, Any], str | None] = restore,
) -> Iterator[tuple[int, bytes]]:
    """Rows of values under ``names`` as canonical lines of the ``wanted`` columns; empty ones left out.

    ``value_of`` reads a value of a column.
    """
    places = {name: at for at, name in enumerate(names)}
    width = len(wanted)
    direct = tuple(names) == tuple(wanted)
    for place, row in rows:
        if isinstance(row, Mapping):
            values = [row.get(name) for name in wanted]
        elif direct and len(row) >= width:
            values = list(row[:width])
        else:
            values = [
                row[at] if (at := places.get(name, -1)) >= 0 and at < len(row) else None for name in wanted
            ]
        if any(value not in (None, "") for value in values):
            yield place, write_line(map(value_of, wanted, values))
