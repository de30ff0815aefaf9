"""The same places in PostGIS: a geography with a GiST index, asked by ST_DWithin."""

from datetime import date
from typing import Any

from django.db import DatabaseError, connection, transaction
from geographiclib.geodesic import Geodesic

from applications.pharmacy_lookup import finder
from applications.pharmacy_lookup.finder import Search
from applications.pharmacy_lookup.models import Place

_TABLE = "bench_postgis"
_AT = "ST_SetSRID(ST_MakePoint(%(lng)s, %(lat)s), 4326)::geography"


def prepare() -> bool:
    """A copy of the places with a geography; False where this server has no PostGIS."""
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except DatabaseError:
            return False
        cursor.execute(f"DROP TABLE IF EXISTS {_TABLE}")
        cursor.execute(
            f"""CREATE TABLE {_TABLE} AS SELECT *, geography(ST_MakePoint(longitude, latitude)) AS place
                FROM {Place._meta.db_table} ORDER BY code"""
        )
        cursor.execute(f"ALTER TABLE {_TABLE} ADD PRIMARY KEY (code)")
        cursor.execute(f"CREATE INDEX {_TABLE}_place ON {_TABLE} USING gist (place)")
        cursor.execute(f"VACUUM ANALYZE {_TABLE}")
    return True


def statement(search: Search, on: date) -> tuple[str, dict[str, Any]]:
    """A search near a point as PostGIS does it: the same columns, count, conditions, order and limit."""
    assert search.near
    conditions = " AND ".join((f"ST_DWithin(p.place, {_AT}, %(radius)s)", *finder._conditions(search)))
    sql = f"""
        SELECT *, distance, code
        FROM (SELECT {finder._columns(f"ST_Distance(p.place, {_AT})")}, count(*) OVER ()
              FROM {_TABLE} p WHERE {conditions}) found
        ORDER BY distance, code LIMIT {search.limit + 1}
    """
    return sql, {**finder._params(search, on), "lat": search.near.latitude}


def exact(search: Search, codes: set[str]) -> list[str]:
    """Those of the codes that lie within the radius by geographiclib, nearest first, as far as the page goes."""
    assert search.near
    found = []
    for place in Place.objects.filter(code__in=codes):
        line = Geodesic.WGS84.Inverse(
            search.near.latitude, search.near.longitude, place.latitude, place.longitude
        )
        if line["s12"] <= search.radius:
            found.append((line["s12"], place.code))
    return [code for _, code in sorted(found)][: search.limit + 1]


def sizes() -> dict[str, int]:
    """Bytes of ours and of its index on places."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_relation_size('place_latitude_longitude'), pg_relation_size('{_TABLE}_place')"
        )
        ours, peer = cursor.fetchone()
    return {"ours": ours, "peer": peer}
