"""The address at which banks report: rights, the idempotency key, and what is told of wrong lines."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from jsonschema import Draft202012Validator

from applications.api.schema import document
from applications.bank_loans.api.feedback import MOST_BYTES, MOST_FAULTS
from applications.bank_loans.models import FeedbackBatch, LoanEvent, LoanProduct
from applications.clients.models import Call, Client
from tests.bank_loans import building
from tests.bank_loans.reporting import SHOP, event, report
from tests.clients import building as clients

pytestmark = pytest.mark.django_db

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
Post = Callable[..., Any]


@pytest.fixture
def product() -> LoanProduct:
    building.shop(code=SHOP)
    return building.product()


@pytest.fixture
def client(product: LoanProduct) -> Client:
    return clients.client(organisation_=product.bank)


@pytest.fixture
def post(client: Client) -> Post:
    known = clients.bearer(client)

    def send(content: Any, *, key: str | None = KEY, product: str = "edai", **headers: str) -> Any:
        given = {**known, **headers, **({} if key is None else {"idempotency-key": key})}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        url = f"/api/v1/bank/products/{product}/feedback/"
        return Browser().post(url, body, content_type="application/json", headers=given)

    return send


def granted(number: str = "1", **values: Any) -> dict[str, Any]:
    today = timezone.localdate().isoformat()
    return event(number, "granted", 100, **{"on": today, "loan_no": f"L{number}", **values})


def test_a_report_gets_its_receipt_and_again_the_same(post: Post, product: LoanProduct) -> None:
    first = post(report(granted()))
    assert first.status_code == 200, first.content
    batch = FeedbackBatch.objects.get()
    told = first.json()
    assert {name: told[name] for name in ("batch", "product", "rows", "total_fen")} == {
        "batch": batch.pk, "product": "edai", "rows": 1, "total_fen": 100,
    }  # fmt: skip
    assert first["Signature"]
    again = post(report(granted()))
    assert (again.status_code, again.json()) == (200, told)
    assert LoanEvent.objects.count() == 1
    call = Call.objects.order_by("-pk").first()
    assert call is not None
    assert (call.operation, call.subject, call.status) == ("bank_feedback", "edai", 200)


def test_the_order_of_fields_is_no_other_content(post: Post) -> None:
    content = report(granted())
    turned = {name: content[name] for name in reversed(content)}
    turned["events"] = [{name: one[name] for name in reversed(one)} for one in content["events"]]
    assert post(content).json() == post(turned).json()


def test_the_same_key_with_another_content_conflicts(post: Post) -> None:
    assert post(report(granted())).status_code == 200
    assert post(report(granted("2"))).status_code == 409
    assert LoanEvent.objects.count() == 1


def test_a_key_goes_with_or_without_quotation_marks(post: Post) -> None:
    first = post(report(granted()), key='"abc-1"')
    assert post(report(granted()), key="abc-1").json() == first.json()


@pytest.mark.parametrize("key", [None, "", '""', '"open', "two words", '"' + "x" * 101 + '"', '"中文"'])
def test_without_a_key_nothing_is_taken_in(post: Post, key: str | None) -> None:
    answer = post(report(granted()), key=key)
    assert answer.status_code == 400
    assert [one["parameter"] for one in answer.json()["errors"]] == ["Idempotency-Key"]
    assert not FeedbackBatch.objects.exists()


def test_each_wrong_line_is_told_in_both_languages(post: Post) -> None:
    lines = [granted("1"), granted("2", amount_fen=0), event("3", "drawn", 5, loan_no="L9", on="2026-02-11")]
    answer = post(report(*lines))
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["parameter"] == "events.1.amount_fen"
    assert fault["detail"].startswith("金额以分为单位")
    assert fault["detail_en"].startswith("Amounts are in fen")
    lines[1] = granted("2")
    assert [one["parameter"] for one in post(report(*lines)).json()["errors"]] == ["events.2.loan_no"]
    assert not LoanEvent.objects.exists()


def test_decimal_amounts_are_refused_even_when_whole(post: Post) -> None:
    body = json.dumps(report(granted())).replace('"amount_fen": 100', '"amount_fen": 100.0')
    assert [one["parameter"] for one in post(body.encode()).json()["errors"]] == ["events.0.amount_fen"]


def test_of_very_many_faults_some_are_told(post: Post) -> None:
    lines = [granted(str(place), amount_fen=-1) for place in range(MOST_FAULTS + 3)]
    told = post(report(*lines)).json()
    assert len(told["errors"]) == MOST_FAULTS
    assert "另有 3 处" in told["detail"]
    assert told["detail_en"].startswith("3 more")


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b" " * (MOST_BYTES + 1), 413), (b"{}", 422)]
)
def test_what_is_no_report_is_refused(post: Post, body: bytes, status: int) -> None:
    assert post(body).status_code == status


def test_rights(post: Post, client: Client, product: LoanProduct) -> None:
    other = building.product("other", bank=building.bank("icbc"))
    assert post(report(granted()), product=other.key).status_code == 404
    assert post(report(granted()), product="none").status_code == 404
    url = "/api/v1/bank/products/edai/feedback/"
    reader = clients.bearer(clients.client(["bank:read", "bank:check"], product.bank))
    body = json.dumps(report(granted()))
    for headers, status in ((reader, 403), ({}, 401)):
        answer = Browser().post(
            url, body, content_type="application/json", headers={**headers, "idempotency-key": KEY}
        )
        assert answer.status_code == status
    assert Browser().get(url, headers=clients.bearer(client)).status_code == 405
    assert not FeedbackBatch.objects.exists()


def test_the_description_fits_what_is_taken_in(post: Post) -> None:
    described = document()["paths"]["/api/v1/bank/products/{product}/feedback/"]["post"]
    assert described["operationId"] == "bank_feedback"
    body = described["requestBody"]["content"]["application/json"]
    check = Draft202012Validator(body["schema"])
    (example,) = body["examples"].values()
    check.validate(example["value"])
    check.validate(report(granted()))
    assert not check.is_valid(report(granted(colour="red")))
    assert not check.is_valid({**report(granted()), "events": []})
    assert "Idempotency-Key" in {one["name"] for one in described["parameters"] if one["in"] == "header"}
    assert set(described["responses"]) >= {"200", "400", "401", "403", "404", "409", "413", "415", "422"}
