"""Celery tasks: thin, safe to run twice."""

from collections.abc import Collection
from typing import Any

from celery import shared_task

from applications.pharmacy_lookup.open_data.store import blocks, build
from applications.pharmacy_lookup.refresh import refresh_places
from ratings.published import publication


@shared_task(name="pharmacy_lookup.refresh")
def refresh(codes: list[str] | None = None) -> int:
    """Bring the table of places up to date, for some pharmacies or all; how many rows changed.

    Run after each change, and for all of them daily by beat, so that nothing is missed for long.
    """
    return refresh_places(codes)


@shared_task(name="pharmacy_lookup.write_open_data")
def write_open_data(number: int) -> None:
    """Write the files of a publication, unless they are there or another process is at it."""
    of = publication(number)
    if of is not None:
        blocks(of)
        build(of, wait=False)


def on_announced(number: int, **_: Any) -> None:
    """Receiver of ``published.announced``: the list of a period is ready before anybody asks for it."""
    of = publication(number)
    if of is not None and of.is_list:
        write_open_data.delay(number)


def on_change(codes: Collection[str] | None, **_: Any) -> None:
    """Receiver of ``published.changed``."""
    refresh.delay(None if codes is None else sorted(codes))
