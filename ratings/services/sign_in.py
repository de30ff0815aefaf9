"""Locks after failed sign-ins: how long they hold, and lifting them.

django-axes counts the failures, by user name and address, in the table that it empties itself;
what happened stays in the audit record.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from ratings.services.audit import Actor, record
from ratings.services.errors import Refused


@dataclass(frozen=True, slots=True)
class Lock:
    """A user name that cannot sign in from an address until a moment."""

    name: str
    address: str | None
    until: datetime


def locks_of(name: str, at: datetime | None = None) -> list[Lock]:
    """The locks on a user name that hold at ``at`` (default now), by address."""
    now = at or timezone.now()
    by_address: dict[str | None, list[tuple[datetime, int]]] = defaultdict(list)
    for address, moment, failures in (
        AccessAttempt.objects.filter(username=name, attempt_time__gte=now - settings.AXES_COOLOFF_TIME)
        .order_by("attempt_time")
        .values_list("ip_address", "attempt_time", "failures_since_start")
    ):
        by_address[address].append((moment, failures))
    found = []
    for address, attempts in by_address.items():
        until = _locked_until(attempts)
        if until is not None:
            found.append(Lock(name, address, until))
    return sorted(found, key=lambda lock: (lock.until, lock.address or ""))


def _locked_until(attempts: list[tuple[datetime, int]]) -> datetime | None:
    """When so many of the failures (oldest first) are forgotten that too few are left."""
    left = sum(failures for _, failures in attempts)
    until = None
    for moment, failures in attempts:
        if left < settings.SIGN_IN_FAILURES:
            break
        left -= failures
        until = moment + settings.AXES_COOLOFF_TIME
    return until


@transaction.atomic
def unlock(user: User, *, reason: str, by: Actor) -> None:
    """Lift all locks on a user. Raises Refused without a reason or when nothing is locked."""
    if not reason.strip():
        raise Refused("解除登录锁定须写明理由。")
    name = user.get_username()
    locks = locks_of(name)
    if not locks:
        raise Refused(f"用户 {name} 没有被锁定，无须解除。")
    AccessAttempt.objects.filter(username=name).delete()
    record(
        "解除登录锁定",
        user,
        by=by,
        reason=reason.strip(),
        name=name,
        addresses=[lock.address for lock in locks],
    )
