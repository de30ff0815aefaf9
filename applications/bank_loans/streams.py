"""The whole list as one stream, NDJSON or CSV, closed by a signed last record.

PostgreSQL writes the rows (COPY), which pass through as they are: memory stays flat. The last record tells
rows, position, ledger position and the SHA-256 of all bytes before it, signed: a download that was cut off
has none, one that was altered has another digest.
"""

from collections.abc import Iterator
from typing import Final

from applications.bank_loans.models import LoanProduct

#: Format to media type.
FORMATS: Final = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def stream(product: LoanProduct, format: str) -> Iterator[bytes]:
    """The eligible pharmacies by designated code, in blocks of about 64 KiB, and the last record.

    NDJSON ends with ``{"end": {...}}``, CSV with a line ``#end,product,position,ledger_seq,rows,sha256,created,
    keyid,signature``. Signed is the text :func:`closing` of these.
    """
    raise NotImplementedError


def closing(
    product: str, format: str, position: int, ledger_seq: int, rows: int, digest: str, created: int
) -> bytes:
    """What the last record's signature covers; ``created`` in seconds since 1970."""
    parts = ("bank-loans-end", product, format, position, ledger_seq, rows, digest, created)
    return "\n".join(map(str, parts)).encode()
