"""Limits that struck and reasons not to be rated, of a run with known results."""

import pytest

from ratings.insight import limits
from ratings.models import Pharmacy
from ratings.services.schemes import parsed
from tests import factories
from tests.ratings.services.lives import Result, run_of
from tests.ratings.services.test_runs import scheme_in_force

from .conftest import HERE, THERE

#: Of the shipped scheme, in its order: at most D, C, B.
FRAUD, SUSPENDED, NEW = 1, 2, 4


@pytest.fixture
def shops(db: None) -> list[Pharmacy]:
    factories.district()
    factories.district(THERE, "柯桥区")
    return [factories.pharmacy(district_id=(HERE, THERE)[number % 2]) for number in range(6)]


@pytest.mark.parametrize(
    ("caps", "before", "grade", "expected"),
    [
        (FRAUD | NEW, 0, 3, [0, 2]),  # A: both are worse than it
        (FRAUD | NEW, 1, 3, [0]),  # B: at most B lowers nothing
        (NEW, 1, 1, []),
        (FRAUD, 3, 3, []),
        (0, 0, 0, []),
    ],
)
def test_a_limit_strikes_where_it_is_below_the_score(
    db: None, caps: int, before: int, grade: int, expected: list[int]
) -> None:
    assert limits.lowering(parsed(scheme_in_force()), caps, before, grade) == expected


def test_each_limit_and_reason_is_counted(shops: list[Pharmacy]) -> None:
    scheme = scheme_in_force()
    run = run_of(
        scheme,
        Result(shops[0], 3, before_caps=0, caps=FRAUD | NEW),
        Result(shops[1], 1, before_caps=0, caps=NEW),
        Result(shops[2], 1, before_caps=1, caps=NEW),
        Result(shops[3], 0),
        Result(shops[4], -1),
        Result(shops[5], -1),
    )
    titles = [cap.title for cap in parsed(scheme).document.caps]
    assert [(one.title, one.pharmacies) for one in limits.limited(run)] == [(titles[2], 2), (titles[0], 1)]
    assert limits.lowered(run) == 2
    assert [(one.title, one.pharmacies) for one in limits.limited(run, frozenset({THERE}))] == [
        (titles[2], 1)
    ]
    assert limits.lowered(run, frozenset({THERE})) == 1
    (reason,) = limits.not_rated(run)
    assert (reason.title, reason.clause, reason.pharmacies) == ("服务协议已解除", "第三条第一项", 2)
    assert limits.not_rated(run, frozenset({HERE}))[0].pharmacies == 1
    assert limits.not_rated(run, frozenset()) == []
