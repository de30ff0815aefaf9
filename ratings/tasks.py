"""Celery tasks: thin, id-only, safe to run twice; they call services."""

from datetime import datetime

from celery import shared_task

from ratings.models import District, SchemeVersion
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.runs import RunInProgress, start_run


@shared_task(name="ratings.rate_period")
def rate_period(
    period: str,
    scheme_id: int,
    cutoff: str,
    district_code: int | None,
    actor: str,
    address: str | None = None,
) -> int | None:
    """Rate a period; ``cutoff`` is ISO 8601 with its offset. The run's id.

    None when another worker has the same run in hand: that one will finish it.
    """
    try:
        run = start_run(
            Period.parse(period),
            SchemeVersion.objects.get(pk=scheme_id),
            cutoff=datetime.fromisoformat(cutoff),
            district=District.objects.get(pk=district_code) if district_code else None,
            by=Actor(actor, address),
        )
    except RunInProgress:
        return None
    return run.pk
