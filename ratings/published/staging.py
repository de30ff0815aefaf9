"""Whole cities at a time: what is public of pharmacies, staged in a table for set-based reading."""

from collections.abc import Collection
from datetime import date
from typing import Final

#: The columns of a staged table.
STAGED: Final = (
    "code", "social_credit_code", "name", "district", "district_name", "designated_on", "designated_until",
    "seq", "event", "period", "scheme", "grade", "label", "position", "valid_from", "valid_until",
    "under_objection", "reaches", "periods", "turns_on",
)  # fmt: skip


def stage(table: str, on: date, minimums: Collection[str], codes: Collection[str] | None = None) -> None:
    """Create the temporary table ``table`` (dropped at commit) with what is public of pharmacies on a day.

    One row a designated pharmacy of ``codes`` (None = all), as :func:`entries` has it; of the grade, the
    newest row in force by then of the latest period, run out or not (NULLs = never rated). ``reaches``:
    whether that grade is, in its own scheme, as good as each of the grades named ``minimums``, or better
    (:func:`reaches`). ``periods``: how many of the pharmacy's newest published periods in a row reach them.
    ``turns_on``: the next day on which any of this changes of itself: a later row coming into force, the end of
    the grade or of the designation; NULL where there is none.
    """
    raise NotImplementedError


def last_seq() -> int:
    """The number of the ledger's last row, 0 while it is empty."""
    raise NotImplementedError


def codes_since(seq: int, until: int) -> list[str]:
    """The designated codes of the ledger's rows after ``seq``, up to ``until``, each once."""
    raise NotImplementedError
