"""Signing in: the token endpoint."""

import pytest

from applications.clients.models import Call
from tests.clients import building

pytestmark = pytest.mark.django_db


def test_a_token_for_ten_minutes() -> None:
    client = building.client(["bank:read", "bank:check"])
    answer = building.ask_token(client, building.secret(client))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    told = answer.json()
    assert len(told.pop("access_token")) >= 30
    assert told == {"expires_in": 600, "token_type": "Bearer", "scope": "bank:read bank:check"}
    call = Call.objects.get()
    assert (call.client, call.operation, call.subject, call.status) == (client, "token", told["scope"], 200)
