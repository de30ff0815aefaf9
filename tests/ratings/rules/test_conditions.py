"""Conditions: every quantity, comparison, filter and combination."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from ratings.rules.conditions import COMPARISONS, FILTERS, PLAIN, Condition
from ratings.rules.quantities import Quantities
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import LAST

SHOP = Shop(
    chain=True,
    status="SUSPENDED",
    violations=[
        Fact("OTHER_FRAUD", LAST, "SERIOUS", "PENALTY", amount_fen=500_000),
        Fact("OTHER_FRAUD", date(2024, 12, 31), "MINOR", "AGREEMENT", amount_fen=100_050),
        Fact("NO_CONSENT", date(2025, 1, 1), "MINOR", "PENALTY", amount_fen=1),
    ],
    complaints=[Fact("FRAUD", LAST), Fact("OTHER", date(2023, 1, 1))],
    measures={"review": 7500},
)


def holds(**condition: Any) -> bool:
    signals = build([Shop(), SHOP])
    known = {name: np.array([0, 24_000]) for name in ("tenure_months", "opened_months", "chain")}
    return bool(Quantities(signals, known).holds(Condition.model_validate(condition))[1])


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("lt", [False, False, True]),
        ("le", [False, True, True]),
        ("eq", [False, True, False]),
        ("ge", [True, True, False]),
        ("gt", [True, False, False]),
    ],
)
def test_comparisons(comparison: str, expected: list[bool]) -> None:
    assert [holds(quantity="tenure_months", **{comparison: bound}) for bound in (23, 24, 25)] == expected


def test_every_comparison_and_filter_is_tested() -> None:
    assert set(COMPARISONS) == {"lt", "le", "eq", "ge", "gt"}
    assert set(FILTERS) == {"kinds", "gravities", "tracks", "topics", "one_of"}
    assert {"tenure_months", "opened_months", "chain", "status"} <= set(PLAIN)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"kinds": ["OTHER_FRAUD"]}, 2),
        ({"kinds": ["OTHER_FRAUD", "NO_CONSENT"]}, 3),
        ({"kinds": ["RETURNED_DRUG"]}, 0),
        ({"gravities": ["MINOR"]}, 2),
        ({"tracks": ["PENALTY"]}, 2),
        ({"tracks": ["PENALTY"], "gravities": ["MINOR"]}, 1),
        ({"within_months": 12}, 2),  # 12 whole months have passed since 31 December 2024
        ({"within_months": 13}, 3),
        ({"within_months": 1}, 1),
        ({"within_months": 0}, 0),
    ],
)
def test_counts_of_violations(filters: dict[str, Any], count: int) -> None:
    assert holds(quantity="violations", eq=count, **filters)
    assert not holds(quantity="violations", eq=count + 1, **filters)


def test_amounts_and_complaints() -> None:
    assert holds(quantity="violation_amount", kinds=["OTHER_FRAUD"], ge=6000, le=6001)
    assert not holds(quantity="violation_amount", kinds=["OTHER_FRAUD"], gt=6001)
    assert holds(quantity="complaints", eq=2)
    assert holds(quantity="complaints", topics=["OTHER"], eq=1)
    assert holds(quantity="complaints", topics=["OTHER"], within_months=24, eq=0)


def test_status() -> None:
    assert holds(quantity="status", one_of=["SUSPENDED", "TERMINATED"])
    assert not holds(quantity="status", one_of=["TERMINATED"])


def test_a_measure_that_is_absent_makes_a_comparison_false_unless_stated() -> None:
    assert holds(quantity="measure.review", ge=7)
    assert not holds(quantity="measure.review", ge=8)
    for comparison in COMPARISONS:
        assert not holds(quantity="measure.unknown", **{comparison: 0})
        assert holds(quantity="measure.unknown", missing=True, **{comparison: 0})
    assert not holds(quantity="measure.review", ge=8, missing=True)
    assert holds(**{"not": {"quantity": "measure.unknown", "ge": 1}})


def test_combinations() -> None:
    yes = {"quantity": "tenure_months", "ge": 1}
    no = {"quantity": "tenure_months", "lt": 1}
    assert holds(all=[yes, yes])
    assert not holds(all=[yes, no])
    assert holds(any=[no, yes])
    assert not holds(any=[no, no])
    assert holds(**{"not": no})
    assert holds(all=[yes, {"any": [no, {"not": {"all": [yes, no]}}]}])
