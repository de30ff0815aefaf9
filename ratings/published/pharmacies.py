"""What is public of each pharmacy: where it is, since when it is designated, its newest published grade."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from ratings.models import District, Pharmacy
from ratings.published.grades import FIELDS, IN_FORCE, Grade


@dataclass(frozen=True, slots=True)
class Entry:
    """One designated pharmacy as the public may know it. Telephone and owner are not among it."""

    code: str
    name: str
    #: GB/T 2260
    district: int
    district_name: str
    street: str
    address: str
    #: WGS-84, degrees; None where the place is not known
    latitude: float | None
    longitude: float | None
    designated_on: date
    #: the first day on which it is designated no more
    designated_until: date | None
    #: (from which day, id of SERVICE_STATUSES), in the order of days; without one: in service
    statuses: tuple[tuple[date, str], ...]
    #: its newest row of the latest published period, be it run out or without a grade; None = never rated
    grade: Grade | None

    def out_of_service(self, on: date) -> tuple[date, str] | None:
        """Since when it serves no more on a day, and its status then ("" = designated no more); None where it serves."""
        if self.designated_until is not None and self.designated_until <= on:
            return self.designated_until, ""
        begun = [(day, status) for day, status in self.statuses if day <= on]
        return begun[-1] if begun and begun[-1][1] != "IN_SERVICE" else None


_CHUNK: Final = 2_000
#: In the order of Entry's fields.
_OWN: Final = (
    *("p.code", "p.name", "d.code", "d.name", "p.street", "p.address", "p.latitude", "p.longitude"),
    *("p.designated_on", "p.designated_until", "known.statuses"),
)
_SQL: Final = f"""
    SELECT {", ".join(_OWN)}, {FIELDS}
    FROM ratings_pharmacy p
    JOIN ratings_district d ON d.code = p.district_id
    LEFT JOIN LATERAL {IN_FORCE} g ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_array(s.occurred_on, s.status) ORDER BY s.occurred_on)::text AS statuses
        FROM ratings_servicestatus s WHERE s.pharmacy_id = p.id AND s.voided_at IS NULL
    ) known ON true
    WHERE %(codes)s::text[] IS NULL OR p.code = ANY(%(codes)s)
    ORDER BY p.code COLLATE "C"
"""


def entries(on: date, codes: Iterable[str] | None = None) -> Iterator[Entry]:
    """Every pharmacy, or those of ``codes``, by designated code, as known now.

    ``on`` is today (Asia/Shanghai): grades that come into force later are left out. Streams: to be
    read to its end inside one transaction.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SQL, {"on": on, "codes": None if codes is None else list(codes)})
        # Not by iterating: an iterator of this cursor that is given up half-way closes it.
        while rows := cursor.fetchmany(_CHUNK):
            yield from map(_entry, rows)


def find_codes(text: str, limit: int) -> list[str]:
    """Designated codes of pharmacies by the start of their code, or by a part of their name, in their order."""
    rows = Pharmacy.objects.filter(Q(code__startswith=text.upper()) | Q(name__icontains=text))
    return list(rows.order_by("code").values_list("code", flat=True)[:limit])


def districts() -> dict[int, str]:
    """The names of the districts by their code (GB/T 2260)."""
    return dict(District.objects.order_by("code").values_list("code", "name"))


def _entry(row: tuple[Any, ...]) -> Entry:
    own, grade = row[: len(_OWN)], row[len(_OWN) :]
    statuses = tuple((date.fromisoformat(day), status) for day, status in json.loads(own[-1] or "[]"))
    values = (*own[:-1], statuses, Grade(*grade) if grade[0] is not None else None)
    return Entry(*values)
