"""Why a pharmacy moves: the steps of its two reckonings that differ, in short words.

The steps are those of an explanation (indicators, components, score, bands, caps, eligibility), read from
the traces of both outcomes, so that thousands are told at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ratings.rules import NO_GRADE, Outcomes, Scheme
from ratings.rules.columns import POINT, Int64
from ratings.rules.document import Cap
from ratings.rules.exact import decimal_text


@dataclass(frozen=True)
class Rated:
    """What a scheme gives, with the scheme."""

    scheme: Scheme
    outcomes: Outcomes

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(grade.name for grade in self.scheme.grades)

    def grade_name(self, position: int) -> str:
        return self.scheme.grades[position].name

    def points(self) -> dict[str, tuple[str, Int64]]:
        """Indicator id to its title and the points of each pharmacy."""
        return {
            part.id: (part.title, self.outcomes.traced(f"indicator.{part.id}.points"))
            for part in self.scheme.indicators
        }

    def lowering_caps(self) -> dict[str, tuple[str, Int64]]:
        """Cap id to its title and, for each pharmacy, the position it lowers the grade to; -1 where it does not."""
        before = self.outcomes.grade_before_caps
        found = {}
        for number, cap in enumerate(self.scheme.document.caps):
            limit = self._limit(cap)
            strikes = (self.outcomes.caps >> number & 1 == 1) & (limit > before) & (before != NO_GRADE)
            found[cap.id] = (cap.title, np.where(strikes, limit, -1))
        return found

    def _limit(self, cap: Cap) -> Int64:
        if cap.limit is not None:
            return np.full(len(self.outcomes), self.scheme.positions[cap.limit], np.int64)
        return self.outcomes.traced(f"measure.{cap.limit_measure}") // POINT - 1

    def not_rated_because(self, row: int) -> str:
        state = int(self.outcomes.state[row])
        return self.scheme.reasons[state - 1].title if state else ""


def reasons(before: Rated, after: Rated, rows: Int64 | Sequence[int]) -> Iterator[str]:
    """Why each of ``rows`` is graded otherwise by ``after`` than by ``before``, one text a row."""
    points = _paired(before.points(), after.points(), len(before.outcomes), 0)
    caps = _paired(before.lowering_caps(), after.lowering_caps(), len(before.outcomes), -1)
    other_bands = before.scheme.document.bands != after.scheme.document.bands
    for row in rows:
        yield "；".join(_steps(before, after, int(row), points, caps, other_bands))


_Pairs = list[tuple[str, Int64, Int64]]


def _paired(
    before: dict[str, tuple[str, Int64]], after: dict[str, tuple[str, Int64]], size: int, absent: int
) -> _Pairs:
    """(title, before, after) of everything that either side has, by id."""
    nothing = np.full(size, absent, np.int64)
    pairs = []
    for key in dict.fromkeys([*before, *after]):
        title = (after.get(key) or before[key])[0]
        pairs.append(
            (title, before.get(key, ("", nothing))[1], after.get(key, ("", nothing))[1]),
        )
    return pairs


def _steps(
    before: Rated, after: Rated, row: int, points: _Pairs, caps: _Pairs, other_bands: bool
) -> Iterator[str]:
    was, now = before.not_rated_because(row), after.not_rated_because(row)
    if was or now:
        if was == now:
            yield f"都不予评级：{now}"
            return
        if was:
            yield f"原不予评级：{was}"
        if now:
            yield f"不予评级：{now}"
        return
    told = 0
    for title, one, other in points:
        if one[row] != other[row]:
            told += 1
            yield f"{title} {decimal_text(one[row])} → {decimal_text(other[row])} 分"
    score, new_score = int(before.outcomes.score[row]), int(after.outcomes.score[row])
    if score != new_score and not told:
        yield f"基础分、权重、上下限或取整不同：信用分 {decimal_text(score)} → {decimal_text(new_score)}"
    uncapped = before.grade_name(int(before.outcomes.grade_before_caps[row]))
    new_uncapped = after.grade_name(int(after.outcomes.grade_before_caps[row]))
    if uncapped != new_uncapped and (score == new_score or other_bands):
        yield f"等级的划分不同：按分数 {uncapped} → {new_uncapped}"
    for title, one, other in caps:
        if one[row] == other[row]:
            continue
        if other[row] < 0:
            yield f"不再受限于“{title}”"
        else:
            yield f"受限于“{title}”（最高 {after.grade_name(int(other[row]))}）"
