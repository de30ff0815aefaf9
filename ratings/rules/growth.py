"""Growth of fund payments over the same months a year before, beyond the peers' median."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ratings.rules.columns import MISSING, WHOLE, Bool, Int64, Signals
from ratings.rules.exact import Rounding, divide
from ratings.rules.facts import bracket_points
from ratings.rules.indicators import GrowthIndicator

#: Values of ``basis``: why there is, or is not, a growth to compare.
COMPARED: Final = 0
FEW_MONTHS: Final = 1
NO_BASE: Final = 2
NO_PEERS: Final = 3

#: Growth is held within 10,000,000 %, so that what follows stays far inside int64.
_BOUND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Growth:
    """What growth is reckoned from, per pharmacy."""

    #: months that count in both years
    months: Int64
    #: sums over those months, fen
    current_fen: Int64
    base_fen: Int64
    #: basis points, 0 where there is no basis
    growth_bp: Int64
    basis: Int64


def paired_months(indicator: GrowthIndicator, signals: Signals) -> Bool:
    """(pharmacies, months): True where the month counts in both years."""
    payments = signals.payments
    skip_zero = indicator.zero_months == "skip"
    if indicator.negative_months == "skip":
        # A month that is MISSING is a very negative number: left out as well.
        usable = payments > 0 if skip_zero else payments >= 0
    else:
        usable = payments != MISSING
        if skip_zero:
            usable &= payments != 0
    usable &= signals.in_service
    months = signals.period.months
    paired: Bool = usable[:, :months] & usable[:, months:]
    return paired


def measure_growth(indicator: GrowthIndicator, signals: Signals, rounding: Rounding) -> Growth:
    """Growth of each pharmacy for itself, without peers."""
    paired = paired_months(indicator, signals)
    months = signals.period.months
    # einsum adds int64 as int64, and along short rows it is twice as fast as sum().
    counted = paired.astype(np.int64)
    base = np.einsum("ij,ij->i", signals.payments[:, :months], counted)
    current = np.einsum("ij,ij->i", signals.payments[:, months:], counted)
    count = np.einsum("ij->i", counted)
    few = count < min(indicator.min_months, months)
    basis = np.where(few, FEW_MONTHS, np.where(base <= 0, NO_BASE, COMPARED)).astype(np.int64)
    # 24 months of at most 10**13 fen, times 10,000, is 2.4 * 10**18: inside int64.
    growth = divide((current - base) * WHOLE, np.maximum(base, 1), rounding)
    growth = np.where(basis == COMPARED, np.clip(growth, -_BOUND, _BOUND), 0)
    return Growth(count, current, base, growth, basis)


def growth_points(indicator: GrowthIndicator, excess_bp: Int64, rounding: Rounding) -> Int64:
    """Points, in thousandths, for an excess in basis points."""
    if indicator.points_per_percent is None:
        # Basis points are hundredths of a percentage point; brackets are in thousandths.
        return bracket_points(indicator.brackets, excess_bp * 10)
    beyond = np.maximum(excess_bp - (indicator.free or 0), 0)
    return divide(beyond * indicator.points_per_percent, WHOLE // 100, rounding)
