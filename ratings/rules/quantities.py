"""Conditions worked out over columns."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from ratings.rules.columns import POINT, Bool, Events, Int64, Signals
from ratings.rules.conditions import Condition
from ratings.rules.days import whole_months
from ratings.rules.facts import total_by_owner
from ratings.rules.fields import sure


@dataclass
class Quantities:
    """What conditions can compare, per pharmacy, always in thousandths."""

    signals: Signals
    #: quantity to values: what rating has reckoned so far ("score", "indicator.x" ...)
    known: dict[str, Int64] = field(default_factory=dict)
    #: the day that ages count to; None: the period's last
    on: date | None = None

    def of(self, leaf: Condition) -> tuple[Int64, Bool]:
        """Values of a comparison's quantity, and where there is one."""
        count = len(self.signals)
        everywhere = np.ones(count, dtype=np.bool_)
        head, tail = leaf.family
        if head == "measure":
            measure = self.signals.measures.get(tail)
            if measure is None:
                return np.zeros(count, dtype=np.int64), ~everywhere
            return measure.value, measure.present
        if head in ("violations", "violation_amount"):
            return self._facts(leaf, self.signals.violations), everywhere
        if head == "complaints":
            return self._facts(leaf, self.signals.complaints), everywhere
        return self.known[sure(leaf.quantity)], everywhere

    def _facts(self, leaf: Condition, events: Events) -> Int64:
        kept = np.ones(len(events.owner), dtype=np.bool_)
        for name, column in (
            ("kinds", events.kind),
            ("topics", events.kind),
            ("gravities", events.gravity),
            ("tracks", events.track),
        ):
            numbers = leaf.filter_numbers(name)
            if numbers is not None:
                kept &= np.isin(column, numbers)
        if leaf.within_months is not None:
            age = whole_months(events.decided_on, self.on or self.signals.period.last)
            kept &= age < leaf.within_months
        if leaf.quantity == "violation_amount":
            values = events.amount_fen[kept] * 10
        else:
            values = np.full(int(kept.sum()), POINT, dtype=np.int64)
        return total_by_owner(events.owner[kept], values, len(self.signals))

    def holds(self, condition: Condition) -> Bool:
        """Where the condition is true."""
        if condition.all is not None:
            result = np.ones(len(self.signals), dtype=np.bool_)
            for part in condition.all:
                result &= self.holds(part)
            return result
        if condition.any is not None:
            result = np.zeros(len(self.signals), dtype=np.bool_)
            for part in condition.any:
                result |= self.holds(part)
            return result
        if condition.not_ is not None:
            return ~self.holds(condition.not_)
        if condition.quantity == "status":
            return np.isin(self.signals.status, condition.filter_numbers("one_of") or ())
        values, present = self.of(condition)
        true = present.copy()
        for name, bound in condition.bounds.items():
            true &= _COMPARE[name](values, bound)
        return true | ~present if condition.missing else true


_COMPARE = {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
}
