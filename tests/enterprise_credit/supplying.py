"""Records as departments supply them, for tests."""

import itertools
import json
from hashlib import sha256
from io import BytesIO
from typing import Any

from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone

from applications.clients.models import Client
from applications.enterprise_credit import intake
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject, RecordBatch
from applications.enterprise_credit.rules.catalogue import RecordType
from ratings.services.audit import Actor
from tests.clients import building as clients
from tests.enterprise_credit.building import department

PENALTY = "scjgj-penalty"
RECORDS = f"/api/v1/department/records/{PENALTY}/"
BY = Actor("数据员甲")
_serial = itertools.count(1)


def record_type(key: str = PENALTY) -> RecordType:
    found = catalogue_on(timezone.localdate()).record_type(key)
    assert found is not None
    return found


def row(of: CreditSubject | None = None, record_no: str = "A1", **values: Any) -> dict[str, Any]:
    """A row about an enterprise as a program sends it."""
    about = {"social_credit_code": of.uscc, "name": of.name} if of else {}
    return {
        "record_no": record_no,
        **about,
        "document_no": "绍市监罚〔2026〕1号",
        "decided_on": "2026-01-05",
        "data": {"content": "警告"},
        **values,
    }


def withdrawal(record_no: str = "A1", reason: str = "决定已撤销") -> dict[str, Any]:
    return {"record_no": record_no, "withdraw": True, "reason": reason}


def program(key: str = "scjgj", *scopes: str) -> Client:
    """A client of a department that may supply."""
    return clients.client(scopes or ("department:supply",), department(key))


def take(client: Client, *rows: dict[str, Any], key: str = "", type_key: str = PENALTY) -> dict[str, Any]:
    """Take rows in as a call does; the answer, with its results by number and outcome."""
    content = json.dumps([type_key, rows], sort_keys=True).encode()

    def answer(batch: RecordBatch, results: list[intake.Result]) -> dict[str, Any]:
        return {
            "batch": batch.pk,
            "results": [
                [one.record_no, one.outcome, [str(fault) for fault in one.faults]] for one in results
            ],
        }

    batch = intake.take_in(
        client,
        record_type(type_key),
        key or f"key-{next(_serial)}",
        rows,
        sha256=sha256(content).hexdigest(),
        size=len(content),
        by=BY,
        answer=answer,
    )
    found: dict[str, Any] = batch.answer
    return found


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [outcome for _, outcome, _ in answer["results"]]


def bearer(client: Client) -> dict[str, str]:
    """The header of a token; one for each client."""
    if not hasattr(client, "_bearer"):
        client._bearer = clients.bearer(client)
    found: dict[str, str] = client._bearer
    return found


def send(
    client: Client, body: Any, status: int = 200, *, key: str = "", address: str = RECORDS, **extra: Any
) -> Any:
    """The JSON of the answer to a call: JSON of the body, bytes as they are."""
    headers = bearer(client) | {"idempotency-key": key or f"key-{next(_serial)}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Browser().post(
        address,
        content,
        **{"content_type": "application/json", **extra},
        headers={name: value for name, value in headers.items() if value != "-"},
    )
    return told(response, status)


def ask(client: Client, address: str, status: int = 200) -> Any:
    return told(Browser().get(address, headers=bearer(client)), status)


def told(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content.decode()[:2000]
    return json.loads(response.content)


def faults(problem: Any) -> dict[str, str]:
    return {one["parameter"]: one["detail_en"] for one in problem["errors"]}


HEADERS = "记录编号,统一社会信用代码,企业名称,文书号,认定日期,生效日,失效日,处罚内容,罚款金额,责任人"


def csv(*rows: str, headers: str = HEADERS) -> BytesIO:
    return BytesIO("\n".join((headers, *rows, "")).encode())
