"""Programs of banks that call the API, for tests."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from applications.bank_loans.api import views
from applications.clients.models import Organisation
from tests.bank_loans import building
from tests.clients import building as clients

PRODUCTS = "/api/v1/bank/products/"


def on(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API take this for today."""
    monkeypatch.setattr(views, "timezone", SimpleNamespace(localdate=lambda: day))


class Program:
    """A client of a bank, with a token; asks for things of one product."""

    def __init__(self, bank: Organisation | None = None, *scopes: str, product: str = "edai") -> None:
        self.client = clients.client(scopes, bank or building.bank())
        self.headers = clients.bearer(self.client)
        self.address = f"{PRODUCTS}{product}/"

    def get(self, path: str = "", headers: dict[str, str] | None = None, **parameters: Any) -> HttpResponse:
        """``path`` is of the product, or whole."""
        address = path if path.startswith(("/", "http")) else f"{self.address}{path}"
        asked: HttpResponse = Browser().get(address, parameters, headers=self.headers | (headers or {}))
        return asked

    def ask(self, path: str = "", status: int = 200, **parameters: Any) -> Any:
        """The JSON of an answer, which must have this status."""
        return _told(self.get(path, **parameters), status)

    def send(self, body: Any, path: str = "check/", status: int = 200, **extra: Any) -> Any:
        """The JSON of an answer to a body: JSON of it, bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers | extra.pop("headers", {})
        response = Browser().post(
            f"{self.address}{path}", content, **{"content_type": "application/json", **extra}, headers=headers
        )
        return _told(response, status)

    def faults(self, path: str = "", **parameters: Any) -> dict[str, str]:
        """The parameters that are refused, each with why, in English."""
        return faults(self.ask(path, 400, **parameters))

    def pages(self, path: str, **parameters: Any) -> list[Any]:
        """All pages, by their ``next``."""
        found = [self.ask(path, **parameters)]
        while found[-1]["next"]:
            found.append(self.ask(found[-1]["next"]))
        return found

    def stream(self, form: str = "ndjson", **headers: str) -> bytes:
        response = self.get("pharmacies/stream/", headers, format=form)
        assert response.status_code == 200
        return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def faults(problem: Any) -> dict[str, str]:
    return {one["parameter"]: one["detail_en"] for one in problem["errors"]}


def _told(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content.decode()
    return json.loads(response.content)
