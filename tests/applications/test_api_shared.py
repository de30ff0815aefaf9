"""What all public APIs share: problems, conditional answers, CORS, formats, unknown addresses."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.exceptions import APIException, PermissionDenied, UnsupportedMediaType
from rest_framework.request import Request

from applications.api.negotiation import GeoJson, Json
from applications.api.problems import STATUSES, Problem, told
from applications.api.views import PublicView

LONG = {"rows": ["某某大药房"] * 100}
raised: list[Exception] = []


class Teapot(APIException):
    status_code = 418


class Sample(PublicView):
    renderer_classes = (Json, GeoJson)

    def get(self, request: Request) -> HttpResponse:
        if raised:
            raise raised[0]
        return self.answer(LONG)


urlpatterns = [path("api/sample/", Sample.as_view())]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    cache.clear()
    yield
    raised.clear()


def get(**headers: str) -> HttpResponse:
    return Client(raise_request_exception=False).get(
        "/api/sample/", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


class TestConditional:
    def test_unchanged_is_told_without_a_body(self) -> None:
        first = get()
        assert first["ETag"].startswith('W/"')
        for tag in (first["ETag"], first["ETag"].removeprefix("W/"), f'"x", {first["ETag"]}', "*"):
            again = get(if_none_match=tag)
            assert (again.status_code, again.content) == (304, b"")
            assert "Content-Type" not in again
            for name in ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin", "RateLimit-Policy"):
                assert again[name] == first[name]
        assert get(if_none_match='"x"').content == first.content

    def test_another_answer_has_another_tag(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = get()
        monkeypatch.setitem(LONG, "rows", [])
        assert get()["ETag"] != first["ETag"]
        assert get(if_none_match=first["ETag"]).status_code == 200

    def test_with_gzip(self) -> None:
        plain, packed = get(), get(accept_encoding="gzip")
        assert packed["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.content) == plain.content
        assert packed["ETag"] == plain["ETag"]
        assert {one.strip() for one in packed["Vary"].split(",")} == {"Accept", "Accept-Encoding"}
        again = get(accept_encoding="gzip", if_none_match=packed["ETag"])
        assert (again.status_code, again["Vary"]) == (304, packed["Vary"])

    def test_only_good_answers_may_be_kept(self) -> None:
        assert get()["Cache-Control"] == "public, max-age=60"
        raised.append(Problem(404))
        for response in (get(), get(accept="text/plain"), Client().post("/api/sample/")):
            assert response["Cache-Control"] == "no-store"
            assert "ETag" not in response

    def test_head(self) -> None:
        asked, headed = get(), Client().head("/api/sample/")
        assert (headed.status_code, headed.content) == (200, b"")
        for name in ("ETag", "Content-Length", "Content-Type"):
            assert headed[name] == asked[name]


class TestAccess:
    def test_other_sites_may_read(self) -> None:
        response = get(origin="https://other.example.org")
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response
        assert {"ETag", "Link", "RateLimit", "Retry-After"} <= set(
            response["Access-Control-Expose-Headers"].split(", ")
        )
        raised.append(Problem(404))
        assert get()["Access-Control-Allow-Origin"] == "*"

    def test_preflight(self) -> None:
        response = Client().options(
            "/api/sample/",
            headers={
                "origin": "https://other.example.org",
                "access-control-request-method": "GET",
                "access-control-request-headers": "if-none-match",
            },
        )
        assert (response.status_code, response.content) == (204, b"")
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "GET" in response["Access-Control-Allow-Methods"].split(", ")
        assert "If-None-Match" in response["Access-Control-Allow-Headers"].split(", ")

    def test_no_session_is_looked_at_and_no_cookie_set(self) -> None:
        """Without a database, in which a session would be looked up."""
        response = Client().get("/api/sample/", headers={"authorization": "Basic eDp5"})
        assert response.status_code == 200
        assert not response.cookies
        assert "Cookie" not in response["Vary"]

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "trace"])
    def test_nothing_is_written(self, method: str) -> None:
        response = getattr(Client(enforce_csrf_checks=True), method)("/api/sample/")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert response["Content-Type"] == "application/problem+json"


class TestFormats:
    @pytest.mark.parametrize(
        ("accept", "given"),
        [
            ("*/*", "application/json"),
            ("application/*", "application/json"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
            ("application/geo+json", "application/geo+json"),
            ("application/json;q=0.5, application/geo+json", "application/geo+json"),
            ("application/json, application/geo+json;q=0.5", "application/json"),
        ],
    )
    def test_by_accept(self, accept: str, given: str) -> None:
        assert get(accept=accept)["Content-Type"] == given

    def test_not_acceptable(self) -> None:
        response = get(accept="text/html")
        problem = json.loads(response.content)
        assert (response.status_code, response["Content-Type"]) == (406, "application/problem+json")
        assert problem["detail_en"] == "What can be given here: application/json application/geo+json."


class TestProblems:
    @pytest.mark.parametrize("status", list(STATUSES))
    def test_told_in_both_languages(self, status: int) -> None:
        raised.append(Problem(status))
        response = get()
        problem = json.loads(response.content)
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert list(problem) == ["type", "title", "title_en", "status", "detail", "detail_en"]
        assert (problem["type"], problem["status"]) == ("about:blank", status)
        assert problem["title_en"] == HTTP_PHRASES[status]
        assert not problem["title"].isascii() and not problem["detail"].isascii()
        assert problem["detail_en"].isascii()

    @pytest.mark.parametrize(
        ("error", "status"),
        [(APIException(), 500), (PermissionDenied("geheim"), 403), (UnsupportedMediaType("geheim"), 415)],
    )
    def test_the_frameworks_own_errors(self, error: APIException, status: int) -> None:
        raised.append(error)
        response = get()
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert b"geheim" not in response.content

    @pytest.mark.parametrize(
        "error", [ZeroDivisionError("geheim"), Teapot("geheim")], ids=["bug", "unknown status"]
    )
    def test_what_nobody_foresaw_is_logged_and_not_told(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        raised.append(error)
        response = get()
        assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
        assert b"geheim" not in response.content
        logged = [one for one in caplog.records if one.levelname == "ERROR" and one.exc_info]
        assert logged and logged[0].exc_info is not None and logged[0].exc_info[1] is error

    def test_bugs_reach_tests(self) -> None:
        """The signal is sent by which the test client, and tools that watch a site, hear of them."""
        raised.append(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            Client().get("/api/sample/")

    def test_long_names_are_cut(self) -> None:
        (fault,) = told(Problem(400, faults=[("x" * 5_000, "y")]))["errors"]
        assert len(fault["parameter"]) == 100


HTTP_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@pytest.mark.urls("creditsys.urls")
class TestUnknownAddresses:
    @pytest.mark.parametrize(
        "address",
        ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v1/nothing/", "/api/v2/pharmacies/", "/api/a/b/c?x=1"],
    )
    @pytest.mark.parametrize("method", ["get", "head", "post", "delete"])
    def test_not_found(self, address: str, method: str) -> None:
        response: Any = getattr(Client(headers={"accept": "text/html"}), method)(address)
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
        assert response["Access-Control-Allow-Origin"] == "*"

    def test_a_forgotten_slash_leads_on(self) -> None:
        response = Client().get("/api/v1/pharmacies?near=120.58%2C30&q=a")
        assert (response.status_code, response["Location"]) == (
            301,
            "/api/v1/pharmacies/?near=120.58%2C30&q=a",
        )
        assert response["Access-Control-Allow-Origin"] == "*"
        assert Client().get("/api/v1/schema")["Location"] == "/api/v1/schema/"
