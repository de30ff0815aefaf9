"""The guide for integrators says what there is: addresses, scopes, verdicts, outcomes; its calls work."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client as Browser

from applications.clients.oauth import scopes_of
from applications.enterprise_credit.api.record_operations import OUTCOMES
from applications.enterprise_credit.api.urls import urlpatterns
from applications.enterprise_credit.batch_checks import Outcome
from applications.enterprise_credit.models import CreditRecord, Look
from applications.enterprise_credit.rules.kinds import VERDICTS
from tests.clients import building as clients
from tests.enterprise_credit import building

GUIDE: Final = (Path(__file__).parents[2] / "applications" / "enterprise_credit" / "README.md").read_text()
BANKS: Final = (Path(__file__).parents[2] / "applications" / "bank_loans" / "README.md").read_text()
SITE: Final = "https://credit.example.org"
BASE: Final = "/api/v1/department/"


def calls() -> list[list[str]]:
    """The arguments of each curl of the guide."""
    code = "\n".join(re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL))
    return [
        shlex.split(one.replace("\\\n", " "))
        for one in re.split(r"^(?=curl )", code, flags=re.MULTILINE)
        if one
    ]


class TestTables:
    def test_addresses_and_their_scopes(self) -> None:
        told = dict(
            re.findall(
                rf"^\| `(?:POST )?{BASE}([^?`]*)[^`]*` \|.*\| `(department:\w+)` \|$", GUIDE, re.MULTILINE
            )
        )
        shaped = {re.sub(r"CODE|NUMBER|TYPE", "<>", path): scope for path, scope in told.items()}
        views = {re.sub(r"<[^>]+>", "<>", str(one.pattern)): one.callback.cls.scope for one in urlpatterns}  # type: ignore[attr-defined]
        assert shaped == views

    def test_scopes(self) -> None:
        assert set(re.findall(r"department:\w+", GUIDE)) == set(scopes_of("DEPARTMENT"))

    def test_verdicts_and_outcomes(self) -> None:
        assert re.findall(r"^\| `([A-Z]+)` \|", GUIDE, re.MULTILINE) == list(VERDICTS)
        between = GUIDE.partition("<!-- outcomes:begin -->")[2].partition("<!-- outcomes:end -->")[0]
        assert re.findall(r"^\| `(\w+)` \|", between, re.MULTILINE) == list(OUTCOMES)
        assert all(f"`{one.value}` ({one.label})" in GUIDE for one in Outcome)

    def test_parts_of_the_other_guide(self) -> None:
        for title in ("Get a token", "Verify that it is ours", "Errors", "Limits", "Certificates"):
            assert f"*{title}*" in GUIDE and f"\n## {title}\n" in BANKS


@pytest.mark.django_db
def test_its_calls_work() -> None:
    """In the order of the guide, by a program of the market regulator, about the enterprise that it names."""
    subject = building.subject("示例医药有限公司", "91330602MA288UYN8Y")
    building.record(subject, record_no="CF-2025-0107")
    client = clients.client((), building.department("scjgj"))
    headers = clients.bearer(client)
    numbers: dict[str, Any] = {}
    for call in calls()[1:]:  # the first asks for the token
        url = next(one for one in call if one.startswith(SITE)).removeprefix(SITE)
        given = [call[place + 1] for place, one in enumerate(call) if one in {"-d", "--data-urlencode"}]
        extra = dict(call[place + 1].split(": ", 1) for place, one in enumerate(call) if one == "-H")
        sent = {**headers, **{name: value for name, value in extra.items() if name == "Idempotency-Key"}}
        if "-G" in call:
            answer = Browser().get(url, dict(one.split("=", 1) for one in given), headers=sent)
        else:
            path = url.replace("/17/", f"/{numbers.get('check')}/")
            answer = Browser().post(path, given[0], content_type="application/json", headers=sent)
        assert answer.status_code == 200, (url, answer.content.decode())
        assert "Signature" in answer
        numbers |= {name: value for name, value in json.loads(answer.content).items() if name == "check"}
    assert Look.objects.filter(uscc=subject.uscc, client=client).count() == 2  # the profile, and the check
    assert set(CreditRecord.objects.values_list("record_no", "ending")) == {
        ("CF-2026-0001", ""),
        ("CF-2025-0107", "WITHDRAWN"),
    }
