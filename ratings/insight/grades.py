"""Grades as published: how many of each, by district and period, and who moved from which to which.

Source: the ledger (``PublishedGrade``), rows of the event PERIODIC, that is, each period's grades as
they were when the period was published. What was changed later (objections, repairs, interim
changes) is not in them; :mod:`ratings.insight.places` has the grades of today.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from django.core.cache import cache

from ratings.insight.scales import common_scale, merged
from ratings.insight.sql import KEPT_SECONDS, Districts, codes, rows, within
from ratings.published.scales import scale
from ratings.rules.periods import Period

#: Stands for "was not published in that period", where a position in the grades stands else.
ABSENT: Final = -2
#: No grade: not rated, or withdrawn.
NO_GRADE: Final = -1


@dataclass(frozen=True, slots=True)
class Issue:
    """One period as published: in one publication for the whole city, or in one for each district rated apart."""

    period: str
    period_end: date
    #: key@version of the scheme of its newest publication
    scheme: str
    #: (number, first, last row in the ledger, fingerprint of the statement)
    parts: tuple[tuple[int, int, int, str], ...]

    @property
    def grades(self) -> list[tuple[str, str]]:
        """(name, label) of the scheme's grades, best first."""
        return [(step.name, step.label) for step in scale(self.scheme)]

    @property
    def digest(self) -> str:
        """Of all that was published, as it never changes."""
        return hashlib.sha256("".join(part[3] for part in self.parts).encode()).hexdigest()

    @property
    def spans(self) -> dict[str, list[int]]:
        """Parameters of statements that read its rows."""
        return {"firsts": [part[1] for part in self.parts], "lasts": [part[2] for part in self.parts]}


def issues(districts: Districts = None) -> list[Issue]:
    """Published periods, newest first; of ``districts`` only where these were rated."""
    found = rows(
        f"""
        SELECT life.period, life.period_end, act.number, act.first_seq, act.last_seq, act.statement_sha256,
               scheme.key || '@' || scheme.version
        FROM ratings_publication act
        JOIN ratings_ratingperiod life ON life.id = act.period_id
        JOIN ratings_ratingrun run ON run.id = life.run_id
        JOIN ratings_schemeversion scheme ON scheme.id = run.scheme_id
        WHERE act.event = 'PERIODIC' AND (life.district_id IS NULL OR {within("life.district_id")})
        ORDER BY life.period_end DESC, life.period, act.number DESC
        """,
        {"districts": codes(districts)},
    )
    made: dict[str, Issue] = {}
    for period, end, number, first, last, digest, scheme in found:
        known = made.get(period)
        part = (number, first, last, digest)
        parts = (*known.parts, part) if known else (part,)
        made[period] = Issue(period, end, known.scheme if known else scheme, parts)
    return list(made.values())


def period_before(known: list[Issue], issue: Issue) -> Issue | None:
    """Which of ``known``, newest first, comes before: of those that ended earlier the newest of the same
    length, or, where there is none, the newest. A year is not held against the half of it."""
    earlier = [one for one in known if one.period_end < issue.period_end]
    months = Period.parse(issue.period).months
    same = [one for one in earlier if Period.parse(one.period).months == months]
    return next(iter(same or earlier), None)


def distribution(issue: Issue, districts: Districts = None) -> dict[int, Counter[int]]:
    """District to position in the grades to number of pharmacies; -1 = published without a grade.

    A pharmacy counts for the district that rated it then. What is published never changes, so the
    counts of a publication are kept.
    """
    counts: dict[int, Counter[int]] = {}
    for number, first, last, digest in issue.parts:
        key = f"insight:grades:{number}:{digest}"
        known: list[tuple[int, int, int]] | None = cache.get(key)
        if known is None:
            known = rows(
                """SELECT district, position, count(*) FROM ratings_publishedgrade
                   WHERE seq BETWEEN %(first)s AND %(last)s GROUP BY 1, 2 ORDER BY 1, 2""",
                {"first": first, "last": last},
            )
            cache.set(key, known, KEPT_SECONDS)
        for district, position, count in known:
            if districts is None or district in districts:
                counts.setdefault(district, Counter())[position] += count
    return counts


def total(counts: dict[int, Counter[int]]) -> Counter[int]:
    """All districts together."""
    return sum(counts.values(), Counter())


#: Of two periods: each pharmacy of the later one beside its own row of the earlier one or, where it has none,
#: that of the one that it took over (or that one did); and those of the earlier one that are in no way there.
_PAIRS: Final = f"""
    WITH RECURSIVE earlier AS (
        SELECT g.* FROM unnest(%(from_firsts)s::bigint[], %(from_lasts)s::bigint[]) span(first, last)
        JOIN ratings_publishedgrade g ON g.seq BETWEEN span.first AND span.last
    ), later AS (
        SELECT g.* FROM unnest(%(to_firsts)s::bigint[], %(to_lasts)s::bigint[]) span(first, last)
        JOIN ratings_publishedgrade g ON g.seq BETWEEN span.first AND span.last
    ), line(heir, was) AS (
        SELECT pharmacy_id, pharmacy_id FROM later
        UNION ALL
        SELECT line.heir, p.predecessor_id FROM line JOIN ratings_pharmacy p ON p.id = line.was
        WHERE p.predecessor_id IS NOT NULL AND line.was NOT IN (SELECT pharmacy_id FROM earlier)
    ), kept AS (
        SELECT later.pharmacy_id, later.code, later.name, later.district, later.position AS after,
               later.score AS score_after, old.pharmacy_id AS was, coalesce(old.position, {ABSENT}) AS before,
               old.score AS score_before
        FROM later
        LEFT JOIN (line JOIN earlier old ON old.pharmacy_id = line.was) ON line.heir = later.pharmacy_id
    ), pairs AS (
        SELECT pharmacy_id, code, name, district, before, after, score_before, score_after FROM kept
        UNION ALL
        SELECT gone.pharmacy_id, gone.code, gone.name, gone.district, gone.position, {ABSENT}, gone.score, NULL
        FROM earlier gone WHERE NOT EXISTS (SELECT FROM kept WHERE kept.was = gone.pharmacy_id)
    )
"""


def _pair(before: Issue, after: Issue, districts: Districts) -> dict[str, object]:
    spans = {f"from_{name}": value for name, value in before.spans.items()}
    spans |= {f"to_{name}": value for name, value in after.spans.items()}
    return {**spans, "districts": codes(districts)}


def migration(before: Issue, after: Issue, districts: Districts = None) -> dict[tuple[int, int], int]:
    """(position before, position after) to number of pharmacies, each in the grades of its own period's scheme.

    :data:`ABSENT` stands for a pharmacy that was not published in that period (new, or gone). A
    pharmacy that took over another is held against that one's grade. Districts are those of the later period.
    """
    found: Counter[tuple[int, int]] = Counter()
    for _, left, right, count in _moves(before, after, districts):
        found[left, right] += count
    return dict(found)


class Shift(NamedTuple):
    """Of the pharmacies in both periods: how many went up, stayed, went down, as :func:`movers` says."""

    up: int = 0
    same: int = 0
    down: int = 0

    @property
    def both(self) -> int:
        return sum(self)


def shifts(before: Issue, after: Issue, districts: Districts = None) -> dict[int, Shift]:
    """District of the later period to how its pharmacies moved on the scale that both schemes share, in order of code.

    Empty where the two schemes' grades have no order in common.
    """
    found: dict[int, Shift] = {}
    places = _places(before, after)
    if not places.ordered:
        return found
    for district, left, right, count in _moves(before, after, districts):
        if ABSENT in (left, right):
            continue
        up, same, down = found.get(district, Shift())
        worse = _rank(right, places.after) - _rank(left, places.before)
        found[district] = Shift(
            up + count * (worse < 0), same + count * (not worse), down + count * (worse > 0)
        )
    return dict(sorted(found.items()))


def _rank(position: int, places: Sequence[int]) -> int:
    """On the scale; no grade is worse than any."""
    return 99 if position == NO_GRADE else places[position]


def _moves(before: Issue, after: Issue, districts: Districts) -> list[tuple[int, int, int, int]]:
    """(district, position before, position after, number of pharmacies); kept, because it never changes."""
    key = f"insight:moves:{before.digest}:{after.digest}"
    known: list[tuple[int, int, int, int]] | None = cache.get(key)
    if known is None:
        params = _pair(before, after, None)
        known = rows(f"{_PAIRS} SELECT district, before, after, count(*) FROM pairs GROUP BY 1, 2, 3", params)
        cache.set(key, known, KEPT_SECONDS)
    return [row for row in known if districts is None or row[0] in districts]


@dataclass(frozen=True, slots=True)
class Mover:
    """One pharmacy in two periods; positions as in :func:`migration`, scores in thousandths."""

    pharmacy: int
    code: str
    name: str
    district: int
    before: int
    after: int
    score_before: int | None
    score_after: int | None


def movers(
    before: Issue,
    after: Issue,
    districts: Districts = None,
    *,
    left: int | None = None,
    right: int | None = None,
    direction: str = "",
    offset: int = 0,
    limit: int = 100_000,
) -> list[Mover]:
    """The pharmacies behind :func:`migration`: from ``left`` to ``right``, or all that "moved", "up" or "down".

    Up is a better grade on the scale that both schemes share, no grade being worse than any; who is in one
    of the periods only has not moved. Grades without a common order move by name, neither up nor down. In
    order of code.
    """
    compared = {"up": "<", "down": ">", "moved": "<>"}.get(direction)
    moved, places = "", _places(before, after)
    if compared:
        rank = f"CASE WHEN {{0}} = {NO_GRADE} THEN 99 ELSE (%({{0}}_places)s::int[])[{{0}} + 1] END"
        moved = f"""AND before > {ABSENT} AND after > {ABSENT}
            AND {rank.format("after")} {compared} {rank.format("before")}"""
        if not places.ordered and direction != "moved":
            moved += f" AND {NO_GRADE} IN (before, after)"
    found = rows(
        f"""{_PAIRS}
        SELECT pharmacy_id, code, name, district, before, after, score_before, score_after FROM pairs
        WHERE {within("district")} AND (%(left)s::int IS NULL OR before = %(left)s)
          AND (%(right)s::int IS NULL OR after = %(right)s) {moved}
        ORDER BY code OFFSET %(offset)s LIMIT %(limit)s
        """,
        {
            **_pair(before, after, districts), "before_places": places.before, "after_places": places.after,
            "left": left, "right": right, "offset": offset, "limit": limit,
        },
    )  # fmt: skip
    return [Mover(*row) for row in found]


class _Places(NamedTuple):
    """The grades of two schemes by their places on one scale; without ``ordered`` only equal ones mean anything."""

    before: list[int]
    after: list[int]
    ordered: bool


def _places(before: Issue, after: Issue) -> _Places:
    left, right = ([name for name, _ in issue.grades] for issue in (before, after))
    shared = common_scale(left, right)
    if shared is not None:
        return _Places(*shared, ordered=True)
    every = merged((left, right))
    return _Places(list(map(every.index, left)), list(map(every.index, right)), ordered=False)
