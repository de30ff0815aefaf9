"""What every test stands on."""

import os

import hypothesis
import pytest
from django.core.cache import cache
from django.db.backends.postgresql.operations import DatabaseOperations

hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def missing(component: str) -> None:
    """Skip the test for want of ``component``; in CI that is a failure."""
    if os.environ.get("CREDITSYS_CI"):
        pytest.fail(f"{component} is missing, and in CI nothing may be skipped for that")
    pytest.skip(f"{component} is not on this machine")


@pytest.fixture(autouse=True)
def counted_from_nothing() -> None:
    """Each test has its own budget of requests."""
    cache.clear()


@pytest.fixture(autouse=True, scope="session")
def flush_past_the_guards() -> None:
    """Let the test runner empty append-only tables between transactional tests.

    The guards refuse TRUNCATE to everyone; a superuser's session can lay them aside.
    """
    flush = DatabaseOperations.execute_sql_flush

    def flush_as_replica(self: DatabaseOperations, sql_list: list[str]) -> None:
        flush(
            self,
            ["SET session_replication_role = replica", *sql_list, "SET session_replication_role = DEFAULT"],
        )

    DatabaseOperations.execute_sql_flush = flush_as_replica  # type: ignore[method-assign]
