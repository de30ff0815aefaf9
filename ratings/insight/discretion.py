"""Discretion (自由裁量): grades changed by judgement, of all that were reviewed, and by whom.

An adjustment "by judgement" (依规调整) has the cause JUDGEMENT: a person proposed it for a reason that
the scheme names, and another one decided. Changes that follow from facts (objections, corrections,
repairs, interim changes) are no discretion and are counted apart. Up is a better position in the
grades; to lose the grade is down.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.core.cache import cache

from ratings.insight.sql import KEPT_SECONDS, Districts, codes, local_day, rows, within
from ratings.published.scales import scale

JUDGEMENT: Final = "JUDGEMENT"


@dataclass(frozen=True, slots=True)
class Change:
    """One adjustment."""

    pk: int
    #: Adjustment.Cause and Adjustment.State
    cause: str
    state: str
    district: int
    code: str
    name: str
    period: str
    #: names of the grades, "" = no grade
    before: str
    after: str
    #: 1 up, -1 down, 0 the same grade
    direction: int
    reason: str
    clause: str
    proposed_by: str
    proposed_on: date
    decided_by: str
    decided_on: date | None
    #: it takes back an earlier one
    reverses: bool


def changes(start: date, until: date, districts: Districts = None) -> list[Change]:
    """All adjustments proposed in the span, of every cause and state, newest first."""
    found = rows(
        f"""
        SELECT a.id, a.cause, a.state, r.district_id, p.code, p.name, run.period, a.from_grade, a.to_grade,
               a.reason_code, a.clause, a.proposed_by, {local_day("a.proposed_at")}, a.decided_by,
               {local_day("a.decided_at")}, a.reverses_id IS NOT NULL, scheme.key || '@' || scheme.version
        FROM ratings_adjustment a
        JOIN ratings_rating r ON r.id = a.rating_id
        JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
        JOIN ratings_ratingrun run ON run.id = r.run_id
        JOIN ratings_schemeversion scheme ON scheme.id = run.scheme_id
        WHERE {local_day("a.proposed_at")} BETWEEN %(start)s AND %(until)s AND {within("r.district_id")}
        ORDER BY a.proposed_at DESC, a.id DESC
        """,
        {"start": start, "until": until, "districts": codes(districts)},
    )
    made = []
    for (
        pk, cause, state, district, code, name, period, before, after, reason, clause, proposer, proposed,
        decider, decided, reverses, scheme,
    ) in found:  # fmt: skip
        names = [step.name for step in scale(scheme)]
        made.append(
            Change(
                pk, cause, state, district, code, name, period, _name(names, before), _name(names, after),
                direction(before, after), reason, clause, proposer, proposed, decider, decided, reverses,
            )
        )  # fmt: skip
    return made


def _name(names: list[str], position: int) -> str:
    return names[position] if 0 <= position < len(names) else ""


def direction(before: int, after: int) -> int:
    """1 up, -1 down, 0 neither: positions, -1 = no grade, which is worse than any."""
    worst = 1_000
    left, right = (position if position >= 0 else worst for position in (before, after))
    return (left > right) - (left < right)


@dataclass(slots=True)
class Share:
    """What one office or person did with its discretion."""

    #: what the share is of: ratings reviewed
    reviewed: int = 0
    proposed: int = 0
    approved: int = 0
    rejected: int = 0
    #: of those approved
    up: int = 0
    down: int = 0

    def add(self, one: Change) -> None:
        """Count a change by judgement."""
        self.proposed += 1
        self.rejected += one.state == "REJECTED"
        if one.state == "APPROVED":
            self.approved += 1
            self.up += one.direction > 0
            self.down += one.direction < 0


def _judged(found: Iterable[Change]) -> list[Change]:
    return [one for one in found if one.cause == JUDGEMENT and not one.reverses]


def reviewed_by_district(start: date, until: date, districts: Districts = None) -> dict[int, int]:
    """Rated pharmacies of the periods whose review began in the span (abandoned ones left out).

    Runs never change, so their counts are kept.
    """
    found = rows(
        f"""
        SELECT life.run_id, run.outcomes_sha256
        FROM ratings_ratingperiod life JOIN ratings_ratingrun run ON run.id = life.run_id
        WHERE life.state <> 'ABANDONED' AND {local_day("life.reviewed_at")} BETWEEN %(start)s AND %(until)s
        """,
        {"start": start, "until": until},
    )
    keys = {f"insight:rated:{run}:{digest}": run for run, digest in found}
    known: dict[str, dict[int, int]] = cache.get_many(keys)
    missing = {run: key for key, run in keys.items() if key not in known}
    if missing:
        counted = rows(
            """SELECT run_id, district_id, count(*) FROM ratings_rating
               WHERE run_id = ANY(%(runs)s) AND state = 0 GROUP BY 1, 2""",
            {"runs": list(missing)},
        )
        known |= {key: {place: n for of, place, n in counted if of == run} for run, key in missing.items()}
        cache.set_many({key: known[key] for key in missing.values()}, KEPT_SECONDS)
    sums: Counter[int] = Counter()
    for counts in known.values():
        sums.update(counts)
    return {code: count for code, count in sums.items() if districts is None or code in districts}


def by_district(found: Iterable[Change], reviewed: dict[int, int]) -> dict[int, Share]:
    """Of each district with anything reviewed or adjusted."""
    made = {district: Share(reviewed=count) for district, count in sorted(reviewed.items())}
    for one in _judged(found):
        made.setdefault(one.district, Share()).add(one)
    return made


def reviewed_by_person(start: date, until: date, districts: Districts = None) -> dict[str, int]:
    """Ratings that each person confirmed in review in the span: one by one, or the rest of a district at once."""
    # An item has its district by its rating, which the whole city need not be asked for.
    narrowed = (
        ""
        if districts is None
        else ("JOIN ratings_rating r ON r.id = i.rating_id AND r.district_id = ANY(%(districts)s)")
    )
    found = rows(
        f"""
        SELECT who, sum(count)::int8 FROM (
            SELECT i.confirmed_by AS who, count(*) AS count FROM ratings_reviewitem i {narrowed}
            WHERE {local_day("i.confirmed_at")} BETWEEN %(start)s AND %(until)s GROUP BY 1
            UNION ALL
            SELECT b.by, sum(b.count) FROM ratings_bulkconfirmation b
            WHERE {local_day("b.at")} BETWEEN %(start)s AND %(until)s AND {within("b.district_id")}
            GROUP BY 1
        ) parts GROUP BY who
        """,
        {"start": start, "until": until, "districts": codes(districts)},
    )
    return {who: int(count) for who, count in found}


def by_proposer(found: Iterable[Change], reviewed: dict[str, int]) -> dict[str, Share]:
    """Of each person who proposed a change by judgement or confirmed ratings."""
    made = {who: Share(reviewed=count) for who, count in sorted(reviewed.items())}
    for one in _judged(found):
        made.setdefault(one.proposed_by, Share()).add(one)
    return made


def by_decider(found: Iterable[Change]) -> dict[str, Share]:
    """Of each person who decided: ``reviewed`` is what was decided, by approval or rejection."""
    made: dict[str, Share] = {}
    for one in _judged(found):
        if one.state in ("APPROVED", "REJECTED"):
            share = made.setdefault(one.decided_by, Share())
            share.reviewed += 1
            share.add(one)
    return dict(sorted(made.items()))


def by_cause(found: Iterable[Change]) -> dict[str, Share]:
    """Of every cause, judgement among them; what takes back another stands with its own cause."""
    made: dict[str, Share] = {}
    for one in found:
        made.setdefault(one.cause, Share()).add(one)
    return made


def offices(names: Iterable[str]) -> dict[str, str]:
    """Where each person works, by name: the districts of their scope, 全市, or "" for none."""
    found = rows(
        """
        SELECT u.username, bool_or(s.whole_city), string_agg(d.name, '、' ORDER BY d.code)
        FROM auth_user u JOIN ratings_staffscope s ON s.user_id = u.id
        LEFT JOIN ratings_staffscope_districts link ON link.staffscope_id = s.id
        LEFT JOIN ratings_district d ON d.code = link.district_id
        WHERE u.username = ANY(%(names)s) GROUP BY 1
        """,
        {"names": sorted(set(names))},
    )
    return {name: "全市" if whole else (districts or "") for name, whole, districts in found}
