"""Signatures of answers, verified by an implementation that is not ours; what was altered shows."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management.utils import get_random_secret_key
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory
from http_message_signatures import HTTPMessageVerifier, InvalidSignature
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import HTTPSignatureKeyResolver

from applications.api import signatures

SITE = "https://credit.example.org"
LONG = json.dumps(["某某大药房"] * 200).encode()
BOUND = ('"@method";req', '"@path";req', '"@query";req')


class Published(HTTPSignatureKeyResolver):
    """The keys that the JWK set hands out."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        for key in signatures.jwks()["keys"]:
            if key["kid"] == key_id:
                return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        return None


@dataclass
class Answer:
    """As it came in, with what was asked; also what the other implementation takes for a message."""

    status_code: int
    headers: dict[str, str]
    body: bytes
    request: Any = field(default_factory=SimpleNamespace)

    def verify(self) -> dict[str, str]:
        """What is covered, with its values. Raises InvalidSignature."""
        verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=Published())
        covers = ["@status", *BOUND]
        (found,) = verifier.verify(self, expect_tag="creditsys", require_components=covers, body=self.body)
        return dict(found.covered_components)


def answer(response: HttpResponseBase, path: str = "/api/x/", method: str = "get", **headers: str) -> Answer:
    """A response finished, and passed through the middleware that comes behind."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = getattr(RequestFactory(headers=named), method)(path)
    done = GZipMiddleware(lambda _: signatures.finish(request, response))(request)
    content = b"".join(done) if isinstance(done, StreamingHttpResponse) else done.content  # type: ignore[attr-defined]
    asked = SimpleNamespace(method=method.upper(), url=f"{SITE}{path}", headers=named)
    return Answer(done.status_code, dict(done.headers), b"" if method == "head" else content, asked)


def sample(body: bytes = LONG, **headers: str) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", headers={"ETag": 'W/"abc"', **headers})


class TestSigned:
    def test_all_that_matters_is_covered(self) -> None:
        asked = answer(sample(), "/api/x/?since=7&limit=a%20b&x=%E4%B8%AD")
        covered = asked.verify()
        del covered['"@signature-params"']
        assert covered == {
            '"@status"': "200",
            '"content-digest"': asked.headers["Content-Digest"],
            '"content-type"': "application/json",
            '"etag"': 'W/"abc"',
            '"@method";req': "GET",
            '"@path";req': "/api/x/",
            '"@query";req': "?since=7&limit=a%20b&x=%E4%B8%AD",
        }
        assert asked.headers["Signature-Input"].startswith('sig1=("@status" "content-digest"')
        assert asked.body == LONG

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("status_code", 404),
            ("body", LONG.replace(b"[", b" ", 1)),
            ("Content-Type", "text/html"),
            ("ETag", 'W/"abd"'),
            ("Content-Digest", signatures.content_digest(b"x")),
        ],
    )
    def test_altered_answers_show(self, name: str, value: Any) -> None:
        found = answer(sample())
        found.verify()
        if name in found.headers:
            found.headers[name] = value
        else:
            setattr(found, name, value)
        with pytest.raises(InvalidSignature):
            found.verify()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("method", "POST"),
            ("url", f"{SITE}/api/y/?a=1"),
            ("url", f"{SITE}/api/x/?a=2"),
            ("url", f"{SITE}/api/x/"),
        ],
    )
    def test_answers_to_another_request_show(self, name: str, value: str) -> None:
        found = answer(sample(), "/api/x/?a=1")
        found.verify()
        setattr(found.request, name, value)
        with pytest.raises(InvalidSignature):
            found.verify()

    def test_altered_parameters_show(self) -> None:
        found = answer(sample())
        for old, new in ((";created=1", ";created=2"), ('"etag" ', ""), ('tag="creditsys"', 'tag="other"')):
            altered = Answer(found.status_code, dict(found.headers), found.body, found.request)
            altered.headers["Signature-Input"] = altered.headers["Signature-Input"].replace(old, new)
            assert altered.headers["Signature-Input"] != found.headers["Signature-Input"]
            with pytest.raises(InvalidSignature):
                altered.verify()

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 503])
    def test_errors_are_signed(self, status: int) -> None:
        response = HttpResponse(b"{}", status=status, content_type="application/problem+json")
        assert answer(response).verify()['"@status"'] == str(status)

    def test_unchanged_is_signed(self) -> None:
        response = HttpResponseNotModified(headers={"ETag": 'W/"abc"'})
        found = answer(response, accept_encoding="gzip")
        assert set(found.verify()) - {'"@signature-params"'} == {'"@status"', '"etag"', *BOUND}
        assert not {"Content-Digest", "Content-Encoding"} & set(found.headers)

    @pytest.mark.parametrize("accept", ["", "gzip"])
    def test_head_is_answered_like_get(self, accept: str) -> None:
        got, headed = (answer(sample(), method=method, accept_encoding=accept) for method in ("get", "head"))
        assert headed.verify()['"@method";req'] == "HEAD"
        for name in ("ETag", "Content-Type", "Content-Length", "Vary"):
            assert headed.headers[name] == got.headers[name]
        # It tells of the content, and there is none (RFC 9530, B.2).
        assert "Content-Digest" not in headed.headers

    def test_what_no_url_has_is_told_as_octets(self) -> None:
        request = RequestFactory().get("/api/x/", QUERY_STRING="q=中".encode().decode("latin-1"))
        response = signatures.finish(request, sample())
        found = Answer(200, dict(response.headers), LONG)
        found.request = SimpleNamespace(method="GET", headers={}, url=f"{SITE}/api/x/?q=%E4%B8%AD")
        assert found.verify()['"@query";req'] == "?q=%E4%B8%AD"


class TestCompressed:
    @pytest.mark.parametrize(
        ("accept", "packed"),
        [
            ("gzip", True),
            ("br, GZIP;q=0.5, *;q=0", True),
            ("x-gzip", True),
            ("", False),
            ("identity", False),
            ("gzip;q=0", False),
            ("gzip; q=0.000, br", False),
            ("gzipped", False),
        ],
    )
    def test_where_it_is_asked_for(self, accept: str, packed: bool) -> None:
        found = answer(sample(), accept_encoding=accept)
        found.verify()
        assert (found.headers.get("Content-Encoding") == "gzip") == packed
        assert (gzip.decompress(found.body) if packed else found.body) == LONG
        assert found.headers["Content-Length"] == str(len(found.body))
        assert found.headers["Vary"] == "Accept-Encoding"
        assert found.headers["ETag"] == 'W/"abc"'

    @pytest.mark.parametrize(("length", "packed"), [(999, False), (1_000, True)])
    def test_where_it_is_worth_it(self, length: int, packed: bool) -> None:
        found = answer(sample(b" " * length), accept_encoding="gzip")
        found.verify()
        assert ("Content-Encoding" in found.headers) == packed

    def test_the_same_answer_has_the_same_digest(self) -> None:
        one, other = (answer(sample(), accept_encoding="gzip").headers["Content-Digest"] for _ in range(2))
        assert one == other


class TestStreams:
    @pytest.mark.parametrize("accept", ["", "gzip", "gzip;q=0"])
    def test_head_is_signed_and_content_passes_through(self, accept: str) -> None:
        blocks = [bytes(str(number), "ascii") * 1_000 for number in range(100)]
        response = StreamingHttpResponse(iter(blocks), content_type="text/csv; charset=utf-8")
        found = answer(response, accept_encoding=accept)
        body, found.body = found.body, b""
        assert set(found.verify()) - {'"@signature-params"'} == {'"@status"', '"content-type"', *BOUND}
        packed = accept == "gzip"
        assert (found.headers.get("Content-Encoding") == "gzip") == packed
        assert (gzip.decompress(body) if packed else body) == b"".join(blocks)

    def test_leaving_early_closes_the_source(self) -> None:
        closed = []

        def source() -> Iterator[bytes]:
            try:
                while True:
                    yield get_random_secret_key().encode() * 1_000
            finally:
                closed.append(True)

        request = RequestFactory(headers={"accept-encoding": "gzip"}).get("/")
        response = signatures.finish(request, StreamingHttpResponse(source()))
        assert isinstance(response, StreamingHttpResponse)
        assert next(iter(response))
        # What close() does, but for its signal, at which Django looks at the database.
        for close in response._resource_closers:
            close()
        assert closed == [True]


class TestKeys:
    def test_a_published_example(self, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        """RFC 9421, B.2.6: the same base and, Ed25519 being deterministic, the same signature."""
        private = base64.b64decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF")
        settings.API_SIGNING_KEY = private[-32:].hex()
        components = {
            '"date"': "Tue, 20 Apr 2021 02:07:55 GMT",
            '"@method"': "POST",
            '"@path"': "/foo",
            '"@authority"': "example.com",
            '"content-type"': "application/json",
            '"content-length"': "18",
        }
        base, _ = signatures.signature_base(components, ';created=1618884473;keyid="test-key-ed25519"')
        assert base.decode().splitlines()[-1] == (
            '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"'
        )
        expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        assert signatures.sign_bytes(base)[1] == expected

    def test_a_published_thumbprint(self) -> None:
        """RFC 8037, A.3."""
        key = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
        assert signatures.key_id(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

    def test_a_published_digest(self) -> None:
        """RFC 9530, appendix D."""
        assert signatures.content_digest(b'{"hello": "world"}') == (
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
        )

    def test_roll_over(self, settings: Any) -> None:
        """What an old key signed verifies as long as it stands among the others."""
        old = answer(sample())
        old_key = signatures.jwks()["keys"][0]
        settings.API_SIGNING_KEY = "1f" * 32
        with pytest.raises(InvalidSignature):
            old.verify()
        settings.API_TRUSTED_KEYS = [base64.urlsafe_b64decode(old_key["x"] + "=").hex()]
        old.verify()
        new = answer(sample())
        new.verify()
        kids = [key["kid"] for key in signatures.jwks()["keys"]]
        assert kids[1] == old_key["kid"] and f'keyid="{kids[0]}"' in new.headers["Signature-Input"]
