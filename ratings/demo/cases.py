"""Violations and what followed from them: decisions, suspensions, terminations.

All kinds of the vocabulary occur, also those that the rules named only after 2020 (trace
codes), so that every rule of a scheme has something to bite on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ratings.demo.dice import Dice
from ratings.demo.places import DISTRICTS
from ratings.demo.shops import LAST, Shop
from ratings.rules.periods import add_months
from ratings.rules.vocabulary import GRAVITIES, VIOLATION_KINDS


@dataclass(frozen=True, slots=True)
class Violation:
    pharmacy: str
    kind: str
    gravity: str
    track: str
    body: str
    document_no: str
    amount_fen: int
    occurred_on: date
    decided_on: date
    measures: str
    personnel_points: int
    recorded_at: datetime
    voided_at: datetime | None = None
    void_reason: str = ""


class Status(NamedTuple):
    pharmacy: str
    status: str
    occurred_on: date
    decided_on: date
    document_no: str
    recorded_at: datetime


class Suspension(NamedTuple):
    """From ``since`` until the day before ``until``."""

    since: date
    until: date


@dataclass(slots=True)
class Cases:
    violations: list[Violation] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    suspensions: dict[str, list[Suspension]] = field(default_factory=dict)
    #: pharmacies whose agreement was terminated, and since when
    terminated: dict[str, date] = field(default_factory=dict)


class _Kind(NamedTuple):
    weight: float
    #: of minor, general, serious
    gravities: tuple[float, float, float]
    #: share that ends in an administrative penalty
    penalty: float
    #: the fund's money involved, yuan, for a general case; 0: none
    amount: int


_KINDS = {
    "ITEM_SUBSTITUTION": _Kind(16, (38, 52, 10), 0.35, 2400),
    "PRESCRIPTION_INVALID": _Kind(2.0, (25, 55, 20), 0.6, 5200),
    "BEYOND_PAY_SCOPE": _Kind(15, (48, 48, 4), 0.15, 1800),
    "IDENTITY_NOT_VERIFIED": _Kind(9, (45, 48, 7), 0.3, 1500),
    "COLLUSIVE_CASH_OUT": _Kind(0.45, (0, 40, 60), 0.8, 16000),
    "SETTLE_FOR_UNDESIGNATED": _Kind(1.2, (20, 55, 25), 0.7, 9000),
    "OTHER_FRAUD": _Kind(0.3, (0, 45, 55), 0.8, 14000),
    "CROSS_REGION_RESALE": _Kind(0.2, (0, 30, 70), 0.9, 22000),
    "CARD_POOLING": _Kind(0.3, (0, 40, 60), 0.8, 17000),
    "INDUCED_NONDRUG_SALE": _Kind(10, (42, 50, 8), 0.3, 2100),
    "CARD_FOR_GOODS": _Kind(0.45, (10, 60, 30), 0.6, 6500),
    "CARD_RING_RESALE": _Kind(0.15, (0, 20, 80), 1.0, 38000),
    "RETURNED_DRUG": _Kind(0.3, (0, 50, 50), 0.8, 12000),
    "MGMT_MISSING": _Kind(14, (78, 21, 1), 0.05, 0),
    "RECORDS_NOT_KEPT": _Kind(13, (74, 25, 1), 0.05, 0),
    "DATA_NOT_SENT": _Kind(9, (80, 19, 1), 0.05, 0),
    "INFO_NOT_REPORTED": _Kind(7, (82, 17, 1), 0.05, 0),
    "COST_NOT_PUBLIC": _Kind(8, (85, 15, 0), 0.05, 0),
    "NO_CONSENT": _Kind(4, (70, 28, 2), 0.1, 900),
    "OBSTRUCTION": _Kind(1.0, (10, 60, 30), 0.7, 0),
    "TRACE_CODE_UNUSED": _Kind(4, (72, 27, 1), 0.3, 0),
}
#: Decided in each year.
DECISIONS = {2018: 840, 2019: 980, 2020: 960}
#: Share of shops that draw far more violations than the others.
_CARELESS, _CARELESS_WEIGHT = 0.3, 6.0
_WITH_A_SECOND_KIND = 0.08
_TERMINATIONS = 6
_ANNULLED, _CORRECTED = 6, 5

_PREFIXES = {330602: "越演", 330603: "柯演", 330604: "虞演", 330624: "新演", 330681: "诸演", 330683: "嵊演"}
_MEASURES = {
    ("PENALTY", "MINOR"): "约谈、责令改正",
    ("PENALTY", "GENERAL"): "责令退回、罚款一倍",
    ("PENALTY", "SERIOUS"): "责令退回、罚款三倍",
    ("AGREEMENT", "MINOR"): "约谈、限期整改",
    ("AGREEMENT", "GENERAL"): "追回、暂停结算",
    ("AGREEMENT", "SERIOUS"): "追回、中止协议",
}
_AMOUNT_FACTOR = {"MINOR": (0.1, 0.5), "GENERAL": (0.5, 2.0), "SERIOUS": (2.0, 6.0)}
_POINTS = {"MINOR": (0, 2), "GENERAL": (2, 6), "SERIOUS": (7, 12)}


class _Documents:
    """Numbers decisions, each body its own series a year; all plainly fictional (演)."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}

    def next(self, district: int, track: str, year: int, by_the_city: bool) -> tuple[str, str]:
        """The deciding body and the number of its next document."""
        place = "绍兴市" if by_the_city else DISTRICTS[district]
        prefix = "绍演" if by_the_city else _PREFIXES[district]
        if track == "PENALTY":
            body, series = f"{place}医疗保障局", f"{prefix}医保罚"
        else:
            body, series = f"{place}医疗保障经办中心", f"{prefix}医经处"
        number = self._last[series, year] = self._last.get((series, year), 0) + 1
        return body, f"{series}〔{year}〕{number}号"


def build(seed: int, shops: Sequence[Shop]) -> Cases:
    """The cases decided in the three years, in the order of their decisions."""
    dice = Dice(seed, "cases")
    cases = Cases(violations=_decisions(dice, shops))
    _follow_up(dice, shops, cases)
    _later_changes(dice, cases)
    return cases


def _decisions(dice: Dice, shops: Sequence[Shop]) -> list[Violation]:
    weights = [(shop, _CARELESS_WEIGHT if dice.chance(_CARELESS) else 1.0) for shop in shops]
    # One of every kind first, then by weight.
    sure = list(VIOLATION_KINDS.ids)
    drafts: list[tuple[date, Shop, str]] = []
    for year, count in DECISIONS.items():
        days = [dice.day(date(year, 1, 8), date(year, 12, 28)) for _ in range(count)]
        for day in days:
            kind = sure.pop() if sure else _kind(dice)
            drafts.append((day, _offender(dice, weights, day), kind))
    documents = _Documents()
    found: list[Violation] = []
    for day, shop, kind in sorted(drafts, key=lambda draft: (draft[0], draft[1].code, draft[2])):
        track = "PENALTY" if dice.chance(_KINDS[kind].penalty) else "AGREEMENT"
        body, number = documents.next(shop.district, track, day.year, dice.chance(0.15))
        first = _violation(dice, shop, kind, track, day)
        first = replace(first, body=body, document_no=number)
        found.append(first)
        if dice.chance(_WITH_A_SECOND_KIND):
            other = _kind(dice)
            if other != kind:
                second = _violation(dice, shop, other, track, day)
                found.append(replace(second, body=body, document_no=number, recorded_at=first.recorded_at))
    return found


def _kind(dice: Dice) -> str:
    return dice.weighted([(kind, chances.weight) for kind, chances in _KINDS.items()])


def _offender(dice: Dice, weights: Sequence[tuple[Shop, float]], day: date) -> Shop:
    """A shop that had been designated for a while when the case was decided."""
    while True:
        shop = dice.weighted(weights) if dice.chance(0.5) else dice.pick(weights)[0]
        if shop.designated_all(day - timedelta(days=60), day):
            return shop


def _violation(dice: Dice, shop: Shop, kind: str, track: str, day: date) -> Violation:
    chances = _KINDS[kind]
    gravity = dice.weighted(list(zip(GRAVITIES.ids, chances.gravities, strict=True)))
    low, high = _AMOUNT_FACTOR[gravity]
    amount = int(chances.amount * dice.real(low, high)) * 100 + dice.whole(0, 99) if chances.amount else 0
    since = max(shop.designated_on, day - timedelta(days=240))
    return Violation(
        pharmacy=shop.code,
        kind=kind,
        gravity=gravity,
        track=track,
        body="",
        document_no="",
        amount_fen=amount,
        occurred_on=dice.day(since, day - timedelta(days=14)),
        decided_on=day,
        measures=_MEASURES[track, gravity],
        personnel_points=dice.whole(*_POINTS[gravity]),
        recorded_at=dice.office_hour(day + timedelta(days=_delay(dice))),
    )


def _delay(dice: Dice) -> int:
    """Days from a decision to its record; a few are recorded only months later."""
    return dice.whole(50, 130) if dice.chance(0.02) else dice.whole(1, 5)


def _follow_up(dice: Dice, shops: Sequence[Shop], cases: Cases) -> None:
    """Serious agreement cases suspend the agreement; some of the gravest end it."""
    by_code = {shop.code: shop for shop in shops}
    serious = [case for case in cases.violations if case.gravity == "SERIOUS" and case.amount_fen]
    staying = [
        case
        for case in serious
        if by_code[case.pharmacy].designated_until is None and case.decided_on >= date(2018, 6, 1)
    ]
    ends = sorted(staying, key=lambda case: -case.amount_fen)[: 3 * _TERMINATIONS]
    for case in sorted(dice.sample(ends, len(ends)), key=lambda case: case.decided_on)[::3]:
        day = case.decided_on + timedelta(days=10)
        if day <= LAST and case.pharmacy not in cases.terminated:
            cases.terminated[case.pharmacy] = day
            _status(cases, case, "TERMINATED", day, case.recorded_at + timedelta(days=8))
    for case in serious:
        if case.pharmacy in cases.terminated or case.pharmacy in cases.suspensions:
            continue
        if case.track == "PENALTY" and dice.chance(0.5):
            continue
        since = case.decided_on + timedelta(days=dice.whole(3, 8))
        until = add_months(since, dice.whole(1, 6))
        ended = by_code[case.pharmacy].designated_until
        if ended is not None and ended <= until:
            continue
        cases.suspensions[case.pharmacy] = [Suspension(since, until)]
        _status(cases, case, "SUSPENDED", since, case.recorded_at)
        if until <= LAST:
            _status(cases, case, "IN_SERVICE", until, dice.office_hour(until))


def _status(cases: Cases, case: Violation, status: str, since: date, recorded_at: datetime) -> None:
    decided = case.decided_on if status != "IN_SERVICE" else since
    cases.statuses.append(Status(case.pharmacy, status, since, decided, case.document_no, recorded_at))


def _later_changes(dice: Dice, cases: Cases) -> None:
    """Annul some decisions on reconsideration, and correct the amount of others."""
    settled = {*cases.suspensions, *cases.terminated}
    numbers = [
        number
        for number, case in enumerate(cases.violations)
        if case.pharmacy not in settled and case.amount_fen and case.decided_on < date(2020, 6, 1)
    ]
    chosen = dice.sample(numbers, _ANNULLED + _CORRECTED)
    for number in sorted(chosen[:_ANNULLED]):
        case = cases.violations[number]
        after = dice.office_hour(case.recorded_at.date() + timedelta(days=dice.whole(60, 120)))
        cases.violations[number] = replace(case, voided_at=after, void_reason="行政复议撤销原决定（演示）")
    for number in sorted(chosen[_ANNULLED:]):
        case = cases.violations[number]
        after = dice.office_hour(case.recorded_at.date() + timedelta(days=dice.whole(20, 150)))
        cases.violations[number] = replace(case, voided_at=after, void_reason="更正：涉及金额（演示）")
        cases.violations.append(replace(case, amount_fen=case.amount_fen * 11 // 10, recorded_at=after))
