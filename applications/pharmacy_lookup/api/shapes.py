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


PENALTY: Final = ("document_no", "kind", "kind_label", "measures", "body", "decided_on", "shown_until")
#: Parts of a degree, and of a metre, that are told: a centimetre, a decimetre. Dividing a whole number gives
#: the same floats as ``round`` with digits, in a third of the time.
_OF_DEGREE: Final = 1e7
_OF_METRE: Final = 10
_RATED, _NEVER, _EXPIRED, _WITHOUT = (
    str(state) for state in (Rating.RATED, Rating.NEVER_RATED, Rating.EXPIRED, Rating.NOT_RATED)
)


def grade(shown: Row) -> dict[str, Any]:
    """A published grade: the fields of ``PharmacyLookup.fields``, which are all that ``shown`` has of one."""
    return {
        "name": shown["grade"],
        "label": shown["label"],
        "position": shown["position"],
        "score_thousandths": shown["score"],
        "period": shown["period"],
        "scheme": shown["scheme"],
        "event": shown["event"],
        "seq": shown["seq"],
        "valid_from": shown["valid_from"],
        "valid_until": shown["valid_until"],
        "reason": shown["reason"],
        "under_objection": shown["under_objection"],
    }


def rating(row: Row, on: date) -> str:
    """Which it is of :class:`Rating` on a day."""
    if row["holds"]:
        return _RATED
    if row["seq"] is None:
        return _NEVER
    if row["valid_until"] is not None and row["valid_until"] <= on:
        return _EXPIRED
    return _WITHOUT


def pharmacy(row: Row, on: date, datum: str) -> dict[str, Any]:
    """A pharmacy among those found, its place in a datum (of ``geo.DATUMS``)."""
    latitude, longitude, distance = row["latitude"], row["longitude"], row["distance"]
    if latitude is not None:
        latitude, longitude = geo.from_wgs84(latitude, longitude, datum)
        latitude, longitude = (
            round(latitude * _OF_DEGREE) / _OF_DEGREE,
            round(longitude * _OF_DEGREE) / _OF_DEGREE,
        )
    return {
        "code": row["code"],
        "name": row["name"],
        "district": str(row["district"]),
        "district_name": row["district_name"],
        "street": row["street"],
        "address": row["address"],
        "longitude": longitude,
        "latitude": latitude,
        "distance_m": None if distance is None else round(distance * _OF_METRE) / _OF_METRE,
        "service": row["service"],
        "rating": rating(row, on),
        "grade": None if row["seq"] is None else grade(row),
    }


def penalty(shown: Penalty) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in PENALTY}


def feature(written: dict[str, Any]) -> dict[str, Any]:
    """A pharmacy, written in WGS-84, as a GeoJSON feature (RFC 7946), which takes the dict over.

    Without a place its geometry is null.
    """
    longitude, latitude = written.pop("longitude"), written.pop("latitude")
    place = None if latitude is None else {"type": "Point", "coordinates": (longitude, latitude)}
    return {"type": "Feature", "id": written["code"], "geometry": place, "properties": written}


def features(written: Iterable[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A GeoJSON collection with further members."""
    return {"type": "FeatureCollection", **more, "features": [feature(one) for one in written]}
