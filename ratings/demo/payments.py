"""What the fund paid to each pharmacy each month, 2018 to 2020.

Published of Shaoxing: payments grew 20 % in one year and 3.5 % in the next, after the credit
system had started. The city's total of live payments is brought to exactly that; seasons,
the spread between shops and a pandemic's spring are invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from ratings.demo.cases import Suspension
from ratings.demo.dice import SHANGHAI, Dice
from ratings.demo.shops import FIRST, Shop
from ratings.rules.periods import add_months, months_of

#: Published: growth of the year's total over the year before.
GROWTH = {2019: Fraction(20, 100), 2020: Fraction(35, 1000)}
MONTHS = months_of(FIRST, 36)
_SEASONS = (1.14, 0.88, 1.04, 1.00, 0.97, 0.93, 0.91, 0.92, 0.96, 1.01, 1.08, 1.16)
_PANDEMIC = {date(2020, 2, 1): 0.74, date(2020, 3, 1): 0.86, date(2020, 4, 1): 0.95}
#: Yuan a month of a middling shop.
_MIDDLING = 52_000
_SPREAD_OF_SIZES, _SPREAD_OF_GROWTH, _MONTHLY_NOISE = 0.62, 0.12, 0.06
_SOARING, _PLUNGING = 0.02, 0.01
_MISSING, _ZERO, _NEGATIVE, _LATE, _CORRECTED = 0.0012, 0.0006, 0.0004, 0.0020, 0.0015


@dataclass(frozen=True, slots=True)
class Payment:
    pharmacy: str
    month: date
    amount_fen: int
    settlements: int
    recorded_at: datetime
    voided_at: datetime | None = None
    void_reason: str = ""


def build(seed: int, shops: Sequence[Shop], suspensions: Mapping[str, Sequence[Suspension]]) -> list[Payment]:
    """Every version of every month, by pharmacy and month, calibrated."""
    dice = Dice(seed, "payments")
    rows: list[Payment] = []
    for shop in shops:
        rows += _shop(dice, shop, suspensions.get(shop.code, ()))
    return calibrated(rows)


def calibrated(rows: Sequence[Payment]) -> list[Payment]:
    """The payments with each year scaled so that the live totals grow as published."""
    totals = dict.fromkeys((FIRST.year, *GROWTH), 0)
    for row in rows:
        if row.voided_at is None:
            totals[row.month.year] += row.amount_fen
    scale = {FIRST.year: Fraction(1)}
    wanted = Fraction(totals[FIRST.year])
    for year, growth in GROWTH.items():
        wanted *= 1 + growth
        scale[year] = wanted / totals[year]
    return [
        replace(
            row,
            amount_fen=row.amount_fen * scale[row.month.year].numerator // scale[row.month.year].denominator,
        )
        for row in rows
    ]


def _exp(x: float) -> float:
    """e to the x, nearly: by squaring, so that it is the same on every machine."""
    value = 1 + x / 64
    for _ in range(6):
        value *= value
    return value


def _shop(dice: Dice, shop: Shop, suspensions: Sequence[Suspension]) -> list[Payment]:
    level = _MIDDLING * 100 * _exp(dice.bell(0, _SPREAD_OF_SIZES)) * (1.25 if shop.is_chain else 1.0)
    ticket = dice.real(6500, 11500)
    levels = {FIRST.year: level}
    for year in GROWTH:
        level *= 1 + _own_growth(dice)
        levels[year] = level
    rows: list[Payment] = []
    for month in MONTHS:
        share = _served(shop, suspensions, month)
        # Draws come whether or not they are used: a change in one month moves no other.
        noise, chance = dice.bell(1, _MONTHLY_NOISE), dice.real()
        if share <= 0 or chance < _MISSING:
            continue
        amount = levels[month.year] * _SEASONS[month.month - 1] * _PANDEMIC.get(month, 1.0) * noise * share
        amount *= _ramp(shop, month)
        fen = int(amount)
        settlements = 1 + int(amount / ticket)
        chance -= _MISSING
        if 0 <= chance < _ZERO:
            fen = settlements = 0
        elif 0 <= chance - _ZERO < _NEGATIVE:
            fen = -int(amount * 0.2)
        rows += _versions(dice, shop.code, month, fen, settlements)
    return rows


def _own_growth(dice: Dice) -> float:
    """A shop's growth beyond the market's."""
    chance = dice.real()
    if chance < _SOARING:
        return dice.real(0.35, 1.4)
    if chance < _SOARING + _PLUNGING:
        return dice.real(-0.55, -0.3)
    return dice.bell(0, _SPREAD_OF_GROWTH)


def _served(shop: Shop, suspensions: Sequence[Suspension], month: date) -> float:
    """The share of the month's days in which the shop could settle."""
    following = add_months(month, 1)
    days = (following - month).days
    first = max(month, shop.designated_on)
    last = following if shop.designated_until is None else min(following, shop.designated_until)
    open_days = max(0, (last - first).days)
    for suspension in suspensions:
        closed = min(last, suspension.until) - max(first, suspension.since)
        open_days -= max(0, closed.days)
    return open_days / days


def _ramp(shop: Shop, month: date) -> float:
    """A newcomer's customers come within its first months; a re-registered shop keeps its own."""
    if shop.predecessor:
        return 1.0
    months = (month.year - shop.designated_on.year) * 12 + month.month - shop.designated_on.month
    return min(1.0, 0.4 + 0.1 * months)


def _versions(dice: Dice, code: str, month: date, fen: int, settlements: int) -> list[Payment]:
    """One row as a rule; now and then recorded late, or corrected by a second one."""
    fifth = add_months(month, 1).replace(day=5)
    recorded = datetime.combine(fifth, time(2, 30), SHANGHAI)
    chance = dice.real()
    if chance < _LATE:
        recorded = dice.office_hour(fifth + timedelta(days=dice.whole(45, 130)))
    elif chance < _LATE + _CORRECTED:
        after = dice.office_hour(fifth + timedelta(days=dice.whole(15, 90)))
        before = int(fen * dice.real(0.9, 1.1))
        return [
            Payment(code, month, before, settlements, recorded, after, "对账更正（演示）"),
            Payment(code, month, fen, settlements, after),
        ]
    return [Payment(code, month, fen, settlements, recorded)]
