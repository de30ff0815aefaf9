"""Two published periods of two districts, with known grades."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.cache import cache

from ratings.models import Pharmacy, RatingPeriod, SchemeVersion
from tests import factories
from tests.ratings.services.lives import CUTOFF, Result, published, run_of
from tests.ratings.services.test_runs import scheme_in_force

HERE, THERE = 330602, 330603


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@dataclass
class City:
    """Eight shops, and what was published of them."""

    scheme: SchemeVersion
    shops: list[Pharmacy]
    first: RatingPeriod
    second: RatingPeriod


#: Grades of shops 0 to 7 in the two periods; None = not in it, -1 = not rated. Even ones are HERE.
FIRST = (0, 0, 1, 1, 2, 3, -1, None)
SECOND = (0, 1, 0, 1, 3, None, 2, 0)


@pytest.fixture
def city(db: None) -> City:
    """Shop 7 is new in the second period; shop 5 is gone from it."""
    scheme = scheme_in_force()
    factories.district()
    factories.district(THERE, "柯桥区")
    shops = [
        factories.pharmacy(
            district_id=HERE + number % 2,
            latitude=30.0 + number / 100,
            longitude=120.5,
            source_datum="WGS-84",
        )
        for number in range(8)
    ]
    lives = []
    for number, (period, grades) in enumerate((("2025H1", FIRST), ("2025H2", SECOND))):
        results = [
            Result(shop, grade, 95_000 - 5_000 * max(grade, 0))
            for shop, grade in zip(shops, grades, strict=True)
            if grade is not None
        ]
        run = run_of(scheme, *results, period=period, cutoff=CUTOFF + timedelta(hours=number))
        lives.append(published(run))
    return City(scheme, shops, *lives)
