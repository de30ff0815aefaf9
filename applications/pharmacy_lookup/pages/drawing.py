"""What the map draws and where a tap on it leads, in the datum of its tiles; the browser converts nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.pages.words import radius_words
from applications.pharmacy_lookup.query import DATUMS
from creditsys import geo

_Asked = Mapping[str, Sequence[str]]


def drawn(place: Point) -> str:
    """A place (WGS-84) as ``longitude,latitude`` on the map."""
    latitude, longitude = geo.from_wgs84(place.latitude, place.longitude, DATUMS[_datum()])
    return f"{longitude:.6f},{latitude:.6f}"


def rings(near: Point, radius: int) -> dict[str, Any]:
    """The point that was asked for, and rings around it at the radius (metres), its half and its quarter."""
    return {
        "centre": drawn(near),
        "rings": "|".join(f"{ring}:{radius_words(ring)}" for ring in (radius // 4, radius // 2, radius)),
    }


def tiles_and_tap(kept: _Asked) -> dict[str, Any]:
    """What is behind the pins, and the address of a search at a tap, which keeps some of the search at hand."""
    datum = {} if _datum() == "wgs84" else {"datum": [_datum()]}
    return {
        "tiles": settings.MAP_TILES,
        "credit": settings.MAP_TILES_CREDIT,
        "tap": asking_near({**kept, **datum}),
    }


def asking_near(kept: _Asked) -> str:
    """The address of a search near a place, to which ``longitude,latitude`` is to be added."""
    text = urlencode(kept, doseq=True)
    return f"?{text}&near=" if text else "?near="


def _datum() -> str:
    """A key of DATUMS; without tiles there is nothing to agree with."""
    return settings.MAP_TILES_DATUM if settings.MAP_TILES else "wgs84"
