"""What validation reads: ratings as computed, and what happened to their pharmacies afterwards.

Set-based, a few queries whatever the number of pharmacies. Ratings are taken as the run computed
them, not as they stand now: a grade changed because of an event would foretell it afterwards.
Events are taken as known now: not voided, whenever they were recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from ratings.bulk import read_columns, rows_of
from ratings.insight.sql import KEPT_SECONDS, Districts, codes, place_of, within
from ratings.models import RatingRun
from ratings.rules.columns import NO_DAY, Bool, Int32, Int64
from ratings.rules.indicators import GrowthIndicator
from ratings.rules.outcomes import RATED
from ratings.rules.periods import add_months
from ratings.rules.scheme import Scheme
from ratings.rules.vocabulary import Term, Vocabulary
from ratings.signals import days

#: By which day an event falls into the window.
Dated = Literal["decided_on", "occurred_on"]

#: What a rating may be asked to foretell: at least one such event.
OUTCOMES: Final = Vocabulary(
    "结果",
    Term("VIOLATION", "已作决定的违法违规"),
    Term("SERIOUS", "情节严重的违法违规"),
    Term("COMPLAINT", "查证属实的举报投诉"),
    Term("EITHER", "违法违规或查实的举报投诉"),
)
_VIOLATION, _SERIOUS, _COMPLAINT = 1, 2, 4
#: Any of these bits makes the outcome.
_BITS: Final = {
    "VIOLATION": _VIOLATION,
    "SERIOUS": _SERIOUS,
    "COMPLAINT": _COMPLAINT,
    "EITHER": _VIOLATION | _COMPLAINT,
}
_HERE: Final = within("r.district_id")
#: ``size`` of a pharmacy whose payments could not be compared.
UNKNOWN_SIZE: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Window:
    """The days, both included, in which an event counts."""

    first: date
    last: date

    @classmethod
    def after(cls, period_end: date, months: int) -> "Window":
        """The whole months that follow a rating period."""
        first = period_end + timedelta(days=1)
        return cls(first, add_months(first, months) - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Ratings:
    """The outcomes of one run in the districts asked for, rated or not."""

    pharmacy: Int64
    #: when it was rated
    district: Int32
    state: NDArray[np.int16]
    #: place in the scheme's grades, -1 = none
    grade: NDArray[np.int16]
    #: thousandths of a point
    score: Int64
    chain: Bool
    #: mean fund payment a month, fen, over the months that the scheme's growth indicator compared;
    #: UNKNOWN_SIZE where there are none; None where the scheme has no such indicator
    size: Int64 | None
    #: indicator id to points, thousandths
    points: Mapping[str, Int64]

    @property
    def rated(self) -> Bool:
        found: Bool = self.state == RATED
        return found


def read_ratings(run: RatingRun, scheme: Scheme, districts: Districts) -> Ratings:
    """The ratings of a finished run with the columns of the trace that matter here; one query."""
    wanted = {"chain": "chain"}
    wanted |= {f"{one.id}.points": f"indicator.{one.id}.points" for one in scheme.indicators}
    growth = next((one for one in scheme.indicators if isinstance(one, GrowthIndicator)), None)
    if growth is not None:
        wanted |= {name: f"indicator.{growth.id}.{name}" for name in ("months", "current_fen")}
    places = [run.trace_columns.index(column) + 1 for column in wanted.values()]
    items = ", ".join(f"r.trace[{place}]" for place in places)
    found = read_columns(
        f"""SELECT r.pharmacy_id, r.district_id, r.state, r.grade, r.score, {items}
            FROM ratings_rating r WHERE r.run_id = %(run)s AND {_HERE}""",
        {"run": run.pk, "districts": codes(districts)},
        {
            "pharmacy": "i8",
            "district": "i4",
            "state": "i2",
            "grade": "i2",
            "score": "i8",
            **dict.fromkeys(wanted, "i8"),
        },
    )
    size = None
    if growth is not None:
        months = found["months"]
        size = np.where(months > 0, found["current_fen"] // np.maximum(months, 1), UNKNOWN_SIZE)
    return Ratings(
        **{name: found[name] for name in ("pharmacy", "district", "state", "grade", "score")},
        chain=found["chain"] == 1,
        size=size,
        points={one.id: found[f"{one.id}.points"] for one in scheme.indicators},
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one run's rated pharmacies: how often each comes, and whose those asked for are."""

    #: each score once, and how many have it
    score: Int64
    count: Int64
    #: of the pharmacies asked for
    pharmacy: Int64
    their_score: Int64


def read_scores(runs: Sequence[RatingRun], pharmacies: Int64, districts: Districts) -> list[Scores]:
    """Of each finished run; two queries, the first for what never changes and is kept.

    ``pharmacies`` are those whose own score matters: of most it is enough to know how many have which.
    """
    params = {"districts": codes(districts)}
    place = place_of(districts)
    keys = {run.pk: f"insight:scores:{run.pk}:{run.outcomes_sha256}:{place}" for run in runs}
    known: dict[str, tuple[Int64, Int64]] = cache.get_many(keys.values())
    missing = [key for key, name in keys.items() if name not in known]
    if missing:
        counts = read_columns(
            f"""SELECT r.run_id, r.score, count(*) FROM ratings_rating r
                WHERE r.run_id = ANY(%(runs)s) AND r.state = 0 AND {_HERE} GROUP BY 1, 2""",
            {**params, "runs": missing},
            {"run": "i8", "score": "i8", "count": "i8"},
        )
        fresh = {
            keys[key]: (counts["score"][rows], counts["count"][rows])
            for key in missing
            for rows in [counts["run"] == key]
        }
        cache.set_many(fresh, KEPT_SECONDS)
        known |= fresh
    own = read_columns(
        f"""SELECT r.run_id, r.pharmacy_id, r.score FROM ratings_rating r
            WHERE r.run_id = ANY(%(runs)s) AND r.pharmacy_id = ANY(%(pharmacies)s) AND r.state = 0
              AND {_HERE}""",
        {**params, "runs": list(keys), "pharmacies": pharmacies.tolist()},
        {"run": "i8", "pharmacy": "i8", "score": "i8"},
    )
    mine = [own["run"] == run.pk for run in runs]
    return [
        Scores(*known[keys[run.pk]], own["pharmacy"][rows], own["score"][rows])
        for run, rows in zip(runs, mine, strict=True)
    ]


def read_published(run: RatingRun) -> dict[str, Int64]:
    """Pharmacies and positions as the run was published first; nothing where it was not."""
    return read_columns(
        """SELECT g.pharmacy_id, g.position::int8 FROM ratings_publication p
           JOIN ratings_ratingperiod life ON life.id = p.period_id
           JOIN ratings_publishedgrade g ON g.seq BETWEEN p.first_seq AND p.last_seq
           WHERE life.run_id = %(run)s AND p.event = 'PERIODIC'""",
        {"run": run.pk},
        {"pharmacy": "i8", "position": "i8"},
    )


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Events in a span of days, and when pharmacies ended or took over from others, as known now."""

    #: of events: whose, on which day, and which of the bits
    pharmacy: Int64
    day: Int32
    bits: Int32
    #: of pharmacies that ended or have a predecessor: 0 = none
    known: Int64
    began: Int32
    ended: Int32
    predecessor: Int64

    @property
    def concerned(self) -> Int64:
        """All pharmacies of which anything is known here; nothing happened to any other, and they go on."""
        found: Int64 = np.union1d(self.pharmacy, self.known)
        return found

    def served(self, pharmacies: Int64, window: Window) -> Bool:
        """Which were designated, themselves or through a successor, on some day of the window."""
        first, last = days(window.first), days(window.last)
        found = self._ended(pharmacies) > first
        for rows, heirs in self._heirs(pharmacies):
            places = rows_of(self.known, heirs)
            within = (self.began[places] <= last) & (self.ended[places] > first)
            found[rows[within]] = True
        return found

    def stayed(self, pharmacies: Int64, window: Window) -> Bool:
        """Which were designated themselves on the window's last day."""
        found: Bool = self._ended(pharmacies) > days(window.last)
        return found

    def flags(self, pharmacies: Int64, window: Window) -> Int32:
        """The bits of all events in the window, of each pharmacy and of those that took over from it.

        A successor that is one of ``pharmacies`` answers for itself.
        """
        within = (self.day >= days(window.first)) & (self.day <= days(window.last))
        whose, bits = self.pharmacy[within], self.bits[within]
        found = np.zeros(len(pharmacies), np.int32)
        rows = rows_of(pharmacies, whose)
        np.bitwise_or.at(found, rows[rows >= 0], bits[rows >= 0])
        for subjects, heirs in self._heirs(pharmacies):
            places = rows_of(heirs, whose)
            np.bitwise_or.at(found, subjects[places[places >= 0]], bits[places >= 0])
        return found

    def _ended(self, pharmacies: Int64) -> Int32:
        """The first day without designation; NO_DAY for those that go on."""
        rows = rows_of(self.known, pharmacies)
        ended: Int32 = np.full(len(pharmacies), NO_DAY, np.int32)
        ended[rows >= 0] = self.ended[rows[rows >= 0]]
        return ended

    def _heirs(self, pharmacies: Int64) -> Iterator[tuple[Int64, Int64]]:
        """Rows of ``pharmacies`` and who took over from them, a generation at a time."""
        took_over = self.predecessor > 0
        heir, before = self.known[took_over], self.predecessor[took_over]
        rows, members = np.arange(len(pharmacies)), pharmacies
        while len(rows):
            places = rows_of(before, members)
            rows, members = rows[places >= 0], heir[places[places >= 0]]
            own = rows_of(pharmacies, members) < 0
            rows, members = rows[own], members[own]
            if len(rows):
                yield rows, members


def made(flags: Int32, outcome: str) -> Bool:
    """Where the outcome came about. KeyError for an unknown one."""
    found: Bool = (flags & _BITS[outcome]) != 0
    return found


def read_afterwards(first: date, last: date, dated: Dated) -> Afterwards:
    """All events of the days, both included; two queries."""
    events = read_columns(
        f"""SELECT v.pharmacy_id, v.{dated} - DATE '1970-01-01',
                   CASE v.gravity WHEN 'SERIOUS' THEN {_VIOLATION | _SERIOUS} ELSE {_VIOLATION} END
            FROM ratings_violation v WHERE v.voided_at IS NULL AND v.{dated} BETWEEN %(first)s AND %(last)s
            UNION ALL
            SELECT c.pharmacy_id, c.{dated} - DATE '1970-01-01', {_COMPLAINT}
            FROM ratings_complaint c
            WHERE c.voided_at IS NULL AND c.finding = 'VERIFIED' AND c.{dated} BETWEEN %(first)s AND %(last)s""",
        {"first": first, "last": last},
        {"pharmacy": "i8", "day": "i4", "bits": "i4"},
    )
    lives = read_columns(
        f"""SELECT id, designated_on - DATE '1970-01-01',
                   coalesce(designated_until - DATE '1970-01-01', {NO_DAY}), coalesce(predecessor_id, 0)
            FROM ratings_pharmacy WHERE designated_until IS NOT NULL OR predecessor_id IS NOT NULL""",
        {},
        {"known": "i8", "began": "i4", "ended": "i4", "predecessor": "i8"},
    )
    return Afterwards(**events, **lives)
