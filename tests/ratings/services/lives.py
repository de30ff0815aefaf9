"""Runs made of given results, and periods walked on, for tests of the desk."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ratings.models import Pharmacy, Rating, RatingPeriod, RatingRun, SchemeVersion
from ratings.rules.adjusting import growth_columns
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.publication import publish_period
from ratings.services.schemes import parsed
from tests import desk, factories

CLERK, REVIEWER, APPROVER = (Actor(name) for name in (desk.CLERK, desk.REVIEWER, desk.APPROVER))
CUTOFF = factories.KNOWN + timedelta(hours=1)


@dataclass(frozen=True)
class Result:
    """One pharmacy's outcome; grades are positions, -1 = not rated (for the scheme's first reason)."""

    shop: Pharmacy
    grade: int = 0
    #: thousandths of a point
    score: int = 95_000
    before_caps: int | None = None
    growth_bp: int = 0
    #: bit i = the scheme's limit i struck
    caps: int = 0


def run_of(
    scheme: SchemeVersion,
    *results: Result,
    period: str = "2025H2",
    cutoff: datetime = CUTOFF,
    district: int | None = None,
    cuts: dict[str, Any] | None = None,
) -> RatingRun:
    """A finished run with exactly these results."""
    columns = growth_columns(parsed(scheme))
    run = RatingRun.objects.create(
        period=period,
        period_end=Period.parse(period).last,
        scheme=scheme,
        scheme_sha256=scheme.sha256,
        cutoff=cutoff,
        district_id=district,
        started_by=desk.CLERK,
        peers={"scheme": scheme.sha256, "rated": {}, "medians": {}, "cuts": cuts or {}},
        trace_columns=list(columns),
    )
    Rating.objects.bulk_create(
        Rating(
            run=run,
            pharmacy=result.shop,
            district_id=result.shop.district_id,
            state=0 if result.grade >= 0 else 1,
            score=result.score if result.grade >= 0 else 0,
            grade=result.grade,
            grade_before_caps=result.grade if result.before_caps is None else result.before_caps,
            caps=result.caps,
            rank_district=0,
            rank_city=0,
            trace=[result.growth_bp] * len(columns),
        )
        for result in results
    )
    run.state, run.finished_at = "DONE", cutoff
    run.pharmacies, run.rated = len(results), sum(result.grade >= 0 for result in results)
    run.inputs_sha256 = run.outcomes_sha256 = "0" * 64
    run.save()
    return run


def published(run: RatingRun) -> RatingPeriod:
    """A run's life with its grades in the ledger."""
    period = desk.life(run, "FINAL")
    publish_period(period, by=APPROVER)
    RatingPeriod.objects.filter(pk=period.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=desk.NOW
    )
    period.refresh_from_db()
    return period
