"""Officers who look enterprises up in the browser, for tests."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit.models import Look
from tests.enterprise_credit import building
from tests.enterprise_credit.profiling import NOW

SEARCH = reverse("admin:enterprise_credit_creditsubject_changelist")
OPEN = reverse("admin:enterprise_credit_creditsubject_open")


def on(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything take this moment for now."""
    monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW."""
    on(NOW, monkeypatch)


def url(name: str, uscc: str) -> str:
    return reverse(f"admin:enterprise_credit_creditsubject_{name}", args=(uscc,))


class Officer:
    """A member of a department, signed in."""

    def __init__(self, department: str = "scjgj", *, user: User | None = None, **values: Any) -> None:
        self.user = user or building.member(department, **values)
        self.browser = Client()
        self.browser.force_login(self.user)

    def get(self, address: str, status: int = 200, **asked: Any) -> str:
        answer = self.browser.get(address, asked)
        assert answer.status_code == status, answer.status_code
        return answer.content.decode()

    def search(self, q: str, purpose: str = "supervision", case_no: str = "") -> str:
        return self.get(SEARCH, q=q, purpose=purpose, case_no=case_no)

    def open(self, uscc: str, purpose: str = "supervision", case_no: str = "", **more: Any) -> str:
        """The page to which opening leads."""
        given = {"uscc": uscc, "purpose": purpose, "case_no": case_no, **more}
        return self.browser.post(OPEN, given, follow=True).content.decode()

    def page(self, uscc: str, **asked: Any) -> str:
        return self.get(url("change", uscc), **asked)

    def file(self, name: str, uscc: str) -> bytes:
        """The report ("pdf") or the workbook ("export"), after the page was opened."""
        answer: HttpResponse = self.browser.post(url(name, uscc))
        assert answer.status_code == 200, answer.status_code
        return answer.content


def looks() -> list[tuple[str, str, bool]]:
    """Form, code and whether there is such an enterprise, in the order of the record."""
    return list(Look.objects.order_by("id").values_list("form", "uscc", "found"))
