"""How the API writes what the finder found: plain dicts, as ``schema.py`` describes them."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

from creditsys import geo
from ratings.published import Penalty

Row = Mapping[str, Any]


class Rating(StrEnum):
    """Whether a pharmacy has a grade today."""

    #: its grade is in force
    RATED = "RATED"
    #: the newest published row says that it has no grade, and why
    NOT_RATED = "NOT_RATED"
    #: the newest published row has run out, and none has followed yet
    EXPIRED = "EXPIRED"
    #: nothing was ever published of it
    NEVER_RATED = "NEVER_RATED"


#: What the API calls the fields of a grade (``PharmacyLookup.fields``).
GRADE: Final = {
    "name": "grade",
    "label": "label",
    "position": "position",
    "score_thousandths": "score",
    "period": "period",
    "scheme": "scheme",
    "event": "event",
    "seq": "seq",
    "valid_from": "valid_from",
    "valid_until": "valid_until",
    "reason": "reason",
    "under_objection": "under_objection",
}
PENALTY: Final = ("document_no", "kind", "kind_label", "measures", "body", "decided_on", "shown_until")
#: Digits of a coordinate: a centimetre.
_DIGITS: Final = 7


def grade(shown: Row) -> dict[str, Any]:
    """A published grade, of what the application may show of it."""
    return {name: shown[field] for name, field in GRADE.items()}


def rating(row: Row, on: date) -> Rating:
    """Which it is of :class:`Rating` on a day."""
    if row["holds"]:
        return Rating.RATED
    if row["seq"] is None:
        return Rating.NEVER_RATED
    if row["valid_until"] is not None and row["valid_until"] <= on:
        return Rating.EXPIRED
    return Rating.NOT_RATED


def pharmacy(row: Row, on: date, datum: str) -> dict[str, Any]:
    """A pharmacy among those found, its place in a datum (of ``geo.DATUMS``)."""
    latitude, longitude = row["latitude"], row["longitude"]
    if latitude is not None:
        latitude, longitude = geo.from_wgs84(latitude, longitude, datum)
        latitude, longitude = round(latitude, _DIGITS), round(longitude, _DIGITS)
    distance = row["distance"]
    return {
        "code": row["code"],
        "name": row["name"],
        "district": str(row["district"]),
        "district_name": row["district_name"],
        "street": row["street"],
        "address": row["address"],
        "longitude": longitude,
        "latitude": latitude,
        "distance_m": None if distance is None else round(distance, 1),
        "service": row["service"],
        "rating": rating(row, on),
        "grade": None if row["seq"] is None else grade(row),
    }


def penalty(shown: Penalty) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in PENALTY}


def feature(written: dict[str, Any]) -> dict[str, Any]:
    """A pharmacy, written in WGS-84, as a GeoJSON feature (RFC 7946); without a place its geometry is null."""
    longitude, latitude = written["longitude"], written["latitude"]
    place = None if latitude is None else {"type": "Point", "coordinates": (longitude, latitude)}
    properties = {name: value for name, value in written.items() if name not in {"longitude", "latitude"}}
    return {"type": "Feature", "id": written["code"], "geometry": place, "properties": properties}


def features(written: Iterable[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A GeoJSON collection with further members."""
    return {"type": "FeatureCollection", **more, "features": [feature(one) for one in written]}
