"""What ``rate()`` reads and writes: columns over many pharmacies.

Units, everywhere in this package:

- money: fen, int64;
- points, scores, measured values: thousandths (1.25 points = 1250), int64;
- ratios and growth: basis points (20 % = 2000), int64;
- days: days since 1970-01-01, int32; months of tenure or age: whole months, int64;
- words: the number of the term in ``vocabulary.py``.

Row ``i`` of every column is the same pharmacy. Rows are sorted by designated code, so that
the same facts give the same bytes whatever the order they were recorded in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ratings.rules.periods import Period

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

#: Thousandths in one point.
POINT = 1000
#: Basis points in the whole.
WHOLE = 10_000
#: Marks a month without a payment record in ``Signals.payments``.
MISSING = np.iinfo(np.int64).min
#: Marks "no such day" in day columns, for example "never ended".
NO_DAY = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Events:
    """Dated facts of one sort (violations, or complaints), sorted by owner, then fact id.

    ``owner`` is the row in :class:`Signals`. A fact of a predecessor stands under the
    pharmacy that inherited it.
    """

    owner: Int32
    fact_id: Int64
    #: violations: number in VIOLATION_KINDS; complaints: number in COMPLAINT_TOPICS
    kind: Int32
    #: number in GRAVITIES (complaints: 0)
    gravity: Int32
    #: number in TRACKS (complaints: 0)
    track: Int32
    #: when it happened
    occurred_on: Int32
    #: when it became final (violations) or was found verified (complaints)
    decided_on: Int32
    #: money involved, fen (complaints: 0)
    amount_fen: Int64


@dataclass(frozen=True, slots=True)
class Measure:
    """One imported value per pharmacy; ``value`` is 0 where not ``present``."""

    value: Int64
    present: Bool


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything a rating reads, as of one cutoff, for the pharmacies of one run."""

    period: Period
    pharmacy_id: Int64
    #: 12-character designated codes, dtype "S12", ascending and unique
    code: NDArray[np.bytes_]
    #: GB/T 2260 code as a number, for example 330602
    district: Int32
    #: True for a store of a chain
    chain: Bool
    #: number in SERVICE_STATUSES on the period's last day
    status: Int32
    #: own designation, without predecessors
    opened_on: Int32
    #: earliest designation of the pharmacy or any predecessor: tenure is reckoned from it
    designated_on: Int32
    #: shape (pharmacies, 2 * period.months): the same months a year earlier, then the
    #: period's own; fund payments in fen, MISSING where no record is known
    payments: Int64
    #: same shape: True where the pharmacy (or its predecessor) was designated and not
    #: suspended for the whole of that month
    in_service: Bool
    #: final decisions, decided on or before the period's last day
    violations: Events
    #: verified complaints, found on or before the period's last day
    complaints: Events
    measures: Mapping[str, Measure] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pharmacy_id)
