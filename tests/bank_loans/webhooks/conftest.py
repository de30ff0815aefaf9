"""A product, a receiver, a clock."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from applications.bank_loans.models import LoanProduct
from applications.bank_loans.webhooks import posting
from tests.bank_loans import building
from tests.bank_loans.webhooks.building import Clock
from tests.bank_loans.webhooks.receiver import Receiver


@pytest.fixture(autouse=True)
def _here_and_soon(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers on this machine are allowed, and nobody waits long for one."""
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(posting, "WHOLE", 1.0)
    monkeypatch.setattr(posting, "REST", 0.3)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def product(db: None) -> LoanProduct:
    return building.product()


@pytest.fixture
def clock() -> Clock:
    return Clock()
