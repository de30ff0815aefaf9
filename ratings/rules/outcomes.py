"""What ``rate()`` returns, and its digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.rules.columns import Int64
from ratings.rules.facts import EventPoints
from ratings.rules.peers import Peers

#: ``state`` of a rated pharmacy; others hold the number of a ``Scheme.reasons`` from 1.
RATED: Final = 0
#: ``grade`` of a pharmacy that is not rated.
NO_GRADE: Final = -1

#: The columns of a digest row, before the trace.
_DIGESTED: Final = (
    "state",
    "score",
    "grade",
    "grade_before_caps",
    "caps",
    "rank_district",
    "rank_city",
    "size_district",
    "size_city",
)
_CHUNK: Final = 50_000


@dataclass(frozen=True)
class Outcomes:
    """Results, row for row as in the signals."""

    #: designated codes
    code: NDArray[np.bytes_]
    #: 0 rated, k not rated because of ``scheme.reasons[k - 1]``
    state: Int64
    #: thousandths of a point, 0 where not rated
    score: Int64
    #: place in ``scheme.grades``, 0 best, -1 not rated
    grade: Int64
    #: the same, by score or position alone
    grade_before_caps: Int64
    #: bit j set where the condition of cap j holds (it lowers the grade only where its limit
    #: is worse than ``grade_before_caps``)
    caps: Int64
    #: 1 = best, equal scores share a rank and the next ones are skipped; 0 where not rated,
    #: and everywhere when peers were given, because ranks need the scores of all
    rank_district: Int64
    rank_city: Int64
    #: rated pharmacies in the district and in the run
    size_district: Int64
    size_city: Int64
    #: (pharmacies, len(trace_columns)): every number that the score was reckoned from
    trace: Int64
    trace_columns: tuple[str, ...]
    #: indicator id to what each fact scored, in the order of the facts in the signals
    event_points: Mapping[str, EventPoints]
    #: the peer figures used
    peers: Peers

    def __len__(self) -> int:
        return len(self.code)

    def traced(self, column: str) -> Int64:
        """One column of the trace; ValueError when there is none of that name."""
        found: Int64 = self.trace[:, self.trace_columns.index(column)]
        return found


def digest(outcomes: Outcomes) -> str:
    """SHA-256, hexadecimal, over all results; the same on every platform.

    The bytes: one line of JSON with the names of the columns and the number of rows; then for
    each pharmacy, by code, 12 bytes of code and little-endian int64 values in that order.
    """
    names = [*_DIGESTED, *outcomes.trace_columns]
    header = json.dumps({"columns": names, "rows": len(outcomes)}, separators=(",", ":"))
    result = hashlib.sha256(header.encode("ascii") + b"\n")
    columns = [getattr(outcomes, name) for name in _DIGESTED]
    layout = np.dtype([("code", "S12"), ("values", "<i8", (len(names),))])
    for start in range(0, len(outcomes), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        rows = np.empty(len(outcomes.code[chunk]), dtype=layout)
        rows["code"] = outcomes.code[chunk]
        rows["values"][:, : len(columns)] = np.column_stack([column[chunk] for column in columns])
        rows["values"][:, len(columns) :] = outcomes.trace[chunk]
        result.update(rows.tobytes())
    return result.hexdigest()
