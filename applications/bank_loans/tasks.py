"""Celery tasks: thin, safe to run twice."""

import logging
from collections.abc import Collection
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from applications.bank_loans import eligibility
from applications.bank_loans.models import Change, LoanProduct

_log = logging.getLogger(__name__)
#: How long a list is waited for, seconds: nobody else derives what was told here.
_PATIENCE = 120
#: After how many seconds a busy list is tried again, where there is a broker.
_AGAIN = 60


@shared_task(name="bank_loans.reckon")
def reckon(codes: list[str] | None = None, new_rows_only: bool = False) -> int:
    """Bring the lists of all products up to date; how many changes that made.

    Derives some pharmacies anew, or all, or only those of which the ledger has new rows. Run after each change,
    and for all pharmacies hourly by beat, so that nothing is missed for long.
    """
    today, changes, again = timezone.localdate(), 0, False
    for product in LoanProduct.objects.order_by("pk"):
        try:
            if new_rows_only:
                before = product.position
                product = eligibility.bring_up_to_date(product, today, patience=_PATIENCE)
                changes += product.position - before
            else:
                changes += eligibility.reckon(
                    product, today, Change.Cause.REGISTER, codes, patience=_PATIENCE
                )
        except eligibility.Busy:
            _log.warning("the list of %s is busy: tried again later", product.key)
            again = True
        except Exception:
            # The lists of other products are none the worse for it; the next hourly run tries it again.
            _log.exception("the list of %s could not be derived", product.key)
    if again and not settings.CELERY_TASK_ALWAYS_EAGER:
        reckon.apply_async((codes, new_rows_only), countdown=_AGAIN)
    return changes


def on_announced(number: int, **_: Any) -> None:
    """Receiver of ``published.announced``."""
    reckon.delay(new_rows_only=True)


def on_change(codes: Collection[str] | None, **_: Any) -> None:
    """Receiver of ``published.changed``."""
    reckon.delay(None if codes is None or len(codes) > eligibility.MANY else sorted(codes))
