"""The rows of a publication as they were signed: out of the ledger, into files, and verified.

The format, and the check that third parties run on it, is that of ``ratings/verifier.py``. Whatever
form rows come in, they are verified as one stream of that format.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, cast

from ratings import verifier
from ratings.bulk import read_lines
from ratings.models import Publication, PublishedGrade
from ratings.published.keys import trusted_keys
from ratings.verifier import Fault, verify_file, write_file
from ratings.verifier import Verdict as FileVerdict

__all__ = [
    "COLUMNS",
    "VERIFIER",
    "Fault",
    "FileVerdict",
    "canonical_lines",
    "fingerprints",
    "ledger_lines",
    "publication_lines",
    "verify_lines",
    "write_publication",
]

#: The columns of a canonical row, in their order. Left out: the publication, which follows from
#: seq, and our own id of the pharmacy, which follows from the code.
COLUMNS: Final = (
    "seq", "code", "name", "district", "event", "period", "scheme", "run", "grade", "grade_label",
    "position", "score", "rank_district", "rank_city", "valid_from", "valid_until", "reason",
)  # fmt: skip
#: Each of them as SQL: what COPY writes of it is what is hashed, signed and handed out. Dates do not
#: depend on the session's style.
_CANONICAL: Final = {
    name: f"to_char({name}, 'YYYY-MM-DD')" if name.startswith("valid_") else name for name in COLUMNS
}
#: The program with which anyone verifies published files; one file, to be handed out as it is.
VERIFIER: Final = Path(verifier.__file__)


def canonical_lines(columns: Iterable[str], rows: str, params: Mapping[str, int]) -> Iterator[bytes]:
    """Rows of ``rows`` (SQL behind FROM) as canonical lines without newlines, in the order of seq.

    Raises KeyError for a column that the ledger does not have.
    """
    canonical = ", ".join(_CANONICAL[name] for name in columns)
    return read_lines(f"SELECT {canonical} FROM {rows} ORDER BY seq", params)


def ledger_lines(columns: Iterable[str], first_seq: int, last_seq: int) -> Iterator[bytes]:
    """Canonical rows of the ledger as they stand now, in order, without newlines.

    ``columns`` are those of the publication's statement: a later version of this software may have
    more. Streams. Raises KeyError for one that the ledger does not have.
    """
    return canonical_lines(
        columns,
        f"{PublishedGrade._meta.db_table} WHERE seq BETWEEN %(first)s AND %(last)s",
        {"first": first_seq, "last": last_seq},
    )


def write_publication(number: int, out: BinaryIO) -> None:
    """The published file of a publication, row by row. Raises Publication.DoesNotExist."""
    publication = Publication.objects.get(number=number)
    columns = json.loads(publication.statement)["columns"]
    write_file(
        out,
        statement=publication.statement.encode(),
        signature=bytes.fromhex(publication.signature),
        fingerprints=bytes(publication.fingerprints),
        columns=columns,
        lines=ledger_lines(columns, publication.first_seq, publication.last_seq),
    )


def fingerprints(number: int) -> bytes:
    """The signed fingerprints of a publication's rows, 8 bytes each. Raises Publication.DoesNotExist."""
    return bytes(Publication.objects.values_list("fingerprints", flat=True).get(number=number))


def publication_lines(
    statement: str, public_key: str, signature: str, marks: bytes, table: Iterable[bytes]
) -> Iterator[bytes]:
    """The lines of a published file whose parts come from wherever; ``table``: column names, then rows.

    ``marks`` are the rows' fingerprints. Nothing is taken of the table before the verifier has found
    that the statement is signed.
    """
    keys = {"public_key": public_key, "signature": signature}
    yield statement.encode(errors="replace")
    yield json.dumps(keys, separators=(",", ":")).encode()
    yield marks.hex().encode()
    yield from table


def verify_lines(lines: Iterator[bytes]) -> FileVerdict:
    """The verdict of the stand-alone verifier on such lines; only our own keys are trusted."""
    return verify_file(cast(BinaryIO, _Lines(lines)), trusted_keys())


class _Lines:
    """Lines as a file that is read line by line."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def readline(self, size: int = -1) -> bytes:
        """The next line with its newline, b"" at the end."""
        line = next(self._lines, None)
        return b"" if line is None else (line + b"\n")[: size if size >= 0 else None]
