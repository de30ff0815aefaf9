"""What staff were not let do is on record, past every rollback; so are looks at protected data."""

import ast
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from ratings import admin
from ratings.admin import facts
from ratings.admin.on_record import note_refusal, noted_refusals, record_look
from ratings.models import AuditEvent, Complaint, RatingRun, SchemeVersion
from ratings.services.errors import Refused
from tests import factories

from .conftest import Place, client_of


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("id"))


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_403_of_staff_is_on_record(powerless: Client, method: str) -> None:
    address = reverse("admin:ratings_violation_changelist") + "?kind__exact=OTHER_FRAUD"
    assert getattr(powerless, method)(address, REMOTE_ADDR="10.0.0.4").status_code == 403
    (event,) = events("无权操作")
    assert (event.actor, event.address) == ("powerless", "10.0.0.4")
    assert event.subject == "/admin/ratings/violation/"
    assert event.detail == {"method": method.upper(), "query": "kind__exact=OTHER_FRAUD"}


def test_why_it_was_denied_is_kept(city_clerk: Client, db: None) -> None:
    values = {
        "title": "坏",
        "effective_on": "2020-01-01",
        "document": "?",
        "sha256": sha256(b"?").hexdigest(),
    }
    broken = SchemeVersion.objects.create(key="broken", version=1, stored_by="x", **values)
    city_clerk.post(reverse("admin:ratings_schemeversion_activate", args=(broken.pk,)), {"reason": "试"})
    assert [event.reason for event in events("无权操作")] == ["规则文本无法读取，不能启用。"]


def test_strangers_and_outsiders_leave_none(client: Client, db: None) -> None:
    client.get(reverse("admin:ratings_violation_changelist"))
    client_of(User.objects.create_user("outsider")).get(reverse("admin:ratings_violation_changelist"))
    assert events("无权操作") == []


def test_a_refused_act_is_on_record_and_not_done(clerk: Client, here: Place) -> None:
    address = reverse("admin:ratings_violation_void", args=(here.violation.pk,))
    clerk.post(address, {"reason": "误录"})
    clerk.post(address, {"reason": "再作废一次"})
    (event,) = events("未获准")
    assert "已于" in event.reason
    assert (event.actor, event.subject, event.detail["method"]) == ("yuecheng", address, "POST")
    assert len(events("作废事实")) == 1


def test_the_record_outlives_the_rollback(
    clerk: Client, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has written before it refuses: that is undone, the event stays."""

    def half_done(*_: Any, **__: Any) -> None:
        factories.complaint(here.pharmacy, reference_no="写了一半")
        raise Refused("半途发现不行。")

    monkeypatch.setattr(facts, "record_fact", half_done)
    form = {
        "pharmacy": here.pharmacy.pk,
        "status": "SUSPENDED",
        "occurred_on": "2025-01-01",
        "decided_on": "2025-01-01",
        "document_no": "x",
    }
    answer = clerk.post(reverse("admin:ratings_servicestatus_add"), form, follow=True)
    assert "未保存：半途发现不行。" in answer.content.decode()
    assert not Complaint.objects.filter(reference_no="写了一半").exists()
    assert [event.reason for event in events("未获准")] == ["未保存：半途发现不行。"]


def test_a_refused_import_is_on_record(city_clerk: Client, db: None, tmp_path: Path) -> None:
    file = tmp_path / "空.csv"
    file.write_text("甲,乙\n")
    with file.open("rb") as opened:
        answer = city_clerk.post(
            reverse("admin:ratings_importbatch_upload"), {"kind": "violations", "file": opened}
        )
    city_clerk.post(answer["Location"], {})
    assert len(events("未获准")) == 1


def test_a_run_too_early_is_on_record(city_clerk: Client, run: RatingRun) -> None:
    form = {"period": "2025", "scheme": run.scheme_id, "cutoff_kind": "given", "cutoff": "2025-03-01"}
    city_clerk.post(reverse("admin:ratings_ratingrun_start"), {**form, "try": "1"})
    assert [event.subject for event in events("未获准")] == ["/admin/ratings/ratingrun/start/"]


def test_only_acts_are_noted(rf: RequestFactory) -> None:
    looked, acted = rf.get("/"), rf.post("/")
    for request in (looked, acted):
        note_refusal(request, Refused("甲"))
        note_refusal(request, "乙")
    assert noted_refusals(looked) == []
    assert noted_refusals(acted) == ["甲", "乙"]


def test_a_look_is_on_record(rf: RequestFactory, here: Place) -> None:
    request = rf.get("/", REMOTE_ADDR="10.0.0.5")
    request.user = User.objects.create_user("wang")
    record_look(request, here.violation, "联系方式")
    (event,) = events("查看受保护信息")
    assert (event.actor, event.address, event.detail) == ("wang", "10.0.0.5", {"what": "联系方式"})
    assert event.subject == f"violation:{here.violation.pk}"


#: Functions that need not note: they answer looks, or what they call puts it on record.
QUIET = {
    "grades.readable",
    "results.change_view",
    "two_factor.code_view",
    "two_factor._enrol",
    "adjustments.change_view",
    "comparison.of",
    "evidence.download_view",
    "objection_acts._review_faults",
    "proposing._why_not",
    "documents.certificate_view",
    "letters.change_view",
    "letters.single_view",
    "letters.start_view",
    "quarterly.issue_view",
}


def _catching(function: ast.AST) -> list[ast.ExceptHandler]:
    caught = [node for node in ast.walk(function) if isinstance(node, ast.ExceptHandler) and node.type]
    names = {"Refused", "ImportStopped"}
    return [
        handler
        for handler in caught
        if any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(handler.type))  # type: ignore[arg-type]
    ]


def test_every_page_that_catches_a_refusal_notes_it() -> None:
    """What is caught and only shown would leave no trace."""
    rooms = sorted(Path(admin.__file__).parent.rglob("*.py"))
    silent = []
    for room in rooms:
        for function in ast.walk(ast.parse(room.read_text())):
            if not isinstance(function, ast.FunctionDef) or not _catching(function):
                continue
            called = {
                node.func.id
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            if not called & {"refuse", "note_refusal", "refusal_texts"}:
                silent.append(f"{room.stem}.{function.name}")
    assert set(silent) - QUIET == set()
