"""The search: near a place, in a district, or by words; a form and a list, of which a map is an extra."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from applications.pharmacy_lookup.finder import NO_GRADE, Ordering, Search, Service, find, nearest
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Directory
from applications.pharmacy_lookup.pages.drawing import asking_near, drawn, rings, tiles_and_tap
from applications.pharmacy_lookup.pages.shell import page, public_page
from applications.pharmacy_lookup.pages.standing import Standing, legend, service_words, standing
from applications.pharmacy_lookup.pages.words import (
    PARAMETERS,
    SERVICES,
    beyond_words,
    distance_words,
    period_words,
    radius_words,
)
from applications.pharmacy_lookup.query import MOST_TYPED, BadQuery, Query, read_query

#: What the page offers, metres.
RADII: Final = (500, 1_000, 2_000, 3_000, 5_000)
#: Any of these makes a search; the others only say how.
_ASKED: Final = ("near", "q", "district", "street", "grade", "service")
_READ: Final = (*_ASKED, "datum", "radius", "ordering", "cursor")
#: What a new place keeps of the search at hand.
_KEPT: Final = ("radius", "grade", "service", "ordering")

_Given = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several links or boxes."""

    text: str
    value: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One pharmacy of the list, with its number there and on the map."""

    number: int
    code: str
    name: str
    address: str
    standing: Standing
    #: "" without a point
    distance: str
    #: "" in service
    service: str
    under_objection: bool
    #: longitude,latitude as the map draws it; "" where it is not known
    at: str


@public_page
def search(request: HttpRequest) -> HttpResponse:
    """Pharmacies as they are asked for; without a question, the ways to ask."""
    directory = Directory.objects.first()
    given = _given(request, directory)
    shared = {
        "given": {name: values[-1] for name, values in given.items()},
        "districts": _districts(directory),
        "streets": _streets(directory, given),
        "most_typed": MOST_TYPED,
        "refreshed_at": directory.refreshed_at if directory else None,
        "map": tiles_and_tap(_kept(given)),
        "locate": asking_near(_kept(given)),
    }
    if not any(name in given for name in _ASKED):
        return page(request, "search.html", {**shared, **_start(directory)})
    try:
        query = read_query(given, strict=False)
    except BadQuery as bad:
        faults = [
            {"about": PARAMETERS.get(fault.parameter, fault.parameter), "detail": fault.detail}
            for fault in bad.faults
        ]
        context = {**shared, **_start(directory), "faults": faults, "title": gettext("查询条件有误")}
        return page(request, "search.html", context, status=400)
    return page(request, "results.html", {**shared, **_results(given, query, directory)})


def _given(request: HttpRequest, directory: Directory | None) -> _Given:
    """What was asked, without what was left empty.

    A street that the district does not have was left over from the district chosen before.
    """
    given = {name: [value for value in request.GET.getlist(name) if value] for name in _READ}
    given = {name: values for name, values in given.items() if values}
    streets = _streets(directory, given)
    if streets and given.get("street", [""])[-1] not in streets:
        given.pop("street", None)
    return given


def _start(directory: Directory | None) -> dict[str, Any]:
    """The page before anything is asked."""
    return {
        "title": gettext("查身边的定点药店"),
        "legend": legend(one["scheme"] for one in directory.grades) if directory else [],
    }


def _results(given: _Given, query: Query, directory: Directory | None) -> dict[str, Any]:
    search, today = query.search, timezone.localdate()
    found = find(search, today)
    rows = [_row(number, row) for number, row in enumerate(found.rows, 1)]
    names = {str(one["code"]): one["name"] for one in directory.districts} if directory else {}
    place = f"{names.get(str(search.district), '')}{search.street}"
    context: dict[str, Any] = {
        "title": _title(query, place),
        "place": place,
        "typed": query.typed,
        "near": search.near is not None,
        "radius": radius_words(search.radius),
        "rows": rows,
        "total": found.total,
        "first_page": "" if not search.after else f"?{_link(given)}",
        "next_page": f"?{_link(given, cursor=query.cursor(found.last))}" if found.last else "",
        "filtered": [name for name in ("grade", "service") if name in given],
        "unfiltered": f"?{_link(given, grade=None, service=None)}",
        "radii": _radii(given, search),
        "orderings": _orderings(given, search),
        "grades": _grades(directory, search),
        "services": _services(search),
        "hidden": [
            (name, values[-1]) for name, values in given.items() if name not in {"grade", "service", "cursor"}
        ],
        "legend": legend(row["scheme"] for row in found.rows if row["scheme"]) or _start(directory)["legend"],
        "periods": _periods(found.rows),
    }
    if search.near is not None:
        context["map"] = {**tiles_and_tap(_kept(given)), **rings(search.near, search.radius)}
        if found.total == 0:
            context |= _nothing_near(given, search)
    return context


def _title(query: Query, place: str) -> str:
    search = query.search
    if search.near is not None:
        return gettext("附近 {radius}内的定点药店").format(radius=radius_words(search.radius))
    if query.typed:
        return gettext("“{typed}”的查询结果").format(typed=query.typed)
    if place:
        return gettext("{place}的定点药店").format(place=place)
    return gettext("全市的定点药店")


def _row(number: int, row: dict[str, Any]) -> Row:
    known = row["latitude"] is not None
    return Row(
        number=number,
        code=row["code"],
        name=row["name"],
        address=row["address"],
        standing=standing(row),
        distance="" if row["distance"] is None else distance_words(row["distance"]),
        service=service_words(row),
        under_objection=bool(row["under_objection"]),
        at=drawn(Point(row["latitude"], row["longitude"])) if known else "",
    )


def _periods(rows: Iterable[dict[str, Any]]) -> str:
    """The periods of the grades that are shown, newest first."""
    periods = sorted({row["period"] for row in rows if row["holds"]}, reverse=True)
    return gettext("、").join(map(period_words, periods))


def _nothing_near(given: _Given, search: Search) -> dict[str, Any]:
    """Where the nearest is, and the link that finds it; the districts if it is nowhere near."""
    row = nearest(search, timezone.localdate())
    if row is None:
        anything = Search(near=search.near, services=tuple(Service))
        return {"far": nearest(anything, timezone.localdate()) is None}
    enough = next((radius for radius in RADII if radius >= row["distance"]), None)
    there = f"{row['longitude']:.5f},{row['latitude']:.5f}"
    wider = _link(given, radius=str(enough)) if enough else _link(given, near=there, datum=None)
    return {
        "nearest": replace(_row(1, row), distance=""),
        "nearest_distance": beyond_words(row["distance"]),
        "wider": radius_words(enough) if enough else "",
        "wider_page": f"?{wider}",
    }


# Choices


def _districts(directory: Directory | None) -> list[dict[str, Any]]:
    """With where the map writes each name: the middle of its pharmacies."""
    found = []
    for one in directory.districts if directory else []:
        known = one["south"] is not None
        middle = Point((one["south"] + one["north"]) / 2, (one["west"] + one["east"]) / 2) if known else None
        found.append({"code": str(one["code"]), "name": one["name"], "at": drawn(middle) if middle else ""})
    return found


def _streets(directory: Directory | None, given: _Given) -> list[str]:
    district = given.get("district", [""])[-1]
    places = directory.districts if directory else []
    return next((one["streets"] for one in places if str(one["code"]) == district), [])


def _radii(given: _Given, search: Search) -> list[Choice]:
    return [
        Choice(radius_words(radius), f"?{_link(given, radius=str(radius))}", radius == search.radius)
        for radius in RADII
    ]


def _orderings(given: _Given, search: Search) -> list[Choice]:
    """By distance or by grade, where that can be told."""
    if search.near is None and search.district is None:
        return []
    first = Ordering.CODE if search.near is None else Ordering.DISTANCE
    texts = {
        Ordering.DISTANCE: gettext("由近到远"),
        Ordering.CODE: gettext("默认顺序"),
        Ordering.GRADE: gettext("等级由高到低"),
    }
    return [
        Choice(texts[one], f"?{_link(given, ordering=str(one))}", one is search.ordering)
        for one in (first, Ordering.GRADE)
    ]


def _grades(directory: Directory | None, search: Search) -> list[Choice]:
    known = [
        (one["grade"], f"{one['grade']} {one['label']}") for one in (directory.grades if directory else [])
    ]
    return [
        Choice(text, value, value in search.grades)
        for value, text in (*known, (NO_GRADE, gettext("没有有效等级")))
    ]


def _services(search: Search) -> list[Choice]:
    return [Choice(str(SERVICES[one]), str(one), one in search.services) for one in Service]


# Addresses


def _link(given: _Given, **changes: str | None) -> str:
    """The question at hand with changes (None leaves it out), from its first page."""
    asked = {name: values for name, values in given.items() if name != "cursor"}
    asked |= {name: [] if value is None else [value] for name, value in changes.items()}
    return urlencode(asked, doseq=True)


def _kept(given: _Given) -> _Given:
    return {name: values for name, values in given.items() if name in _KEPT}
