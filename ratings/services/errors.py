"""What a service raises when it will not do what was asked."""

from collections.abc import Sequence


class Refused(ValueError):
    """Not done, and why; the message is Chinese, for the person who asked."""


class RefusedRows(Refused):
    """Nothing of a list was done, for rows that cannot be: (line, why)."""

    def __init__(self, message: str, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)
