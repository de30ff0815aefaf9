"""What the desk asks of a scheme once a pharmacy is rated: how far a grade may be changed,
what applies at once between two periods, and who is close to a bound.

Positions are places in ``scheme.grades``: 0 is the best, -1 is not rated.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np

from ratings.rules.bands import thresholds
from ratings.rules.columns import POINT, Bool, Int32, Int64, Signals
from ratings.rules.document import Cap
from ratings.rules.fields import sure
from ratings.rules.indicators import GrowthIndicator
from ratings.rules.outcomes import NO_GRADE
from ratings.rules.peers import Peers, Whereabouts
from ratings.rules.quantities import Quantities
from ratings.rules.scheme import Reason, Scheme


def ceiling(scheme: Scheme, caps: int, trace: Mapping[str, int]) -> int:
    """The best position that the struck caps leave; 0 where none does.

    ``caps`` are the bits of ``Outcomes.caps``; a cap with ``limit_measure`` takes its limit
    from ``trace["measure.<key>"]`` (thousandths).
    """
    best = 0
    for number, cap in enumerate(scheme.document.caps):
        if not caps >> number & 1:
            continue
        if cap.limit is not None:
            best = max(best, scheme.positions[cap.limit])
        else:
            best = max(best, trace[f"measure.{cap.limit_measure}"] // POINT - 1)
    return best


def adjustment_faults(
    scheme: Scheme, reason_id: str, from_position: int, to_position: int, ceiling: int
) -> list[str]:
    """Why the scheme forbids this adjustment by judgement, in Chinese; empty where it allows it.

    ``ceiling`` is what :func:`ceiling` says of the rating that would be changed.
    """
    allowed = {reason.id: reason for reason in scheme.document.adjustments}
    if not allowed:
        return [f"“{scheme.document.title}”没有规定依规调整的事由，不得调整等级。"]
    places = range(len(scheme.grades))
    if from_position not in places:
        return ["该药店本期未予评级，不能调整等级；认为应当评级的，请更正事实后复评。"]
    if to_position not in places:
        return ["依规调整不能撤销等级，也不能调整为规则以外的等级；请选择规则中的等级。"]
    if from_position == to_position:
        return [f"调整后的等级与现等级相同（{scheme.grades[from_position].name}）；请选择另一等级。"]
    reason = allowed.get(reason_id)
    if reason is None:
        titles = "、".join(f"{each.title}（{each.id}）" for each in allowed.values())
        return [f"规则中没有名为“{reason_id}”的调整事由；可用的事由：{titles}。"]
    faults = []
    rises = to_position < from_position
    if reason.direction not in ("both", "up" if rises else "down"):
        way, other = ("调低", "调高") if rises else ("调高", "调低")
        faults.append(f"事由“{reason.title}”只可{way}等级（{reason.clause}），不能{other}。")
    steps = abs(to_position - from_position)
    if steps > reason.steps:
        faults.append(
            f"事由“{reason.title}”最多调整 {reason.steps} 个等级（{reason.clause}），本次为 {steps} 个。"
        )
    if rises and to_position < ceiling:
        best = scheme.grades[ceiling].name
        faults.append(
            f"因触发等级限制，最高只能为 {best}。一票否决等限制不能以调整越过；事实有误的，应作废事实后复评。"
        )
    return faults


def at_once_limits(scheme: Scheme, signals: Signals, on: date) -> Int64:
    """Per row, the worst position that caps marked ``at_once`` demand on a day; -1 for none.

    The conditions are worked out from the facts alone, whether or not the pharmacy could be
    rated today; ages count to ``on``. The signals are those of any period that contains it:
    facts and states after a period's last day are not among its signals.
    """
    quantities = Quantities(signals, on=on)
    limits = np.full(len(signals), NO_GRADE, dtype=np.int64)
    for cap in scheme.document.caps:
        if cap.at_once:
            limit = scheme.positions[sure(cap.limit)]
            limits = np.where(quantities.holds(cap.when), np.maximum(limits, limit), limits)
    return limits


def at_once_limit(scheme: Scheme, signals: Signals, on: date, row: int = 0) -> tuple[int, Cap] | None:
    """What :func:`at_once_limits` says of one row, with the first cap that demands it."""
    limit = int(at_once_limits(scheme, signals, on)[row])
    quantities = Quantities(signals, on=on)
    for cap in scheme.document.caps:
        if cap.at_once and scheme.positions[sure(cap.limit)] == limit and quantities.holds(cap.when)[row]:
            return limit, cap
    return None


def withdrawals_at_once(scheme: Scheme, signals: Signals, on: date) -> Int64:
    """Per row, the number from 1 of the first ``at_once`` eligibility rule that holds on a day.

    0 where none does; ``scheme.reasons[number - 1]`` tells why. Signals: :func:`at_once_limits`.
    """
    quantities = Quantities(signals, on=on)
    found = np.zeros(len(signals), dtype=np.int64)
    for number, rule in enumerate(scheme.document.eligibility, 1):
        if rule.at_once:
            found[(found == 0) & quantities.holds(rule.when)] = number
    return found


def withdrawn_at_once(scheme: Scheme, signals: Signals, on: date, row: int = 0) -> Reason | None:
    """Why the grade of one row is to be withdrawn on a day; None where it is not."""
    number = int(withdrawals_at_once(scheme, signals, on)[row])
    return scheme.reasons[number - 1] if number else None


def near(scheme: Scheme, peers: Peers, score: Int64, district: Int32, chain: Bool, rated: Bool) -> Bool:
    """Who is within ``review.near_points`` of a bound between two grades, on either side.

    All columns are of the same pharmacies, ``score`` in thousandths. Bounds are those of the
    bands, or their groups' cut points in ``peers``; one that every score reaches parts nobody
    and does not count.
    """
    pharmacies = Whereabouts(district, chain)
    rule, sign = scheme.document.score, scheme.better_sign
    worst = min(rule.floor * sign, rule.ceiling * sign)
    good = score * sign
    found = np.zeros(len(score), dtype=np.bool_)
    for bound in thresholds(scheme, pharmacies, peers.cuts):
        found |= (np.abs(good - bound) <= scheme.document.review.near_points) & (bound > worst)
    return found & rated


def growth_columns(scheme: Scheme) -> tuple[str, ...]:
    """The trace columns that hold growth of fund payments, in basis points.

    0 where there is nothing to compare with.
    """
    return tuple(
        f"indicator.{indicator.id}.growth_bp"
        for indicator in scheme.indicators
        if isinstance(indicator, GrowthIndicator)
    )
