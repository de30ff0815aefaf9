"""Pharmacies for integrators: fixed codes with fixed answers, on the list of every sandbox product.

No such pharmacy exists: designated codes of real ones begin with P1 to P8. Everything but what is staged here goes
the way of real products.
"""

import json
from collections.abc import Collection
from datetime import date
from typing import Any, Final

from django.db import connection

from ratings.published import STAGED

_SCALE: Final = ("A", "B", "C", "D")
_LABELS: Final = ("优秀", "良好", "一般", "较差")
_SINCE, _UNTIL, _PAST = date(2020, 1, 1), date(2099, 12, 31), date(2021, 1, 1)


def _pharmacy(number: int, social_credit_code: str, name: str, grade: str, **values: Any) -> dict[str, Any]:
    position = _SCALE.index(grade) if grade else -1
    return {
        "code": f"P990000{number:05d}",
        "social_credit_code": social_credit_code,
        "name": name,
        "district": 990000,
        "district_name": "联调区",
        "designated_on": date(2015, 1, 1),
        "designated_until": None,
        "seq": number,
        "event": "PERIODIC",
        "period": "2019",
        "scheme": "sandbox@1",
        "grade": grade,
        "label": _LABELS[position] if grade else "",
        "position": position,
        "valid_from": _SINCE,
        "valid_until": _UNTIL,
        "under_objection": False,
        "authorised": True,
        **values,
    }


#: All other codes are unknown.
PHARMACIES: Final = (
    _pharmacy(1, "919900000000000192", "联调一号大药房（符合条件，A 级）", "A"),
    _pharmacy(2, "91990000000000027W", "联调二号大药房（符合条件，B 级，异议处理中）", "B", under_objection=True),
    _pharmacy(3, "91990000000000035P", "联调三号大药房（低于 B 级）", "C"),
    _pharmacy(4, "91990000000000043J", "联调四号大药房（等级已撤回）", "", event="WITHDRAWAL", valid_until=None),
    _pharmacy(5, "91990000000000051D", "联调五号大药房（等级已过期）", "B", valid_until=_PAST),
    _pharmacy(6, "9199000000000006X5", "联调六号大药房（没有授权）", "A", authorised=False),
)  # fmt: skip
#: Stands for the published ledger: to be raised when an answer changes.
LAST_SEQ: Final = len(PHARMACIES)

_DATES: Final = ("designated_on", "designated_until", "valid_from", "valid_until", "turns_on")
_NUMBERS: Final = ("district", "seq", "position", "periods", "last_seq")
_FLAGS: Final = ("under_objection", "reaches", "authorised")
_TYPES: Final = {
    **dict.fromkeys(_DATES, "date"),
    **dict.fromkeys(_NUMBERS, "bigint"),
    **dict.fromkeys(_FLAGS, "boolean"),
}


def stage(table: str, on: date, minimums: Collection[str]) -> str:
    """As :func:`ratings.published.stage`, of these pharmacies; gives the SQL that selects their authorisations."""
    worst = min(map(_SCALE.index, minimums)) if set(minimums) <= set(_SCALE) else -1
    rows = []
    for one in PHARMACIES:
        reaches, ends = 0 <= one["position"] <= worst, one["valid_until"]
        rows.append(
            {
                **one,
                "reaches": reaches,
                "periods": 20 if reaches else 0,
                "turns_on": ends if ends and ends > on else None,
                "last_seq": one["seq"],
            }
        )
    columns = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in (*STAGED, "authorised"))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{table}")
        cursor.execute(
            f"CREATE TEMP TABLE {table} ON COMMIT DROP AS SELECT * FROM json_to_recordset(%s::json) AS one({columns})",
            [json.dumps(rows, default=str)],
        )
    return (
        f"SELECT code, DATE '{_SINCE}' AS valid_from, NULL::date AS valid_until, NULL::date AS withdrawn_on"
        f" FROM {table} WHERE authorised"
    )
