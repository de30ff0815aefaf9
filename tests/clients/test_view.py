"""Calls of clients: who may, how often, what they are told, and what is put on record."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from oauth2_provider.models import AccessToken
from rest_framework.request import Request

from applications import registry
from applications.api import signatures
from applications.api.problems import Problem
from applications.clients import services, views
from applications.clients.models import Call, Client
from applications.clients.views import REFUSALS_A_MINUTE, ClientView
from ratings.services.audit import SYSTEM
from tests.clients import building

BLOCKS = [b'{"code":1}\n{"code":2}\n', b'{"code":3}\n', b'{"end":{}}\n']
raised: list[Exception] = []
closed: list[str] = []


class Sample(ClientView):
    scope = "bank:read"
    operation = "sample"

    def get(self, request: Request) -> HttpResponse:
        self.note(rows=2, subject=request.GET.get("subject", "loan"), purpose="review")
        if raised:
            raise raised[0]
        return self.answer({"client": self.client.organisation.name})

    def post(self, request: Request) -> HttpResponse:
        found = json.loads(request._request.body)
        self.note(rows=len(found))
        return self.answer(found, status=201)


class Stream(ClientView):
    scope = "bank:read"
    operation = "stream"

    def get(self, request: Request) -> Any:
        self.note(subject="loan", purpose="review")
        return self.answer_stream(blocks(), "application/x-ndjson", "list.ndjson")


class HeadedStream(Stream):
    def get(self, request: Request) -> Any:
        return self.answer_stream(iter([b"code,name\n1,a\n", b"#end\n"]), "text/csv", "list.csv", headings=1)


class BrokenStream(Stream):
    def get(self, request: Request) -> Any:
        return self.answer_stream(broken(), "text/csv", "list.csv")


def blocks() -> Iterator[bytes]:
    try:
        yield from BLOCKS
    finally:
        closed.append("blocks")


def broken() -> Iterator[bytes]:
    yield b"1\n2\n"
    raise ZeroDivisionError


urlpatterns = [
    path("api/sample/", Sample.as_view()),
    path("api/stream/", Stream.as_view()),
    path("api/headed/", HeadedStream.as_view()),
    path("api/broken/", BrokenStream.as_view()),
    *registry.urlpatterns(),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    raised.clear()
    closed.clear()


@pytest.fixture
def client() -> Client:
    return building.client(["bank:read"])


def get(headers: dict[str, str], url: str = "/api/sample/", **extra: Any) -> Any:
    return Browser(raise_request_exception=False).get(url, headers=headers, **extra)


def hang_up(answer: Any) -> None:
    """What a server does at the end of an answer, save that the test's connection stays."""
    with mock.patch.object(request_finished, "send"):
        answer.close()


def recorded() -> list[tuple[Any, ...]]:
    """Status, rows and completeness of all calls but those for tokens, and of streams that began."""
    return list(
        Call.objects.exclude(operation="token")
        .exclude(operation__endswith="_begun")
        .order_by("id")
        .values_list("status", "rows", "complete")
    )


class TestAllowed:
    def test_a_call(self, client: Client) -> None:
        answer = get(building.bearer(client), REMOTE_ADDR="203.0.113.7")
        assert (answer.status_code, answer.json()) == (200, {"client": client.organisation.name})
        assert answer["Cache-Control"] == "private, no-cache"
        assert answer["Allow"] == "GET, HEAD, POST"
        assert not answer.cookies and "Access-Control-Allow-Origin" not in answer
        call = Call.objects.get(operation="sample")
        assert (call.client, call.subject, call.purpose, call.rows) == (client, "loan", "review", 2)
        assert (call.status, call.complete, call.address) == (200, True, "203.0.113.7")
        assert str(call) == "sample loan"

    def test_in_two_queries(self, client: Client) -> None:
        headers = building.bearer(client)
        with CaptureQueriesContext(connection) as queries:
            get(headers)
        assert [one["sql"].split()[0] for one in queries] == ["SELECT", "INSERT"]

    def test_the_scheme_is_written_in_either_case(self, client: Client) -> None:
        headers = {"authorization": building.bearer(client)["authorization"].replace("Bearer", "bearer")}
        assert get(headers).status_code == 200

    def test_posts_need_no_csrf_token_and_look_at_no_session(self, client: Client) -> None:
        headers = building.bearer(client)
        browser = Browser(enforce_csrf_checks=True)
        browser.force_login(User.objects.create_superuser("root"))
        answer = browser.post("/api/sample/", "[1, 2, 3]", content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()) == (201, [1, 2, 3])
        assert (answer["Cache-Control"], "ETag" in answer) == ("no-store", False)
        assert recorded() == [(201, 3, True)]
        assert browser.get("/api/sample/").status_code == 401

    def test_answers_pass_by_the_signer(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def finish(request: Any, response: Any) -> Any:
            response["Signature"] = f"of {response.status_code} {request.path}"
            return response

        monkeypatch.setattr(signatures, "finish", finish)
        assert get(building.bearer(client))["Signature"] == "of 200 /api/sample/"
        assert get({})["Signature"] == "of 401 /api/sample/"
        assert get(building.bearer(client), "/api/stream/")["Signature"] == "of 200 /api/stream/"


class TestConditional:
    def test_unchanged(self, client: Client) -> None:
        headers = building.bearer(client)
        first = get(headers)
        again = get(headers | {"if-none-match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert again["Cache-Control"] == "private, no-cache"
        assert recorded() == [(200, 2, True), (304, 0, True)]

    def test_head(self, client: Client) -> None:
        answer = Browser().head("/api/sample/", headers=building.bearer(client))
        assert (answer.status_code, answer.content) == (200, b"")
        assert recorded() == [(200, 0, True)]


class TestRefused:
    def check(self, answer: Any, challenge: str, records: int = 1, status: int = 401) -> None:
        problem = json.loads(answer.content)
        assert (answer.status_code, problem["status"]) == (status, status)
        assert answer["Content-Type"] == "application/problem+json"
        assert challenge in answer["WWW-Authenticate"] and answer["WWW-Authenticate"].isascii()
        assert answer["Cache-Control"] == "no-store"
        assert not problem["detail"].isascii()
        assert recorded() == [(status, 0, True)] * records

    @pytest.mark.parametrize("value", [None, "", "Basic eDp5", "Digest x", "Token abc"])
    def test_without_a_token(self, value: str | None) -> None:
        answer = get({} if value is None else {"authorization": value})
        self.check(answer, 'Bearer realm="creditsys"', records=0)
        assert "error" not in answer["WWW-Authenticate"]

    @pytest.mark.parametrize("value", ["", "abc", "a b", "é", "a\0b", "x" * 5_000, '"', "=abc"])
    def test_garbage(self, value: str) -> None:
        self.check(get({"authorization": f"Bearer {value}"}), 'error="invalid_token"', records=0)

    def test_a_token_in_the_address_or_the_body_is_none(self, client: Client) -> None:
        token = building.bearer(client)["authorization"].split()[1]
        self.check(get({}, f"/api/sample/?access_token={token}"), "Bearer", records=0)
        answer = Browser().post("/api/sample/", {"access_token": token})
        self.check(answer, "Bearer", records=0)

    def test_expired(self, client: Client) -> None:
        headers = building.bearer(client)
        AccessToken.objects.update(expires=timezone.now() + timedelta(seconds=5))
        assert get(headers).status_code == 200
        AccessToken.objects.update(expires=timezone.now())
        assert get(headers).status_code == 401
        assert recorded() == [(200, 2, True), (401, 0, True)]

    def test_the_client_was_put_out_of_use(self, client: Client) -> None:
        headers = building.bearer(client)
        Client.objects.update(is_active=False)
        self.check(get(headers), 'error="invalid_token"')

    def test_the_secret_was_revoked(self, client: Client) -> None:
        headers = building.bearer(client)
        services.revoke_secret(client.secrets.get(), by=SYSTEM)
        self.check(get(headers), 'error="invalid_token"', records=0)

    def test_from_another_network(self) -> None:
        client = building.client(networks=["203.0.113.0/24"])
        headers = building.bearer(client, REMOTE_ADDR="203.0.113.1")
        self.check(get(headers, REMOTE_ADDR="192.0.2.1"), 'error="invalid_token"')
        assert get(headers, REMOTE_ADDR="203.0.113.2").status_code == 200

    def test_the_token_lacks_the_scope(self) -> None:
        client = building.client(["bank:read", "bank:check"])
        answer = get(building.bearer(client, data={"scope": "bank:check"}))
        self.check(answer, 'error="insufficient_scope", scope="bank:read"', status=403)
        assert "bank:read" in answer.json()["detail_en"]

    def test_the_client_lost_the_scope(self) -> None:
        client = building.client(["bank:read", "bank:check"])
        headers = building.bearer(client)
        Client.objects.update(scopes=["bank:check"])
        self.check(get(headers), 'error="insufficient_scope"', status=403)

    @pytest.mark.usefixtures("in_one_minute")
    def test_all_is_told_in_the_same_words(self, client: Client) -> None:
        """Whether a token was ever given is told by nothing."""
        headers = building.bearer(client)
        AccessToken.objects.update(expires=timezone.now())
        known, unknown = get(headers), get({"authorization": "Bearer abc"})
        assert known.content == unknown.content
        assert dict(known.items()) == dict(unknown.items())

    @pytest.mark.usefixtures("in_one_minute")
    def test_refusals_of_an_address_are_recorded_to_a_limit(self, client: Client) -> None:
        headers = building.bearer(client)
        AccessToken.objects.update(expires=timezone.now())
        for _ in range(REFUSALS_A_MINUTE + 2):
            assert get(headers).status_code == 401
        assert len(recorded()) == REFUSALS_A_MINUTE


class TestCertificates:
    @pytest.fixture(autouse=True)
    def proxy(self, settings: LazySettings) -> None:
        settings.TRUSTED_PROXIES = 1
        settings.CLIENT_CERTIFICATE_HEADER = "X-SSL-Cert"

    def test_a_bound_token_serves_with_its_certificate_only(self, client: Client) -> None:
        headers = building.bearer(client, headers={"x-ssl-cert": building.nginx()})
        assert get(headers | {"x-ssl-cert": building.nginx()}).status_code == 200
        assert get(headers | {"x-ssl-cert": building.rfc9440()}).status_code == 200
        assert get(headers | {"x-ssl-cert": building.nginx("other")}).status_code == 401
        assert get(headers).status_code == 401

    def test_a_pinned_client(self, client: Client) -> None:
        headers = building.bearer(client)
        assert get(headers).status_code == 200
        Client.objects.update(certificates=[building.thumbprint()])
        assert get(headers).status_code == 401
        assert get(headers | {"x-ssl-cert": building.rfc9440()}).status_code == 200

    def test_without_a_proxy_the_header_is_a_mere_claim(self, settings: LazySettings) -> None:
        client = building.client(["bank:read"], certificates=[building.thumbprint()])
        shown = {"x-ssl-cert": building.rfc9440()}
        headers = building.bearer(client, headers=shown)
        assert get(headers | shown).status_code == 200
        settings.TRUSTED_PROXIES = 0
        assert get(headers | shown).status_code == 401


class TestOtherProblems:
    """Whoever has signed in finds each of them on record, without rows."""

    def test_of_the_view(self, client: Client) -> None:
        headers = building.bearer(client)
        raised.append(Problem(404))
        assert get(headers).status_code == 404
        raised[0] = ZeroDivisionError()
        assert get(headers).status_code == 500
        assert recorded() == [(404, 0, True), (500, 0, True)]
        assert set(Call.objects.exclude(operation="token").values_list("subject", "purpose")) == {
            ("loan", "review")
        }

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
    def test_methods(self, client: Client, method: str) -> None:
        answer = getattr(Browser(), method)("/api/sample/", headers=building.bearer(client))
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")
        assert recorded() == [(405, 0, True)]

    def test_formats(self, client: Client) -> None:
        assert get(building.bearer(client) | {"accept": "text/html"}).status_code == 406
        assert get(building.bearer(client), "/api/sample/?format=xml").status_code == 400
        assert recorded() == [(406, 0, True), (400, 0, True)]

    def test_what_the_record_cannot_take_is_cut_or_replaced(self, client: Client) -> None:
        get(building.bearer(client), "/api/sample/?subject=%00" + "x" * 200)
        assert Call.objects.get(operation="sample").subject == "\N{REPLACEMENT CHARACTER}" + "x" * 119

    def test_half_pairs(self) -> None:
        client = building.client()
        request = RequestFactory().get("/")
        views.record_call(request, client, "sample", 200, subject="\ud800", purpose="p" * 50)
        assert list(Call.objects.values_list("subject", "purpose")) == [("?", "p" * 40)]


@pytest.mark.usefixtures("in_one_minute")
class TestLimit:
    def test_of_a_client(self, client: Client, settings: LazySettings) -> None:
        settings.CLIENT_REQUESTS_A_MINUTE = 3
        headers, other = building.bearer(client), building.bearer(building.client(["bank:read"]))
        cache.clear()
        answers = [get(headers, REMOTE_ADDR=f"203.0.113.{number}") for number in range(6)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
        assert answers[0]["RateLimit-Policy"] == '"client";q=3;w=60'
        assert answers[0]["RateLimit"].startswith('"client";r=2;t=')
        assert 1 <= int(answers[5]["Retry-After"]) <= 60
        assert "3" in json.loads(answers[5].content)["detail"]
        # The first refusal of the minute stands for all.
        assert [status for status, *_ in recorded()] == [200, 200, 200, 429]
        assert get(other).status_code == 200

    def test_who_may_not_call_uses_up_nothing(self, client: Client, settings: LazySettings) -> None:
        settings.CLIENT_REQUESTS_A_MINUTE = 1
        headers = building.bearer(client)
        Client.objects.update(networks=["203.0.113.0/24"])
        for _ in range(3):
            assert get(headers).status_code == 401
        assert get(headers, REMOTE_ADDR="203.0.113.1").status_code == 200


class TestStreams:
    def test_whole(self, client: Client) -> None:
        answer = get(building.bearer(client), "/api/stream/")
        assert (answer["Content-Type"], answer["Cache-Control"]) == (
            "application/x-ndjson",
            "private, no-cache",
        )
        assert answer["Content-Disposition"] == 'attachment; filename="list.ndjson"'
        assert recorded() == []
        assert b"".join(answer.streaming_content) == b"".join(BLOCKS)
        assert recorded() == [(200, 3, True)]
        hang_up(answer)
        assert (recorded(), closed) == ([(200, 3, True)], ["blocks"])
        call = Call.objects.get(operation="stream")
        assert (call.subject, call.purpose) == ("loan", "review")

    @pytest.mark.parametrize(("read", "rows"), [(0, 0), (1, 2), (2, 3)])
    def test_cut_off(self, client: Client, read: int, rows: int) -> None:
        answer = get(building.bearer(client), "/api/stream/")
        stream = iter(answer.streaming_content)
        for _ in range(read):
            next(stream)
        hang_up(answer)
        assert recorded() == [(200, rows, False)]
        hang_up(answer)
        assert len(recorded()) == 1
        assert closed == (["blocks"] if read else [])

    def test_broken(self, client: Client) -> None:
        answer = get(building.bearer(client), "/api/broken/")
        with pytest.raises(ZeroDivisionError):
            list(answer.streaming_content)
        hang_up(answer)
        assert recorded() == [(200, 2, False)]

    def test_headings_are_no_rows(self, client: Client) -> None:
        answer = get(building.bearer(client), "/api/headed/")
        list(answer.streaming_content)
        assert recorded() == [(200, 1, True)]
        hang_up(get(building.bearer(client), "/api/headed/"))
        assert recorded()[1:] == [(200, 0, False)]

    def test_head(self, client: Client) -> None:
        answer = Browser().head("/api/stream/", headers=building.bearer(client))
        assert b"".join(answer.streaming_content) == b""
        hang_up(answer)
        assert recorded() == [(200, 0, True)]

    def test_what_cannot_be_recorded_at_the_end_is_logged(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = get(building.bearer(client), "/api/stream/")
        monkeypatch.setattr(views, "record_call", lambda *args, **kwargs: 1 / 0)
        hang_up(answer)
        assert "could not be recorded" in caplog.text


def test_keys_are_public() -> None:
    answer = Browser().get("/api/v1/jwks/")
    assert answer.json() == signatures.jwks()
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/json", "public, max-age=60")
    answer = Browser().get("/api/v1/jwks/", headers={"accept": "application/jwk-set+json"})
    assert answer["Content-Type"] == "application/jwk-set+json"


def test_the_description_names_how_to_sign_in() -> None:
    patterns = [path("api/sample/", Sample.as_view(), name="sample")]
    found = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)
    flow = found["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == building.TOKEN
    assert flow["scopes"]["bank:check"] == "按编码核查贷款资格 Check eligibility by code"
    assert found["paths"]["/api/sample/"]["get"]["security"] == [{"oauth2": ["bank:read"]}]
