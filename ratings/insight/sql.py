"""What the figures share: rows of a statement, and a scope of districts as parameters."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from django.db import connection

#: Codes of districts (GB/T 2260), or None for all.
Districts = frozenset[int] | None
#: How long figures of what never changes are kept.
KEPT_SECONDS: Final = 7 * 24 * 3600


def rows(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def within(column: str) -> str:
    """A condition: ``column`` is one of the parameter ``districts``, or that is null."""
    return f"(%(districts)s::int[] IS NULL OR {column} = ANY(%(districts)s))"


def local_day(column: str) -> str:
    """The day of a moment, by the clocks of Shanghai."""
    return f"({column} AT TIME ZONE 'Asia/Shanghai')::date"


def codes(districts: Districts) -> list[int] | None:
    """The value of the parameter ``districts``."""
    return None if districts is None else sorted(districts)


def place_of(districts: Districts) -> str:
    """The districts as a part of a cache's key: short, however many there are."""
    if districts is None:
        return "all"
    return hashlib.sha256(repr(sorted(districts)).encode()).hexdigest()[:16]
