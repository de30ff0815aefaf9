"""Celery tasks: thin, id-only, safe to run twice; they call services."""

from datetime import datetime

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ratings.models import District, LetterBatch, Pharmacy, SchemeVersion
from ratings.reports import letter_batches
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM, Actor
from ratings.services.interim import find_interim as find_interim_changes
from ratings.services.runs import RunInProgress, default_cutoff, start_run
from ratings.services.schemes import scheme_in_force


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


@shared_task(name="ratings.rate_due_periods")
def rate_due_periods() -> list[int]:
    """Rate the last two periods that have ended, each once its scheme's days for recording are over.

    Run daily by beat; what is rated already is left as it is. Two, because those days may reach
    beyond the end of the next period. The ids of their runs.
    """
    months = settings.RATING_PERIOD_MONTHS
    latest = Period.ended_before(timezone.localdate(), months)
    runs = []
    for period in (Period.ended_before(latest.last, months), latest):
        scheme = scheme_in_force(settings.DEFAULT_SCHEME, period.last)
        cutoff = default_cutoff(period, scheme)
        if cutoff > timezone.now() or not Pharmacy.objects.filter(recorded_at__lte=cutoff).exists():
            continue
        runs.append(rate_period(period.code, scheme.pk, cutoff.isoformat(), None, SYSTEM.name))
    return [run for run in runs if run is not None]


@shared_task(name="ratings.find_interim")
def find_interim() -> list[int]:
    """Propose interim changes of published grades; the ids of the new adjustments.

    Run daily by beat; what is proposed already is left as it is. A person approves them.
    """
    return [adjustment.pk for adjustment in find_interim_changes(by=SYSTEM)]


@shared_task(name="ratings.write_letters")
def write_letters(batch_id: int) -> int:
    """Write the letters of a batch that are not written yet; how many this worker wrote.

    Several workers share them, and one that was killed is followed by the next that is asked.
    """
    return letter_batches.write_letters(LetterBatch.objects.select_related("period").get(pk=batch_id))
