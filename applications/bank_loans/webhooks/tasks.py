"""Celery tasks of sending: thin, safe to run twice."""

from celery import shared_task
from django.utils import timezone

from applications.bank_loans.webhooks import sending

#: Seconds after which a task that no worker has taken is dropped: by then beat has made another.
_EXPIRES = 55


@shared_task(name="bank_loans.deliver")
def deliver() -> list[int]:
    """One task for each endpoint that something is due to; their ids. Run every minute by beat, and after changes."""
    endpoints = sending.due_endpoints(timezone.now())
    for endpoint in endpoints:
        deliver_to.apply_async((endpoint,), expires=_EXPIRES)
    return endpoints


@shared_task(name="bank_loans.deliver_to")
def deliver_to(endpoint_id: int) -> int:
    """Send one endpoint what is due, for at most about a minute; how many arrived."""
    return sending.deliver(endpoint_id).delivered
