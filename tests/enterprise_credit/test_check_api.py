"""Departments' programs check lists and report outcomes: rights, idempotency, strict bodies, signed answers."""

import json
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from applications.clients.models import Call, Organisation
from applications.enterprise_credit import batch_checks
from applications.enterprise_credit.check_lists import MAX_LINES
from applications.enterprise_credit.models import BatchCheck, Look
from tests import factories
from tests.bank_loans import building as banks
from tests.clients import building as clients
from tests.enterprise_credit import building
from tests.enterprise_credit.checking import standing

pytestmark = pytest.mark.django_db
CHECKS = "/api/v1/department/checks/"


class Program:
    """A department's client with a token."""

    def __init__(self, department: str = "ybj", *scopes: str, of: Organisation | None = None) -> None:
        self.client = clients.client(scopes or ("department:check",), of or building.department(department))
        self.headers = clients.bearer(self.client)

    def send(self, body: Any, path: str = "", key: str | None = "k1", status: int = 200, **query: Any) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        response = Browser().post(
            f"{CHECKS}{path}", content, content_type="application/json", headers=headers, query_params=query
        )
        return _told(response, status)

    def get(self, path: str, status: int = 200) -> Any:
        return _told(Browser().get(f"{CHECKS}{path}", headers=self.headers), status)


def _told(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content.decode()
    assert response["Signature"]
    return json.loads(response.content)


def faults(problem: Any, language: str = "detail_en") -> dict[str, str]:
    return {one["parameter"]: one[language] for one in problem["errors"]}


def asked(*codes: str, **values: Any) -> dict[str, Any]:
    return {"purpose": "award", "title": "评优名单", "codes": list(codes), **values}


def test_a_list_is_checked_and_read_again() -> None:
    good, bad = building.subject("好公司"), building.subject("坏公司")
    standing(good, "A", 95_500)
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    unknown = factories.uscc()
    program = Program()
    told = program.send(asked(good.uscc, f" {bad.uscc.lower()}", unknown, "x"))
    assert [one["verdict"] for one in told["results"]] == ["PASS", "REJECT", "UNKNOWN", "UNKNOWN"]
    first = told["results"][0]
    assert first == {
        "row": 1, "social_credit_code": good.uscc, "name": "好公司", "verdict": "PASS", "grade": "A",
        "score_thousandths": 95_500, "reasons": [], "outcome": None,
    }  # fmt: skip
    assert told["results"][1]["reasons"][0]["then"] == "REJECT"
    assert (told["passed"], told["attention"], told["rejected"], told["unknown"]) == (1, 0, 1, 2)
    assert program.get(f"{told['check']}/") == told
    check = BatchCheck.objects.get()
    assert (check.client, check.by, check.idempotency_key) == (program.client, program.client.name, "k1")
    assert Look.objects.filter(client=program.client, form="CHECK").count() == 4
    call = Call.objects.filter(operation="department_check").get()
    assert (call.rows, call.purpose, call.subject) == (4, "award", str(check.pk))


def test_the_same_key_gives_the_same_answer_once_and_another_list_409() -> None:
    one = building.subject()
    program = Program()
    first = program.send(asked(one.uscc), key='"a key"')
    assert program.send(asked(one.uscc), key='"a key"') == first
    program.send(asked(one.uscc, title="另一份"), key='"a key"', status=409)
    assert program.send(asked(one.uscc), key="k2")["check"] != first["check"]
    assert BatchCheck.objects.count() == 2
    # another client's key is its own
    assert Program().send(asked(one.uscc), key="k2")["check"] not in {first["check"]}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"purpose", "title", "codes"}),
        (asked("x", purpose=3), {"purpose"}),
        (asked("x", purpose="nothing"), {"purpose"}),
        (asked("x", purpose="supervision"), {"purpose"}),
        (asked("x", purpose="subsidy"), {"case_no"}),
        (asked("x", case_no=""), {"case_no"}),
        (asked("x", case_no="长" * 101), {"case_no"}),
        (asked("x", title="长" * 201), {"title"}),
        (asked(), {"codes"}),
        (asked(*["x"] * (MAX_LINES + 1)), {"codes"}),
        ({**asked(), "codes": ["x", 1, " "]}, {"codes.1", "codes.2"}),
        ({**asked("x", title="\0"), "purpose": "subsidy", "case_no": "\0 "}, {"title", "case_no"}),
        ({**asked("x"), "titel": "x"}, {"titel"}),
    ],
)
def test_what_is_wrong_with_a_body_is_told_by_its_place(body: Any, wrong: set[str]) -> None:
    problem = Program().send(body, status=400)
    assert set(faults(problem)) == wrong
    assert not BatchCheck.objects.exists()
    for text in faults(problem).values():
        assert text.isascii() or "“" in text


def test_a_call_without_a_key_or_with_other_parameters_is_refused() -> None:
    program = Program()
    assert set(faults(program.send(asked("x"), key=None, status=400))) == {"Idempotency-Key"}
    program.send(asked("x"), key="no blanks", status=400)
    program.send(asked("x"), status=400, purpose="award")
    program.send(b"[]", status=400)
    program.send(b"{", status=400)


def test_a_purpose_whose_records_are_not_for_the_department(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_checks, "criteria_for", lambda *_: ((), ()))
    problem = Program().send(asked("x"), status=422)
    assert "对贵部门开放" in problem["detail"]
    assert problem["detail_en"].isascii()


def test_only_departments_with_the_scope_and_only_their_own_checks() -> None:
    one = building.subject()
    number = Program().send(asked(one.uscc))["check"]
    Program("ybj", "department:read").send(asked(one.uscc), status=403)
    other = Program("scjgj")
    other.get(f"{number}/", status=404)
    other.send({"outcomes": [{"row": 1, "outcome": "REFUSED"}]}, f"{number}/outcomes/", status=404)
    other.get("999999/", status=404)


# outcomes


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def number(program: Program) -> int:
    """Row 1 passes, row 2 is rejected."""
    good, bad = building.subject("好公司"), building.subject("坏公司")
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    return int(program.send(asked(good.uscc, bad.uscc))["check"])


def test_outcomes_are_reported_and_shown(program: Program, number: int) -> None:
    rows = [
        {"row": 1, "outcome": "GRANTED", "amount_fen": 500},
        {"row": 2, "outcome": "GRANTED", "note": "已整改"},
    ]
    told = program.send({"outcomes": rows}, f"{number}/outcomes/", key=None)
    assert told == {"check": number, "rows": 2, "changed": 2, "reported": 2, "granted_in_spite": 1}
    assert program.send({"outcomes": rows}, f"{number}/outcomes/")["changed"] == 0
    shown = program.get(f"{number}/")["results"]
    assert shown[0]["outcome"]["amount_fen"] == 500
    assert shown[1]["outcome"]["note"] == "已整改"


@pytest.mark.parametrize(
    ("rows", "status", "wrong"),
    [
        ([], 400, {"outcomes"}),
        ("x", 400, {"outcomes"}),
        ([1], 400, {"outcomes.0"}),
        ([{"row": "1", "outcome": "GRANTED"}], 400, {"outcomes.0.row"}),
        ([{"row": True, "outcome": "GRANTED"}], 400, {"outcomes.0.row"}),
        ([{"row": 1}], 400, {"outcomes.0.outcome"}),
        ([{"row": 1, "outcome": ["GRANTED"]}], 400, {"outcomes.0.outcome"}),
        ([{"row": 1, "outcome": "GRANTED", "amount_fen": 1.5}], 400, {"outcomes.0.amount_fen"}),
        ([{"row": 1, "outcome": "GRANTED", "note": 5, "x": 1}], 400, {"outcomes.0.note", "outcomes.0.x"}),
        ([{"row": 1, "outcome": "GRANTED", "note": "a\0"}], 400, {"outcomes.0.note"}),
        ([{"row": 1, "outcome": "REFUSED"}, {"row": 2, "outcome": "GRANTED"}], 422, {"outcomes.1.note"}),
        ([{"row": 9, "outcome": "REFUSED"}], 422, {"outcomes.0.row"}),
        ([{"row": 1, "outcome": "REFUSED", "amount_fen": 1}], 422, {"outcomes.0.amount_fen"}),
        ([{"row": 1, "outcome": "GRANTED", "note": "长" * 501}], 422, {"outcomes.0.note"}),
    ],
)
def test_wrong_outcomes_are_refused_as_a_whole(
    program: Program, number: int, rows: Any, status: int, wrong: set[str]
) -> None:
    problem = program.send({"outcomes": rows}, f"{number}/outcomes/", status=status)
    assert set(faults(problem)) == wrong
    assert all(one["outcome"] is None for one in program.get(f"{number}/")["results"])
    for text in faults(problem).values():
        assert text.isascii()


def test_many_faults_are_cut(program: Program, number: int) -> None:
    rows = [{"row": 0, "outcome": "X"}] * 1000
    assert len(program.send({"outcomes": rows}, f"{number}/outcomes/", status=400)["errors"]) < 110


def test_calls_cost_the_same_queries_however_long(program: Program) -> None:
    counted: list[list[int]] = []
    program.send(asked(building.subject().uscc), key="warm")
    for many in (1, 3):
        codes = [building.subject(f"企{many}{n}").uscc for n in range(many)]
        with CaptureQueriesContext(connection) as checked:
            number = program.send(asked(*codes), key=f"k{many}")["check"]
        with CaptureQueriesContext(connection) as read:
            program.get(f"{number}/")
        counted.append([len(checked), len(read)])
    assert counted[0] == counted[1]


def test_a_client_of_a_bank_has_no_checks() -> None:
    """It is given no such scope; one that had it all the same would find nothing."""
    program = Program()
    bank = clients.client((), banks.bank())
    type(bank).objects.filter(pk=bank.pk).update(scopes=["department:check"])
    bank.refresh_from_db()
    program.headers = clients.bearer(bank)
    program.send(asked("x"), status=404)
