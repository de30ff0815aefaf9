"""Who may read what: tokens, scopes, banks; and that each answer is verifiably ours."""

import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from applications.clients.models import Call
from applications.clients.oauth import scopes_of
from tests.applications.test_api_signatures import Answer
from tests.bank_loans.building import TODAY, A, B, C, bank, city, product
from tests.bank_loans.calling import PRODUCTS, Program, on
from tests.clients import building as clients

pytestmark = pytest.mark.django_db
READ = ("", "pharmacies/", "pharmacies/stream/", "changes/")
CHECK = "check/?purpose=pre_loan&code=P33060299999"


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    on(TODAY, monkeypatch)


def told_of(response: HttpResponse) -> tuple[int, bytes]:
    return response.status_code, response.content


class TestTokens:
    @pytest.mark.parametrize("path", [*READ, CHECK])
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 5_000])
    def test_none(self, path: str, header: str) -> None:
        product()
        headers = {"authorization": header} if header else {}
        response = Browser().get(f"{PRODUCTS}edai/{path}", headers=headers)
        assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
        assert response["WWW-Authenticate"].startswith("Bearer ")
        assert "Signature" in response

    def test_scopes(self) -> None:
        city(A)
        product()
        reads, checks = Program(None, "bank:read"), Program(None, "bank:check")
        for path in READ:
            assert reads.get(path).status_code == 200
            refused = checks.get(path)
            assert (refused.status_code, 'scope="bank:read"' in refused["WWW-Authenticate"]) == (403, True)
        assert checks.get(CHECK).status_code == 200
        assert 'scope="bank:check"' in reads.get(CHECK)["WWW-Authenticate"]
        checks.send({"purpose": "pre_loan", "codes": ["x"]})
        reads.send({"purpose": "pre_loan", "codes": ["x"]}, status=403)
        assert checks.get(PRODUCTS).status_code == 403

    def test_refusals_are_on_record(self) -> None:
        product()
        program = Program(None, "bank:check")
        program.get("pharmacies/")
        call = Call.objects.exclude(operation="token").get()
        assert (call.operation, call.status, call.rows) == ("bank_pharmacies", 403, 0)


class TestOtherBanks:
    def test_the_same_as_none_at_all(self) -> None:
        """Another bank's product, an unknown one, and whatever a department asks for."""
        city(A)
        product()
        product("other", bank=bank("xyz"))
        department = clients.organisation(kind="DEPARTMENT", key="dep", name="某局")
        own, theirs = Program(), Program(department)
        assert {theirs.get(path).status_code for path in (*READ, CHECK)} == {403}
        # past the service, which gives a department's program no scope of banks
        theirs.client.scopes = list(scopes_of("BANK"))
        theirs.client.save()
        theirs.headers = clients.bearer(theirs.client)
        for path in (*READ, CHECK):
            told = {
                told_of(own.get(f"{PRODUCTS}other/{path}")),
                told_of(own.get(f"{PRODUCTS}nothing/{path}")),
                told_of(own.get(f"{PRODUCTS}{'x' * 300}/{path}")),
                told_of(theirs.get(path)),
            }
            ((status, content),) = told
            assert status == 404
            assert json.loads(content)["detail_en"].startswith("Your bank has no such loan product")
        body = {"purpose": "pre_loan", "codes": ["x"]}
        own.address = f"{PRODUCTS}other/"
        assert own.send(body, status=404) == theirs.send(body, status=404)
        assert theirs.ask(PRODUCTS, 404)["status"] == 404

    def test_only_ones_own_are_listed(self) -> None:
        product()
        product("other", bank=bank("xyz"))
        assert [one["key"] for one in Program().ask(PRODUCTS)["results"]] == ["edai"]
        assert [one["key"] for one in Program(bank("xyz")).ask(PRODUCTS)["results"]] == ["other"]
        assert Program(bank("new")).ask(PRODUCTS) == {"results": []}


def answer(program: Program, path: str, method: str = "get", **headers: str) -> Answer:
    """A whole answer, for an implementation of signatures that is not ours."""
    named = program.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    response: Any = getattr(Browser(), method)(f"{program.address}{path}", headers=named)
    asked = SimpleNamespace(
        method=method.upper(), headers=named, url=f"https://credit.example.org{program.address}{path}"
    )
    body = b"" if response.streaming else response.content
    return Answer(response.status_code, dict(response.headers), body, asked)


class TestSigned:
    @pytest.mark.parametrize("accept", ["identity", "gzip"])
    def test_every_kind_of_answer(self, accept: str) -> None:
        city(A, B, C)
        product()
        program = Program()
        for path, status in (
            ("", 200), ("pharmacies/?limit=1", 200), ("pharmacies/?limit=0", 400), ("changes/?since=0", 200),
            (CHECK, 200), ("pharmacies/stream/?format=csv", 200), ("changes/?since=99", 400),
        ):  # fmt: skip
            for method in ("get", "head"):
                found = answer(program, path, method, accept_encoding=accept)
                assert found.status_code == status
                covered = found.verify()
                assert covered['"@method";req'] == method.upper()
                streamed = "stream" in path
                assert ('"content-digest"' in covered) == (method == "get" and not streamed)

    def test_unchanged(self) -> None:
        city(A)
        product()
        program = Program()
        for path in ("", "pharmacies/", "changes/", CHECK):
            first = answer(program, path)
            again = answer(program, path, if_none_match=first.headers["ETag"])
            assert (again.status_code, again.body) == (304, b"")
            assert again.verify()['"etag"'] == first.headers["ETag"]
            assert first.headers["Cache-Control"] == "private, no-cache"

    def test_gzip(self) -> None:
        city(*[A] * 10)
        product()
        program = Program()
        plain, packed = (answer(program, "pharmacies/", accept_encoding=one) for one in ("identity", "gzip"))
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["ETag"] == plain.headers["ETag"]
        packed.verify()
        plain.verify()

    def test_head_records_no_rows(self) -> None:
        city(A)
        product()
        program = Program()
        for path in ("pharmacies/", "pharmacies/stream/"):
            assert answer(program, path, "head").status_code == 200
        calls = Call.objects.exclude(operation="token").order_by("id")
        assert list(calls.values_list("operation", "rows")) == [("bank_pharmacies", 0), ("bank_stream", 0)]
