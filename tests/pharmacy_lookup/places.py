"""Places for tests of the search, written past the refresh: valid by default, each value can be given."""

import itertools
from datetime import date
from typing import Any

from applications.pharmacy_lookup.models import Place
from creditsys.spelling import spell

_serial = itertools.count(1)
TODAY = date(2026, 3, 1)
#: A grade as published: name, label, place among the scheme's.
_GRADES = {"A": ("优秀", 0), "B": ("良好", 1), "C": ("一般", 2), "D": ("较差", 3)}


def graded(name: str = "A", **values: Any) -> dict[str, Any]:
    """The columns of a published grade; "" = published that there is none."""
    label, position = _GRADES.get(name, ("", -1))
    return {
        "seq": next(_serial),
        "event": "PERIODIC",
        "period": "2025H2",
        "scheme": "shaoxing-style@1",
        "grade": name,
        "label": label,
        "position": position,
        "score": 90_000 if name else None,
        "valid_from": date(2026, 2, 10),
        "valid_until": date(2027, 2, 10),
        "reason": "" if name else "签约不满六个月",
        "under_objection": False,
        **values,
    }


def place(**values: Any) -> Place:
    """One place, in service and never rated unless told otherwise."""
    defaults = {
        "code": f"P330602{next(_serial):05d}",
        "name": "某某大药房",
        "district": 330602,
        "district_name": "越城区",
        "street": "府山街道",
        "address": "解放北路1号",
        "latitude": 30.0,
        "longitude": 120.58,
        "designated_on": date(2015, 3, 1),
    }
    row = {**defaults, **values}
    spelled = spell(str(row["name"]), str(row["address"]))
    return Place.objects.create(**row, **{name: getattr(spelled, name) for name in spelled.__slots__})
