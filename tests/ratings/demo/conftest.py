"""The demo city, in memory and in the database, built once for all tests here."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from ratings.demo.city import City, generate
from ratings.demo.load import ensure_city


@pytest.fixture(scope="session")
def city() -> City:
    return generate()


@pytest.fixture(scope="module")
def _city_stored(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        assert ensure_city()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def stored(_city_stored: None, db: None) -> None:
    """The demo city lies in the database; what the test changes is rolled back."""
