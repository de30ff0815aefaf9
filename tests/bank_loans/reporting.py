"""Reports of a bank for tests."""

import itertools
from datetime import date
from typing import Any

from applications.bank_loans.feedback import take_in
from applications.bank_loans.models import FeedbackBatch, LoanProduct
from applications.clients.models import Client
from tests.bank_loans.building import TODAY

SHOP = "P33060200001"
_serial = itertools.count(1)


def event(event_no: str, kind: str, amount: int, **values: Any) -> dict[str, Any]:
    loan = {"loan_no": "L1", "code": SHOP, "on": "2026-02-11"}
    return {"event_no": event_no, "kind": kind, "amount_fen": amount, **loan, **values}


def reversal(event_no: str, of: str, amount: int, **values: Any) -> dict[str, Any]:
    return event(event_no, "reversed", amount, reverses=of, **values)


def report(*events: dict[str, Any]) -> dict[str, Any]:
    return {
        "rows": len(events),
        "total_fen": sum(one["amount_fen"] for one in events),
        "events": list(events),
    }


class Bank:
    """Reports for one product, each under a new key unless one is given."""

    def __init__(self, client: Client, product: LoanProduct) -> None:
        self.client, self.product = client, product

    def reports(self, *events: dict[str, Any], key: str = "", today: date = TODAY) -> FeedbackBatch:
        given = key or f"key-{next(_serial)}"
        return take_in(self.client, self.product, given, report(*events), today)
