"""The parts of an explanation: plain values, and the sentence for each.

Points are in thousandths, money in fen, growth in basis points, as everywhere.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class FactLine:
    """One violation or complaint and what it scores."""

    source: Literal["violations", "complaints"]
    fact_id: int
    decided_on: date
    occurred_on: date
    kind: str
    #: "" for complaints
    gravity: str
    track: str
    amount_fen: int
    #: the row of the scheme that applies
    row_title: str
    clause: str
    full: int
    age_months: int
    points: int
    text: str
    #: last day of the month from which it no longer counts; None where that is not told, or never
    gone_on: date | None = None


@dataclass(frozen=True, slots=True)
class GrowthLines:
    """Growth, month by month and in all."""

    months: int
    #: (month such as 2025年3月, why it was left out)
    left_out: tuple[tuple[str, str], ...]
    current_fen: int
    base_fen: int
    growth_bp: int
    #: None where growth is not compared with peers
    median_bp: int | None
    group_size: int | None
    excess_bp: int
    compared: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndicatorPart:
    """One indicator and everything behind its points."""

    id: str
    kind: str
    title: str
    clause: str
    facts: tuple[FactLine, ...]
    growth: GrowthLines | None
    #: sum before floor and ceiling
    total: int
    points: int
    #: the sentence that closes the part
    text: str
    #: what raises points that no fact has cost, where that is told
    remedy: str = ""

    def lines(self) -> list[str]:
        """The part as text."""
        body = [f"  {number}. {fact.text}" for number, fact in enumerate(self.facts, 1)]
        body += [f"  {line}" for line in (self.growth.lines if self.growth else ())]
        return [f"{self.title}（{self.clause}）", *body, f"  {self.text}"]


@dataclass(frozen=True, slots=True)
class ComponentPart:
    """One sub-score."""

    id: str
    title: str
    clause: str
    value: int
    text: str


@dataclass(frozen=True, slots=True)
class CapPart:
    """One cap, whether its condition holds, and what it did."""

    id: str
    title: str
    clause: str
    condition: str
    #: name of the best grade left, "" where it does not hold and the limit is a measure
    limit: str
    strikes: bool
    #: it made the grade worse than the score alone would
    lowers: bool
    #: last day of the month from which it no longer holds, with no new facts
    ends_on: date | None
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A coming month in which time alone changes something."""

    #: last day of the month
    day: date
    score: int
    #: place in the scheme's grades, -1 = not rated
    position: int
    better: bool
    worse: bool
    #: what ends or begins
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pharmacy got its grade, and what the next better one needs."""

    code: str
    period: str
    last_day: date
    scheme: str
    note: str
    rated: bool
    #: thousandths; 0 where not rated
    score: int
    #: grade name, "" where not rated
    grade: str
    #: why not rated, "" otherwise
    reason: str
    indicators: tuple[IndicatorPart, ...]
    components: tuple[ComponentPart, ...]
    score_text: str
    band_text: str
    caps: tuple[CapPart, ...]
    #: next better grade, "" for the best and where not rated
    next_grade: str
    #: points missing for it by score alone, thousandths; 0 where the score suffices
    points_missing: int
    #: last day of the month from which time alone brings a better grade, and that grade
    better_on: date | None
    better_grade: str
    #: the fact that weighs most, None where none weighs
    heaviest: FactLine | None
    headline: str
    outlook: tuple[str, ...] = field(default=())
    #: what time alone brings, where that was asked for
    timeline: tuple[Stage, ...] = field(default=())

    def lines(self) -> list[str]:
        """The whole explanation as text, one paragraph an entry."""
        result = [self.headline]
        if self.note:
            result.append(f"规则说明：{self.note}")
        if self.reason:
            result.append(f"不予评价的理由：{self.reason}")
        if self.rated:
            result += ["", "【各项得分】"]
            for part in self.indicators:
                result += part.lines()
            result += ["", "【信用分】", *(part.text for part in self.components), self.score_text]
            result += ["", "【等级】", self.band_text, *(cap.text for cap in self.caps)]
        if self.outlook:
            result += ["", "【如何改进】" if self.rated else "【何时评价】", *self.outlook]
        return result

    def text(self) -> str:
        """The whole explanation as one text."""
        return "\n".join(self.lines())
