"""Puts changes of a list on their way to the bank's endpoints."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from applications.bank_loans.models import Endpoint, LoanProduct
from applications.bank_loans.webhooks import tasks

#: Removals, and additions of pharmacies that had been on the list before.
_TOLD: Final = "(c.kind = 'removed' OR (c.kind = 'added' AND c.listed_before))"
_INSERT: Final = """
    INSERT INTO bank_loans_delivery
        (endpoint_id, change_id, message_id, code, state, attempts, due_at, last_error, given_up_reason)
    SELECT e.id, c.id, gen_random_uuid(), c.code, 'PENDING', 0, %s, '', ''
    FROM bank_loans_loanproduct p
    JOIN bank_loans_change c ON c.product_id = p.id
    JOIN bank_loans_endpoint e ON e.bank_id = p.bank_id
    WHERE {which} AND {told}
    ORDER BY {order}
    ON CONFLICT (endpoint_id, change_id) DO NOTHING
"""


def enqueue(product: LoanProduct, after: int, until: int) -> int:
    """Queue the changes numbered above ``after`` up to ``until`` that banks are told of; how many deliveries.

    Told are removals, and additions of pharmacies that had been on the list before. In the transaction that
    wrote the changes; set-based, one statement. Sending is kicked after commit, where there is a broker.
    """
    which = "e.state = 'ACTIVE' AND p.id = %s AND c.number > %s AND c.number <= %s"
    return _insert(which, "c.number, e.id", (product.pk, after, until))


def catch_up(endpoint: Endpoint) -> int:
    """Queue what an endpoint was not told while it was stopped: all since it was first verified. How many."""
    return _insert("e.id = %s AND c.at >= e.verified_at", "c.product_id, c.number", (endpoint.pk,))


def _insert(which: str, order: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(which=which, told=_TOLD, order=order), (timezone.now(), *values))
        queued: int = cursor.rowcount
    if queued:
        transaction.on_commit(_kick, robust=True)
    return queued


def _kick() -> None:
    """Without a broker a task would run here and now; nothing is sent inside a web request."""
    if not settings.CELERY_TASK_ALWAYS_EAGER:
        tasks.deliver.delay()
