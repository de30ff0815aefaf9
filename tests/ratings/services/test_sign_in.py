"""Until when a user name is locked, and lifting the lock."""

from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User

from ratings.models import AuditEvent
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.sign_in import locks_of, unlock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
BY = Actor("root", "10.0.0.9")


def failed(count: int, minute: int, address: str = "10.0.0.1", agent: str = "a", name: str = "wang") -> None:
    attempt = AccessAttempt.objects.create(
        username=name, ip_address=address, user_agent=agent, failures_since_start=count
    )
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=NOON + timedelta(minutes=minute))


def until(minute: int) -> list[datetime]:
    return [lock.until for lock in locks_of("wang", NOON + timedelta(minutes=minute))]


def test_the_fifth_failure_locks() -> None:
    failed(4, 0)
    assert until(1) == []
    failed(1, 2, agent="b")
    assert until(2) == [NOON + timedelta(minutes=15)]  # when the first four are forgotten


def test_a_lock_ends() -> None:
    failed(5, 0)
    assert until(15) == [NOON + timedelta(minutes=15)]
    assert until(16) == []


def test_a_lock_holds_while_enough_failures_are_fresh() -> None:
    failed(3, 0)
    failed(6, 5, agent="b")
    assert until(6) == [NOON + timedelta(minutes=20)]


def test_addresses_and_names_are_apart() -> None:
    failed(4, 0)
    failed(4, 0, address="10.0.0.2")
    failed(9, 0, name="li")
    assert until(1) == []


def test_unlocking_is_on_record() -> None:
    user = User.objects.create_user("wang")
    AccessAttempt.objects.create(
        username="wang", ip_address="10.0.0.1", user_agent="a", failures_since_start=5
    )
    with pytest.raises(Refused, match="理由"):
        unlock(user, reason=" ", by=BY)
    unlock(user, reason="本人来电核实", by=BY)
    assert locks_of("wang") == []
    event = AuditEvent.objects.get(action="解除登录锁定")
    assert (event.subject, event.reason, event.detail) == (
        f"user:{user.pk}",
        "本人来电核实",
        {"name": "wang", "addresses": ["10.0.0.1"]},
    )
    with pytest.raises(Refused, match="没有被锁定"):
        unlock(user, reason="再来", by=BY)
