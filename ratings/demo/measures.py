"""Values reckoned elsewhere that the shipped schemes read, for every rated period."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from ratings.demo.cases import Violation
from ratings.demo.dice import SHANGHAI, Dice
from ratings.demo.shops import Shop
from ratings.rules.periods import Period

#: The periods that the demo rates.
PERIODS = ("2020H1", "2020H2", "2020")
_POINTS_LOST = {"MINOR": 2, "GENERAL": 5, "SERIOUS": 14}


class MeasureValue(NamedTuple):
    pharmacy: str
    key: str
    period: str
    value: Decimal
    recorded_at: datetime


def build(seed: int, shops: Sequence[Shop], violations: Sequence[Violation]) -> list[MeasureValue]:
    """The assessment (0 to 100) of every pharmacy designated at a period's end."""
    dice = Dice(seed, "measures")
    rows: list[MeasureValue] = []
    for code in PERIODS:
        period = Period.parse(code)
        lost: dict[str, int] = {}
        for case in violations:
            if case.voided_at is None and period.first <= case.decided_on <= period.last:
                lost[case.pharmacy] = lost.get(case.pharmacy, 0) + _POINTS_LOST[case.gravity]
        recorded = datetime.combine(period.last + timedelta(days=12), time(15), SHANGHAI)
        for shop in shops:
            tenths = round(dice.bell(92.5, 4) * 10) - 10 * lost.get(shop.code, 0)
            if shop.designated_all(period.last, period.last):
                value = Decimal(max(0, min(1000, tenths))) / 10
                rows.append(MeasureValue(shop.code, "year_end_assessment", code, value, recorded))
    return rows
