"""The whole list as one stream, NDJSON or CSV, closed by a signed last record.

PostgreSQL writes the rows (COPY), which pass through as they are: memory stays flat. The last record tells
rows, position, ledger position and the SHA-256 of all bytes before it, signed: a download that was cut off
has none, one that was altered has another digest.
"""

import json
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, cast

from django.db import connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations

from applications.api.signatures import sign_bytes
from applications.bank_loans.models import LoanProduct, Standing
from applications.bank_loans.reading import COLUMNS

#: Format to media type.
FORMATS: Final = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
#: Bytes that are handed on at a time.
BLOCK: Final = 64 * 1024

_FROM: Final = (
    f"FROM {Standing._meta.db_table} WHERE product_id = %(product)s AND reasons = '{{}}' ORDER BY code"
)
#: What people wrote: spreadsheet programs take a text that begins like this for a formula, full width too.
_WRITTEN: Final = ("name", "district_name", "grade", "label")
_FORMULA: Final = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
_HARMLESS: Final = "CASE WHEN left({0}, 1) = ANY(%(formula)s) THEN '''' || {0} ELSE {0} END AS {0}"
_CELLS: Final = {**dict.fromkeys(_WRITTEN, _HARMLESS), "under_objection": "{0}::text AS {0}"}
_CSV: Final = ", ".join(_CELLS.get(name, "{0}").format(name) for name in COLUMNS)
#: JSON has none of the two control characters, so that its text passes as it is.
_COPY: Final = {
    "ndjson": f"""COPY (SELECT row_to_json(one) FROM (SELECT {", ".join(COLUMNS)} {_FROM}) one)
                  TO STDOUT (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')""",
    "csv": f"COPY (SELECT {_CSV} {_FROM}) TO STDOUT (FORMAT csv, HEADER)",
}


def copy_of(product: LoanProduct, format: str) -> tuple[str, dict[str, Any]]:
    """The statement whose rows are the stream's, and its parameters. Raises KeyError for another format."""
    return _COPY[format], {"product": product.pk, "formula": list(_FORMULA)}


def stream(product: LoanProduct, format: str) -> Iterator[bytes]:
    """The eligible pharmacies by designated code, in blocks of about 64 KiB, and the last record.

    NDJSON ends with ``{"end": {...}}``, CSV with a line ``#end,product,position,ledger_seq,rows,sha256,created,
    keyid,signature``. Signed is the text :func:`closing` of these. Rows and position are of one moment, unless the
    caller is inside a transaction of less isolation. In CSV, an apostrophe stands before a text that a spreadsheet
    would take for a formula. Raises KeyError for another format.
    """
    copy = cast(DatabaseOperations, connection.ops).compose_sql(*copy_of(product, format))
    own = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if own:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        position, ledger_seq = LoanProduct.objects.values_list("position", "ledger_seq").get(pk=product.pk)
        digest, rows, block = sha256(), 0, bytearray()
        with cursor.copy(copy) as lines:
            for line in lines:
                rows += 1
                block += line
                if len(block) >= BLOCK:
                    digest.update(block)
                    yield bytes(block)
                    block.clear()
        digest.update(block)
    rows -= format == "csv"  # its header
    yield bytes(block) + _end(product.key, format, position, ledger_seq, rows, digest.hexdigest())


def _end(product: str, format: str, position: int, ledger_seq: int, rows: int, digest: str) -> bytes:
    """The last record."""
    created = int(time.time())
    key, signature = sign_bytes(closing(product, format, position, ledger_seq, rows, digest, created))
    told: dict[str, Any] = {
        "product": product,
        "position": position,
        "ledger_seq": ledger_seq,
        "rows": rows,
        "sha256": digest,
        "created": created,
        "keyid": key,
        "signature": signature,
    }
    if format == "csv":
        return ",".join(map(str, ("#end", *told.values()))).encode() + b"\n"
    return json.dumps({"end": told}, separators=(",", ":")).encode() + b"\n"


def closing(
    product: str, format: str, position: int, ledger_seq: int, rows: int, digest: str, created: int
) -> bytes:
    """What the last record's signature covers; ``created`` in seconds since 1970."""
    parts = ("bank-loans-end", product, format, position, ledger_seq, rows, digest, created)
    return "\n".join(map(str, parts)).encode()
