"""The same rating as a plain Django loop: what one writes first, a few queries a pharmacy."""

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from ratings.models import (
    Complaint,
    Fact,
    FundPayment,
    Pharmacy,
    PharmacyVersion,
    Rating,
    RatingRun,
    ServiceStatus,
    Violation,
)
from ratings.rules.periods import Period, add_months, months_of, whole_months_between
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import SCHEME
from tests.benchmarks.sql_peer import FORGERY, FRAUD, SUBSTITUTION

_POINTS = (
    (FRAUD, (20000, 30000, 50000)),
    (FORGERY, (10000, 18000, 30000)),
    (SUBSTITUTION, (6000, 12000, 24000)),
    (("TRACE_CODE_UNUSED",), (4000, 8000, 16000)),
    (("OBSTRUCTION",), (10000, 20000, 40000)),
)
_GRAVITIES = ("MINOR", "GENERAL", "SERIOUS")
_STATUSES = ("IN_SERVICE", "SUSPENDED", "TERMINATED")


@dataclass
class _One:
    version: PharmacyVersion
    status: int
    tenure: int
    opened: int
    state: int
    violations: tuple[int, int]
    complaints: tuple[int, int]
    fraud: bool
    months: int
    current: int
    base: int
    basis: int
    growth: int
    median: int = 0
    score: int = 0
    band: int = 0
    caps: int = 0
    rank_district: int = 0
    rank_city: int = 0
    trace: tuple[int, ...] = ()


def prepare() -> None:
    """The index that Django gives every foreign key, which the bulk-written table goes without."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX bench_loop ON ratings_fundpayment (pharmacy_id)")


@transaction.atomic
def run(period: str, cutoff: str) -> dict[str, Any]:
    """Rate and store, in one transaction; one Rating.objects.create() a pharmacy."""
    start = time.perf_counter()
    span, until = Period.parse(period), datetime.fromisoformat(cutoff)
    scheme = scheme_in_force(SCHEME, span.last)
    stored = RatingRun.objects.create(
        period=period,
        period_end=span.last,
        scheme=scheme,
        scheme_sha256=scheme.sha256,
        cutoff=until - timedelta(minutes=1),
        started_by="基准",
    )
    ones = []
    for pharmacy in Pharmacy.objects.order_by("code"):
        version = _known(PharmacyVersion.objects.filter(pharmacy=pharmacy), until).first()
        if version is None or version.designated_on > span.last:
            continue
        if version.designated_until is None or version.designated_until > span.last:
            ones.append(_read(version, span, until))
    _compare(ones)
    for one in ones:
        _score(one)
    _rank(ones)
    for one in ones:
        grade = max(one.band, *(limit for bit, limit in ((1, 3), (2, 2), (4, 1)) if one.caps & bit), 0)
        Rating.objects.create(
            run=stored,
            pharmacy_id=one.version.pharmacy_id,
            district_id=one.version.district_id,
            state=one.state,
            score=one.score,
            grade=-1 if one.state else grade,
            grade_before_caps=-1 if one.state else one.band,
            caps=one.caps,
            rank_district=one.rank_district,
            rank_city=one.rank_city,
            trace=list(one.trace),
        )
    return {"seconds": time.perf_counter() - start, "run": stored.pk}


def _known(rows: QuerySet[Any], cutoff: datetime) -> QuerySet[Any]:
    return rows.filter(Q(voided_at=None) | Q(voided_at__gt=cutoff), recorded_at__lte=cutoff)


def _read(version: PharmacyVersion, span: Period, cutoff: datetime) -> _One:
    """Everything about one pharmacy, its predecessors' facts included."""
    line = [version]
    while line[-1].predecessor_id is not None:
        older = _known(PharmacyVersion.objects.filter(pharmacy_id=line[-1].predecessor_id), cutoff).first()
        if older is None:
            break
        line.append(older)
    members = [one.pharmacy_id for one in line]

    def facts(model: type[Fact]) -> QuerySet[Any]:
        return _known(model._default_manager.filter(pharmacy_id__in=members), cutoff)

    statuses = _known(ServiceStatus.objects.filter(pharmacy=version.pharmacy_id), cutoff)
    latest = statuses.filter(occurred_on__lte=span.last).order_by("-occurred_on").first()
    status = 0 if latest is None else _STATUSES.index(latest.status)
    opened = max(0, whole_months_between(version.designated_on, span.last))
    tenure = max(0, whole_months_between(min(one.designated_on for one in line), span.last))
    counts, total, fraud = 0, 0, False
    for case in facts(Violation).filter(decided_on__lte=span.last):
        left = max(0, 24 - max(0, whole_months_between(case.decided_on, span.last)))
        counts += left > 0
        total -= _half_up(_points(case) * left, 24)
        fraud |= left > 0 and case.track == "PENALTY" and case.kind in FRAUD
    complaints, lost = 0, 0
    for complaint in facts(Complaint).filter(finding="VERIFIED", decided_on__lte=span.last):
        left = max(0, 24 - max(0, whole_months_between(complaint.decided_on, span.last)))
        complaints += left > 0
        lost -= _half_up({"FRAUD": 5000, "SERVICE": 2000}.get(complaint.topic, 1000) * left, 24)
    months, base, current = _paid(line, span, cutoff, facts(FundPayment))
    basis = 1 if months < 3 else 2 if base <= 0 else 0
    growth = 0
    if basis == 0:
        growth = _half_up((current - base) * 10000, base)
    return _One(
        version,
        status,
        tenure,
        opened,
        1 if status == 2 else 2 if tenure < 6 else 0,
        (counts, total),
        (complaints, lost),
        fraud,
        months,
        current,
        base,
        basis,
        growth,
    )


def _points(case: Violation) -> int:
    for kinds, points in _POINTS:
        if case.kind in kinds:
            return points[_GRAVITIES.index(case.gravity)]
    return (2000, 4000, 8000)[_GRAVITIES.index(case.gravity)]


def _half_up(top: int, bottom: int) -> int:
    exact = Fraction(abs(top), bottom) + Fraction(1, 2)
    return int(exact) if top >= 0 else -int(exact)


def _paid(
    line: list[PharmacyVersion], span: Period, cutoff: datetime, payments: QuerySet[FundPayment]
) -> tuple[int, int, int]:
    """Months that count in both years, and their sums."""
    amounts: dict[date, int] = defaultdict(int)
    for payment in payments.filter(month__range=(span.previous_year.first, span.last)):
        amounts[payment.month] += payment.amount_fen
    gaps = _gaps(line, cutoff)
    since = min(one.designated_on for one in line)
    count = base = current = 0
    for month in months_of(span.first, span.months):
        before = add_months(month, -12)
        usable = all(
            amounts.get(one)
            and since <= one
            and not any(first < add_months(one, 1) and last > one for first, last in gaps)
            for one in (before, month)
        )
        if usable:
            count, base, current = count + 1, base + amounts[before], current + amounts[month]
    return count, base, current


def _gaps(line: list[PharmacyVersion], cutoff: datetime) -> list[tuple[date, date]]:
    """When the pharmacy, or who ran it before, was out of service."""
    gaps: list[tuple[date, date]] = []
    taken_over = date.max
    for version in line:
        if version.designated_until is not None and version.designated_until < taken_over < date.max:
            gaps.append((version.designated_until, taken_over))
        rows = list(
            _known(ServiceStatus.objects.filter(pharmacy=version.pharmacy_id), cutoff).order_by("occurred_on")
        )
        for row, following in zip(rows, [*rows[1:], None], strict=False):
            if row.status != "IN_SERVICE" and row.occurred_on < taken_over:
                until = date.max if following is None else following.occurred_on
                gaps.append((max(row.occurred_on, version.designated_on), min(until, taken_over)))
        taken_over = version.designated_on
    return gaps


def _compare(ones: list[_One]) -> None:
    groups: dict[int, list[int]] = defaultdict(list)
    for one in ones:
        if one.state == 0 and one.basis == 0:
            groups[one.version.district_id].append(one.growth)
    everyone = sorted(growth for group in groups.values() for growth in group)
    medians = {}
    for district in {one.version.district_id for one in ones}:
        group = sorted(groups[district]) if len(groups[district]) >= 10 else everyone
        medians[district] = group[(len(group) - 1) // 2]
    for one in ones:
        one.median = medians[one.version.district_id]


def _score(one: _One) -> None:
    violations, complaints = max(-100000, one.violations[1]), max(-20000, one.complaints[1])
    median = one.median if one.basis == 0 else 0
    excess = one.growth - median if one.basis == 0 else 0
    total = -_half_up(max(0, excess - 1000) * 500, 100)
    growth = max(-20000, total)
    component = max(0, 100000 + violations + complaints + growth)
    if one.state == 0:
        one.score = (component + 50) // 100 * 100
        one.caps = one.fraud + 2 * (one.status == 1) + 4 * (one.tenure < 24)
    one.band = next(place for place, least in enumerate((90000, 80000, 60000, 0)) if one.score >= least)
    one.trace = (
        *(one.status, int(one.version.is_chain), one.tenure, one.opened),
        *(*one.violations, violations, *one.complaints, complaints),
        *(one.months, one.current, one.base, one.basis, one.growth, median, excess, total, growth),
        *(component, -min(0, violations, complaints, growth), component * 10000),
    )


def _rank(ones: list[_One]) -> None:
    rated = [one for one in ones if one.state == 0]
    for one in rated:
        better = [other for other in rated if other.score > one.score]
        one.rank_city = 1 + len(better)
        one.rank_district = 1 + sum(other.version.district_id == one.version.district_id for other in better)
