"""What the report on a published period says: all figures of the period, read by the functions of ``ratings.insight``.

Of the whole city, or of one district: then everything counted is this district's.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Final

from django.utils import timezone

from ratings.insight import discretion, grades, growth, handling, limits, reasons
from ratings.insight.discretion import Change, Share
from ratings.insight.grades import ABSENT, Issue, Mover
from ratings.insight.growth import Complaints, Growth
from ratings.insight.handling import Ground
from ratings.insight.limits import Struck
from ratings.insight.reasons import Loss
from ratings.insight.scales import common_scale
from ratings.insight.sql import Districts
from ratings.models import Adjustment, District, Objection, Publication, RatingPeriod
from ratings.rules.exact import decimal_text
from ratings.rules.moves import PUBLISHED_STATES
from ratings.rules.periods import Period, add_months
from ratings.rules.scheme import Scheme
from ratings.services.errors import Refused
from ratings.services.schemes import parsed

#: Who lost so many grades or more is named.
STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class Low:
    """A pharmacy that has the worst grade or lost :data:`STEPS` grades; names of grades, points in words."""

    code: str
    name: str
    district: str
    before: str
    after: str
    score: str


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Complaints and payments before the start of the system and from it, over as many months."""

    start: date
    months: int
    complaints: tuple[Complaints, Complaints]
    payments: tuple[Growth, Growth] | None
    by_quarter: Mapping[date, Complaints]
    growth_by_quarter: Mapping[date, float | None]


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """One period as published; codes of districts, positions of grades (-1 = no grade), thousandths of points."""

    period: RatingPeriod
    district: District | None
    scheme: Scheme
    publication: Publication
    at: datetime
    #: code to name
    districts: Mapping[int, str]
    issue: Issue
    #: district to position to number of pharmacies
    counts: Mapping[int, Counter[int]]
    #: the published period before; None = there is none
    before: Issue | None
    #: (position before, position now) to number of pharmacies
    moves: Mapping[tuple[int, int], int]
    low: Sequence[Low]
    #: those rated by the run, before people changed anything
    rated: int
    losses: Sequence[Loss]
    limits: Sequence[Struck]
    limited: int
    not_rated: Sequence[Struck]
    #: of this period, newest first
    changes: Sequence[Change]
    #: reason's id to what its changes by judgement came to
    judged: Mapping[str, Share]
    #: ``Objection.Ground`` to the objections against this period
    grounds: Mapping[str, Ground]
    #: since the period before was published, else since this one's first day
    repairs_since: date
    repairs: Counter[str]
    growth: BeforeAfter | None

    @property
    def scope(self) -> str:
        """Of where the figures are."""
        return self.district.name if self.district else "全市"

    @property
    def label(self) -> str:
        return Period.parse(self.period.period).label

    @property
    def total(self) -> Counter[int]:
        """Position to number of pharmacies, of all districts."""
        return grades.total(dict(self.counts))

    def best_of(self, code: int) -> tuple[int, int]:
        """In one district: pharmacies of the best grade, and all."""
        return self.counts[code][0], self.counts[code].total()

    @property
    def by_best_grade(self) -> tuple[int, int]:
        """The districts in which the best grade has the highest and the lowest share."""
        found = sorted(self.counts, key=lambda code: (Fraction(*self.best_of(code)), -code))
        return found[-1], found[0]

    @property
    def discretion(self) -> Share:
        """All changes by judgement; the share is of those rated."""
        made = Share(reviewed=self.rated)
        for one in self.judged.values():
            for name in ("proposed", "approved", "rejected", "up", "down"):
                setattr(made, name, getattr(made, name) + getattr(one, name))
        return made


def refusal(period: RatingPeriod) -> str:
    """Why there is no report on the period yet, "" when there can be one."""
    if period.state in PUBLISHED_STATES:
        return ""
    state = period.get_state_display()
    return f"{Period.parse(period.period).label}（{period.scope}）现为“{state}”，没有已发布的等级，不能签发评价周期报告；请在发布以后签发。"


def read(period: RatingPeriod, district: District | None, at: datetime) -> PeriodFigures:
    """All figures of a period as known at ``at``: of ``district``, else of all that was rated.

    The number of queries does not depend on that of pharmacies. Raises Refused for a period that is not
    published, and for a district that it did not rate.
    """
    if fault := refusal(period):
        raise Refused(fault)
    district = district or period.district
    districts: Districts = None if district is None else frozenset({district.pk})
    run, scheme = period.run, parsed(period.run.scheme)
    publication = Publication.objects.get(period=period, event="PERIODIC")
    known = grades.issues(districts)
    issue = next((one for one in known if one.period == period.period), None)
    mine = [part for part in issue.parts if part[0] == publication.number] if issue else []
    if issue is None or not mine:
        raise Refused(f"{period} 没有评价{district}，请另选区县。")
    issue = replace(issue, parts=tuple(mine))
    before = grades.period_before(known, issue)
    counts = grades.distribution(issue, districts)
    if not counts:
        raise Refused(f"{period} 没有公布{district}的等级，请另选区县。")
    names = dict(District.objects.values_list("code", "name"))
    today = timezone.localdate(at)
    changes = _changes(period, districts, today)
    since = _repairs_since(period, before)
    return PeriodFigures(
        period=period,
        district=district,
        scheme=scheme,
        publication=publication,
        at=at,
        districts={code: names[code] for code in sorted(counts)},
        issue=issue,
        counts=counts,
        before=before,
        moves=grades.migration(before, issue, districts) if before else {},
        low=_low(before, issue, districts, names, scheme.better_sign),
        rated=reasons.rated([run], districts),
        losses=reasons.losses([run], districts),
        limits=limits.limited(run, districts),
        limited=limits.lowered(run, districts),
        not_rated=limits.not_rated(run, districts),
        changes=changes,
        judged=_judged(changes),
        grounds=handling.objections(
            date.min,
            date.max,
            districts,
            among=set(Objection.objects.filter(period=period).values_list("pk", flat=True)),
        ),
        repairs_since=since,
        repairs=handling.repairs(since, today, districts),
        growth=_growth(districts),
    )


def _changes(period: RatingPeriod, districts: Districts, today: date) -> list[Change]:
    """Adjustments of this period alone: another one may have been under way in the same days."""
    own = dict(Adjustment.objects.filter(period=period).values_list("pk", "proposed_at"))
    first = timezone.localdate(min(own.values())) if own else today
    return [one for one in discretion.changes(first, today, districts) if one.pk in own]


def _judged(changes: Sequence[Change]) -> dict[str, Share]:
    made: dict[str, Share] = {}
    for one in changes:
        if one.cause == discretion.JUDGEMENT and not one.reverses:
            made.setdefault(one.reason, Share()).add(one)
    return dict(sorted(made.items(), key=lambda pair: (-pair[1].proposed, pair[0])))


def _repairs_since(period: RatingPeriod, before: Issue | None) -> date:
    if before is None:
        return Period.parse(period.period).first
    earlier = RatingPeriod.objects.get(publications__number=before.parts[0][0])
    return timezone.localdate(earlier.published_at)


def _low(
    before: Issue | None, issue: Issue, districts: Districts, names: Mapping[int, str], better_sign: int
) -> list[Low]:
    """All of them: the worst grade first, then the worse score (``better_sign`` -1: the higher one)."""
    here = [name for name, _ in issue.grades]
    earlier = [name for name, _ in before.grades] if before else []
    worst = len(here) - 1
    # against itself, where there is no period before: then nobody has lost anything
    found = grades.movers(before or issue, issue, districts, right=worst)
    if before:
        down = grades.movers(before, issue, districts, direction="down")
        found += [one for one in down if one.after != worst and _steps(one, earlier, here) >= STEPS]
    found.sort(key=lambda one: (-one.after, better_sign * (one.score_after or 0), one.code))

    def grade(position: int, among: Sequence[str]) -> str:
        return among[position] if position >= 0 else "未公布" if position == ABSENT else "无等级"

    return [
        Low(
            one.code,
            one.name,
            names.get(one.district, str(one.district)),
            grade(one.before, earlier) if before else "未公布",
            grade(one.after, here),
            "—" if one.score_after is None else decimal_text(one.score_after),
        )
        for one in found
    ]


def _steps(one: Mover, earlier: Sequence[str], here: Sequence[str]) -> int:
    """Grades lost, on the scale that both periods share; 0 where they share none or one of the grades is none."""
    shared = common_scale(earlier, here)
    if shared is None or one.before < 0 or one.after < 0:
        return 0
    return shared[1][one.after] - shared[0][one.before]


def _growth(districts: Districts) -> BeforeAfter | None:
    start = growth.default_start()
    if start is None:
        return None
    complaints = growth.complaints_by_month(districts)
    payments = growth.payments(start, districts)
    months = payments[0].months if payments else growth.MONTHS
    first, second = (growth.in_span(complaints, day, months) for day in (add_months(start, -12), start))
    return BeforeAfter(
        start=start,
        months=months,
        complaints=(first, second),
        payments=payments,
        by_quarter={one: growth.in_span(complaints, one, 3) for one in growth.quarters(list(complaints))},
        growth_by_quarter=growth.quarterly_growth(growth.paid_by_month(districts)),
    )
