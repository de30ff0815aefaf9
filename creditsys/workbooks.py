"""XLSX workbooks from anyone: what must hold before a library may unpack one."""

import zipfile
import zlib
from typing import BinaryIO, Final
from xml.etree.ElementTree import ParseError

from openpyxl.utils.exceptions import InvalidFileException

MIB: Final = 1024**2
MAX_PARTS: Final = 1_000
#: Unpacked sizes of what is held in memory: shared texts, and every other part but sheets.
MAX_SHARED_STRINGS: Final = 128 * MIB
MAX_OTHER: Final = 16 * MIB
#: What openpyxl and what it stands on raise for a damaged file.
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ParseError,
    InvalidFileException,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    OSError,
    NotImplementedError,
)


class UnsafeWorkbook(Exception):
    """An archive that is not to be unpacked; without more said: because it is no workbook."""


class TooManyParts(UnsafeWorkbook):
    """It has more than MAX_PARTS parts."""


class PartTooLarge(UnsafeWorkbook):
    """A part would unpack to more than ``limit`` bytes."""

    def __init__(self, part: str, limit: int) -> None:
        super().__init__(f"{part} unpacks to more than {limit} bytes")
        self.part, self.limit = part, limit


class DeclaresEntities(UnsafeWorkbook):
    """A part has declarations that make XML grow."""


def check_workbook(file: BinaryIO, *, max_sheet: int, max_shared_strings: int = MAX_SHARED_STRINGS) -> None:
    """Raise UnsafeWorkbook for an archive whose parts would unpack to too much, or that is no workbook.

    Sizes are those that the archive states; no reader gets more out of a part. Raises errors of DAMAGE
    for a damaged one.
    """
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise TooManyParts(f"{len(parts)} parts")
        names = {part.filename for part in parts}
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            raise UnsafeWorkbook("no workbook")
        for part in parts:
            name = part.filename.lower()
            if name.startswith("xl/media/"):
                continue  # never unpacked
            limit = MAX_OTHER
            if name.startswith("xl/worksheets/"):
                limit = max_sheet
            elif "sharedstrings" in name:
                limit = max_shared_strings
            if part.file_size > limit:
                raise PartTooLarge(part.filename, limit)
            if name.endswith((".xml", ".rels")):
                with archive.open(part) as xml:
                    start = xml.read(65_536).replace(b"\0", b"")
                if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                    raise DeclaresEntities(part.filename)
