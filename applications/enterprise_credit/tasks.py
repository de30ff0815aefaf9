"""Celery tasks: thin, safe to run twice."""

from collections.abc import Collection
from typing import Any

from celery import shared_task
from django.utils import timezone

from applications.enterprise_credit import enquiries, measures, standings
from ratings.published import codes_since, publication

#: Above so many pharmacies or enterprises all are looked at, instead of naming each.
MANY = 20_000


@shared_task(name="enterprise_credit.refresh")
def refresh(usccs: list[str] | None = None) -> int:
    """Bring enterprises (unified social credit codes; None = all) up to date, and their cases of joint measures;
    how many assessments are new.

    Run after each change, and for all by beat every night: grades run out, and so does the validity of records.
    """
    some, today = None if usccs is None or len(usccs) > MANY else usccs, timezone.localdate()
    derived = standings.refresh(some, today)
    measures.derive_cases(some, today)
    return derived


@shared_task(name="enterprise_credit.refresh_pharmacies")
def refresh_pharmacies(codes: list[str] | None = None) -> int:
    """Bring the enterprises of pharmacies (designated codes; None = all) up to date."""
    if codes is None or len(codes) > MANY:
        return int(refresh(None))
    return int(refresh(standings.enterprises_of(codes, timezone.localdate())))


@shared_task(name="enterprise_credit.forget_looks")
def forget_looks() -> int:
    """Remove looks that have been kept for ten years; how many. By beat, every month."""
    return enquiries.forget(timezone.now())


def on_announced(number: int, **_: Any) -> None:
    """Receiver of ``published.announced``."""
    told = publication(number)
    if told is not None:
        few = told.rows <= MANY
        refresh_pharmacies.delay(codes_since(told.first_seq - 1, told.last_seq) if few else None)


def on_change(codes: Collection[str] | None, enterprises: Collection[str] = (), **_: Any) -> None:
    """Receiver of ``published.changed``."""
    refresh_pharmacies.delay(None if codes is None or len(codes) > MANY else sorted(codes))
    if enterprises:
        refresh.delay(sorted(enterprises))
