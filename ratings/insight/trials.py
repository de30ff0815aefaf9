"""A scheme tried on past periods beside what was: read from the database, reckoned by ``rate()``, nothing stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.db.models import Case, Value, When

from ratings.bulk import read_columns, rows_of
from ratings.insight.lab import Comparison, Move, Side, compare, fund_payments, size_groups
from ratings.insight.lab_reasons import Rated
from ratings.insight.scheme_changes import Step, steps
from ratings.models import Event, Publication, RatingPeriod, RatingRun
from ratings.rules import NO_GRADE, Scheme, Signals, SignalsError, rate
from ratings.rules.columns import Bool, Int32, Int64
from ratings.rules.indicators import ComplaintsIndicator, GrowthIndicator, ViolationsIndicator
from ratings.rules.moves import PUBLISHED_STATES
from ratings.rules.periods import Period
from ratings.rules.scheme import conditions_of
from ratings.services.errors import Refused
from ratings.services.runs import signals_of
from ratings.services.schemes import parsed

#: What a draft is held against, beside another scheme: the grades as computed, or as published.
COMPUTED: Final = "computed"
PUBLISHED: Final = "published"
#: Changed parts of which each is tried by itself; with more, two schemes have too little in common.
MOST_STEPS: Final = 20
#: Of indicators, rows and comparisons, as :func:`work_of` weighs them; shipped schemes have some 30.
MOST_WORK: Final = 300


@dataclass(frozen=True, slots=True)
class Effect:
    """What one changed part does by itself."""

    step: Step
    #: pharmacies by Move against the first scheme; None where it cannot be reckoned by itself
    moves: tuple[int, ...] | None


@dataclass(frozen=True)
class Trial:
    """A scheme tried on the facts of one finished run. Row i of every column is the same pharmacy."""

    run: RatingRun
    pharmacy_id: Int64
    code: np.ndarray
    district: Int32
    chain: Bool
    #: place in ``lab.SIZES``
    size: Int64
    #: fund payments of the period, fen
    paid: Int64
    before: Rated
    after: Rated
    #: what the draft is held against, and what changes
    comparison: Comparison
    #: against the published grades, where the run was published
    published: Comparison | None
    #: False where the run's stored grades are not what its facts give today
    faithful: bool
    effects: tuple[Effect, ...]
    #: changed parts that were not tried, because there are too many
    left_out: int
    #: titles of imported values that the draft reads and no pharmacy has
    absent: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def label(self) -> str:
        return Period.parse(self.run.period).label

    @property
    def scope(self) -> str:
        return self.run.district.name if self.run.district else "全市"

    @property
    def against_published(self) -> bool:
        return self.published is not None and self.comparison.before is self.published.before


def offered_runs(most: int = 40) -> list[RatingRun]:
    """Finished runs to try schemes on, newest first; ``life`` is loaded, and those published come first."""
    return list(
        RatingRun.objects.filter(state=RatingRun.State.DONE)
        .select_related("scheme", "district", "life")
        .order_by("-period_end", _PUBLISHED_FIRST, "-cutoff", "-id")[:most]
    )


_PUBLISHED_FIRST = Case(When(life__state__in=PUBLISHED_STATES, then=Value(0)), default=Value(1))


def is_published(run: RatingRun) -> bool:
    """Whether the run's grades were published; no query where ``life`` is loaded."""
    life: RatingPeriod | None = getattr(run, "life", None)
    return life is not None and life.state in PUBLISHED_STATES


def usual_runs(offered: Sequence[RatingRun], many: int = 2) -> list[RatingRun]:
    """The last published ones of the whole city; else of districts; else the last that are finished."""
    published = [run for run in offered if is_published(run)]
    return ([run for run in published if run.district_id is None] or published or list(offered))[:many]


def work_of(scheme: Scheme) -> int:
    """How many columns a scheme reckons for each pharmacy, about; what would take for ever is refused by it."""
    document = scheme.document
    columns = len(document.components) + 2 * len(document.measures)
    for part in document.indicators:
        columns += 9 if isinstance(part, GrowthIndicator) else 3
        if isinstance(part, ViolationsIndicator | ComplaintsIndicator):
            columns += len(part.rows) + sum(len(getattr(row, "amounts", ())) for row in part.rows)
        else:
            columns += len(part.brackets)
    return columns + sum(1 for _ in conditions_of(scheme))


def try_out(draft: Scheme, runs: Sequence[RatingRun], against: Scheme | str = COMPUTED) -> Iterator[Trial]:
    """The draft on the facts of each run, one run at a time, so that only one is in memory.

    ``against`` is COMPUTED (the run's own scheme, reckoned again from the same facts), PUBLISHED (the
    grades as published) or another scheme. Peers are reckoned anew by each scheme. Raises Refused for a
    run that is not finished, or not published where that is asked for, and for a scheme of too many parts;
    SignalsError, naming the period, where the facts do not fit a scheme.
    """
    for scheme in (draft, against):
        if isinstance(scheme, Scheme) and work_of(scheme) > MOST_WORK:
            raise Refused(
                f"规则《{scheme.document.title}》的指标、分值行和条件过多，不能试算：请精简到现有规则的十倍以内。"
            )
    for run in runs:
        label = f"{Period.parse(run.period).label}（批次 #{run.pk}）"
        if against == PUBLISHED and not is_published(run):
            raise Refused(f"{label}尚未公布，不能与公布的等级比较：请改选比较对象，或另选周期。")
        try:
            yield _try(draft, run, against)
        except SignalsError as error:
            raise SignalsError([f"{label}：{reason}" for reason in error.reasons]) from error


def _try(draft: Scheme, run: RatingRun, against: Scheme | str) -> Trial:
    own = parsed(run.scheme)
    base = against if isinstance(against, Scheme) else own
    signals = signals_of(run, [draft, base, own])
    reckoned: dict[str, Rated] = {}
    for scheme in (draft, base, own):
        if scheme.hash not in reckoned:
            reckoned[scheme.hash] = Rated(scheme, rate(scheme, signals))
    before, after, computed = reckoned[base.hash], reckoned[draft.hash], reckoned[own.hash]
    new = _side(after, "试算")
    published = _published(run, computed, signals.pharmacy_id) if is_published(run) else None
    held_against_published = compare(published, new) if published is not None else None
    if against == PUBLISHED and held_against_published is not None:
        comparison = held_against_published
    else:
        comparison = compare(_side(before, "原评价" if base is own else "对照规则"), new)
    changed = steps(base, draft) if base.hash != draft.hash else []
    return Trial(
        run=run,
        pharmacy_id=signals.pharmacy_id,
        code=signals.code,
        district=signals.district,
        chain=signals.chain,
        size=size_groups(signals),
        paid=fund_payments(signals)[0],
        before=before,
        after=after,
        comparison=comparison,
        published=held_against_published,
        faithful=_faithful(run, computed, signals.pharmacy_id),
        effects=tuple(_effect(step, before, signals) for step in changed[:MOST_STEPS]),
        left_out=max(0, len(changed) - MOST_STEPS),
        absent=tuple(
            term.title for term in draft.document.measures if not signals.measures[term.key].present.any()
        ),
    )


def _side(rated: Rated, title: str) -> Side:
    return Side(title, rated.names, rated.outcomes.grade, rated.outcomes.score)


def _effect(step: Step, before: Rated, signals: Signals) -> Effect:
    if step.scheme is None:
        return Effect(step, None)
    try:
        alone = Rated(step.scheme, rate(step.scheme, signals))
    except SignalsError:
        return Effect(step, None)
    moved = compare(_side(before, ""), _side(alone, ""))
    return Effect(step, tuple(moved.count(move) for move in Move))


def _published(run: RatingRun, computed: Rated, ids: Int64) -> Side | None:
    """The grades as published at the end of the period; later changes of single ones are not among them."""
    publication = Publication.objects.filter(period=run.life, event=Event.PERIODIC).only(
        "first_seq", "last_seq"
    )
    found = publication.first()
    if found is None:
        return None
    rows = read_columns(
        """SELECT pharmacy_id, position::int4, coalesce(score, 0) FROM ratings_publishedgrade
           WHERE seq BETWEEN %(first)s AND %(last)s""",
        {"first": found.first_seq, "last": found.last_seq},
        {"id": "i8", "position": "i4", "score": "i8"},
    )
    places = rows_of(ids, rows["id"])
    grade = np.full(len(ids), NO_GRADE, np.int64)
    score = np.zeros(len(ids), np.int64)
    grade[places[places >= 0]] = rows["position"][places >= 0]
    score[places[places >= 0]] = rows["score"][places >= 0]
    return Side("公布", computed.names, grade, score)


def _faithful(run: RatingRun, computed: Rated, ids: Int64) -> bool:
    """Whether the run's own scheme gives today what the run has stored."""
    stored = read_columns(
        "SELECT pharmacy_id, grade::int4, score FROM ratings_rating WHERE run_id = %(run)s",
        {"run": run.pk},
        {"id": "i8", "grade": "i4", "score": "i8"},
    )
    places = rows_of(ids, stored["id"])
    if len(places) != len(ids) or (places < 0).any():
        return False
    outcomes = computed.outcomes
    same = (outcomes.grade[places] == stored["grade"]) & (outcomes.score[places] == stored["score"])
    return bool(same.all())
