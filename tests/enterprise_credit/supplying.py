"""Records as departments supply them, for tests."""

from typing import Any

from django.utils import timezone

from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.rules.catalogue import RecordType

PENALTY = "scjgj-penalty"


def record_type(key: str = PENALTY) -> RecordType:
    found = catalogue_on(timezone.localdate()).record_type(key)
    assert found is not None
    return found


def row(of: CreditSubject | None = None, record_no: str = "A1", **values: Any) -> dict[str, Any]:
    """A row about an enterprise as a program sends it."""
    about = {"social_credit_code": of.uscc, "name": of.name} if of else {}
    return {
        "record_no": record_no,
        **about,
        "document_no": "绍市监罚〔2026〕1号",
        "decided_on": "2026-01-05",
        "data": {"content": "警告"},
        **values,
    }
