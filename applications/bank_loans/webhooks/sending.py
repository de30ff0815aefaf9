"""Sends what waits, at least once, of one pharmacy in order.

A sender leases a few messages, sends them with no transaction open, and marks each. Of a sender that was
killed the lease runs out, and its messages go again. Of one pharmacy only the oldest message that is
pending or dead can be leased, so that none overtakes another.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from applications.bank_loans.models import Delivery, Endpoint
from applications.bank_loans.webhooks import messages
from applications.bank_loans.webhooks.posting import WHOLE, Answer, Line
from ratings.services.audit import SYSTEM, record

#: How long after each failed attempt the next one follows; after the last of these a message is dead.
WAITS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
#: By up to this part more or less, at random, so that not all come back at once.
JITTER: Final = 0.1
#: After so many failures in a row an endpoint rests, each time twice as long.
REST_AFTER: Final = 3
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=10)
#: A receiver that asks for more time than this does not get it.
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
#: Messages leased together, and for how long: a sender gives back what it cannot send in time.
BATCH: Final = 20
LEASE: Final = timedelta(seconds=120)
_MARGIN: Final = timedelta(seconds=WHOLE + 20)
#: Seconds that one call sends for.
TURN: Final = 50.0
#: The first key of the advisory locks, one an endpoint.
_LOCKS: Final = 0x62616E6B

Clock = Callable[[], datetime]
_DICE: Final = random.Random()  # noqa: S311 -- nothing secret


@dataclass
class Sent:
    """What came of one call."""

    delivered: int = 0
    failed: int = 0


def due_endpoints(now: datetime) -> list[int]:
    """The endpoints that something can be sent to now."""
    waiting = Delivery.objects.filter(endpoint=OuterRef("pk"), state=Delivery.State.PENDING, due_at__lte=now)
    rows = Endpoint.objects.filter(_awake(now), Exists(waiting), state=Endpoint.State.ACTIVE)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def deliver(
    endpoint_id: int, *, clock: Clock = timezone.now, dice: random.Random = _DICE, seconds: float = TURN
) -> Sent:
    """Send an endpoint what is due, in the order of the changes, for so many seconds.

    Nothing where another sender is at it. Not inside a transaction. ``clock`` and ``dice`` (for jitter) are for
    tests; time limits of the network go by the real clock.
    """
    sent, end = Sent(), monotonic() + seconds
    with _alone(endpoint_id) as alone:
        endpoint = _awake_endpoint(endpoint_id, clock()) if alone else None
        if endpoint is None:
            return sent
        with Line(endpoint.url) as line:
            while endpoint is not None and monotonic() < end:
                lease = clock() + LEASE
                batch = claim(endpoint, clock(), lease)
                if not batch:
                    break
                _send(batch, endpoint, line, lease, sent, end, clock, dice)
                endpoint = _awake_endpoint(endpoint_id, clock())
    return sent


def claim(endpoint: Endpoint, now: datetime, lease: datetime, most: int = BATCH) -> list[Delivery]:
    """Lease the next messages that are due, oldest first, at most one of each pharmacy."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH next AS MATERIALIZED (
                SELECT d.id FROM bank_loans_delivery d
                WHERE d.endpoint_id = %(endpoint)s AND d.state = 'PENDING' AND d.due_at <= %(now)s
                    AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
                    AND NOT EXISTS (
                        SELECT FROM bank_loans_delivery e
                        WHERE e.endpoint_id = d.endpoint_id AND e.code = d.code AND e.id < d.id
                            AND e.state IN ('PENDING', 'DEAD')
                    )
                ORDER BY d.id LIMIT %(most)s FOR UPDATE OF d SKIP LOCKED
            )
            UPDATE bank_loans_delivery d SET leased_until = %(lease)s FROM next WHERE d.id = next.id
            RETURNING d.id
            """,
            {"endpoint": endpoint.pk, "now": now, "lease": lease, "most": most},
        )
        found = [row[0] for row in cursor.fetchall()]
    rows = Delivery.objects.filter(pk__in=found).select_related("change__product").order_by("pk")
    return list(rows) if found else []


def _send(
    batch: list[Delivery],
    endpoint: Endpoint,
    line: Line,
    lease: datetime,
    sent: Sent,
    end: float,
    clock: Clock,
    dice: random.Random,
) -> None:
    """Send leased messages one by one; gives back the rest once the endpoint fails too often, or time is up."""
    for place, delivery in enumerate(batch):
        now = clock()
        # Looked at anew each time: it may have been stopped, or its secret changed.
        current = _awake_endpoint(endpoint.pk, now)
        if current is None or now > lease - _MARGIN or monotonic() > end:
            return _give_back(batch[place:], lease)
        endpoint = current
        answer = _attempt(delivery, endpoint, line, now)
        if answer.is_good:
            sent.delivered += 1
            _succeeded(delivery, endpoint, answer, clock())
        else:
            sent.failed += 1
            if not _failed(delivery, endpoint, answer, lease, clock(), dice):
                return _give_back(batch[place + 1 :], lease)
    return None


def _attempt(delivery: Delivery, endpoint: Endpoint, line: Line, now: datetime) -> Answer:
    content = messages.change_body(delivery.change)
    try:
        headers = messages.headers(endpoint, str(delivery.message_id), content, now)
    except ValueError:
        return Answer(None, problem="签名密钥无法解密：SECRET_KEY 已更换，请更换签名密钥")
    return line.post(content, headers)


@transaction.atomic
def _succeeded(delivery: Delivery, endpoint: Endpoint, answer: Answer, now: datetime) -> None:
    """Whoever's lease it is by now: it has arrived."""
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING).update(
        state=Delivery.State.DELIVERED,
        attempts=F("attempts") + 1,
        last_status=answer.status,
        last_error="",
        delivered_at=now,
        leased_until=None,
    )
    if endpoint.failures:
        endpoint.failures = 0
        cleared = {"failures": 0, "rests_until": None, "last_error": ""}
        Endpoint.objects.filter(pk=endpoint.pk, state=Endpoint.State.ACTIVE).update(**cleared)


@transaction.atomic
def _failed(
    delivery: Delivery,
    endpoint: Endpoint,
    answer: Answer,
    lease: datetime,
    now: datetime,
    dice: random.Random,
) -> bool:
    """Note a failed attempt and when the next one follows; whether the endpoint is to be tried further now."""
    attempts = delivery.attempts + 1
    wait = wait_after(attempts, dice)
    asked = min(timedelta(seconds=answer.retry_after or 0), LONGEST_RETRY_AFTER)
    gone = answer.status == 410
    dead = wait is None and not gone
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, leased_until=lease).update(
        state=Delivery.State.DEAD if dead else Delivery.State.PENDING,
        attempts=attempts,
        due_at=now + max(wait or timedelta(0), asked),
        last_status=answer.status,
        last_error=answer.problem[:300],
        leased_until=None,
    )
    endpoint.failures += 1
    rest = max(_rest_after(endpoint.failures, dice), asked)
    mine = Endpoint.objects.filter(pk=endpoint.pk, state=Endpoint.State.ACTIVE)
    noted = {"failures": endpoint.failures, "last_error": answer.problem[:300]}
    if gone:
        if mine.update(state=Endpoint.State.STOPPED, rests_until=None, **noted):
            record("停用通知地址", endpoint, by=SYSTEM, reason="对方答复 410（不再接收）", url=endpoint.url)
        return False
    mine.update(rests_until=now + rest if rest else None, **noted)
    return not rest


def wait_after(attempts: int, dice: random.Random) -> timedelta | None:
    """How long after so many attempts the next one follows; None: no more, until somebody sends it again.

    A message that was dead and is sent again goes through all waits anew; its attempts count on.
    """
    place = (attempts - 1) % (len(WAITS) + 1)
    return _jittered(WAITS[place], dice) if place < len(WAITS) else None


def _rest_after(failures: int, dice: random.Random) -> timedelta:
    """How long an endpoint rests after so many failures in a row."""
    if failures < REST_AFTER:
        return timedelta(0)
    doubled: timedelta = FIRST_REST * 2 ** min(failures - REST_AFTER, 10)
    return _jittered(min(doubled, LONGEST_REST), dice)


def _jittered(wait: timedelta, dice: random.Random) -> timedelta:
    return wait * (1 + JITTER * (2 * dice.random() - 1))


def _give_back(rest: list[Delivery], lease: datetime) -> None:
    """Others may send these, at once."""
    keys = [delivery.pk for delivery in rest]
    Delivery.objects.filter(pk__in=keys, state=Delivery.State.PENDING, leased_until=lease).update(
        leased_until=None
    )


def _awake(now: datetime) -> Q:
    return Q(rests_until=None) | Q(rests_until__lte=now)


def _awake_endpoint(endpoint_id: int, now: datetime) -> Endpoint | None:
    """The endpoint as it is now, None where nothing may be sent to it."""
    return Endpoint.objects.filter(_awake(now), pk=endpoint_id, state=Endpoint.State.ACTIVE).first()


@contextmanager
def _alone(endpoint_id: int) -> Iterator[bool]:
    """Whether this sender has the endpoint to itself; the lock goes with the database session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCKS, endpoint_id])
        taken: bool = cursor.fetchone()[0]
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCKS, endpoint_id])
