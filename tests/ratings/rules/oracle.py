"""A slow and obvious reckoning of one pharmacy with fractions, to hold ``rate()`` against.

It shares nothing with the columnar code but the parsed document and the word lists.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

from ratings.rules import Period, Scheme
from ratings.rules.conditions import Condition
from ratings.rules.indicators import (
    Ageing,
    Bracket,
    ComplaintsIndicator,
    GrowthIndicator,
    Indicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from tests.ratings.rules.building import Fact, Shop

_MODES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "down": ROUND_DOWN,
    "up": ROUND_UP,
}


def rounded(value: Fraction, mode: str) -> int:
    """``value`` to a whole number, by the decimal module's rounding."""
    # Tens of digits: exact ties have few decimals here, and others are told apart long before.
    number = Decimal(value.numerator * 10**60 // value.denominator).scaleb(-60)
    if value.numerator * 10**60 % value.denominator:
        number += Decimal("1e-60") / 2
    return int(number.quantize(Decimal(1), rounding=_MODES[mode]))


@dataclass
class Result:
    state: int
    score: int
    indicators: dict[str, int]
    before: int
    grade: int
    struck: set[int]
    growth: dict[str, int | None]


def _months(day: date, period: Period) -> int:
    """Months whose corresponding day, or month's end where there is none, has come (民法典第二百零二条)."""
    complete = 0
    year, month = day.year, day.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        if date(year, month, min(day.day, monthrange(year, month)[1])) > period.last:
            return complete
        complete += 1


def _aged(full: int, fact: Fact, ageing: Ageing, period: Period, mode: str) -> int:
    start = fact.decided_on if ageing.from_ == "decided_on" else (fact.occurred_on or fact.decided_on)
    age = _months(start, period)
    if ageing.shape == "linear":
        months = ageing.months or 0
        return rounded(Fraction(full * max(0, months - age), months), mode)
    percent = Fraction(1)
    for step in ageing.steps:
        if age >= step.months:
            percent = Fraction(step.percent, 10_000)
    return rounded(full * percent, mode)


def _bracket(brackets: tuple[Bracket, ...], value: Fraction, otherwise: int = 0) -> int:
    points = otherwise
    for bracket in brackets:
        if (bracket.ge is not None and value >= bracket.ge) or (
            bracket.gt is not None and value > bracket.gt
        ):
            points = bracket.points
    return points


def _violation(indicator: ViolationsIndicator, fact: Fact) -> int:
    row = next(
        (
            row
            for row in indicator.rows
            if fact.kind in row.kinds and (row.tracks is None or fact.track in row.tracks)
        ),
        indicator.default,
    )
    extra = _bracket(row.amounts, Fraction(fact.amount_fen * 1000, 100))
    return int(getattr(row.points, fact.gravity)) + extra


def growth_of(indicator: GrowthIndicator, shop: Shop, period: Period, mode: str) -> int | None:
    """Basis points; None where there is nothing to compare."""
    months = period.months

    def usable(amount: int | None, column: int) -> bool:
        if amount is None or column in shop.out_of_service:
            return False
        if amount == 0:
            return indicator.zero_months == "keep"
        return amount > 0 or indicator.negative_months == "keep"

    pairs = [
        (before, now)
        for month, (before, now) in enumerate(zip(shop.last_year, shop.this_year, strict=True))
        if usable(before, month) and usable(now, months + month)
    ]
    base = sum(before for before, _ in pairs if before is not None)
    current = sum(now for _, now in pairs if now is not None)
    if len(pairs) < min(indicator.min_months, months) or base <= 0:
        return None
    return rounded(Fraction((current - base) * 10_000, base), mode)


def _middle(values: list[int], of_even: str, mode: str) -> int:
    values = sorted(values)
    half = len(values) // 2
    if len(values) % 2:
        return values[half]
    if of_even == "mean":
        return rounded(Fraction(values[half - 1] + values[half], 2), mode)
    return values[half - 1] if of_even == "lower" else values[half]


def _holds(condition: Condition, shop: Shop, period: Period, known: dict[str, int]) -> bool:
    if condition.all is not None:
        return all(_holds(part, shop, period, known) for part in condition.all)
    if condition.any is not None:
        return any(_holds(part, shop, period, known) for part in condition.any)
    if condition.not_ is not None:
        return not _holds(condition.not_, shop, period, known)
    quantity = condition.quantity or ""
    if quantity == "status":
        return shop.status in (condition.one_of or ())
    if quantity.startswith("measure."):
        key = quantity.removeprefix("measure.")
        if key not in shop.measures:
            return bool(condition.missing)
        value = shop.measures[key]
    elif quantity in ("violations", "violation_amount", "complaints"):
        facts = shop.complaints if quantity == "complaints" else shop.violations
        kept = [
            fact
            for fact in facts
            if fact.kind in (condition.kinds or condition.topics or [fact.kind])
            and fact.gravity in (condition.gravities or [fact.gravity])
            and fact.track in (condition.tracks or [fact.track])
            and (
                condition.within_months is None or _months(fact.decided_on, period) < condition.within_months
            )
        ]
        if quantity == "violation_amount":
            value = sum(fact.amount_fen for fact in kept) * 10
        else:
            value = len(kept) * 1000
    else:
        value = known[quantity]
    return (
        (condition.lt is None or value < condition.lt)
        and (condition.le is None or value <= condition.le)
        and (condition.eq is None or value == condition.eq)
        and (condition.ge is None or value >= condition.ge)
        and (condition.gt is None or value > condition.gt)
    )


def _points(indicator: Indicator, shop: Shop, period: Period, mode: str, excess: int | None) -> int:
    if isinstance(indicator, ViolationsIndicator):
        total = sum(
            _aged(_violation(indicator, fact), fact, indicator.ageing, period, mode)
            for fact in shop.violations
        )
    elif isinstance(indicator, ComplaintsIndicator):
        total = 0
        for fact in shop.complaints:
            row = next((row for row in indicator.rows if fact.kind in row.topics), indicator.default)
            total += _aged(row.points, fact, indicator.ageing, period, mode)
    elif isinstance(indicator, MeasureIndicator):
        value = shop.measures.get(indicator.measure)
        if value is None:
            total = indicator.missing_points or 0
        elif indicator.points_per_unit is not None:
            total = rounded(Fraction(value * indicator.points_per_unit, 1000), mode)
        else:
            total = _bracket(indicator.brackets, Fraction(value), indicator.otherwise)
    elif excess is None:
        total = indicator.no_base_points
    elif indicator.points_per_percent is None:
        total = _bracket(indicator.brackets, Fraction(excess * 10))
    else:
        beyond = max(0, excess - (indicator.free or 0))
        total = rounded(Fraction(beyond * indicator.points_per_percent, 100), mode)
    if indicator.floor is not None:
        total = max(total, indicator.floor)
    if indicator.ceiling is not None:
        total = min(total, indicator.ceiling)
    return total


def reckon(scheme: Scheme, city: list[Shop], code: str) -> list[Result]:
    """Every pharmacy of a city, one by one."""
    period = Period.parse(code)
    document, mode = scheme.document, scheme.document.score.rounding
    higher = document.score.direction == "higher_is_better"
    states = [_state(scheme, shop, period) for shop in city]
    growths = {
        indicator.id: [growth_of(indicator, shop, period, mode) for shop in city]
        for indicator in scheme.indicators
        if isinstance(indicator, GrowthIndicator)
    }
    results, knowns = [], []
    for place, shop in enumerate(city):
        known = _plain(shop, period)
        points, growth = {}, {}
        for indicator in scheme.indicators:
            excess = None
            if isinstance(indicator, GrowthIndicator):
                excess = _excess(indicator, city, growths[indicator.id], states, place, mode)
                growth[indicator.id] = excess
            points[indicator.id] = _points(indicator, shop, period, mode, excess)
            known[f"indicator.{indicator.id}"] = points[indicator.id]
        total = Fraction(0)
        for component in document.components:
            value = component.base_score + sum(
                points[indicator.id] for indicator in scheme.indicators if indicator.component == component.id
            )
            value = min(max(value, component.floor), component.ceiling)
            known[f"component.{component.id}"] = value
            total += Fraction(value * component.weight, 10_000)
        worst = [-value if higher else value for value in points.values()]
        known["worst_indicator"] = max(0, *worst)
        step = document.score.step
        score = rounded(total / step, mode) * step
        known["score"] = min(max(score, document.score.floor), document.score.ceiling)
        knowns.append(known)
        results.append(Result(states[place], known["score"], points, -1, -1, set(), growth))
    for place in range(len(city)):
        if states[place] == 0:
            _grade(scheme, city, results, place, period, knowns[place], higher)
        else:
            results[place].score = 0
    return results


def _plain(shop: Shop, period: Period) -> dict[str, int]:
    return {
        "chain": 1000 if shop.chain else 0,
        "tenure_months": 1000 * _months(shop.designated_on, period),
        "opened_months": 1000 * _months(shop.opened_on or shop.designated_on, period),
    }


def _state(scheme: Scheme, shop: Shop, period: Period) -> int:
    known = _plain(shop, period)
    for number, rule in enumerate(scheme.document.eligibility, 1):
        if _holds(rule.when, shop, period, known):
            return number
    number = len(scheme.document.eligibility)
    for indicator in scheme.indicators:
        if isinstance(indicator, MeasureIndicator) and indicator.if_missing == "not_rated":
            number += 1
            if indicator.measure not in shop.measures:
                return number
    return 0


def _excess(
    indicator: GrowthIndicator,
    city: list[Shop],
    growths: list[int | None],
    states: list[int],
    place: int,
    mode: str,
) -> int | None:
    own = growths[place]
    if own is None or indicator.peer == "none":
        return own
    everyone = [
        (shop.district, growth)
        for shop, growth, state in zip(city, growths, states, strict=True)
        if growth is not None and state == 0
    ]
    group = [growth for district, growth in everyone if district == city[place].district]
    if indicator.peer == "city" or len(group) < max(1, indicator.min_group):
        group = [growth for _, growth in everyone]
    if not group:
        return None
    return own - _middle(group, indicator.median_of_even, mode)


def _grade(
    scheme: Scheme,
    city: list[Shop],
    results: list[Result],
    place: int,
    period: Period,
    known: dict[str, int],
    higher: bool,
) -> None:
    shop, result = city[place], results[place]
    bands = scheme.document.bands
    for number, row in enumerate(bands.rows):
        if number == len(bands.rows) - 1:
            reached = True
        elif bands.by == "score":
            reached = result.score >= row.min if higher else result.score <= row.max
        else:
            reached = _among_best(scheme, city, results, place, number, higher)
        if reached and (row.also is None or _holds(row.also, shop, period, known)):
            result.before = scheme.positions[row.grade]
            break
    result.grade = result.before
    for number, cap in enumerate(scheme.document.caps):
        if not _holds(cap.when, shop, period, known):
            continue
        if cap.limit is not None:
            limit = scheme.positions[cap.limit]
        elif cap.limit_measure in shop.measures:
            limit = shop.measures[cap.limit_measure] // 1000 - 1
        else:
            continue
        result.struck.add(number)
        result.grade = max(result.grade, limit)


def _among_best(
    scheme: Scheme, city: list[Shop], results: list[Result], place: int, band: int, higher: bool
) -> bool:
    bands = scheme.document.bands

    def group_of(shop: Shop) -> tuple[object, ...]:
        if bands.group == "city":
            return ()
        if bands.group == "district":
            return (shop.district,)
        return (shop.district, shop.chain)

    rated = [(shop, other) for shop, other in zip(city, results, strict=True) if other.state == 0]
    scores = [other.score for shop, other in rated if group_of(shop) == group_of(city[place])]
    if len(scores) < max(1, bands.min_group):
        scores = [other.score for _, other in rated]
    share = sum(row.share for row in bands.rows[: band + 1])
    count = rounded(Fraction(len(scores) * share, 10_000), bands.count_rounding)
    mine = results[place].score
    # How many of the group are better (or, with ties = worse, at least as good).
    if bands.ties == "better":
        ahead = sum(score > mine if higher else score < mine for score in scores)
        return ahead < count
    level = sum(score >= mine if higher else score <= mine for score in scores)
    if len(scores) and mine not in scores:
        level += 1  # rated by everyone's cut points, as if it stood among them
    return level <= count
