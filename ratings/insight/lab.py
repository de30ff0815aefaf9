"""Two sets of grades of the same pharmacies, compared: who moves where, and how many of each sort.

Pure reckoning over columns, row for row as in the signals; no database. Grades are positions in their
scheme, 0 = best, -1 = not rated. Everything is counted, nothing estimated.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.insight.scales import common_scale
from ratings.rules import NO_GRADE, Signals
from ratings.rules.columns import MISSING, Int64


class Move(IntEnum):
    """What becomes of one pharmacy."""

    SAME = 0
    BETTER = 1
    WORSE = 2
    #: another grade, where the two schemes' grades have no common order
    OTHER = 3
    #: rated now, not before
    ENTERED = 4
    #: not rated now, but before
    LEFT = 5


MOVES: Final = {
    Move.SAME: "不变",
    Move.BETTER: "升级",
    Move.WORSE: "降级",
    Move.OTHER: "等级不同",
    Move.ENTERED: "新参评",
    Move.LEFT: "不再参评",
}


@dataclass(frozen=True)
class Side:
    """One set of grades."""

    title: str
    #: names of the grades, best first
    names: tuple[str, ...]
    grade: Int64
    #: thousandths of a point, 0 where not rated
    score: Int64

    def counts(self) -> Int64:
        """How many have each grade, best first; the last is how many are not rated."""
        return np.bincount(self._row(), minlength=len(self.names) + 1)

    def _row(self) -> Int64:
        """The grade as a row of a matrix: those not rated come last."""
        return np.where(self.grade == NO_GRADE, len(self.names), self.grade)


@dataclass(frozen=True)
class Comparison:
    """What changes from ``before`` to ``after``."""

    before: Side
    after: Side
    #: pharmacies by row ``before`` and column ``after``, best grade first, not rated last
    matrix: Int64
    #: of each pharmacy, a :class:`Move`
    move: Int64
    #: by how many grades it moved on the common scale; 0 where it did not, or there is none
    steps: Int64

    def count(self, move: Move) -> int:
        return int((self.move == move).sum())

    @property
    def changed(self) -> int:
        """How many are graded otherwise, or are rated only on one side."""
        return int((self.move != Move.SAME).sum())

    def moved_rows(self) -> Int64:
        """Rows that change: first those that fall, farthest first, then those that rise and the rest."""
        rows = np.flatnonzero(self.move != Move.SAME)
        order = np.array([9, 2, 0, 4, 3, 1])[self.move[rows]]
        return rows[np.lexsort((rows, -self.steps[rows], order))]

    def by(self, member: Int64, groups: int) -> Int64:
        """Pharmacies by group (numbers below ``groups``) and Move."""
        size = len(Move)
        return np.bincount(member * size + self.move, minlength=groups * size).reshape(groups, size)


def compare(before: Side, after: Side) -> Comparison:
    """Compares two sets of grades of the same pharmacies."""
    width = len(after.names) + 1
    cells = before._row() * width + after._row()
    matrix = np.bincount(cells, minlength=(len(before.names) + 1) * width).reshape(-1, width)
    was, now = before.grade != NO_GRADE, after.grade != NO_GRADE
    both = was & now
    scale = common_scale(before.names, after.names)
    steps = np.zeros(len(before.grade), np.int64)
    move = np.full(len(before.grade), Move.SAME, np.int64)
    if scale is None:
        same = np.array([[one == other for other in after.names] for one in before.names])
        move[both] = np.where(same[before.grade[both], after.grade[both]], Move.SAME, Move.OTHER)
    else:
        first, second = (np.array(places, np.int64) for places in scale)
        worse_by = second[after.grade[both]] - first[before.grade[both]]
        steps[both] = np.abs(worse_by)
        move[both] = np.select([worse_by < 0, worse_by > 0], [Move.BETTER, Move.WORSE], Move.SAME)
    move[~was & now] = Move.ENTERED
    move[was & ~now] = Move.LEFT
    return Comparison(before, after, matrix, move, steps)


#: Names of the groups that :func:`size_groups` gives.
SIZES: Final = ("没有基金支付记录", "最小的四分之一", "第二个四分之一", "第三个四分之一", "最大的四分之一")


def fund_payments(signals: Signals) -> tuple[Int64, NDArray[np.bool_]]:
    """Fund payments of the period itself, in fen, and where any month is known."""
    own = signals.payments[:, signals.period.months :]
    known = own != MISSING
    return np.where(known, own, 0).sum(axis=1), known.any(axis=1)


def size_groups(signals: Signals) -> Int64:
    """To which of SIZES each pharmacy belongs: by quartiles of its fund payments in the period.

    Equal payments are in one group, so quarters can differ in size.
    """
    paid, known = fund_payments(signals)
    member = np.zeros(len(signals), np.int64)
    ordered = np.sort(paid[known])
    if len(ordered):
        cuts = ordered[[len(ordered) * quarter // 4 for quarter in (1, 2, 3)]]
        member[known] = 1 + np.searchsorted(cuts, paid[known], side="right")
    return member
