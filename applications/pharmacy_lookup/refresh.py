"""Copies what is public into the table of places: set-based, and only what changed is written."""

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.models import Directory, Place
from creditsys.spelling import spell
from ratings.published import Entry, entries

_LOCK: Final = 33_060_002
_CHUNK: Final = 5_000
_TABLE: Final = Place._meta.db_table
_SPELLED: Final = ("text", "spelled", "grams")
_COLUMNS: Final = tuple(field.name for field in Place._meta.concrete_fields if field.name not in _SPELLED)
_GRADE: Final = tuple(name for name in _COLUMNS if name in APPLICATION.fields)


@transaction.atomic
def refresh_places(codes: Collection[str] | None = None) -> int:
    """Bring the places of some pharmacies, or of all, up to date; how many rows were written.

    One at a time; memory does not grow with their number.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Read only once it is our turn: what was committed until now is in it.
        for table, columns in (("incoming", _COLUMNS), ("spelling", ("code", *_SPELLED))):
            cursor.execute(
                f"CREATE TEMP TABLE {table} ON COMMIT DROP AS SELECT {', '.join(columns)} FROM {_TABLE} WITH NO DATA"
            )
        _copy("incoming", _COLUMNS, map(_row, entries(timezone.localdate(), codes)))
        cursor.execute("ANALYZE incoming")
        _spell()
        cursor.execute(_LISTED_ANEW)
        listed_anew = cursor.fetchone()[0]
        cursor.execute(_UPSERT)
        written = int(cursor.rowcount)
        if codes is None:
            cursor.execute(
                f"DELETE FROM {_TABLE} p WHERE NOT EXISTS (SELECT FROM incoming i WHERE i.code = p.code)"
            )
            written += int(cursor.rowcount)
        cursor.execute("DROP TABLE incoming, spelling")
        if listed_anew or (codes is None and written) or not Directory.objects.exists():
            cursor.execute(_DIRECTORY, {"now": timezone.now()})
        elif written:
            Directory.objects.update(refreshed_at=timezone.now())
    if codes is None and written:
        _analyze()
    return written


def _row(entry: Entry) -> tuple[Any, ...]:
    values: dict[str, Any] = {name: getattr(entry, name) for name in Entry.__slots__}
    days = [[day.isoformat(), status] for day, status in entry.statuses]
    values["statuses"] = connection.ops.adapt_json_value(days, None) if days else None
    shown = APPLICATION.shown(entry.grade) if entry.grade else None
    values |= shown or dict.fromkeys(_GRADE)
    return tuple(values[name] for name in _COLUMNS)


def _copy(table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Append rows to a table, some thousands at a time.

    They come from a cursor of the same connection, which cannot be read while a COPY is under way.
    """
    coming = iter(rows)
    while chunk := list(islice(coming, _CHUNK)):
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
        ):
            for row in chunk:
                copy.write_row(row)


def _spell() -> None:
    """Spell the incoming rows that are new or were renamed."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""SELECT i.code, i.name, i.address FROM incoming i LEFT JOIN {_TABLE} p USING (code)
                WHERE (p.name, p.address) IS DISTINCT FROM (i.name, i.address)"""
        )
        _copy("spelling", ("code", *_SPELLED), (_spelled(*row) for row in cursor))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE spelling (code)")


def _spelled(code: str, name: str, address: str) -> tuple[Any, ...]:
    """A row of ``spelling``; its array written out here, because psycopg takes its time over each number."""
    one = spell(name, address)
    return code, one.text, one.spelled, f"{{{','.join(map(str, one.grams))}}}"


_CHANGED: Final = ", ".join(f"{{0}}.{name}" for name in _COLUMNS)
_UPSERT: Final = f"""
    INSERT INTO {_TABLE} AS p ({", ".join((*_COLUMNS, *_SPELLED))})
    SELECT {", ".join(f"i.{name}" for name in _COLUMNS)},
           {", ".join(f"coalesce(s.{name}, known.{name})" for name in _SPELLED)}
    FROM incoming i LEFT JOIN spelling s USING (code) LEFT JOIN {_TABLE} known USING (code)
    WHERE known.code IS NULL OR ({_CHANGED.format("known")}) IS DISTINCT FROM ({_CHANGED.format("i")})
    ORDER BY code
    ON CONFLICT (code) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], *_SPELLED))}
"""
#: Whether the directory, which is reckoned from all places, must be reckoned again.
_LISTED: Final = ", ".join(
    f"{{0}}.{name}" for name in ("district", "district_name", "street", "latitude", "longitude", "grade")
)
_LISTED_ANEW: Final = f"""
    SELECT EXISTS (SELECT FROM incoming i LEFT JOIN {_TABLE} p USING (code)
                   WHERE ({_LISTED.format("p")}) IS DISTINCT FROM ({_LISTED.format("i")}))
"""
_DIRECTORY: Final = f"""
    INSERT INTO {Directory._meta.db_table} (id, districts, grades, refreshed_at)
    SELECT 1,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'code', district, 'name', name, 'streets', streets,
                       'south', south, 'north', north, 'west', west, 'east', east) ORDER BY district), '[]')
            FROM (SELECT district, max(district_name) AS name,
                         array_remove(array_agg(DISTINCT street), '') AS streets,
                         min(latitude) AS south, max(latitude) AS north, min(longitude) AS west, max(longitude) AS east
                  FROM {_TABLE} GROUP BY district) one),
           (SELECT coalesce(jsonb_agg(jsonb_build_object('grade', grade, 'label', label, 'scheme', scheme)
                                      ORDER BY position, scheme), '[]')
            FROM (SELECT DISTINCT ON (grade) grade, label, scheme, position
                  FROM (SELECT grade, label, scheme, position, max(seq) AS seq
                        FROM {_TABLE} WHERE grade <> '' GROUP BY 1, 2, 3, 4) kinds
                  ORDER BY grade, seq DESC) one),
           %(now)s
    ON CONFLICT (id) DO UPDATE SET districts = excluded.districts, grades = excluded.grades,
                                   refreshed_at = excluded.refreshed_at
"""


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {_TABLE}")
