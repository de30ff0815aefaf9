"""Conditions: each part on both sides of its threshold, and all of them together."""

from typing import Any

import pytest

from applications.enterprise_credit.rules.conditions import Condition, Records, holds, records_wanted
from tests.enterprise_credit.rules_building import figures

PENALTIES = {"kinds": ["PENALTY"]}


def held(stated: dict[str, Any], **values: Any) -> bool:
    condition = Condition.model_validate(stated)
    return holds(condition, figures(**{"records": (0,), **values}), records_wanted([condition]))


@pytest.mark.parametrize(
    ("stated", "holding", "failing"),
    [
        ({"grade_in": ["C", "D"]}, {"grade": "D"}, {"grade": "B"}),
        ({"grade_in": ["C", "D"]}, {"grade": "C"}, {"grade": ""}),
        ({"unrated": True}, {"grade": ""}, {"grade": "A"}),
        (
            {"store_grade": "D", "stores_at_least": 3},
            {"rated": 9, "grades": {"A": 6, "D": 3}},
            {"rated": 9, "grades": {"A": 7, "D": 2}},
        ),
        (
            {"store_grade": "D", "share_at_least": 20},
            {"rated": 5, "grades": {"A": 4, "D": 1}},
            {"rated": 6, "grades": {"A": 5, "D": 1}},
        ),
        (
            {"store_grade": "D", "share_at_least": 0},
            {"rated": 1, "grades": {"A": 1}},
            {"rated": 0, "grades": {}},
        ),
        ({"rated_below": 2}, {"rated": 1}, {"rated": 2}),
        ({"under_objection": True}, {"under_objection": 1}, {"under_objection": 0}),
        ({"records": PENALTIES}, {"records": (1,)}, {"records": (0,)}),
        ({"records": PENALTIES, "records_at_least": 3}, {"records": (3,)}, {"records": (2,)}),
    ],
)
def test_each_part_on_both_sides(
    stated: dict[str, Any], holding: dict[str, Any], failing: dict[str, Any]
) -> None:
    assert held(stated, **holding)
    assert not held(stated, **failing)


def test_all_that_is_stated_must_hold() -> None:
    stated = {"grade_in": ["D"], "records": PENALTIES}
    assert held(stated, grade="D", records=(1,))
    assert not held(stated, grade="D", records=(0,))
    assert not held(stated, grade="A", records=(1,))


def test_records_are_wanted_once_each_in_order() -> None:
    black, recent = {"kinds": ["BLACK_LIST"]}, {"kinds": ["PENALTY"], "within_months": 12}
    conditions = [
        Condition.model_validate({"records": records}) for records in (recent, black, recent, PENALTIES)
    ]
    wanted = records_wanted([*conditions, Condition.model_validate({"grade_in": ["D"]})])
    assert wanted == tuple(Records.model_validate(one) for one in (recent, black, PENALTIES))
    assert holds(conditions[1], figures(records=(0, 1, 0)), wanted)
    with pytest.raises(ValueError, match="not in tuple"):
        holds(conditions[1], figures(records=(0,)), wanted[:1])
