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
    """The values of every pharmacy designated at a period's end."""
    dice = Dice(seed, "measures")
    records = {shop.code: _record(dice, shop) for shop in shops}
    rows: list[MeasureValue] = []
    for code in PERIODS:
        period = Period.parse(code)
        lost: dict[str, int] = {}
        for case in violations:
            if case.voided_at is None and period.first <= case.decided_on <= period.last:
                lost[case.pharmacy] = lost.get(case.pharmacy, 0) + _POINTS_LOST[case.gravity]
        recorded = datetime.combine(period.last + timedelta(days=12), time(15), SHANGHAI)
        for shop in shops:
            tenths = round(dice.bell(93, 3.8) * 10) - 10 * lost.get(shop.code, 0)
            tenths = max(0, min(1000, tenths))
            if not shop.designated_all(period.last, period.last):
                continue
            values = {
                "year_end_assessment": Decimal(tenths) / 10,
                **{key: Decimal(value) for key, value in _reviewed(tenths, records[shop.code]).items()},
            }
            rows += [MeasureValue(shop.code, key, code, value, recorded) for key, value in values.items()]
    return rows


class _Record(NamedTuple):
    """How a pharmacy stands in a city that keeps grades from year to year (the nantong scheme)."""

    #: 1 = best
    grade_held: int
    years_in_grade: int
    excellent_years: int
    failed_years: int
    vetoed: bool


def _record(dice: Dice, shop: Shop) -> _Record:
    years = 2020 - shop.designated_on.year
    grade = 3 if years < 2 else dice.weighted(((1, 76 if years > 2 else 0), (2, 19), (3, 5)))
    held = dice.whole(0, max(0, min(4, years - 1)))
    failed = dice.whole(0, 2) if grade == 3 and years > 2 else 0
    return _Record(grade, held, dice.whole(0, held) if failed == 0 else 0, failed, dice.chance(0.002))


def _reviewed(tenths: int, record: _Record) -> dict[str, int]:
    """The other values, given the assessment in tenths of a point."""
    failed = tenths < 600
    return {
        "veto": int(record.vetoed),
        "review_demerits": max(0, (930 - tenths) // 40),
        "review_failed": int(failed),
        "grade_held": record.grade_held,
        "years_in_grade": record.years_in_grade,
        "excellent_years": record.excellent_years,
        "failed_years": record.failed_years + (1 if failed else 0),
    }
