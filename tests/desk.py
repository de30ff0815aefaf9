"""Rows of the regulator's desk for tests: valid by default, each value can be given."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from ratings.models import (
    Adjustment,
    CreditRepair,
    Objection,
    Rating,
    RatingPeriod,
    RatingRun,
    Rerating,
    Violation,
)
from tests import factories

CLERK, REVIEWER, APPROVER, OTHER = "经办甲", "审核乙", "审批丙", "审批丁"
NOW = factories.KNOWN + timedelta(days=30)

#: The moves to each state, and what the one who makes the last of them must leave on the row.
_WAY: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {}
_REVIEW = ("UNDER_REVIEW", {"reviewed_by": REVIEWER, "reviewed_at": NOW})
_NOTICE = (
    "PUBLIC_NOTICE",
    {
        "noticed_by": APPROVER,
        "noticed_at": NOW,
        "notice_from": date(2026, 2, 5),
        "notice_until": date(2026, 2, 11),
    },
)
_FINAL = ("FINAL", {"finalised_by": REVIEWER, "finalised_at": NOW})
_PUBLISHED = ("PUBLISHED", {"published_by": APPROVER, "published_at": NOW})
_WAY["COMPUTED"] = ()
_WAY["UNDER_REVIEW"] = (_REVIEW,)
_WAY["PUBLIC_NOTICE"] = (_REVIEW, _NOTICE)
_WAY["FINAL"] = (_REVIEW, _NOTICE, _FINAL)
_WAY["PUBLISHED"] = (_REVIEW, _NOTICE, _FINAL, _PUBLISHED)
_WAY["CLOSED"] = (*_WAY["PUBLISHED"], ("CLOSED", {}))
_WAY["ABANDONED"] = (("ABANDONED", {}),)


def life(run: RatingRun, state: str = "COMPUTED") -> RatingPeriod:
    """A run's life, walked to ``state`` past the services (nothing is published)."""
    period = RatingPeriod.objects.create(
        run=run, period=run.period, period_end=run.period_end, district=run.district, opened_by=REVIEWER
    )
    walk(period, state)
    return period


def walk(period: RatingPeriod, state: str) -> RatingPeriod:
    """Take a fresh life to ``state``, as the database allows it."""
    for step, values in _WAY[state]:
        RatingPeriod.objects.filter(pk=period.pk).update(state=step, **values)
    period.refresh_from_db()
    return period


def rerating(rating: Rating, **values: Any) -> Rerating:
    return Rerating.objects.create(
        **{
            "rating": rating,
            "cutoff": NOW,
            "state": 0,
            "score": rating.score,
            "grade": max(rating.grade, 0),
            "grade_before_caps": max(rating.grade, 0),
            "caps": 0,
            "trace": rating.trace,
            "inputs_sha256": "0" * 64,
            "outcomes_sha256": "1" * 64,
            "reckoned_by": REVIEWER,
            **values,
        }
    )


def adjustment(period: RatingPeriod, rating: Rating, **values: Any) -> Adjustment:
    return Adjustment.objects.create(
        **{
            "period": period,
            "rating": rating,
            "cause": "JUDGEMENT",
            "from_grade": rating.grade,
            "to_grade": rating.grade + 1,
            "reason_code": "refuses_correction",
            "clause": "第十二条",
            "text": "整改不到位",
            "proposed_by": REVIEWER,
            **values,
        }
    )


def decided(row: Adjustment, state: str = "APPROVED", by: str = APPROVER) -> Adjustment:
    """Decide a proposal past the services."""
    Adjustment.objects.filter(pk=row.pk).update(state=state, decided_by=by, decided_at=timezone.now())
    row.refresh_from_db()
    return row


def objection(period: RatingPeriod, rating: Rating, **values: Any) -> Objection:
    return Objection.objects.create(
        **{
            "period": period,
            "rating": rating,
            "channel": "CLERK",
            "against": "NOTICE",
            "ground": "FACT",
            "statement": "处罚决定已被撤销",
            "received_by": CLERK,
            "received_at": NOW,
            "handed_in_on": timezone.localdate(NOW),
            "due_on": date(2026, 2, 12),
            "last_due_on": date(2026, 3, 6),
            **values,
        }
    )


def repair(violation: Violation, **values: Any) -> CreditRepair:
    return CreditRepair.objects.create(
        **{
            "violation": violation,
            "applied_on": date(2026, 2, 4),
            "commitment": "今后守法经营",
            "correction": "已退回基金并整改",
            "earliest_on": date(2026, 1, 1),
            "received_by": CLERK,
            "received_at": NOW,
            "accept_due_on": date(2026, 2, 9),
            **values,
        }
    )
