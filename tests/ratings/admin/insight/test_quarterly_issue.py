"""The quarterly table issued from its page: who may, of which districts, as known when."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ratings.insight.quarterly import quarter_of
from ratings.models import AuditEvent, IssuedDocument
from ratings.rules.periods import Period
from ratings.services import documents, roles
from ratings.services.steps import shown_day
from tests.pdf_text import text
from tests.ratings.admin.desk.conftest import HERE, THERE, Desk, said, text_of


def address(**asked: Any) -> str:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"{reverse('insight:quarterly_issue')}?{query}"


@pytest.mark.parametrize(
    ("role", "may"), [("clerk", True), ("reviewer", True), ("approver", True), ("inspector", False)]
)
def test_who_may(worked: Desk, role: str, may: bool) -> None:
    page = text_of(worked[role], reverse("insight:quarterly"))
    assert (reverse("insight:quarterly_issue") in page) == may
    assert worked[role].get(address()).status_code == (200 if may else 403)
    assert not IssuedDocument.objects.exists()
    assert worked[role].post(address()).status_code == (302 if may else 403)
    assert IssuedDocument.objects.count() == may


def test_nobody_without_the_page(worked: Desk) -> None:
    assert Client().get(address()).status_code == 302
    group = Group.objects.get(name=roles.CLERK)
    group.permissions.remove(Permission.objects.get(codename="view_complaint"))
    assert worked["clerk"].post(address()).status_code == 403
    assert not IssuedDocument.objects.exists()


def test_is_of_the_quarter_and_district_that_were_chosen(worked: Desk) -> None:
    assert "已签发" in said(worked["clerk"], address(quarter="2025Q2", district=THERE))
    document = IssuedDocument.objects.get()
    assert (document.kind, document.period, document.district_id) == ("QUARTERLY", "2025Q2", THERE)
    found = text(documents.content(document))
    assert "越城区" not in found and "2025年7月11日 00:00" in found
    assert AuditEvent.objects.filter(action="签发文书", actor="clerk").exists()


def test_is_of_the_last_quarter_and_the_whole_city_where_nothing_was_chosen(worked: Desk) -> None:
    said(worked["clerk"], address())
    document = IssuedDocument.objects.get()
    assert (document.period, document.district) == (Period.ended_before(timezone.localdate(), 3).code, None)


def test_as_known_now(worked: Desk) -> None:
    said(worked["clerk"], address(quarter="2025Q2", known="now"))
    found = text(documents.content(IssuedDocument.objects.get()))
    assert shown_day(timezone.localdate()) in found and "2025年7月11日 00:00" not in found
    assert quarter_of("2025Q2").label in found


def test_staff_of_a_district(worked: Desk) -> None:
    local = worked.local(THERE, roles.CLERK)
    # a district of others is no choice: nothing is issued
    assert local.post(address(district=HERE)).status_code == 200
    assert not IssuedDocument.objects.exists()
    assert "已签发" in said(local, address())
    assert IssuedDocument.objects.get().district_id == THERE


def test_staff_of_two_districts_choose_one(worked: Desk, of: Any) -> None:
    both = of(roles.CLERK, HERE, THERE)
    assert "选定一个区县" in text_of(both, address())
    assert "选定一个区县" in said(both, address())
    assert not IssuedDocument.objects.exists()
    said(both, address(district=HERE))
    assert IssuedDocument.objects.get().district_id == HERE
