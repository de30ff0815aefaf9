"""What stops an import, in words for the person who brought the file."""

from dataclasses import dataclass

from ratings.services.errors import Refused


class ImportStopped(Refused):
    """An import that cannot go on. ``message`` says what is wrong, ``remedy`` what to do (Chinese).

    ``str(error)`` is both in one line.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}{remedy}")
        self.message = message
        self.remedy = remedy


class UnknownKind(ImportStopped):
    """There is no such kind of import."""


class UnreadableFile(ImportStopped):
    """The file as a whole cannot be read: encoding, header, cut off, too large, another format."""


class RowsRefused(ImportStopped):
    """Rows of the batch are refused, so nothing of it was written. The batch stays CHECKED,
    with the counts and problems that were found now."""


class BatchNotOpen(ImportStopped):
    """The batch was accepted or dropped before."""


class DatabaseRefused(ImportStopped):
    """A constraint of the database refused what the checks let through; nothing was written."""


class BadValue(Exception):
    """One cell that cannot be taken."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: where (line of the file from 1, their header), what, and the remedy."""

    line: int
    column: str
    value: str
    message: str
    remedy: str
