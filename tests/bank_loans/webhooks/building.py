"""Endpoints, changes and a clock for tests of webhooks."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from applications.bank_loans.models import Change, Delivery, Endpoint, LoanProduct
from applications.bank_loans.webhooks import sending
from applications.bank_loans.webhooks.queue import enqueue
from applications.clients.models import Organisation
from creditsys.sealing import seal
from tests.bank_loans import building

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHOP, OTHER_SHOP = "P33060200001", "P33060200002"


class Clock:
    """The time, moved by hand; it begins a minute from now, when all that a test has queued is due."""

    def __init__(self) -> None:
        self.now = timezone.now() + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def endpoint(url: str, bank: Organisation | None = None, **values: Any) -> Endpoint:
    """An active one, unless told otherwise."""
    return Endpoint.objects.create(
        **{
            "bank": bank or building.bank(),
            "url": url,
            "secret": seal(SECRET),
            "created_by": "x",
            "state": "ACTIVE",
            "verified_at": timezone.now(),
            **values,
        }
    )


def change(product: LoanProduct, code: str = SHOP, kind: str = "removed", **values: Any) -> Change:
    """The next change of a product's list; a removal for the grade, or an addition once more."""
    last = product.changes.order_by("-number").values_list("number", flat=True).first() or 0
    return Change.objects.create(
        **{
            "product": product,
            "number": last + 1,
            "code": code,
            "social_credit_code": "91330602000000001X",
            "kind": kind,
            "cause": "grade",
            "reasons": ["below_minimum"] if kind == "removed" else [],
            "ledger_seq": 7,
            "at": timezone.now(),
            "listed_before": True,
            **values,
        }
    )


def queued(product: LoanProduct, codes: Sequence[str] = (SHOP,)) -> list[Delivery]:
    """A removal for each code, one after the other, on its way; of the newest endpoint."""
    made = [change(product, code) for code in codes]
    enqueue(product, made[0].number - 1, made[-1].number)
    newest = Endpoint.objects.latest("pk")
    return list(Delivery.objects.filter(endpoint=newest, change__in=made).order_by("pk"))


def shops(count: int) -> list[str]:
    return [f"P330602{number:05d}" for number in range(1, count + 1)]


def send(one: Endpoint, clock: Clock, **values: Any) -> sending.Sent:
    return sending.deliver(one.pk, clock=clock, dice=random.Random(1), **values)


def send_until_quiet(one: Endpoint, clock: Clock, most: int = 2000) -> int:
    """Send, and let time pass to the next moment at which something is due, until nothing can be; the turns."""
    for turn in range(most):
        send(one, clock)
        one.refresh_from_db()
        open_ones = Delivery.objects.filter(endpoint=one, state__in=["PENDING", "DEAD"]).order_by("pk")
        first: dict[str, Delivery] = {}
        for row in open_ones:
            first.setdefault(row.code, row)
        due = [
            max(row.due_at, row.leased_until or row.due_at)
            for row in first.values()
            if row.state == "PENDING"
        ]
        if not due or one.state != "ACTIVE":
            return turn
        clock.now = max(min(due), one.rests_until or clock.now, clock.now) + timedelta(microseconds=1)
    raise AssertionError("it never ends")
