"""Calls of clients: who may, and what is put on record."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import path
from rest_framework.request import Request

from applications import registry
from applications.clients.models import Call
from applications.clients.views import ClientView
from tests.clients import building

ROWS = [b'{"code":1}\n{"code":2}\n', b'{"code":3}\n', b'{"end":{}}\n']


class Sample(ClientView):
    scope = "bank:read"
    operation = "sample"

    def get(self, request: Request) -> HttpResponse:
        self.note(rows=2, subject="loan", purpose="review")
        return self.answer({"client": self.client.organisation.name})


class Stream(Sample):
    operation = "stream"

    def get(self, request: Request) -> Any:
        return self.answer_stream(iter(ROWS), "application/x-ndjson", "list.ndjson")


urlpatterns = [
    path("api/sample/", Sample.as_view()),
    path("api/stream/", Stream.as_view()),
    *registry.urlpatterns(),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def get(headers: dict[str, str], url: str = "/api/sample/", **extra: Any) -> Any:
    return Browser().get(url, headers=headers, **extra)


def test_a_call() -> None:
    client = building.client(["bank:read"])
    answer = get(building.bearer(client))
    assert (answer.status_code, answer.json()) == (200, {"client": client.organisation.name})
    call = Call.objects.get(operation="sample")
    assert (call.client, call.subject, call.purpose, call.rows, call.status) == (
        client,
        "loan",
        "review",
        2,
        200,
    )


def test_a_stream() -> None:
    client = building.client(["bank:read"])
    answer = get(building.bearer(client), "/api/stream/")
    assert b"".join(answer.streaming_content) == b"".join(ROWS)
    call = Call.objects.get(operation="stream")
    assert (call.rows, call.complete, call.status) == (3, True, 200)
