"""Derives the list of each product from the published ledger, and writes what changed, numbered.

Everything is set-based, for one product at a time under a lock on its row.
"""

from collections.abc import Collection
from datetime import date

from applications.bank_loans.models import Change, LoanProduct


class Busy(Exception):
    """The list is being brought up to date by another process, and that takes its time."""


def bring_up_to_date(product: LoanProduct, today: date) -> LoanProduct:
    """The product, its list in accord with the ledger and the day. What every reader calls first.

    Costs one query where nothing has happened. Else derives those pharmacies of which the ledger has new rows,
    and those that ``turns_on`` says; all, where the product has never been derived or its terms have changed
    (reckoned_on is null). Raises Busy after waiting a while for another process.
    """
    raise NotImplementedError


def reckon(
    product: LoanProduct, today: date, cause: Change.Cause, codes: Collection[str] | None = None
) -> int:
    """Derive the standing of some pharmacies, or of all, anew; how many changes of the list that made.

    For what the ledger does not tell: the register, authorisations, the product's terms.
    """
    raise NotImplementedError
