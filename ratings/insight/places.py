"""Where the pharmacies are, and the grade that each has today.

Source: the registry as it stands (designated today, places in WGS-84) and the ledger: of each
pharmacy the newest row of the latest period that is in force, as residents see it
(:mod:`ratings.published.grades`).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from ratings.bulk import read_columns, rows_of
from ratings.insight.sql import Districts, codes, rows, within

#: Degrees are read as whole millionths, about 0.1 m.
MILLION: Final = 1_000_000
#: Stands for a place that is not known.
NOWHERE: Final = -1
#: Positions beside those of grades: published without a grade; nothing published, or run out.
NO_GRADE: Final = -1
NOT_IN_FORCE: Final = -2


@dataclass(frozen=True)
class Places:
    """Columns, one place a pharmacy designated today."""

    pharmacy: NDArray[np.int64]
    district: NDArray[np.int32]
    #: degrees, NaN where not known
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    #: place in the grades of ``schemes[scheme]``; NO_GRADE or NOT_IN_FORCE
    position: NDArray[np.int16]
    #: number in ``schemes``, -1 where nothing is in force
    scheme: NDArray[np.int16]
    #: key@version
    schemes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pharmacy)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """True where the place is known."""
        return ~np.isnan(self.latitude)


def places(on: date, districts: Districts = None) -> Places:
    """All pharmacies designated on ``on`` in these districts, with their grades in force that day."""
    found = read_columns(
        f"""
        SELECT p.id, p.district_id, coalesce(round(p.latitude * {MILLION}), {NOWHERE})::int8,
               coalesce(round(p.longitude * {MILLION}), {NOWHERE})::int8
        FROM ratings_pharmacy p
        WHERE p.designated_on <= %(on)s AND (p.designated_until IS NULL OR p.designated_until > %(on)s)
          AND {within("p.district_id")} ORDER BY p.id
        """,
        {"on": on, "districts": codes(districts)},
        {"id": "i8", "district": "i4", "latitude": "i8", "longitude": "i8"},
    )
    standing = _in_force(on)
    at = rows_of(standing["pharmacy"], found["id"])
    known = at >= 0
    position = np.where(known, standing["position"][at], NOT_IN_FORCE) if len(standing["pharmacy"]) else (
        np.full(len(at), NOT_IN_FORCE)
    )  # fmt: skip
    scheme = (
        np.where(known, standing["scheme"][at], -1) if len(standing["pharmacy"]) else np.full(len(at), -1)
    )
    degrees = {
        name: np.where(found[name] == NOWHERE, np.nan, found[name] / MILLION)
        for name in ("latitude", "longitude")
    }
    return Places(
        pharmacy=found["id"],
        district=found["district"],
        position=position.astype(np.int16),
        scheme=scheme.astype(np.int16),
        schemes=standing["schemes"],
        **degrees,
    )


def _in_force(on: date) -> dict[str, Any]:
    """Columns of the whole ledger's state on a day; kept until something more is published."""
    last = rows("SELECT statement_sha256 FROM ratings_publication ORDER BY number DESC LIMIT 1", {})
    key = f"insight:in-force:{on}:{last[0][0] if last else ''}"
    known: dict[str, Any] | None = cache.get(key)
    if known is not None:
        return known
    schemes = tuple(
        scheme
        for (scheme,) in rows(
            """SELECT DISTINCT scheme.key || '@' || scheme.version
               FROM ratings_ratingperiod life JOIN ratings_ratingrun run ON run.id = life.run_id
               JOIN ratings_schemeversion scheme ON scheme.id = run.scheme_id
               WHERE life.published_at IS NOT NULL ORDER BY 1""",
            {},
        )
    )
    columns = read_columns(
        """
        SELECT pharmacy_id, position, (array_position(%(schemes)s::text[], scheme::text) - 1)::int2 FROM (
            SELECT DISTINCT ON (g.pharmacy_id) g.pharmacy_id, g.position, g.scheme, g.valid_until
            FROM ratings_publishedgrade g
            JOIN ratings_publication act ON act.number = g.publication_id
            JOIN ratings_ratingperiod life ON life.id = act.period_id
            WHERE g.valid_from <= %(on)s
            ORDER BY g.pharmacy_id, life.period_end DESC, g.seq DESC
        ) newest
        WHERE valid_until IS NULL OR valid_until > %(on)s ORDER BY pharmacy_id
        """,
        {"on": on, "schemes": list(schemes)},
        {"pharmacy": "i8", "position": "i2", "scheme": "i2"},
    )
    made: dict[str, Any] = {**columns, "schemes": schemes}
    cache.set(key, made, 24 * 3600)
    return made


@dataclass(frozen=True, slots=True)
class Centre:
    """A district's centre: the mean of the places of its pharmacies, and how many these are."""

    district: int
    latitude: float
    longitude: float
    pharmacies: int


def centres(found: Places) -> list[Centre]:
    """Of each district with a known place, the largest first."""
    placed = found.placed
    numbers, member = np.unique(found.district[placed], return_inverse=True)
    sizes = np.bincount(member, minlength=len(numbers))
    latitude = np.bincount(member, found.latitude[placed], len(numbers))
    longitude = np.bincount(member, found.longitude[placed], len(numbers))
    made = [
        Centre(int(code), float(north / size), float(east / size), int(size))
        for code, north, east, size in zip(numbers, latitude, longitude, sizes, strict=True)
    ]
    return sorted(made, key=lambda one: (-one.pharmacies, one.district))
