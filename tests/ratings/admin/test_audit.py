"""The audit event's page tells its place in the chain."""

import pytest
from django.test import Client
from django.urls import reverse

from ratings.admin import audit
from ratings.models import AuditEvent, AuditLink
from ratings.services.audit import SYSTEM, Actor, record
from tests.ratings.models.test_audit_chain import linked
from tests.ratings.services.test_runs import laid_aside_guards

pytestmark = pytest.mark.django_db


def test_a_page_shows_the_events_link(root: Client) -> None:
    linked(1)
    link = AuditLink.objects.latest("number")
    page = root.get(reverse("admin:ratings_auditevent_change", args=[link.event_id])).content.decode()
    assert f"第 {link.number} 环，指纹 {link.sha256[:16]}…" in page


def test_a_page_says_that_an_event_has_none(root: Client) -> None:
    with laid_aside_guards():
        event = AuditEvent.objects.create(actor="乙", action="试", subject="x")
    page = root.get(reverse("admin:ratings_auditevent_change", args=[event.pk])).content.decode()
    assert "不在链上" in page


def test_events_are_found_by_person_subject_and_reason(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        record(action, subject, by=Actor(actor), reason=reason).pk
        for actor, action, subject, reason in (
            ("张三", "登记", "violation:5", "补录"),
            ("张三丰", "作废", "violation:51", "文书号写错"),
            ("李四", "作废", "complaint:5", "撤诉"),
        )
    ]

    def found(term: str, **query: str) -> list[int]:
        page = root.get(reverse("admin:ratings_auditevent_changelist"), {"q": term, **query})
        return [made.index(row.pk) for row in page.context["cl"].result_list if row.pk in made]

    assert found("张三") == [0]
    assert found("violation:5") == [0]
    assert found("违法违规 #5") == found("违法违规#5") == [0]
    assert found("文书号") == [1]
    assert found("没有") == []
    assert found("") == [2, 1, 0]
    assert found("李四", action="登记") == []
    monkeypatch.setattr(audit, "_SEARCHED", 1)
    assert found("撤诉") == [2]
    assert found("文书号") == []


def test_actions_offered_are_those_seen_lately(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for action in ("很久以前", "登记", "作废", "登记"):
        record(action, "x", by=SYSTEM)
    monkeypatch.setattr(audit, "_RECENT", 3)
    page = root.get(reverse("admin:ratings_auditevent_changelist"))
    offered = page.context["cl"].filter_specs[0].lookup_choices
    assert [name for name, _ in offered] == ["作废", "登记"]
