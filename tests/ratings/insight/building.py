"""Runs made of given results with the whole trace that validation reads, and what follows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from ratings.models import Complaint, Pharmacy, Rating, RatingRun, SchemeVersion, Violation
from ratings.rules import shipped_schemes
from ratings.rules.indicators import GrowthIndicator
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM
from ratings.services.schemes import activate_scheme, parsed, store_scheme
from tests import factories

#: The period rated here unless a test says otherwise; its window is the first half of 2025.
PERIOD = "2024H2"
CUTOFF = datetime(2025, 1, 20, tzinfo=UTC)
#: After every run's cutoff and every window.
KNOWN = datetime(2025, 9, 1, tzinfo=UTC)
TODAY = date(2025, 10, 1)


def scheme_in_force(key: str = "shaoxing-style") -> SchemeVersion:
    return activate_scheme(store_scheme(shipped_schemes()[key].read_text(), by=SYSTEM), by=SYSTEM)


@dataclass(frozen=True)
class Result:
    """One pharmacy's outcome; grade -1 = not rated."""

    shop: Pharmacy
    grade: int = 0
    #: points, not thousandths
    score: int = 95
    #: indicator id to points
    points: Mapping[str, int] = field(default_factory=dict)
    #: fen a month in so many months
    paid: tuple[int, int] = (0, 0)
    chain: bool = False


def run_of(
    scheme: SchemeVersion, *results: Result, period: str = PERIOD, cutoff: datetime = CUTOFF
) -> RatingRun:
    """A finished run of the whole city with exactly these results."""
    rules = parsed(scheme)
    growth = next((one.id for one in rules.indicators if isinstance(one, GrowthIndicator)), "")
    columns = ["chain", *(f"indicator.{one.id}.points" for one in rules.indicators)]
    if growth:
        columns += [f"indicator.{growth}.months", f"indicator.{growth}.current_fen"]
    run = RatingRun.objects.create(
        period=period,
        period_end=Period.parse(period).last,
        scheme=scheme,
        scheme_sha256=scheme.sha256,
        cutoff=cutoff,
        started_by="测试",
        peers={"scheme": scheme.sha256, "rated": {}, "medians": {}, "cuts": {}},
        trace_columns=columns,
    )
    Rating.objects.bulk_create(
        Rating(
            run=run,
            pharmacy=one.shop,
            district_id=one.shop.district_id,
            state=0 if one.grade >= 0 else 1,
            score=one.score * 1000 if one.grade >= 0 else 0,
            grade=one.grade,
            grade_before_caps=one.grade,
            caps=0,
            rank_district=0,
            rank_city=0,
            trace=[
                int(one.chain),
                *(1000 * one.points.get(indicator.id, 0) for indicator in rules.indicators),
                *((one.paid[1], one.paid[0] * one.paid[1]) if growth else ()),
            ],
        )
        for one in results
    )
    run.state, run.finished_at = "DONE", cutoff
    run.pharmacies, run.rated = len(results), sum(one.grade >= 0 for one in results)
    run.inputs_sha256 = run.outcomes_sha256 = "0" * 64
    run.save()
    return run


def violation(shop: Pharmacy, decided_on: date = date(2025, 3, 3), **values: Any) -> Violation:
    """Decided in the window, known after it."""
    return factories.violation(
        shop, **{"decided_on": decided_on, "occurred_on": decided_on, "recorded_at": KNOWN, **values}
    )


def complaint(shop: Pharmacy, decided_on: date = date(2025, 3, 3), **values: Any) -> Complaint:
    """Found verified in the window, known after it."""
    return factories.complaint(
        shop, **{"decided_on": decided_on, "occurred_on": decided_on, "recorded_at": KNOWN, **values}
    )
