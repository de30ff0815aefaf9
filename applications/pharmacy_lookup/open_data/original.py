"""The signed original on disk, from which all other files of a publication are made."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_HEADER = 4


@dataclass(frozen=True, slots=True)
class Original:
    """A published file (format: the verifier's), packed, whose rows are read as often as needed."""

    path: Path
    #: the signed text; its signature and key are hexadecimal
    statement: str
    signature: str
    public_key: str
    columns: tuple[str, ...]

    def lines(self) -> Iterator[bytes]:
        """The canonical rows, without newlines."""
        with gzip.open(self.path, "rb") as file:
            for line in islice(file, _HEADER, None):
                yield line.removesuffix(b"\n")


def open_original(path: Path) -> Original:
    """An original that this system wrote."""
    with gzip.open(path, "rb") as file:
        statement, keys = file.readline().decode(), json.loads(file.readline())
    columns = tuple(json.loads(statement)["columns"])
    return Original(path, statement.removesuffix("\n"), keys["signature"], keys["public_key"], columns)
