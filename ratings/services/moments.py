"""When a fact becomes known: the one place that keeps recording and rating apart."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def recording_moment(table: str) -> datetime:
    """Now, after waiting for rating runs that read ``table`` at this moment.

    Called first in a transaction that writes facts. A run that reads later waits for that
    transaction, so it sees everything recorded by its cutoff; one that read before has an
    earlier cutoff.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
    return timezone.now()
