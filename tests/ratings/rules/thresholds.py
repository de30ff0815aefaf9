"""Every threshold of a scheme, and on which side of each its cases lie.

A threshold is covered when some case lies exactly at it, one just below and one just above;
"just" is the smallest step that the quantity can take (a month, a fact, the score's step, a
hundredth of a percentage point, a fen).
"""

from collections import defaultdict
from collections.abc import Iterable

from ratings.rules import Outcomes, Peers, Scheme, Signals
from ratings.rules.columns import POINT
from ratings.rules.conditions import COUNTED, Condition
from ratings.rules.days import whole_months
from ratings.rules.facts import age_of
from ratings.rules.indicators import (
    ComplaintsIndicator,
    EventIndicator,
    GrowthIndicator,
    ViolationsIndicator,
)
from ratings.rules.outlook import band_threshold
from ratings.rules.quantities import Quantities
from ratings.rules.scheme import conditions_of

#: threshold to the values seen, relative to it, in its smallest steps
Seen = dict[str, set[int]]
Rated = tuple[Scheme, Signals, Peers, Outcomes]
#: As far as three sides can exist: a flag is 0 or 1, a count is never below 0.
SIDES = (-1, 0, 1)


def sides_seen(scheme: Scheme, cases: Iterable[Rated]) -> tuple[Seen, dict[str, set[int]]]:
    """What the cases show of each threshold, and which sides each needs."""
    seen: Seen = defaultdict(set)
    needed: dict[str, set[int]] = {}

    def note(name: str, value: int, bound: int, step: int, sides: Iterable[int] = SIDES) -> None:
        needed[name] = set(sides)
        if (value - bound) % step == 0:
            seen[name].add((value - bound) // step)

    for _, signals, peers, outcomes in cases:
        is_rated = int(outcomes.state[0]) == 0
        if is_rated:
            for place, row in enumerate(scheme.document.bands.rows[:-1]):
                bound = band_threshold(scheme, signals, peers, place)
                assert bound is not None
                note(f"等级 {row.grade} 的分数", int(outcomes.score[0]), bound, scheme.document.score.step)
        for number, leaf in enumerate(conditions_of(scheme)):
            _note_condition(f"条件{number} {leaf.quantity}", scheme, leaf, signals, outcomes, note)
        for indicator in scheme.indicators:
            if isinstance(indicator, ViolationsIndicator | ComplaintsIndicator):
                _note_facts(indicator, signals, outcomes, note)
            elif isinstance(indicator, GrowthIndicator):
                _note_growth(indicator, signals, outcomes, note)
            name = f"indicator.{indicator.id}"
            if indicator.floor is not None:
                total = int(outcomes.traced(f"{name}.sum")[0])
                side = (total > indicator.floor) - (total < indicator.floor)
                note(f"{indicator.id} 的下限", side, 0, 1)
    return seen, needed


def _note_condition(name, scheme, leaf: Condition, signals, outcomes, note) -> None:
    known = {
        column: outcomes.traced(column) * POINT for column in ("chain", "tenure_months", "opened_months")
    }
    known["score"] = outcomes.score
    if leaf.quantity == "status":
        stated = leaf.filter_numbers("one_of")
        note(f"{name} {leaf.one_of}", int(int(signals.status[0]) in stated), 0, 1, (0, 1))
        return
    values, present = Quantities(signals, known).of(leaf)
    for comparison, bound in leaf.bounds.items():
        step = scheme.document.score.step if leaf.quantity == "score" else POINT
        sides: tuple[int, ...] = SIDES
        head, tail = leaf.family
        if head == "measure":
            term = next(term for term in scheme.document.measures if term.key == tail)
            sides = tuple(side for side in SIDES if term.min <= bound + side * step <= term.max)
        if present[0]:
            note(f"{name} {comparison}", int(values[0]), bound, step, sides)
        else:
            note(f"{name} {comparison}", 10**12, bound, step, sides)
    if leaf.quantity in COUNTED and leaf.within_months is not None:
        # Ages of facts that would count if they were recent enough.
        events = signals.complaints if leaf.quantity == "complaints" else signals.violations
        fits = [
            all(
                numbers is None or int(column[place]) in numbers
                for numbers, column in (
                    (leaf.filter_numbers("kinds"), events.kind),
                    (leaf.filter_numbers("topics"), events.kind),
                    (leaf.filter_numbers("gravities"), events.gravity),
                    (leaf.filter_numbers("tracks"), events.track),
                )
            )
            for place in range(len(events.owner))
        ]
        ages = whole_months(events.decided_on, signals.period.last)
        for fitting, age in zip(fits, ages, strict=True):
            note(f"{name} 近{leaf.within_months}个月", int(age) if fitting else 10**6, leaf.within_months, 1)


def _note_facts(indicator: EventIndicator, signals, outcomes, note) -> None:
    events = signals.violations if indicator.kind == "violations" else signals.complaints
    ageing = indicator.ageing
    stated = [ageing.months] if ageing.months is not None else [step.months for step in ageing.steps]
    for months in stated:
        note(f"{indicator.id} 满{months}个月", 10**6, months, 1)
        for age in age_of(events, ageing, signals.period):
            note(f"{indicator.id} 满{months}个月", int(age), months, 1)
    rows = [*indicator.rows, indicator.default]
    found = outcomes.event_points[indicator.id]
    for number, row in enumerate(rows):
        # Every row and gravity is used by some case.
        fitting = [place for place, used in enumerate(found.row) if int(used) % len(rows) == number]
        note(f"{indicator.id} {row.title} 用到", int(bool(fitting)), 1, 1, (0,))
        if indicator.kind != "violations":
            continue
        for gravity in range(3):
            used = any(int(events.gravity[place]) == gravity for place in fitting)
            note(f"{indicator.id} {row.title} 情节{gravity} 用到", int(used), 1, 1, (0,))
        for bracket in row.amounts:
            bound = (bracket.ge if bracket.ge is not None else bracket.gt) // 10
            note(f"{row.title} 金额", -(10**12), bound, 1)
            for place in fitting:
                note(f"{row.title} 金额", int(events.amount_fen[place]), bound, 1)


def _note_growth(indicator: GrowthIndicator, signals, outcomes, note) -> None:
    excess = int(outcomes.traced(f"indicator.{indicator.id}.excess_bp")[0])
    compared = int(outcomes.traced(f"indicator.{indicator.id}.basis")[0]) == 0
    bounds = [indicator.free] if indicator.free is not None else []
    bounds += [(part.ge if part.ge is not None else part.gt) // 10 for part in indicator.brackets]
    for bound in bounds:
        note(f"{indicator.id} 增幅超出 {bound}", excess if compared else 10**12, bound, 1)
    months = int(outcomes.traced(f"indicator.{indicator.id}.months")[0])
    note(f"{indicator.id} 可比月数", months, min(indicator.min_months, signals.period.months), 1)
