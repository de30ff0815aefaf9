"""How work is handled: what came in, what is done, in time or late, and what is overdue.

Everything with a term is one :class:`Matter`: a step that began on a day (which does not count), and
was, or is to be, done by a last day. Terms and their sources: ``rules/terms.toml``; a term is measured
in working days (工作日). "In time" means by the ordinary last day, "extended" by the last day as
somebody extended it on record, "late" after that.

- objections: from the day handed in to the decision; a review from its request to its decision
- repairs: from receipt to acceptance, from acceptance to decision, from the wish for an answer to it
- adjustments (interim changes and withdrawals, corrections, by judgement): from proposal to decision;
  only those with a legal day have a term
- review items: from the beginning of a period's review to confirmation; no legal term
- complaints: from receipt to a finding; 15 working days, which can be extended to 30 without that being
  on record here, so that the sixteenth to the thirtieth day count as extended

Whatever was withdrawn is neither done nor open. A matter belongs to the district of its pharmacy
(of a rating: the district that rated it).
"""

import functools
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Final

from ratings.insight.sql import Districts, codes, local_day, rows, within
from ratings.services.terms import deadline
from ratings.working_days import is_working_day

#: What each sort of matter is called, in the order of tables.
SORTS: Final = {
    "objection": "异议答复",
    "review": "异议复核",
    "repair_accept": "信用修复受理",
    "repair_decide": "信用修复决定",
    "repair_reply": "信用修复答复",
    "interim": "期间变动审批",
    "correction": "更正审批",
    "judgement": "依规调整审批",
    "item": "审核事项确认",
    "complaint": "举报投诉核查",
    "case": "查实案件处理",
}
#: 医疗保障行政处罚程序暂行规定（国家医疗保障局令第4号）: leads are verified in 15 working days, extended by 15.
COMPLAINT_DAYS: Final = 15
COMPLAINT_LAST_DAYS: Final = 30


_ONE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Matter:
    """One step under way or done."""

    #: a key of SORTS
    sort: str
    #: key of the row that it is a step of
    pk: int
    district: int
    code: str
    name: str
    since: date
    #: the ordinary last day; None without a legal term
    due: date | None
    #: the last day as extended; the ordinary one where nothing was
    last: date | None
    done: date | None
    #: withdrawn: neither done nor open
    withdrawn: bool = False
    #: matters that share all of this; only review items are counted together (they have no pk, code, name)
    count: int = 1

    def is_open(self) -> bool:
        return self.done is None and not self.withdrawn

    def is_overdue(self, today: date) -> bool:
        """Still open though its last day has passed."""
        return self.is_open() and self.last is not None and self.last < today


_OBJECTIONS: Final = f"""
    SELECT o.id, r.district_id, p.code, p.name, o.handed_in_on, o.due_on, o.state,
           {local_day("o.extended_at")}, {local_day("o.decided_at")}, {local_day("o.review_requested_at")},
           {local_day("o.reviewed_at")}, o.extended_at >= o.review_requested_at, o.ground
    FROM ratings_objection o JOIN ratings_rating r ON r.id = o.rating_id
    JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
    WHERE {within("r.district_id")} ORDER BY o.id
"""
_REPAIRS: Final = f"""
    SELECT c.id, p.district_id, p.code, p.name, {local_day("c.received_at")}, c.accept_due_on,
           {local_day("c.accepted_at")}, c.decide_due_on, {local_day("c.extended_at")}, {local_day("c.decided_at")},
           c.reply_due_on, c.replied_on, c.state
    FROM ratings_creditrepair c JOIN ratings_violation v ON v.id = c.violation_id
    JOIN ratings_pharmacy p ON p.id = v.pharmacy_id
    WHERE {within("p.district_id")} ORDER BY c.id
"""
_ADJUSTMENTS: Final = f"""
    SELECT a.id, r.district_id, p.code, p.name, a.cause, {local_day("a.proposed_at")}, a.due_on,
           {local_day("a.decided_at")}, a.state = 'CANCELLED'
    FROM ratings_adjustment a JOIN ratings_rating r ON r.id = a.rating_id
    JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
    WHERE a.cause IN ('INTERIM', 'WITHDRAWAL', 'CORRECTION', 'JUDGEMENT') AND {within("r.district_id")}
    ORDER BY a.id
"""
_COMPLAINTS: Final = f"""
    SELECT c.id, p.district_id, p.code, p.name, c.occurred_on, c.decided_on, c.finding,
           CASE WHEN c.finding = 'VERIFIED' AND acts.last >= c.occurred_on THEN (
               SELECT min(v.decided_on) FROM ratings_violation v
               WHERE v.pharmacy_id = c.pharmacy_id AND v.voided_at IS NULL AND v.decided_on >= c.occurred_on
           ) END
    FROM ratings_complaint c JOIN ratings_pharmacy p ON p.id = c.pharmacy_id
    LEFT JOIN (
        SELECT pharmacy_id, max(decided_on) AS last FROM ratings_violation WHERE voided_at IS NULL GROUP BY 1
    ) acts ON acts.pharmacy_id = c.pharmacy_id
    WHERE c.voided_at IS NULL AND c.state <> 'NOT_ACCEPTED' AND {within("p.district_id")}
      AND (c.occurred_on BETWEEN %(start)s AND %(until)s OR c.decided_on IS NULL
           OR c.finding = 'VERIFIED' AND (acts.last < c.occurred_on) IS NOT FALSE)
    ORDER BY c.id
"""
_ITEMS: Final = f"""
    SELECT r.district_id, {local_day("life.reviewed_at")}, {local_day("i.confirmed_at")}, count(*)
    FROM ratings_reviewitem i JOIN ratings_ratingperiod life ON life.id = i.period_id
    JOIN ratings_rating r ON r.id = i.rating_id
    WHERE life.state NOT IN ('COMPUTED', 'ABANDONED') AND {within("r.district_id")}
      AND (i.confirmed_at IS NULL OR {local_day("life.reviewed_at")} BETWEEN %(start)s AND %(until)s)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def matters(start: date, until: date, districts: Districts = None) -> list[Matter]:
    """All matters that began in the span, and whatever else is still open; five statements."""
    params = {"districts": codes(districts), "start": start, "until": until}
    found: list[Matter] = []
    for row in rows(_OBJECTIONS, params):
        found += _objection(*row[:-1])
    for row in rows(_REPAIRS, params):
        found += _repair(*row)
    for pk, district, code, name, cause, since, due, done, cancelled in rows(_ADJUSTMENTS, params):
        sort = {"CORRECTION": "correction", "JUDGEMENT": "judgement"}.get(cause, "interim")
        ended = None if cancelled else done
        found.append(Matter(sort, pk, district, code, name, since, due, due, ended, cancelled))
    for district, since, done, count in rows(_ITEMS, params):
        found.append(Matter("item", 0, district, "", "", since, None, None, done, count=count))
    ends: dict[date, tuple[date, date]] = {}
    for pk, district, code, name, since, done, finding, acted in rows(_COMPLAINTS, params):
        if since not in ends:
            ends[since] = _complaint_ends(since)
        due, last = ends[since]
        found.append(Matter("complaint", pk, district, code, name, since, due, last, done))
        if finding == "VERIFIED":
            found.append(Matter("case", pk, district, code, name, since, None, None, acted))
    return [one for one in found if one.is_open() or start <= one.since <= until]


def _complaint_ends(since: date) -> tuple[date, date]:
    """The last day of 15 working days, and of 30."""
    ends: list[date] = []
    day, count = since, 0
    while len(ends) < 2:
        day += _ONE
        count += _works(day)
        if count == (COMPLAINT_DAYS, COMPLAINT_LAST_DAYS)[len(ends)]:
            ends.append(day)
    return ends[0], ends[1]


@functools.lru_cache(maxsize=20_000)
def _works(day: date) -> bool:
    """Looked up once: the calendar is asked for the same days again and again."""
    return is_working_day(day).works


def _objection(
    pk: int, district: int, code: str, name: str, since: date, due: date, state: str, extended: date | None,
    decided: date | None, asked: date | None, reviewed: date | None, extended_review: bool | None,
) -> Iterable[Matter]:  # fmt: skip
    """The answer and, where one was asked for, the review: it has the row's days then."""
    first_extended = extended is not None and not extended_review
    if asked is None:
        ordinary = deadline("objection_answer", since).day if first_extended else due
        yield Matter(
            "objection", pk, district, code, name, since, ordinary, due, decided, state == "WITHDRAWN"
        )
        return
    ordinary = deadline("objection_answer", since).day
    final = deadline("objection_last", since).day if first_extended else ordinary
    yield Matter("objection", pk, district, code, name, since, ordinary, final, decided)
    ordinary = deadline("review_answer", asked).day if extended_review else due
    yield Matter("review", pk, district, code, name, asked, ordinary, due, reviewed)


def _repair(
    pk: int, district: int, code: str, name: str, since: date, accept_due: date, accepted: date | None,
    decide_due: date | None, extended: date | None, decided: date | None, reply_due: date | None,
    replied: date | None, state: str,
) -> Iterable[Matter]:  # fmt: skip
    """Acceptance, decision, answer: each from the day on which the one before was done."""
    gone = state == "WITHDRAWN"
    withdrawn = gone and accepted is None
    yield Matter(
        "repair_accept", pk, district, code, name, since, accept_due, accept_due, accepted, withdrawn
    )
    if accepted and decide_due:
        ordinary = deadline("repair_decide", accepted).day if extended else decide_due
        withdrawn = gone and decided is None
        yield Matter(
            "repair_decide", pk, district, code, name, accepted, ordinary, decide_due, decided, withdrawn
        )
    if decided and reply_due:
        yield Matter("repair_reply", pk, district, code, name, decided, reply_due, reply_due, replied)


class WorkingDays:
    """Counts working days between days, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[date, int] = {}

    def between(self, start: date, end: date) -> int:
        """Working days after ``start`` up to and including ``end``; 0 where it is not later."""
        return max(0, self._until(end) - self._until(start))

    def _until(self, day: date) -> int:
        """Working days from a fixed first day on."""
        if day not in self._known:
            if not self._known:
                self._known[day] = 0
                return 0
            first, last = min(self._known), max(self._known)
            while last < day:
                count = self._known[last] + _works(last + _ONE)
                last += _ONE
                self._known[last] = count
            while first > day:
                count = self._known[first] - _works(first)
                first -= _ONE
                self._known[first] = count
        return self._known[day]


@dataclass(slots=True)
class Handling:
    """Counts of one sort of matters, or of one district's."""

    received: int = 0
    withdrawn: int = 0
    done: int = 0
    #: of those done, by which day; those without a legal term are in none of them
    in_time: int = 0
    extended: int = 0
    late: int = 0
    #: of those open
    overdue: int = 0
    days: list[int] = field(default_factory=list)

    @property
    def open(self) -> int:
        return self.received - self.withdrawn - self.done

    @property
    def to_handle(self) -> int:
        """What the handling rate (处理率) is a share of: received and not withdrawn."""
        return self.received - self.withdrawn

    @property
    def with_term(self) -> int:
        """What the share in time (按期率) is a share of: done under a legal term, or overdue."""
        return self.in_time + self.extended + self.late + self.overdue

    @property
    def median_days(self) -> float | None:
        """Working days that those done took, the middle one."""
        return median(self.days) if self.days else None

    @property
    def most_days(self) -> int | None:
        return max(self.days, default=None)

    def add(self, one: Matter, today: date, calendar: WorkingDays) -> None:
        self.received += one.count
        self.withdrawn += one.count * one.withdrawn
        self.overdue += one.count * one.is_overdue(today)
        if one.done is None or one.withdrawn:
            return
        self.done += one.count
        self.days += [calendar.between(one.since, one.done)] * one.count
        if one.due is None or one.last is None:
            return
        if one.done <= one.due:
            self.in_time += one.count
        elif one.done <= one.last:
            self.extended += one.count
        else:
            self.late += one.count


def handling(
    found: Iterable[Matter], start: date, until: date, today: date
) -> dict[tuple[str, int], Handling]:
    """(sort, district) to the counts of the matters that began in the span."""
    calendar = WorkingDays()
    made: dict[tuple[str, int], Handling] = {}
    for one in found:
        if start <= one.since <= until:
            made.setdefault((one.sort, one.district), Handling()).add(one, today, calendar)
    return made


def together(parts: Iterable[Handling]) -> Handling:
    """Several counts as one."""
    made = Handling()
    for part in parts:
        for name in ("received", "withdrawn", "done", "in_time", "extended", "late", "overdue"):
            setattr(made, name, getattr(made, name) + getattr(part, name))
        made.days += part.days
    return made


@dataclass(slots=True)
class Waiting:
    """Open matters of one sort: all, due within three days, overdue, and the nearest last day."""

    open: int = 0
    soon: int = 0
    overdue: int = 0
    nearest: date | None = None


#: Days ahead in which a matter is soon due.
SOON: Final = 3


def waiting(found: Iterable[Matter], today: date) -> dict[tuple[str, int], Waiting]:
    """(sort, district) to what is still open, whenever it began."""
    made: dict[tuple[str, int], Waiting] = {}
    for one in found:
        if not one.is_open():
            continue
        row = made.setdefault((one.sort, one.district), Waiting())
        row.open += one.count
        row.overdue += one.count * one.is_overdue(today)
        if one.last is not None:
            row.soon += today <= one.last <= today + timedelta(days=SOON)
            row.nearest = min(filter(None, (row.nearest, one.last)))
    return made


@dataclass(slots=True)
class Ground:
    """Objections on one ground, by what became of them."""

    received: int = 0
    upheld: int = 0
    rejected: int = 0
    withdrawn: int = 0
    open: int = 0
    #: of those rejected: how many were upheld on review
    upheld_on_review: int = 0
    days: list[int] = field(default_factory=list)

    @property
    def median_days(self) -> float | None:
        return median(self.days) if self.days else None


_OUTCOMES: Final = {
    "UPHELD": "upheld", "REJECTED": "rejected", "WITHDRAWN": "withdrawn", "OPEN": "open", "PROPOSED": "open",
    # a review is of a rejection
    "REVIEW_REQUESTED": "rejected", "REVIEW_PROPOSED": "rejected", "REVIEW_UPHELD": "rejected",
    "REVIEW_REJECTED": "rejected",
}  # fmt: skip


def objections(
    start: date, until: date, districts: Districts = None, *, among: Collection[int] | None = None
) -> dict[str, Ground]:
    """Ground (``Objection.Ground``) to the objections handed in within the span; ``among``: of these keys only.

    ``rejected`` is what was decided first; days are working days from hand-in to that decision.
    """
    calendar = WorkingDays()
    made: dict[str, Ground] = {}
    for row in rows(_OBJECTIONS, {"districts": codes(districts)}):
        since, state, decided, ground = row[4], row[6], row[8], row[-1]
        if not start <= since <= until or (among is not None and row[0] not in among):
            continue
        one = made.setdefault(ground, Ground())
        one.received += 1
        outcome = _OUTCOMES[state]
        setattr(one, outcome, getattr(one, outcome) + 1)
        one.upheld_on_review += state == "REVIEW_UPHELD"
        if decided is not None:
            one.days.append(calendar.between(since, decided))
    return made


def repairs(start: date, until: date, districts: Districts = None) -> Counter[str]:
    """State (``rules.moves.REPAIR_STATES``) to the applications for repair received in the span."""
    found = rows(_REPAIRS, {"districts": codes(districts)})
    return Counter(row[-1] for row in found if start <= row[4] <= until)


def all_grounds(parts: Iterable[Ground]) -> Ground:
    """Objections on all grounds together."""
    made = Ground()
    for part in parts:
        for name in ("received", "upheld", "rejected", "withdrawn", "open", "upheld_on_review"):
            setattr(made, name, getattr(made, name) + getattr(part, name))
        made.days += part.days
    return made


def by_sort(found: dict[tuple[str, int], Handling]) -> dict[str, Handling]:
    """All districts together, in the order of :data:`SORTS`."""
    return {
        sort: together(part for (name, _), part in found.items() if name == sort)
        for sort in SORTS
        if any(name == sort for name, _ in found)
    }


def overdue(found: Sequence[Matter], today: date) -> list[Matter]:
    """Those overdue, the longest first."""
    late = [one for one in found if one.is_overdue(today)]
    return sorted(late, key=lambda one: (one.last or today, one.sort, one.pk))
