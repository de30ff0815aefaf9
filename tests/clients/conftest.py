"""A clock for limits."""

import pytest

from applications.api import throttle


@pytest.fixture
def in_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests of the test fall into one window of the limits."""
    monkeypatch.setattr(throttle.time, "time", lambda: 1_800_000_000.0 + 15)
