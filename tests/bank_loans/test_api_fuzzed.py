"""Whatever is sent to the feed and to the token endpoint: no answer that is not described, none of 500."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import given
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi import checks as openapi

from applications.api.schema import document
from tests.bank_loans.building import TODAY, A, B, C, city, product
from tests.bank_loans.calling import PRODUCTS, Program, on
from tests.clients import building as clients

pytestmark = pytest.mark.django_db
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
]
EXAMPLES = 40
FEED = [operation["operationId"] for path, methods in document()["paths"].items()
        for operation in methods.values() if path.startswith(PRODUCTS)]  # fmt: skip
TOKEN = {
    "openapi": "3.1.0",
    "info": {"title": "RFC 6749", "version": "1"},
    "paths": {
        clients.TOKEN: {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "required": ["grant_type"],
                                "properties": {
                                    "grant_type": {"enum": ["client_credentials"]},
                                    "scope": {"type": "string"},
                                    "client_id": {"type": "string"},
                                    "client_secret": {"type": "string"},
                                },
                            }
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "RFC 6749, 5.1",
                        "headers": {"Cache-Control": {"required": True, "schema": {"const": "no-store"}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["access_token", "token_type", "expires_in", "scope"],
                                }
                            }
                        },
                    },
                    **{
                        status: {
                            "description": "RFC 6749, 5.2",
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "required": ["error"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "error": {"type": "string"},
                                            "error_description": {"type": "string"},
                                        },
                                    }
                                }
                            },
                        }
                        for status in ("400", "401", "429")
                    },
                },
            }
        }
    },
}


def described(schema: dict[str, Any]) -> Any:
    found = schemathesis.openapi.from_dict(schema)
    found.app = get_wsgi_application()
    return found


def fuzz(
    operation: Any, mode: schemathesis.GenerationMode, headers: dict[str, str], **fixed: Any
) -> set[int]:
    """Send what the mode makes of an operation; the statuses that came."""
    seen: set[int] = set()
    # Its transport for WSGI unpacks nothing.
    sent = {**headers, "accept-encoding": "identity"}

    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(mode, **fixed))
    def send(case: Any) -> None:
        response = case.call_and_validate(headers=sent, checks=CHECKS)
        seen.add(response.status_code)

    with one_connection():
        send()
    return seen


@contextmanager
def one_connection() -> Iterator[None]:
    """Requests leave the test's connection open, as those of Django's test client do."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("name", FEED)
def test_the_feed(name: str, mode: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CLIENT_REQUESTS_A_MINUTE = 10_000
    on(TODAY, monkeypatch)
    city(A, B, C)
    product()
    program = Program()
    operation = described(document()).find_operation_by_id(name)
    path = {} if name == "bank_products" else {"path_parameters": {"product": "edai"}}
    seen = fuzz(operation, mode, program.headers, **path)
    # A report of loans that is well-formed may still be of none that we know.
    assert seen & {200, 422} and seen <= {200, 400, 415, 422} if mode.is_positive else 400 in seen


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_token_endpoint(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("applications.clients.endpoints.ATTEMPTS_A_MINUTE", 10_000)
    client = clients.client()
    headers = clients.basic(client.client_id, clients.secret(client))
    operation = described(TOKEN)[clients.TOKEN]["POST"]
    seen = fuzz(operation, mode, headers)
    # 401: a client id in the body beside another in the header
    assert {200, 400} <= seen <= {200, 400, 401} if mode.is_positive else {400} <= seen <= {400, 401}
