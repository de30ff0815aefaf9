"""Look-ups by departments' programs: the same content, a purpose each time, all on record, as described."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from applications.api.schema import document
from applications.clients.models import Call
from applications.enterprise_credit.models import Look
from tests.applications.description import contents, operations, validator
from tests.clients import building as clients
from tests.enterprise_credit import building
from tests.enterprise_credit.looking import looks, now, on
from tests.enterprise_credit.profiling import NONE, NOW, A, B, D, assessed, chain
from tests.pdf_text import text

pytestmark = pytest.mark.django_db
__all__ = ["now"]
SEARCH = "/api/v1/department/enterprises/"
UNKNOWN = "91330602MA288UYN8Y"


class Program:
    """A client of a department, with a token."""

    def __init__(self, department: str = "scjgj", *scopes: str) -> None:
        self.client = clients.client(scopes, building.department(department))
        self.headers = clients.bearer(self.client)

    def get(self, path: str, **parameters: Any) -> HttpResponse:
        answer: HttpResponse = Browser().get(f"{SEARCH}{path}", parameters, headers=self.headers)
        return answer

    def ask(self, path: str, status: int = 200, **parameters: Any) -> Any:
        answer = self.get(path, **parameters)
        assert answer.status_code == status, answer.content.decode()
        return json.loads(answer.content)

    def faults(self, path: str, **parameters: Any) -> dict[str, str]:
        return {one["parameter"]: one["detail_en"] for one in self.ask(path, 400, **parameters)["errors"]}


def test_a_search_tells_code_name_and_district_alone() -> None:
    subject, _ = chain(A, name="绍兴明州大药房有限公司")
    assessed(subject)
    told = Program().ask("", q="mingzhou", purpose="award")
    assert told == {
        "purpose": "award",
        "more": False,
        "results": [
            {"social_credit_code": subject.uscc, "name": subject.name, "district": 330602, "district_name": "越城区"}
        ],
    }  # fmt: skip
    assert looks() == []
    call = Call.objects.filter(operation="department_enterprises").get()
    assert (call.subject, call.purpose, call.rows, call.status) == ("mingzhou", "award", 1, 200)


def test_a_profile_is_the_whole_and_a_look() -> None:
    subject, shops = chain(A, D, NONE)
    assessed(subject)
    building.record(
        subject, data={"content": "警告", "fine_fen": 5, "responsible": "张三"}, document_no="罚1号"
    )
    building.record(subject, "ybj-black-list", data={"reason": "骗保"})
    building.record(subject, "swj-arrears", data={"amount_fen": 7})
    program = Program()
    told = program.ask(f"{subject.uscc}/", purpose="subsidy", case_no=" 〔2026〕 1号 ")
    assert (told["name"], told["as_of"], told["credit"]["rank_city"]) == (subject.name, "2026-02-11", 3)
    assert [one["code"] for one in told["pharmacies"]] == [shops[place].code for place in (1, 0, 2)]
    assert told["pharmacies"][2]["grade"]["score_thousandths"] is None
    assert [one["type"] for one in told["records"]] == ["ybj-black-list", "scjgj-penalty"]
    assert told["records"][1]["results"][0]["fields"][2] == {
        "key": "responsible", "label": "责任人", "value": "张三",
    }  # fmt: skip
    assert [one["kind"] for one in told["lists"]] == ["BLACK_LIST"]
    look = Look.objects.get()
    assert told["look"] == {
        "number": look.pk, "at": "2026-02-11T02:00:00+00:00", "purpose": "subsidy", "case_no": "〔2026〕 1号",
    }  # fmt: skip
    assert (look.form, look.client, look.by, look.department.key) == (
        "API", program.client, program.client.name, "scjgj",
    )  # fmt: skip
    assert look.shown["personal"] == ["scjgj-penalty"]
    call = Call.objects.filter(operation="department_enterprise").get()
    assert (call.subject, call.purpose, call.rows) == (subject.uscc, "subsidy", 1)


def test_a_report_is_the_same_as_a_document_and_a_look_of_its_own() -> None:
    subject, shops = chain(A, B)
    assessed(subject)
    answer = Program().get(f"{subject.uscc}/report.pdf", purpose="award")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{subject.uscc}.pdf"'
    assert "Signature" in answer.headers
    found = text(answer.content)
    assert subject.name in found
    assert all(shop.code in found for shop in shops)
    assert "仅供市场监督管理局用于“评先评优”" in found
    assert [form for form, _, _ in looks()] == ["PDF"]


class TestRefusals:
    def test_without_a_purpose(self) -> None:
        uscc, program = building.subject().uscc, Program()
        for path in ("", f"{uscc}/", f"{uscc}/report.pdf"):
            more = {} if path else {"q": "x"}
            form = {"format": "pdf"} if path.endswith("pdf") else {}
            assert program.faults(path, **more, **form)["purpose"].startswith("Say what the look is for")
            assert "curiosity" in program.faults(path, purpose="curiosity", **more)["purpose"]
        assert looks() == []
        assert Call.objects.filter(status=400).count() == 6

    def test_without_a_case_where_one_is_needed(self) -> None:
        uscc, program = building.subject().uscc, Program()
        assert "needs the number" in program.faults(f"{uscc}/", purpose="subsidy", case_no=" ")["case_no"]
        assert "100" in program.faults(f"{uscc}/", purpose="award", case_no="1" * 101)["case_no"]
        assert program.ask(f"{uscc}/", purpose="award", case_no="1" * 100)
        assert len(looks()) == 1

    def test_searches_that_are_none(self) -> None:
        program = Program()
        assert "q" in program.faults("", purpose="award")
        assert "100" in program.faults("", purpose="award", q="名" * 101)["q"]
        assert set(program.faults("", purpose="award", q="x", page="2")) == {"page"}

    def test_unknown_enterprises_are_on_record(self) -> None:
        problem = Program().ask(f"{UNKNOWN}/", 404, purpose="award")
        assert problem["detail_en"] == "No enterprise has this social credit code; the look is on record."
        assert looks() == [("API", UNKNOWN, False)]

    def test_blanks_in_a_code_are_left_out_of_the_record_too(self) -> None:
        subject, _ = chain(A)
        code = subject.uscc.lower()
        told = Program().ask(f"{code[:8]} {code[8:]}/", purpose="permit", case_no="1")
        assert told["social_credit_code"] == subject.uscc
        assert [one.uscc for one in Look.objects.all()] == [subject.uscc]

    def test_what_is_no_code(self) -> None:
        problem = Program().ask("9133/", 404, purpose="award")
        assert problem["detail_en"].startswith("A social credit code is eighteen")
        assert looks() == []

    def test_scopes_and_organisations(self) -> None:
        uscc = building.subject().uscc
        supplier = Program("scjgj", "department:supply")
        assert supplier.get(f"{uscc}/", purpose="award").status_code == 403
        assert Browser().get(f"{SEARCH}{uscc}/", {"purpose": "award"}).status_code == 401
        bank = clients.client()
        headers = clients.bearer(bank)
        assert Browser().get(SEARCH, {"q": "x", "purpose": "award"}, headers=headers).status_code == 403
        assert looks() == []

    def test_a_client_that_is_no_departments(self) -> None:
        bank = clients.client()
        headers = clients.bearer(bank)
        type(bank).objects.filter(pk=bank.pk).update(scopes=["department:read"])
        from oauth2_provider.models import AccessToken

        AccessToken.objects.update(scope="department:read")
        assert Browser().get(SEARCH, {"q": "x", "purpose": "award"}, headers=headers).status_code == 404


def test_a_night_and_a_repeated_look_are_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, program = building.subject(), Program()
    first = program.get(f"{subject.uscc}/", purpose="award")
    on(NOW + timedelta(hours=13), monkeypatch)
    program.headers = clients.bearer(program.client)
    second = program.get(f"{subject.uscc}/", purpose="award")
    assert first["ETag"] != second["ETag"]
    assert list(Look.objects.order_by("id").values_list("at_night", flat=True)) == [False, True]


class TestDescription:
    def test_examples_fit(self) -> None:
        found = list(contents(SEARCH))
        assert len(found) == 3 * 9
        for path, status, media_type, content in found:
            assert content["examples"], (path, status, media_type)
            for example in content["examples"].values():
                validator(content["schema"]).validate(example["value"])

    def test_operations_are_described(self) -> None:
        for _path, _method, operation in operations(SEARCH):
            assert operation["security"] == [{"oauth2": ["department:read"]}]
            assert operation["tags"] == ["department"]
        names = {one["name"] for one in document()["tags"]}
        assert "department" in names

    def test_answers_fit(self) -> None:
        subject, _ = chain(A, D, NONE)
        assessed(subject)
        building.record(subject, data={"content": "警告"}, valid_until=NOW.date() + timedelta(days=9))
        building.record(subject, "fgw-red-list", data={}, objected_on=NOW.date(), objection="异议")
        schemas = {
            path: content["schema"] for path, status, kind, content in contents(SEARCH)
            if status == "200" and kind == "application/json"
        }  # fmt: skip
        program = Program()
        whole, bare = f"{subject.uscc}/", f"{building.subject(district=None).uscc}/"
        for path in (whole, bare):
            validator(schemas[f"{SEARCH}{{uscc}}/"]).validate(program.ask(path, purpose="award"))
        validator(schemas[SEARCH]).validate(program.ask("", q="某", purpose="award"))
