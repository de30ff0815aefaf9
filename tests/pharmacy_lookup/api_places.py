"""Places for tests of the API, written past the registry; and requests."""

import itertools
import json
from datetime import date
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from applications.pharmacy_lookup.models import Directory, Place
from creditsys.spelling import spell

LIST = "/api/v1/pharmacies/"
NEAR = "120.5800,30.0000"
SCHEME = "shaoxing-style@1"
_serial = itertools.count(1)
GRADES = (("A", "优秀"), ("B", "良好"), ("C", "一般"), ("D", "较差"))


def graded(position: int = 0, **values: Any) -> dict[str, Any]:
    """The columns of a published grade, -1 = a row without a grade; in force unless told otherwise."""
    name, label = GRADES[position] if position >= 0 else ("", "")
    return {
        "seq": next(_serial),
        "event": "PERIODIC",
        "period": "2025H2",
        "scheme": SCHEME,
        "grade": name,
        "label": label,
        "position": position,
        "score": 95_500 if position >= 0 else None,
        "valid_from": date(2020, 1, 1),
        "valid_until": None,
        "reason": "",
        "under_objection": False,
        **values,
    }


def place(**values: Any) -> Place:
    """Just north of NEAR, never rated, unless told otherwise."""
    name, address = values.get("name", "某某大药房"), values.get("address", "某路1号")
    words = spell(name, address)
    return Place.objects.create(
        **{
            "code": f"P330602{next(_serial):05d}",
            "name": name,
            "district": 330602,
            "district_name": "越城区",
            "street": "府山街道",
            "address": address,
            "latitude": 30.001,
            "longitude": 120.58,
            "designated_on": date(2015, 3, 1),
            **{name: getattr(words, name) for name in words.__slots__},
            **values,
        }
    )


def directory() -> None:
    """Two districts and the four grades."""
    box = {"south": 29.9, "north": 30.1, "west": 120.4, "east": 120.7}
    values = {
        "districts": [
            {"code": 330602, "name": "越城区", "streets": ["府山街道", "北海街道"], **box},
            {"code": 330603, "name": "柯桥区", "streets": ["柯桥街道"], **box},
        ],
        "grades": [{"grade": name, "label": label, "scheme": SCHEME} for name, label in GRADES],
        "refreshed_at": timezone.now(),
    }
    Directory.objects.update_or_create(id=1, defaults=values)


def ask(address: str = LIST, *, status: int = 200, **parameters: Any) -> Any:
    """The JSON of an answer, which must have this status."""
    response = get(address, **parameters)
    assert response.status_code == status, response.content.decode()
    return json.loads(response.content)


def get(address: str = LIST, **parameters: Any) -> HttpResponse:
    return Client().get(address, parameters)


def faults(**parameters: Any) -> dict[str, str]:
    """The parameters that are refused, each with why, in English."""
    problem = ask(status=400, **parameters)
    return {one["parameter"]: one["detail_en"] for one in problem["errors"]}
