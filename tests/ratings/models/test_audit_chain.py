"""What the database holds of the audit chain: links by events only, and never again changed."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from ratings.models import AuditEvent, AuditLink
from tests.ratings.services.test_runs import laid_aside_guards

pytestmark = pytest.mark.django_db
ONE = "a" * 64


def linked(count: int = 1) -> None:
    """``count`` events under their links, as after a commit."""
    for number in range(count):
        AuditEvent.objects.create(actor="甲", action="试", subject=f"x:{number}")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("auditlink_event_once", {"number": 2, "event_id": 5, "sha256": ONE}),
        ("auditlink_form", {"number": 0, "event_id": 6, "sha256": ONE}),
        ("auditlink_form", {"number": 2, "event_id": 6, "sha256": "A" * 64}),
        ("auditlink_form", {"number": 2, "event_id": 6, "sha256": "a" * 63}),
    ],
)
def test_audit_link(constraint: str, values: dict[str, Any]) -> None:
    with laid_aside_guards():
        AuditLink.objects.create(number=1, event_id=5, sha256=ONE)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            AuditLink.objects.create(**values)


def test_links_are_written_by_events_only() -> None:
    with pytest.raises(IntegrityError, match="只由操作记录的触发器写入"), transaction.atomic():
        AuditLink.objects.create(number=1, event_id=1, sha256=ONE)
    linked(3)
    assert list(AuditLink.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ratings_auditlink SET sha256 = repeat('b', 64)",
        "DELETE FROM ratings_auditlink",
        "TRUNCATE ratings_auditlink",
    ],
)
def test_links_stay_as_they_are(statement: str) -> None:
    linked()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
