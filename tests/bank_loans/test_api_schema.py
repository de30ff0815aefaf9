"""The description of the feed: examples that fit it, and real answers held against it."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from applications.api.schema import document
from applications.bank_loans.api import views
from applications.bank_loans.models.lists import SHOWN
from applications.bank_loans.reading import COLUMNS
from applications.clients.oauth import SCOPES
from tests import factories
from tests.applications.description import contents, operations, validator
from tests.bank_loans.building import START, TODAY, A, B, C, bank, city, product, regrade
from tests.bank_loans.calling import PRODUCTS, Program, on
from tests.clients import building as clients

ONE = f"{PRODUCTS}{{product}}/"
BOUND = {"Signature", "Signature-Input", "Content-Digest"}


def test_every_answer_has_an_example_that_fits() -> None:
    found = list(contents(PRODUCTS))
    # Seven operations with nine problems each, one more of the check, two of the batch, and the formats of what is good; reports.
    assert len(found) == 7 * 9 + 1 + 2 + 7 + 1 + 13
    for path, status, media_type, content in found:
        assert content["examples"], (path, status, media_type)
        for example in content["examples"].values():
            validator(content["schema"]).validate(example["value"])


def test_operations() -> None:
    found = {
        (path.removeprefix(PRODUCTS), method): operation for path, method, operation in operations(PRODUCTS)
    }
    assert {at: operation["operationId"] for at, operation in found.items()} == {
        ("", "get"): "bank_products",
        ("{product}/", "get"): "bank_product",
        ("{product}/pharmacies/", "get"): "bank_pharmacies",
        ("{product}/pharmacies/stream/", "get"): "bank_stream",
        ("{product}/changes/", "get"): "bank_changes",
        ("{product}/check/", "get"): "bank_check",
        ("{product}/check/", "post"): "bank_check_batch",
        ("{product}/feedback/", "post"): "bank_feedback",
    }
    for (path, _method), operation in found.items():
        assert operation["summary"] and operation["description"]
        assert operation["tags"] == ["bank"]
        (scope,) = {f"bank:{name}" for name in ("check", "feedback") if name in path} or {"bank:read"}
        assert operation["security"] == [{"oauth2": [scope]}]
        for status, response in operation["responses"].items():
            headers = set(response["headers"])
            assert BOUND - headers <= ({"Content-Digest"} if status in {"200", "304"} else set())
            assert ("WWW-Authenticate" in headers) == (status in {"401", "403"})
            assert ("Retry-After" in headers) == (status in {"429", "503"})


def test_how_to_sign_in() -> None:
    (scheme,) = document()["components"]["securitySchemes"].values()
    flow = scheme["flows"]["clientCredentials"]
    assert (scheme["type"], flow["tokenUrl"]) == ("oauth2", clients.TOKEN)
    assert list(flow["scopes"]) == list(SCOPES)


def test_rows_are_described_field_by_field() -> None:
    schemas = document()["components"]["schemas"]
    assert list(schemas["EligiblePharmacy"]["properties"]) == list(COLUMNS)
    assert set(SHOWN) < set(COLUMNS)
    assert set(schemas["EligiblePharmacy"]["required"]) == set(COLUMNS)


class Held:
    """Answers held against the description, status, headers and body."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, int]] = set()

    def check(self, path: str, response: HttpResponse, method: str = "get") -> None:
        described = document()["paths"][path][method]["responses"][str(response.status_code)]
        named = set(described.get("headers", {}))
        usual = {"Allow", "Content-Type", "Content-Length", "Vary", "Content-Encoding"}
        ours = {"X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"}
        assert set(response.headers) - usual - ours <= named, (path, set(response.headers) - named)
        needed = {name for name, one in described["headers"].items() if one.get("required")}
        assert needed <= set(response.headers)
        if response.status_code != 304:
            media_type = response["Content-Type"].partition(";")[0]
            schema = described["content"][media_type]["schema"]
            if not response.streaming:
                validator(schema).validate(response.json())  # type: ignore[attr-defined]
        self.seen.add((path, method, response.status_code))


@pytest.mark.django_db
def test_real_answers_fit(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    on(TODAY, monkeypatch)
    shops, life = city(A, B, C, A)
    other = product("other", bank=bank("xyz"))
    product()
    program = Program()
    program.ask()
    regrade(life, shops[0], C, START + timedelta(hours=1))
    held = Held()
    good: dict[str, dict[str, Any]] = {
        PRODUCTS: {},
        ONE: {},
        f"{ONE}pharmacies/": {"limit": 1},
        f"{ONE}pharmacies/stream/": {},
        f"{ONE}changes/": {"limit": 2},
        f"{ONE}check/": {"purpose": "pre_loan", "code": shops[1].code},
    }
    weak = Program(None, "bank:feedback")
    for path, parameters in good.items():
        address = path.replace("{product}", "edai")
        answer = program.get(address, **parameters)
        held.check(path, answer)
        if "ETag" in answer:
            held.check(path, program.get(address, {"if-none-match": answer["ETag"]}, **parameters))
        held.check(path, program.get(address, wrong="1"))
        held.check(path, program.get(address, {"accept": "text/html"}))
        held.check(path, Browser().get(address))
        held.check(path, Browser().get(address, headers={"authorization": "Bearer x"}))
        held.check(path, weak.get(address))
        if path != PRODUCTS:
            held.check(path, program.get(address.replace("edai", other.key), **parameters))
        with monkeypatch.context() as patched:
            patched.setattr(views, "bring_up_to_date", _busy)
            held.check(path, program.get(address, **parameters))
    for code in (shops[0].code, "P33060299999"):
        held.check(f"{ONE}check/", program.get("check/", code=code, purpose="post_loan"))
    held.check(
        f"{ONE}check/", program.get("check/", social_credit_code=factories.uscc(), purpose="post_loan")
    )
    held.check(f"{ONE}changes/", program.get("changes/"))
    batch = {"purpose": "pre_loan", "codes": [shops[0].code, shops[1].code, "x"]}
    for body, kind in ((batch, "application/json"), ({}, "application/json"), (batch, "text/plain")):
        held.check(f"{ONE}check/", _post(program, body, kind), "post")
    held.check(f"{ONE}check/", _post(program, {"x": "x" * 2_000_000}, "application/json"), "post")
    settings.CLIENT_REQUESTS_A_MINUTE = 1
    for path, parameters in good.items():
        held.check(path, program.get(path.replace("{product}", "edai"), **parameters))
    statuses = {status for _path, method, status in held.seen if method == "get"}
    assert statuses == {200, 304, 400, 401, 403, 404, 406, 429, 503}
    assert {status for _path, method, status in held.seen if method == "post"} == {200, 400, 413, 415}


def _busy(*_: Any, **__: Any) -> Any:
    raise views.Busy


def _post(program: Program, body: Any, kind: str) -> HttpResponse:
    response: HttpResponse = Browser().post(
        f"{program.address}check/", body, content_type=kind, headers=program.headers
    )
    return response


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "post"])
def test_other_methods(method: str) -> None:
    """Told to those who may ask; 405 is described."""
    product()
    program = Program()
    response = getattr(Browser(), method)(program.address, headers=program.headers)
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    # What the view has, of what any may have.
    assert response["Allow"] == "GET, HEAD"
    Held().check(ONE, response)
