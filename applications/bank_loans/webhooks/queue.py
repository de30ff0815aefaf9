"""Puts changes of a list on their way to the bank's endpoints."""

from applications.bank_loans.models import LoanProduct


def enqueue(product: LoanProduct, after: int, until: int) -> int:
    """Queue the changes numbered above ``after`` up to ``until`` that banks are told of; how many deliveries.

    Told are removals, and additions of pharmacies that had been on the list before. In the transaction that
    wrote the changes; set-based.
    """
    return 0
