"""Evidence files leave only for those with the right, unchanged, and on record."""

from pathlib import Path

import pytest
from django.conf import settings

from ratings.models import AuditEvent, Evidence
from ratings.services.adjustments import propose_adjustment
from ratings.services.evidence import add_evidence
from tests.ratings.services.uploads import PDF, upload

from .conftest import REVIEWER, THERE, Desk, page_of, text_of, url


@pytest.fixture
def file(desk: Desk) -> Evidence:
    desk.to("UNDER_REVIEW")
    proposed = propose_adjustment(
        desk.rating(2), reason_code="not_rectified", to_grade=1, text="拒不整改", by=REVIEWER
    )
    return add_evidence(proposed, upload("<script>整改.pdf"), by=REVIEWER)


@pytest.mark.parametrize("who", ["clerk", "reviewer", "approver", "inspector"])
def test_the_file_as_it_was_sent(desk: Desk, file: Evidence, who: str) -> None:
    assert "&lt;script&gt;整改.pdf" in text_of(desk[who], page_of(file.adjustment))  # type: ignore[arg-type]
    answer = desk[who].get(url("evidence", "download", file.pk))
    assert b"".join(answer.streaming_content) == PDF  # type: ignore[attr-defined]
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    event = AuditEvent.objects.get(action="查看受保护信息")
    assert (event.actor, event.subject) == (who, f"evidence:{file.pk}")


def test_other_districts_and_strangers_get_none(desk: Desk, file: Evidence, client: object) -> None:
    address = url("evidence", "download", file.pk)
    local = desk.local(THERE)
    assert local.get(address).status_code == 404
    assert local.get(page_of(file)).status_code == 404
    assert local.get(url("evidence", "changelist")).context["cl"].result_count == 0
    assert client.get(address).status_code == 302  # type: ignore[attr-defined]
    assert not AuditEvent.objects.filter(action="查看受保护信息").exists()


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_file_is_not_handed_out(desk: Desk, file: Evidence, damage: str) -> None:
    stored = Path(settings.MEDIA_ROOT) / file.file.name
    if damage == "changed":
        stored.chmod(0o600)
        stored.write_bytes(PDF + b" ")
    else:
        stored.unlink()
    answer = desk["inspector"].get(url("evidence", "download", file.pk))
    assert answer.status_code == 409
    assert "与上传时的指纹不符" in answer.content.decode()
    event = AuditEvent.objects.get(action="证据材料校验失败")
    assert (event.actor, event.subject) == ("inspector", f"evidence:{file.pk}")
