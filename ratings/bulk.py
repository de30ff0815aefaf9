"""Columns in and out of PostgreSQL by binary COPY, no Python object per value; and lines out by text COPY.

In binary, every column has a fixed width and no NULLs, so a row is a fixed run of bytes and whole
chunks of rows are numpy records (COPY's binary format: the row's number of fields, then
each field's length and value, all big-endian).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from numpy.typing import NDArray

#: PostgreSQL's OID of bigint, the element type of the arrays written here.
INT8_OID = 20
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
#: Rows that are put together, or taken apart, at a time.
CHUNK_ROWS = 20_000


def read_columns(sql: str, params: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The result of ``sql`` as one array per column.

    ``columns`` maps names to numpy types in the order of the SELECT list: "i2", "i4", "i8", or
    "S12" for text of exactly twelve ASCII characters. Raises ValueError when a value is NULL
    or of another width.
    """
    record = _record(columns)
    width = record.itemsize
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
    for chunk in _chunks(sql, params, width * CHUNK_ROWS):
        if len(chunk) % width:
            raise ValueError("COPY gave rows of another width: a NULL or a text of another length")
        rows = np.frombuffer(chunk, dtype=record)
        for name, kind in columns.items():
            if np.any(rows[f"{name}__length"] != np.dtype(kind).itemsize):
                raise ValueError(f"column {name} holds a NULL or a value of another width")
            parts[name].append(rows[name].astype(kind))
    return {
        name: np.concatenate(arrays) if arrays else np.empty(0, columns[name])
        for name, arrays in parts.items()
    }


def read_lines(sql: str, params: Mapping[str, Any]) -> Iterator[bytes]:
    """The result of ``sql`` as lines of COPY's text format, without their newlines, as they come in."""
    statement = _operations().compose_sql(f"COPY ({sql}) TO STDOUT", params)
    rest = b""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for message in copy:
            *whole, rest = (rest + bytes(message)).split(b"\n")
            yield from whole


def write_columns(
    table: str,
    columns: Mapping[str, NDArray[Any]],
    array_column: tuple[str, NDArray[np.int64]] | None = None,
) -> int:
    """Append rows to ``table`` by COPY; the number of rows.

    ``columns`` maps column names to int16, int32 or int64 arrays of one length; ``array_column``
    names a bigint[] column and its matrix, one row of it per table row.
    """
    names = list(columns)
    fields: list[Any] = [("fields", ">i2")]
    for name, values in columns.items():
        fields += [(f"{name}__length", ">i4"), (name, values.dtype.newbyteorder(">"))]
    if array_column is not None:
        array_name, matrix = array_column
        names.append(array_name)
        items = np.dtype([("length", ">i4"), ("value", ">i8")])
        fields += [
            ("array__length", ">i4"),
            ("array__head", ">i4", (5,)),
            ("array", items, (matrix.shape[1],)),
        ]
    record = np.dtype(fields)
    total = len(next(iter(columns.values())))
    quoted = ", ".join(f'"{name}"' for name in names)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({quoted}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(_HEADER)
        for start in range(0, total, CHUNK_ROWS):
            rows = np.zeros(min(CHUNK_ROWS, total - start), record)
            rows["fields"] = len(names)
            for name, values in columns.items():
                rows[f"{name}__length"] = values.dtype.itemsize
                rows[name] = values[start : start + len(rows)]
            if array_column is not None:
                rows["array__length"] = 20 + 12 * matrix.shape[1]
                # one dimension, no nulls, of bigint, so many items, numbered from 1
                rows["array__head"] = (1, 0, INT8_OID, matrix.shape[1], 1)
                rows["array"]["length"] = 8
                rows["array"]["value"] = matrix[start : start + len(rows)]
            copy.write(rows.tobytes())
        copy.write(_TRAILER)
    return total


def _record(columns: Mapping[str, str]) -> np.dtype[Any]:
    fields: list[tuple[str, Any]] = [("fields", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name}__length", ">i4"), (name, np.dtype(kind).newbyteorder(">"))]
    return np.dtype(fields)


def _operations() -> DatabaseOperations:
    return cast(DatabaseOperations, connection.ops)


def _chunks(sql: str, params: Mapping[str, Any], size: int) -> Iterator[bytes]:
    """The rows' bytes without COPY's header and trailer, in pieces of about ``size`` bytes."""
    buffer = bytearray()
    statement = _operations().compose_sql(f"COPY ({sql}) TO STDOUT (FORMAT binary)", params)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        # The header comes before the first row, in the same or an own message.
        head = bytearray()
        messages: Iterable[Any] = iter(copy)
        for message in messages:
            head += message
            if len(head) >= len(_HEADER):
                break
        buffer += head[len(_HEADER) :]
        for message in messages:
            buffer += message
            if len(buffer) >= size:
                yield bytes(buffer)
                buffer.clear()
    if buffer[-2:] != _TRAILER:
        raise ValueError("COPY ended without its trailer")
    del buffer[-2:]
    if buffer:
        yield bytes(buffer)


def rows_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """The position of each of ``wanted`` in ``ids`` (unique, any order), -1 where it is not."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids, kind="stable")
    places = np.searchsorted(ids, wanted, sorter=order)
    places[places == len(ids)] = 0
    rows = order[places]
    return np.where(ids[rows] == wanted, rows, -1)
