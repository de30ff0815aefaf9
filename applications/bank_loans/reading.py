"""How the lists are read by whatever leaves this house. Callers bring the product up to date first.

Rows are plain dicts, ready for JSON: ``code``, ``social_credit_code``, ``number`` and the columns
``lists.SHOWN``, and nothing of a pharmacy that is not eligible.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from applications.bank_loans.models import LoanProduct


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the position of the list that they were read at (in one statement with them)."""

    position: int
    ledger_seq: int
    rows: list[dict[str, Any]]
    #: there are more
    more: bool


def eligible_page(product: LoanProduct, after: str, limit: int) -> Page:
    """The next eligible pharmacies by designated code after ``after`` ("" from the start)."""
    raise NotImplementedError


def changes_page(product: LoanProduct, since: int, limit: int) -> Page:
    """The next changes after number ``since`` (0 from the start), in order, without gaps.

    Rows: ``number``, ``code``, ``social_credit_code``, ``kind``, ``old`` and ``new`` ("eligible" or
    "not_eligible"), ``cause``, ``reasons``, ``ledger_seq``, ``at``, and ``pharmacy``: the row of the list as it
    is now, None unless the pharmacy is eligible now. Replayed from 0, the last row of each code gives the list.
    """
    raise NotImplementedError


def check(product: LoanProduct, codes: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """For each designated or social credit code: the pharmacies that it names, none = unknown. Constant queries.

    Rows: ``code``, ``social_credit_code``, ``eligible``, ``reasons``, and ``pharmacy`` as above.
    """
    raise NotImplementedError
