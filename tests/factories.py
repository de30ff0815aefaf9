"""Rows for tests: valid by default, each value can be given."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

from ratings import codes
from ratings.models import (
    Complaint,
    District,
    Enterprise,
    FundPayment,
    MeasureValue,
    Pharmacy,
    ServiceStatus,
    Violation,
)

_serial = itertools.count(1)
#: When facts made here became known, unless a test says otherwise.
KNOWN = datetime(2026, 1, 5, 4, tzinfo=UTC)


def district(code: int = 330602, name: str = "越城区") -> District:
    return District.objects.get_or_create(code=code, defaults={"name": name})[0]


def uscc(serial: int | None = None) -> str:
    """A valid unified social credit code, a new one each time."""
    body = f"{serial or next(_serial):08d}"
    start = f"91330602{body}{codes.organisation_check_digit(body)}"
    return start + codes.uscc_check_digit(start)


def enterprise(**values: Any) -> Enterprise:
    return Enterprise.objects.create(**{"uscc": uscc(), "name": "某医药有限公司", **values})


def pharmacy(**values: Any) -> Pharmacy:
    defaults: dict[str, Any] = {
        "code": f"P330602{next(_serial):05d}",
        "name": "某某大药房",
        "designated_on": date(2015, 3, 1),
        "recorded_at": datetime(2015, 3, 1, tzinfo=UTC),
    }
    if "district" not in values and "district_id" not in values:
        defaults["district"] = district()
    return Pharmacy.objects.create(**{**defaults, **values})


def violation(pharmacy: Pharmacy, **values: Any) -> Violation:
    return Violation.objects.create(
        **{
            "pharmacy": pharmacy,
            "kind": "ITEM_SUBSTITUTION",
            "gravity": "GENERAL",
            "track": "PENALTY",
            "body": "某市医疗保障局",
            "document_no": f"某医保罚〔2025〕{next(_serial)}号",
            "amount_fen": 123_456,
            "occurred_on": date(2025, 5, 1),
            "decided_on": date(2025, 6, 1),
            "recorded_by": "测试",
            "recorded_at": KNOWN,
            **values,
        }
    )


def complaint(pharmacy: Pharmacy, **values: Any) -> Complaint:
    return Complaint.objects.create(
        **{
            "pharmacy": pharmacy,
            "reference_no": f"TS{next(_serial):08d}",
            "topic": "FRAUD",
            "state": "CLOSED",
            "finding": "VERIFIED",
            "occurred_on": date(2025, 4, 1),
            "decided_on": date(2025, 5, 1),
            "recorded_by": "测试",
            "recorded_at": KNOWN,
            **values,
        }
    )


def payment(pharmacy: Pharmacy, month: date, amount_fen: int = 1_000_000, **values: Any) -> FundPayment:
    return FundPayment.objects.create(
        **{
            "pharmacy": pharmacy,
            "month": month,
            "amount_fen": amount_fen,
            "settlements": 100,
            "recorded_by": "测试",
            "recorded_at": KNOWN,
            **values,
        }
    )


def measure(pharmacy: Pharmacy, **values: Any) -> MeasureValue:
    return MeasureValue.objects.create(
        **{
            "pharmacy": pharmacy,
            "key": "year_end_assessment",
            "period": "2025",
            "value": 90,
            "recorded_by": "测试",
            "recorded_at": KNOWN,
            **values,
        }
    )


def service_status(pharmacy: Pharmacy, **values: Any) -> ServiceStatus:
    return ServiceStatus.objects.create(
        **{
            "pharmacy": pharmacy,
            "status": "SUSPENDED",
            "occurred_on": date(2025, 3, 10),
            "decided_on": date(2025, 3, 1),
            "recorded_by": "测试",
            "recorded_at": KNOWN,
            **values,
        }
    )
