"""Celery tasks: thin, safe to run twice."""

from collections.abc import Collection
from typing import Any

from celery import shared_task

from applications.pharmacy_lookup.refresh import refresh_places


@shared_task(name="pharmacy_lookup.refresh")
def refresh(codes: list[str] | None = None) -> int:
    """Bring the table of places up to date, for some pharmacies or all; how many rows changed.

    Run after each change, and for all of them daily by beat, so that nothing is missed for long.
    """
    return refresh_places(codes)


def on_change(codes: Collection[str] | None, **_: Any) -> None:
    """Receiver of ``published.changed``."""
    refresh.delay(None if codes is None else sorted(codes))
