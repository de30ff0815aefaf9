"""The audit event's page tells its place in the chain."""

import pytest
from django.test import Client
from django.urls import reverse

from ratings.models import AuditEvent, AuditLink
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
