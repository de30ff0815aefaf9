"""The one finder behind page and API: which pharmacies, in which order, a page at a time.

A search near a point reads the box around it from the B-tree on (latitude, longitude) and keeps what lies
within the radius on the ellipsoid (``geodesy.py``). Place and newest grade come from one row.

A search without a point or a district may fit anything from none to all of half a million rows. It first
looks at the next ``WINDOW`` pharmacies by code: what fits many fills a page there. Only what fits few is
left for the indexes, of which each condition that can be rare has one: they are fast for few.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from django.db import connection
from psycopg.types.json import Jsonb

from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.geodesy import Point, box_around, polynomials
from applications.pharmacy_lookup.models import Place
from creditsys.spelling import Word

#: How many pharmacies are looked at in the order of their codes before an index is asked, and for each row
#: of a large page.
WINDOW: Final = 3_000
WINDOW_A_ROW: Final = 30
#: How far the nearest pharmacy is looked for, metres: first near by, then in the region.
REACH: Final = (10_000, 50_000)
#: Stands for the name of a grade in a search: pharmacies that have none today.
NO_GRADE: Final = "none"


class Service(StrEnum):
    """Whether the insurance pays there today."""

    IN_SERVICE = "IN_SERVICE"
    SUSPENDED = "SUSPENDED"
    #: designation ended, or agreement terminated
    ENDED = "ENDED"
    #: designated from a later day on
    NOT_YET = "NOT_YET"


class Ordering(StrEnum):
    DISTANCE = "distance"
    GRADE = "grade"
    CODE = "code"


#: What a search gives when it does not say otherwise: where a card can be used, now or again.
DESIGNATED: Final = (Service.IN_SERVICE, Service.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. ``near`` with ``radius`` (metres), or a district, or words, or all.

    DISTANCE needs ``near``, GRADE needs ``near`` or ``district``; ``after`` are the values that
    :attr:`Page.last` had, of the same search.
    """

    near: Point | None = None
    radius: int = 2_000
    district: int | None = None
    street: str = ""
    words: tuple[Word, ...] = ()
    #: names of grades, and NO_GRADE; empty = all
    grades: tuple[str, ...] = ()
    services: tuple[Service, ...] = DESIGNATED
    ordering: Ordering = Ordering.CODE
    limit: int = 20
    after: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` are dicts of the names in :data:`ROW`; ``total`` is known for searches near a point."""

    rows: list[dict[str, Any]]
    total: int | None = None
    #: the sort key of the last row if more follow, else ()
    last: tuple[Any, ...] = field(default=())


_GRADE: Final = tuple(field.name for field in Place._meta.concrete_fields if field.name in APPLICATION.fields)
_PLACE: Final = (
    *("code", "name", "district", "district_name", "street", "address", "latitude", "longitude"),
    *("designated_on", "designated_until"),
)
#: What a row has: the place, its grade as of ``PharmacyLookup.fields``, ``service`` (of Service), ``holds``
#: (whether the grade is in force today) and ``distance`` (metres, None without a point).
ROW: Final = (*_PLACE, *_GRADE, "service", "holds", "distance")

#: The last status that had begun; days are ISO dates, which compare as texts.
_SERVICE: Final = """
    CASE WHEN p.designated_until <= %(on)s THEN 'ENDED'
         WHEN p.designated_on > %(on)s THEN 'NOT_YET'
         WHEN p.statuses IS NULL THEN 'IN_SERVICE'
         ELSE replace(coalesce(jsonb_path_query_array(p.statuses, 'strict $[*] ? (@[0] <= $on)', %(begun)s) -> -1 ->> 1,
                               'IN_SERVICE'), 'TERMINATED', 'ENDED')
    END"""
#: Written so that an index finds the few; what holds is the rest.
_HOLDS_NOT: Final = "(p.grade IS NULL OR p.grade = '' OR coalesce(p.valid_until <= %(on)s, false))"
_HOLDS: Final = f"NOT {_HOLDS_NOT}"
_USUAL: Final = "p.statuses IS NULL AND p.designated_until IS NULL AND p.designated_on <= %(on)s"
#: Where an index looks for those that are not simply in service; ``_SERVICE`` then decides.
_CANDIDATES: Final = {
    Service.SUSPENDED: "p.statuses IS NOT NULL",
    Service.ENDED: "p.statuses IS NOT NULL OR p.designated_until <= %(on)s",
    Service.NOT_YET: "p.designated_on > %(on)s",
}
#: Metres, as ``geodesy.Polynomials`` has them.
_NORTH: Final = "%(n0)s + p.latitude * (%(n1)s + %(n2)s * p.latitude)"
_EAST: Final = "(p.longitude - %(lng)s) * (%(e0)s + p.latitude * (%(e1)s + %(e2)s * p.latitude))"
_DISTANCE: Final = f"point({_NORTH}, {_EAST}) <-> point '(0,0)'"
_BOX: Final = (
    "p.latitude BETWEEN %(south)s AND %(north)s",
    "p.longitude BETWEEN %(west)s AND %(east)s",
)
#: The sort key of each ordering; the last part makes it total.
_KEYS: Final = {
    Ordering.DISTANCE: ("distance", "code"),
    Ordering.GRADE: ("CASE WHEN holds THEN position ELSE 99 END", "coalesce(distance, 0)", "code"),
    Ordering.CODE: ("code",),
}
_KEY_NAMES: Final = ("key1", "key2", "key3")
#: of a designated code
_LENGTH: Final = 12


def find(search: Search, on: date) -> Page:
    """One page of a search as of a day (Asia/Shanghai): one query, two where few fit."""
    params = _params(search, on)
    if search.near is not None:
        rows = _read(_near_sql(search), params)
    elif search.district is not None:
        rows = _read(_listed_sql(search), params)
    else:
        rows = _read(_window_sql(search), params)
        if len(rows) <= search.limit:
            rows = _read(_listed_sql(search), params)
    return _page(search, rows)


def nearest(search: Search, on: date) -> dict[str, Any] | None:
    """The nearest pharmacy that fits a search near a point, whatever its radius; None within REACH."""
    for radius in REACH:
        page = find(replace(search, radius=radius, ordering=Ordering.DISTANCE, limit=1, after=()), on)
        if page.rows:
            return page.rows[0]
    return None


def get_place(code: str, on: date) -> dict[str, Any] | None:
    """One pharmacy by its designated code, ended ones too."""
    rows = _read(
        f"SELECT {_columns('NULL::float8')} FROM {_NAME} p WHERE p.code = %(code)s",
        {"code": code, "on": on, "begun": _begun(on)},
    )
    return dict(zip(ROW, rows[0], strict=True)) if rows else None


_NAME: Final = Place._meta.db_table


def _columns(distance: str) -> str:
    own = ", ".join(f"p.{name}" for name in (*_PLACE, *_GRADE))
    return f"{own}, {_SERVICE} AS service, {_HOLDS} AS holds, {distance} AS distance"


def _near_sql(search: Search) -> str:
    """All within the radius are reckoned and counted before the page is cut.

    OFFSET keeps the planner from reckoning each distance twice, to compare it and to show it.
    """
    key = ", ".join(_KEYS[search.ordering])
    return f"""
        SELECT *, {key}
        FROM (SELECT *, count(*) OVER ()
              FROM (SELECT {_columns(_DISTANCE)} FROM {_NAME} p WHERE {_all((*_BOX, *_conditions(search)))} OFFSET 0) box
              WHERE distance <= %(radius)s) found
        {_behind(search)} ORDER BY {key} LIMIT {search.limit + 1}
    """


def _window_sql(search: Search) -> str:
    """The next pharmacies by code, and which of them fit."""
    window = max(WINDOW, WINDOW_A_ROW * search.limit)
    # The beginning of a code says where to look.
    begin = _all(["p.code > %(key1)s", *_codes(search)])
    return f"""
        SELECT {_columns("NULL::float8")}, NULL::bigint, p.code
        FROM (SELECT * FROM {_NAME} p WHERE {begin} ORDER BY p.code LIMIT {window}) p
        WHERE {_all(_conditions(search))} ORDER BY p.code LIMIT {search.limit + 1}
    """


def _listed_sql(search: Search) -> str:
    """All that fit, wherever they are; then what is shown of those on the page.

    Two steps, because a plan that walks through the codes until a page is full takes all the time there is
    where few fit.
    """
    keys = ", ".join(
        f"{key} AS {name}" for key, name in zip(_KEYS[search.ordering], _KEY_NAMES, strict=False)
    )
    names = ", ".join(_KEY_NAMES[: len(_KEYS[search.ordering])])
    behind = ["p.code > %(key1)s"] if search.ordering is Ordering.CODE else []
    return f"""
        WITH found AS MATERIALIZED (
            SELECT p.code, p.position, {_HOLDS} AS holds, NULL::float8 AS distance
            FROM {_NAME} p WHERE {_all([*behind, *_conditions(search)])}
        ), page AS (
            SELECT {keys}, code AS one FROM found {_behind(search)} ORDER BY {names} LIMIT {search.limit + 1}
        )
        SELECT {_columns("NULL::float8")}, NULL::bigint, {names}
        FROM page JOIN {_NAME} p ON p.code = page.one ORDER BY {names}
    """


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(conditions) or "true"


def _behind(search: Search) -> str:
    if not search.after:
        return ""
    keys = _KEYS[search.ordering]
    placeholders = ", ".join(f"%({name})s" for name in _KEY_NAMES[: len(keys)])
    return f"WHERE ({', '.join(keys)}) > ({placeholders})"


def _conditions(search: Search) -> Iterator[str]:
    if search.district is not None:
        yield "p.district = %(district)s"
    if search.street:
        yield "p.street = %(street)s"
    if search.grades:
        named = f"p.grade = ANY(%(grades)s) AND {_HOLDS}"
        yield f"({named} OR {_HOLDS_NOT})" if NO_GRADE in search.grades else named
    yield from _service_conditions(search)
    yield from _codes(search)
    for number, word in enumerate(search.words):
        meant = [
            f"p.{one.column} LIKE %(pattern{number}_{place})s AND p.grams @> %(grams{number}_{place})s::int[]"
            for place, one in enumerate(word.meanings)
        ]
        if meant:
            yield f"({' OR '.join(meant)})"


def _codes(search: Search) -> Iterator[str]:
    """Codes that begin so, as a range, which the primary key serves in every collation."""
    for number, word in enumerate(search.words):
        if word.code:
            yield f"p.code BETWEEN %(first{number})s AND %(last{number})s"


def _service_conditions(search: Search) -> Iterator[str]:
    if set(search.services) == set(Service):
        return
    fits = f"{_SERVICE} = ANY(%(services)s)"
    if Service.IN_SERVICE in search.services:
        # What nearly all rows are is told without looking into their history.
        yield f"({_USUAL} OR {fits})"
    else:
        yield f"({' OR '.join(_CANDIDATES[service] for service in search.services)}) AND {fits}"


def _params(search: Search, on: date) -> dict[str, Any]:
    params: dict[str, Any] = {
        "on": on,
        "begun": _begun(on),
        "district": search.district,
        "street": search.street,
        "grades": [name for name in search.grades if name != NO_GRADE],
        "services": [str(service) for service in search.services],
        "key1": "",
        **dict(zip(_KEY_NAMES, search.after, strict=False)),
    }
    for number, word in enumerate(search.words):
        params |= {
            f"first{number}": word.code.ljust(_LENGTH, "0"),
            f"last{number}": word.code.ljust(_LENGTH, "9"),
        }
        for place, one in enumerate(word.meanings):
            params |= {f"grams{number}_{place}": one.grams, f"pattern{number}_{place}": one.pattern}
    if search.near is not None:
        params |= {"lng": search.near.longitude, "radius": search.radius}
        params |= polynomials(search.near)._asdict() | box_around(search.near, search.radius)._asdict()
    return params


def _begun(on: date) -> Jsonb:
    return Jsonb({"on": on.isoformat()})


def _read(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _page(search: Search, rows: list[tuple[Any, ...]]) -> Page:
    shown = [dict(zip(ROW, row, strict=False)) for row in rows[: search.limit]]
    total = rows[0][len(ROW)] if rows else (0 if search.near and not search.after else None)
    last = tuple(rows[search.limit - 1][len(ROW) + 1 :]) if len(rows) > search.limit else ()
    return Page(shown, total, last)
