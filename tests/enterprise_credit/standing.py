"""Enterprises with pharmacies whose grades are published, for tests of figures and standings."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from applications.enterprise_credit.models import CreditSubject
from ratings.models import Enterprise, Pharmacy, RatingPeriod
from tests import factories
from tests.bank_loans.building import shop
from tests.ratings.services.lives import Result
from tests.ratings.test_published import START, out

#: The day after START, on which grades are published, Asia/Shanghai.
TODAY = date(2026, 2, 11)


def chain(count: int = 1, **values: Any) -> tuple[Enterprise, list[Pharmacy]]:
    """An enterprise with so many pharmacies; it is no credit subject yet."""
    one = factories.enterprise(**values)
    return one, [shop(enterprise=one) for _ in range(count)]


def publish(*results: tuple[Pharmacy, int, int], period: str = "2025H2", at: Any = START) -> RatingPeriod:
    """Publish a period of (pharmacy, place of its grade, score in thousandths)."""
    life = out(
        *(Result(one, grade=grade, score=score) for one, grade, score in results), period=period, at=at
    )
    life.refresh_from_db()
    return life


def of(one: Enterprise) -> CreditSubject:
    return CreditSubject.objects.get(uscc=one.uscc)


def city(
    *chains: Sequence[int], period: str = "2025H2"
) -> tuple[list[tuple[Enterprise, list[Pharmacy]]], RatingPeriod]:
    """An enterprise for each list of scores, with a pharmacy of grade A for each; all published in one period."""
    made = [chain(len(scores)) for scores in chains]
    graded = [
        (one, 0, score)
        for (_, shops), scores in zip(made, chains, strict=True)
        for one, score in zip(shops, scores, strict=True)
    ]
    return made, publish(*graded, period=period)


def rated(*scores: int) -> tuple[Enterprise, list[Pharmacy], RatingPeriod]:
    """An enterprise with a pharmacy of grade A for each score, published."""
    (made,), life = city(scores)
    return *made, life
