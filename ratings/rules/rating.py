"""``rate()``: from a scheme and columns of signals to scores and grades.

The one implementation of the rules. Everything is worked out for all pharmacies at once, in
whole numbers; only the parts of the scheme are looped over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ratings.rules.bands import apply_caps, band_grades, cut_points
from ratings.rules.columns import POINT, WHOLE, Bool, Int64, Signals
from ratings.rules.days import whole_months
from ratings.rules.exact import Rounding, decimal_text, divide, to_step
from ratings.rules.facts import EventPoints, bracket_points, event_points, total_by_owner
from ratings.rules.growth import COMPARED, NO_PEERS, growth_points, measure_growth
from ratings.rules.indicators import (
    ComplaintsIndicator,
    GrowthIndicator,
    Indicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from ratings.rules.outcomes import RATED, Outcomes
from ratings.rules.peers import Figure, Groups, Peers, figures, group, group_key, median, spread
from ratings.rules.problems import SignalsError
from ratings.rules.quantities import Quantities
from ratings.rules.scheme import Scheme, required_measures
from ratings.rules.slices import check_signals

#: Stands for "the group has no median" in a column; no growth is ever as low.
_NO_MEDIAN = -(2**62)


def rate(scheme: Scheme, signals: Signals, peers: Peers | None = None) -> Outcomes:
    """Rates every pharmacy in ``signals``.

    Without ``peers`` the figures that depend on peers (medians, cut points, sizes, ranks) are
    reckoned from these signals and returned in ``Outcomes.peers``. With the ``peers`` of an
    earlier run they are taken from there: one pharmacy alone then gets the same result as in
    that run, except that ranks are 0.

    Raises SignalsError where the columns break their contract, an imported value lies outside
    the range that the scheme states, or one that must be there is missing.
    """
    check_signals(signals)
    if peers is not None and peers.scheme != scheme.hash:
        raise SignalsError(["同组数据不是按这一版规则计算的，不能用来评价。"])
    work = _Work(scheme, signals, peers)
    work.place()
    work.decide_who_is_rated()
    for indicator in scheme.indicators:
        work.score_indicator(indicator)
    score = work.score()
    rated = work.state == RATED
    cuts = peers.cuts if peers else cut_points(scheme, signals, score, rated)
    before = band_grades(scheme, work.quantities, score, rated, cuts)
    grade, caps = apply_caps(scheme, work.quantities, before, rated)
    districts = group(signals, "district")
    everyone = group(signals, "city")
    if peers is None:
        sizes = _sizes(districts, rated)
        peers = Peers(scheme.hash, sizes, work.medians, cuts)
        good = score * scheme.better_sign
        ranks = _ranks(districts, good, rated), _ranks(everyone, good, rated)
    else:
        ranks = np.zeros_like(score), np.zeros_like(score)
    return Outcomes(
        code=signals.code,
        state=work.state,
        score=score,
        grade=grade,
        grade_before_caps=before,
        caps=caps,
        rank_district=ranks[0],
        rank_city=ranks[1],
        size_district=_spread_sizes(districts, peers),
        size_city=_spread_sizes(everyone, peers),
        trace=work.matrix(),
        trace_columns=tuple(work.trace),
        event_points=work.events,
        peers=peers,
    )


@dataclass
class _Work:
    """One rating under way; ``trace`` keeps every column in the order reckoned."""

    scheme: Scheme
    signals: Signals
    peers: Peers | None
    trace: dict[str, Int64] = field(default_factory=dict)
    events: dict[str, EventPoints] = field(default_factory=dict)
    medians: dict[str, dict[str, Figure]] = field(default_factory=dict)
    state: Int64 = field(init=False)
    quantities: Quantities = field(init=False)

    def __post_init__(self) -> None:
        self.quantities = Quantities(self.signals)
        self.state = np.zeros(len(self.signals), dtype=np.int64)

    @property
    def rounding(self) -> Rounding:
        return self.scheme.document.score.rounding

    def place(self) -> None:
        """What is known of each pharmacy before any points."""
        signals, last = self.signals, self.signals.period.last
        plain = {
            "chain": signals.chain.astype(np.int64),
            "tenure_months": whole_months(signals.designated_on, last),
            "opened_months": whole_months(signals.opened_on, last),
        }
        self.trace["status"] = signals.status.astype(np.int64)
        for name, values in plain.items():
            self.trace[name] = values
            self.quantities.known[name] = values * POINT
        for key in sorted(required_measures(self.scheme)):
            value, present = self.measure(key)
            self.trace[f"measure.{key}"] = value
            self.trace[f"measure.{key}.present"] = present.astype(np.int64)

    def measure(self, key: str) -> tuple[Int64, Bool]:
        """Values, 0 where absent, and where they are present."""
        found = self.signals.measures.get(key)
        if found is None:
            count = len(self.signals)
            return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
        return np.where(found.present, found.value, 0), found.present

    def decide_who_is_rated(self) -> None:
        """Sets ``state`` to the first reason that applies; checks the values of the others."""
        rules = [self.quantities.holds(rule.when) for rule in self.scheme.document.eligibility]
        for place, applies in enumerate(rules, 1):
            self.state[(self.state == RATED) & applies] = place
        number = len(rules)
        faults: list[str] = []
        for indicator in self.scheme.indicators:
            if not isinstance(indicator, MeasureIndicator):
                continue
            value, present = self.measure(indicator.measure)
            absent = (self.state == RATED) & ~present
            if indicator.if_missing == "not_rated":
                number += 1
                self.state[absent] = number
            elif indicator.if_missing == "error":
                faults += self._told(absent, f"缺少数值“{indicator.title}”（{indicator.measure}）")
        for term in self.scheme.document.measures:
            value, present = self.measure(term.key)
            wrong = present & ((value < term.min) | (value > term.max)) & (self.state == RATED)
            low, high = decimal_text(term.min), decimal_text(term.max)
            faults += self._told(wrong, f"数值“{term.title}”（{term.key}）不在 {low} 至 {high} 之间")
        for cap in self.scheme.document.caps:
            if cap.limit_measure is None:
                continue
            value, present = self.measure(cap.limit_measure)
            last = len(self.scheme.grades) * POINT
            wrong = present & ((value < POINT) | (value > last) | (value % POINT != 0))
            faults += self._told(
                wrong & (self.state == RATED),
                f"数值 {cap.limit_measure} 不是 1 至 {len(self.scheme.grades)} 的等级序号",
            )
        if faults:
            raise SignalsError(faults)

    def _told(self, wrong: Bool, what: str) -> list[str]:
        codes = self.signals.code[wrong]
        if not len(codes):
            return []
        shown = "、".join(code.decode("ascii") for code in codes[:10])
        return [f"{what}：{shown}{f' 等 {len(codes)} 家' if len(codes) > 10 else ''}。"]

    def score_indicator(self, indicator: Indicator) -> None:
        """Adds the indicator's inputs, sum and points to the trace."""
        name = f"indicator.{indicator.id}"
        if isinstance(indicator, ViolationsIndicator | ComplaintsIndicator):
            total = self._from_events(indicator, name)
        elif isinstance(indicator, GrowthIndicator):
            total = self._from_growth(indicator, name)
        else:
            total = self._from_measure(indicator)
        points = _within(total, indicator.floor, indicator.ceiling)
        self.trace[f"{name}.sum"] = total
        self.trace[f"{name}.points"] = points
        self.quantities.known[name] = points

    def _from_events(self, indicator: ViolationsIndicator | ComplaintsIndicator, name: str) -> Int64:
        found = event_points(indicator, self.signals, self.rounding)
        self.events[indicator.id] = found
        owner = getattr(self.signals, found.source).owner
        count = len(self.signals)
        self.trace[f"{name}.count"] = total_by_owner(owner, found.weighs, count)
        return total_by_owner(owner, found.points, count)

    def _from_growth(self, indicator: GrowthIndicator, name: str) -> Int64:
        growth = measure_growth(indicator, self.signals, self.rounding)
        basis = growth.basis
        middle = np.zeros(len(self.signals), dtype=np.int64)
        if indicator.peer != "none":
            groups = group(self.signals, indicator.peer)
            if self.peers is None:
                self.medians[indicator.id] = figures(
                    groups,
                    growth.growth_bp,
                    (basis == COMPARED) & (self.state == RATED),
                    indicator.min_group,
                    lambda values: [median(values, indicator.median_of_even, self.rounding)],
                )
                known = self.medians[indicator.id]
            else:
                known = dict(self.peers.medians[indicator.id])
            middle = spread(groups, known, 0, _NO_MEDIAN)
            basis = np.where((basis == COMPARED) & (middle == _NO_MEDIAN), NO_PEERS, basis)
        compared = basis == COMPARED
        excess = np.where(compared, growth.growth_bp - middle, 0)
        self.trace |= {
            f"{name}.months": growth.months,
            f"{name}.current_fen": growth.current_fen,
            f"{name}.base_fen": growth.base_fen,
            f"{name}.basis": basis,
            f"{name}.growth_bp": growth.growth_bp,
            f"{name}.median_bp": np.where(compared, middle, 0),
            f"{name}.excess_bp": excess,
        }
        points = growth_points(indicator, excess, self.rounding)
        return np.where(compared, points, indicator.no_base_points)

    def _from_measure(self, indicator: MeasureIndicator) -> Int64:
        value, present = self.measure(indicator.measure)
        if indicator.points_per_unit is None:
            points = bracket_points(indicator.brackets, value, indicator.otherwise)
        else:
            points = divide(value * indicator.points_per_unit, POINT, self.rounding)
        return np.where(present, points, indicator.missing_points or 0)

    def score(self) -> Int64:
        """Components, the exact weighted sum, and the score; 0 where not rated."""
        document, known = self.scheme.document, self.quantities.known
        points = {indicator.id: known[f"indicator.{indicator.id}"] for indicator in document.indicators}
        components, total, score = score_of(self.scheme, points, len(self.signals))
        for name, value in components.items():
            self.trace[f"component.{name}"] = value
            known[f"component.{name}"] = value
        worst = np.zeros(len(self.signals), dtype=np.int64)
        for value in points.values():
            worst = np.maximum(worst, value * -self.scheme.better_sign)
        self.trace["worst_indicator"] = worst
        known["worst_indicator"] = worst
        self.trace["total"] = total
        score = np.where(self.state == RATED, score, 0)
        known["score"] = score
        return score

    def matrix(self) -> Int64:
        """The trace, one row a pharmacy."""
        # Written column by column and turned, because that is several times faster.
        return np.array(list(self.trace.values()), dtype=np.int64).T


def score_of(
    scheme: Scheme, points: Mapping[str, Int64], count: int
) -> tuple[dict[str, Int64], Int64, Int64]:
    """Components by id, their exact weighted sum (in 1/10,000 of a thousandth), and the score.

    ``points`` are the indicators' by id, a column of ``count`` each; one that is left out adds
    nothing, which tells what a score would be without it.
    """
    document = scheme.document
    components: dict[str, Int64] = {}
    total = np.zeros(count, dtype=np.int64)
    for component in document.components:
        value = np.full(count, component.base_score, dtype=np.int64)
        for indicator in document.indicators:
            if indicator.component == component.id and indicator.id in points:
                value = value + points[indicator.id]
        value = np.clip(value, component.floor, component.ceiling)
        components[component.id] = value
        total += value * component.weight
    rule = document.score
    score = np.clip(to_step(total, WHOLE, rule.step, rule.rounding), rule.floor, rule.ceiling)
    return components, total, score


def _within(points: Int64, floor: int | None, ceiling: int | None) -> Int64:
    if floor is not None:
        points = np.maximum(points, floor)
    if ceiling is not None:
        points = np.minimum(points, ceiling)
    return points


def _sizes(districts: Groups, rated: Bool) -> dict[str, int]:
    counts = np.bincount(districts.member[rated], minlength=len(districts.names))
    sizes = {name: int(count) for name, count in zip(districts.names, counts, strict=True)}
    return {"*": int(rated.sum()), **sizes}


def _spread_sizes(groups: Groups, peers: Peers) -> Int64:
    sizes = [peers.rated.get(name, 0) for name in groups.names]
    found: Int64 = np.array(sizes, dtype=np.int64)[groups.member]
    return found


def _ranks(groups: Groups, good: Int64, rated: Bool) -> Int64:
    """Competition ranks within each group, 1 for the best, 0 where not rated."""
    rows = np.flatnonzero(rated)
    member, value = groups.member[rows], good[rows]
    order = np.argsort(group_key(member, -value))
    member, value = member[order], value[order]
    place = np.arange(len(rows))
    first_of_group = np.ones(len(rows), dtype=np.bool_)
    first_of_group[1:] = member[1:] != member[:-1]
    first_of_value = first_of_group.copy()
    first_of_value[1:] |= value[1:] != value[:-1]
    group_start = np.maximum.accumulate(np.where(first_of_group, place, 0))
    value_start = np.maximum.accumulate(np.where(first_of_value, place, 0))
    ranks = np.zeros(len(rated), dtype=np.int64)
    ranks[rows[order]] = value_start - group_start + 1
    return ranks
