"""One run's ratings held against what followed: every figure of the page 有效性检验."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from ratings.bulk import rows_of
from ratings.insight.cohort import (
    OUTCOMES,
    Afterwards,
    Dated,
    Window,
    made,
    read_afterwards,
    read_published,
    read_ratings,
    read_scores,
)
from ratings.insight.comparison import Comparison, compare
from ratings.insight.sql import Districts
from ratings.insight.validation import (
    Accuracy,
    Floats,
    Gain,
    Numbers,
    Rate,
    Reversal,
    accuracy,
    cap_curve,
    gain,
    rank_correlation,
    rates,
    reversals,
)
from ratings.models import RatingRun
from ratings.rules.columns import Bool, Int32, Int64
from ratings.rules.indicators import Indicator
from ratings.rules.rating import score_of
from ratings.rules.scheme import Scheme
from ratings.services.schemes import parsed

#: How many runs the comparison over time shows.
MOST_RUNS: Final = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: which ratings are to have foretold what, within how many months."""

    run: RatingRun
    months: int
    #: an id of OUTCOMES
    outcome: str = "EITHER"
    dated: Dated = "decided_on"
    #: an earlier run, for stability and drift
    before: RatingRun | None = None
    #: others of the same scope, for the comparison over time
    others: Sequence[RatingRun] = ()
    #: codes, None = all
    districts: Districts = None


@dataclass(frozen=True, slots=True)
class People:
    """Who is looked at, and who is left out."""

    #: in the run, and the districts asked for
    in_run: int
    not_rated: int
    #: rated, but not designated on any day of the window
    gone: int
    #: rated and designated: these are looked at
    looked_at: int
    #: of those: designated no more on the window's last day
    ended: int


Verdict = Literal["few", "same", "adds", "nothing", "harms"]


@dataclass(frozen=True, slots=True)
class IndicatorFinding:
    """What one indicator adds to the score's accuracy."""

    id: str
    title: str
    #: pharmacies whose points are not the most frequent ones
    touched: int
    #: rank correlation of the points lost with the event, None where all points are the same
    correlation: float | None
    #: of the score without its points, reckoned anew by the scheme's own sums and bounds
    without: Accuracy
    #: the score's ratio less that
    gain: Gain | None

    @property
    def verdict(self) -> Verdict:
        """In a word, at 95 %."""
        if self.without.too_few or self.gain is None:
            return "few"
        if self.touched == 0:
            return "same"
        if self.gain.interval is None or 0 in self.gain.interval:
            return "nothing"
        return "adds" if self.gain.difference > 0 else "harms"


@dataclass(frozen=True, slots=True)
class DistrictFinding:
    """The same figures for one district."""

    code: int
    rate: Rate
    accuracy: Accuracy
    by_grade: Sequence[Rate]
    reversals: Sequence[Reversal]


@dataclass(frozen=True, slots=True)
class OverTime:
    """One run's accuracy for the same outcome, in its own window."""

    run: RatingRun
    window: Window
    accuracy: Accuracy


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that is told about one question."""

    question: Question
    scheme: Scheme
    window: Window
    #: the day of asking
    asked_on: date
    people: People
    rate: Rate
    score: Accuracy
    grade: Accuracy
    #: of the grades as first published; None where the run was not
    published: Accuracy | None
    #: outcome id to the score's accuracy for it
    outcomes: Mapping[str, Accuracy]
    #: from (0, 0) to (1, 1); None where there is no event
    curve: tuple[Floats, Floats] | None
    #: best first
    by_grade: Sequence[Rate]
    reversals: Sequence[Reversal]
    indicators: Sequence[IndicatorFinding]
    districts: Sequence[DistrictFinding]
    #: this run and the others, oldest first
    over_time: Sequence[OverTime]
    #: None where no earlier run was given
    comparison: Comparison | None

    @property
    def over(self) -> bool:
        """Whether the window had ended on the day of asking."""
        return self.window.last < self.asked_on


def evaluate(question: Question, today: date) -> Evaluation:
    """Read and reckon everything; the number of queries does not hang on what is found.

    Raises Refused where a scheme's stored text cannot be read.
    """
    run, months = question.run, question.months
    scheme = parsed(run.scheme)
    window = Window.after(run.period_end, months)
    runs = sorted({run, *question.others}, key=lambda one: (one.period_end, one.pk))
    afterwards = read_afterwards(
        Window.after(runs[0].period_end, months).first,
        Window.after(runs[-1].period_end, months).last,
        question.dated,
    )
    found = read_ratings(run, scheme, question.districts)
    looked_at = found.rated & afterwards.served(found.pharmacy, window)
    pharmacy, district = found.pharmacy[looked_at], found.district[looked_at]
    flags = afterwards.flags(pharmacy, window)
    event = made(flags, question.outcome)
    risk, grade = -scheme.better_sign * found.score[looked_at], found.grade[looked_at]
    by_grade = rates(grade, event, len(scheme.grades))
    points = {name: column[looked_at] for name, column in found.points.items()}
    return Evaluation(
        question=question,
        scheme=scheme,
        window=window,
        asked_on=today,
        people=People(
            in_run=len(found.pharmacy),
            not_rated=int((~found.rated).sum()),
            gone=int((found.rated & ~looked_at).sum()),
            looked_at=len(pharmacy),
            ended=int((~afterwards.stayed(pharmacy, window)).sum()),
        ),
        rate=Rate(len(event), int(event.sum())),
        score=accuracy(risk, event),
        grade=accuracy(grade, event),
        published=_published(run, pharmacy, event),
        outcomes={term.id: accuracy(risk, made(flags, term.id)) for term in OUTCOMES},
        curve=cap_curve(risk, event) if event.any() else None,
        by_grade=by_grade,
        reversals=reversals(by_grade),
        indicators=[_indicator(scheme, one, points, risk, event) for one in scheme.indicators],
        districts=_districts(district, risk, grade, event, len(scheme.grades)),
        over_time=_over_time(question, runs, afterwards),
        comparison=compare(run, scheme, found, question.before, question.districts)
        if question.before
        else None,
    )


def _published(run: RatingRun, pharmacies: Int64, event: Bool) -> Accuracy | None:
    """Of those that got a grade when the run was published."""
    rows = read_published(run)
    if not len(rows["pharmacy"]):
        return None
    places = rows_of(rows["pharmacy"], pharmacies)
    position = np.where(places >= 0, rows["position"][places], -1)
    graded = position >= 0
    return accuracy(position[graded], event[graded])


def _indicator(
    scheme: Scheme, indicator: Indicator, points: Mapping[str, Int64], risk: Numbers, event: Bool
) -> IndicatorFinding:
    own = points[indicator.id]
    rest = {name: column for name, column in points.items() if name != indicator.id}
    _, _, score = score_of(scheme, rest, len(event))
    without = -scheme.better_sign * score
    _, counts = np.unique(own, return_counts=True)
    return IndicatorFinding(
        id=indicator.id,
        title=indicator.title,
        touched=len(own) - int(counts.max(initial=0)),
        correlation=rank_correlation(-scheme.better_sign * own, event),
        without=accuracy(without, event),
        gain=gain(risk, without, event),
    )


def _districts(
    district: Int32, risk: Numbers, grade: Numbers, event: Bool, grades: int
) -> list[DistrictFinding]:
    """One finding a district, by code."""
    order = np.argsort(district, kind="stable")
    codes, starts = np.unique(district[order], return_index=True)
    findings = []
    ends = [*starts[1:], len(order)]
    for code, start, end in zip(codes.tolist(), starts, ends[: len(codes)], strict=True):
        rows = order[start:end]
        by_grade = rates(grade[rows], event[rows], grades)
        findings.append(
            DistrictFinding(
                code=code,
                rate=Rate(len(rows), int(event[rows].sum())),
                accuracy=accuracy(risk[rows], event[rows]),
                by_grade=by_grade,
                reversals=reversals(by_grade),
            )
        )
    return findings


def _over_time(question: Question, runs: Sequence[RatingRun], afterwards: Afterwards) -> list[OverTime]:
    """Those without an event are counted by score, as they tie anyway."""
    scores = read_scores(runs, afterwards.concerned, question.districts)
    found = []
    for run, each in zip(runs, scores, strict=True):
        window = Window.after(run.period_end, question.months)
        served = afterwards.served(each.pharmacy, window)
        event = made(afterwards.flags(each.pharmacy, window), question.outcome) & served
        bad = each.their_score[event]
        rest = each.count.copy()
        np.subtract.at(rest, rows_of(each.score, each.their_score[event | ~served]), 1)
        score = np.concatenate([bad, np.repeat(each.score, rest)])
        risk = -parsed(run.scheme).better_sign * score
        found.append(OverTime(run, window, accuracy(risk, np.arange(len(score)) < len(bad))))
    return found
