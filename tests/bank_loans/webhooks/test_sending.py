"""At least once, in order of each pharmacy, whatever the receiver does."""

import json
import random
import threading
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from applications.bank_loans.models import Delivery, Endpoint, LoanProduct
from applications.bank_loans.webhooks import sending, services
from applications.bank_loans.webhooks.sending import WAITS
from creditsys.sealing import seal
from ratings.models import AuditEvent
from ratings.services.audit import SYSTEM
from tests.bank_loans import building
from tests.bank_loans.webhooks.building import (
    OTHER_SHOP,
    SECRET,
    SHOP,
    Clock,
    endpoint,
    queued,
    send,
    send_until_quiet,
    shops,
)
from tests.bank_loans.webhooks.receiver import Got, Receiver, Reply


def numbers(receiver: Receiver) -> list[int]:
    return [json.loads(got.body)["data"]["number"] for got in receiver.got]


def ids(rows: list[Delivery]) -> list[str]:
    return [str(row.message_id) for row in rows]


def test_sent_once_in_order_and_signed(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    rows = queued(product, [SHOP, OTHER_SHOP, SHOP])
    sent = send(to, clock)
    assert (sent.delivered, sent.failed) == (3, 0)
    assert sorted(receiver.ids) == sorted(ids(rows))
    assert numbers(receiver) == [1, 2, 3]
    for got in receiver.got:
        assert Webhook(SECRET).verify(got.body, dict(got.headers))["type"] == "eligibility.lost"
        assert got.headers["content-type"] == "application/json"
        assert set(json.loads(got.body)) == {"type", "timestamp", "data"}
    rows[0].refresh_from_db()
    assert (rows[0].state, rows[0].attempts, rows[0].last_status) == ("DELIVERED", 1, 204)
    assert (rows[0].delivered_at, rows[0].leased_until) == (clock.now, None)
    assert send(to, clock).delivered == 0
    assert len(receiver.got) == 3


def test_signed_with_both_secrets_while_both_hold(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    new = "whsec_" + "A" * 32
    to = endpoint(
        receiver.url,
        secret=seal(new),
        previous_secret=seal(SECRET),
        previous_until=clock.now + timedelta(hours=1),
    )
    queued(product)
    send(to, clock)
    Endpoint.objects.update(previous_until=clock.now)
    queued(product)
    send(to, clock)
    both, one = receiver.got
    for secret in (new, SECRET):
        assert Webhook(secret).verify(both.body, dict(both.headers))
    assert Webhook(new).verify(one.body, dict(one.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(one.body, dict(one.headers))


def test_a_secret_that_cannot_be_read(
    product: LoanProduct, receiver: Receiver, clock: Clock, settings: Any
) -> None:
    to = endpoint(receiver.url)
    (row,) = queued(product)
    settings.SECRET_KEY = "another"
    assert send(to, clock).failed == 1
    row.refresh_from_db()
    assert (row.state, row.last_error[:8]) == ("PENDING", "签名密钥无法解密")
    assert receiver.got == []


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(500), 500),
        (Reply(400), 400),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), 302),
        (Reply(manner="hang"), None),
        (Reply(manner="drip"), None),
        (Reply(manner="close"), None),
        (Reply(manner="garbage"), None),
        (Reply(204, late=1.5), None),
    ],
)
def test_a_failure_is_followed_by_the_same_message(
    reply: Reply, status: int | None, product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    (row,) = queued(product)
    receiver.answer = lambda got: reply
    assert send(to, clock).failed == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_status) == ("PENDING", 1, status)
    assert row.last_error and row.leased_until is None
    assert timedelta(seconds=4.5) <= row.due_at - clock.now <= timedelta(seconds=5.5)
    receiver.answer = lambda got: 204
    clock.forward(seconds=4.4)
    assert send(to, clock) == sending.Sent()
    clock.forward(seconds=1.2)
    assert send(to, clock).delivered == 1
    first, again = receiver.got
    assert (first.id, first.body) == (again.id, again.body)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == ("DELIVERED", 2, "")


def test_hours_of_failure_and_then_all_arrives(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    rows = queued(product, [SHOP, OTHER_SHOP, *shops(30), SHOP, OTHER_SHOP, SHOP])
    bad = [Reply(500), Reply(manner="close"), Reply(404), Reply(302)]
    recovers = clock.now + timedelta(hours=7)
    accepted: list[int] = []

    def answer(got: Got) -> Reply | int:
        if clock.now < recovers:
            return bad[len(receiver.got) % len(bad)]
        accepted.append(json.loads(got.body)["data"]["number"])
        return 204

    receiver.answer = answer
    send_until_quiet(to, clock)
    assert sorted(accepted) == list(range(1, len(rows) + 1))
    for code in (SHOP, OTHER_SHOP):
        mine = [row.change.number for row in rows if row.code == code]
        assert [number for number in accepted if number in mine] == mine
    assert not Delivery.objects.exclude(state="DELIVERED").exists()
    assert to.failures == 0 and to.rests_until is None and to.last_error == ""


def test_one_that_hangs_holds_up_no_other_pharmacy(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    rows = queued(product, [SHOP, OTHER_SHOP, SHOP])
    receiver.answer = lambda got: Reply(manner="hang") if got.id == ids(rows)[0] else 204
    sent = send(to, clock)
    assert (sent.delivered, sent.failed) == (1, 1)
    assert numbers(receiver) == [1, 2]


def test_waits_grow_to_three_days_and_then_it_is_dead(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    first, later, other = queued(product, [SHOP, SHOP, OTHER_SHOP])
    receiver.answer = lambda got: 204 if got.id == str(other.message_id) else 500
    began, waits = clock.now, list[timedelta]()
    while True:
        send(to, clock)
        first.refresh_from_db()
        if first.state == "DEAD":
            break
        waits.append(first.due_at - clock.now)
        clock.now = first.due_at
        Endpoint.objects.update(rests_until=None)
    assert (first.attempts, first.last_status) == (10, 500)
    assert len(waits) == len(WAITS)
    for wait, usual in zip(waits, WAITS, strict=True):
        assert usual * 0.9 <= wait <= usual * 1.1
    assert timedelta(days=2.8) < clock.now - began < timedelta(days=3.6)
    clock.forward(days=30)
    assert send(to, clock) == sending.Sent()
    assert receiver.ids.count(str(first.message_id)) == 10
    later.refresh_from_db()
    assert (later.state, later.attempts) == ("PENDING", 0)


def test_jitter_spreads_both_ways() -> None:
    class Dice(random.Random):
        def __init__(self, value: float) -> None:
            self.value = value

        def random(self) -> float:
            return self.value

    assert sending.wait_after(1, Dice(0.0)) == timedelta(seconds=4.5)
    assert sending.wait_after(1, Dice(0.5)) == timedelta(seconds=5)
    assert sending.wait_after(9, Dice(1.0)) == timedelta(hours=26.4)
    assert sending.wait_after(10, Dice(0.5)) is None
    assert sending.wait_after(11, Dice(0.5)) == timedelta(seconds=5)
    assert sending.wait_after(20, Dice(0.5)) is None


def test_an_endpoint_that_fails_rests(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    """Thousands that wait do not each burn a time-out; a success ends it."""
    to = endpoint(receiver.url)
    queued(product, shops(300))
    receiver.answer = lambda got: 500
    assert send(to, clock).failed == sending.REST_AFTER
    to.refresh_from_db()
    assert (to.failures, to.last_error) == (3, "答复 500")
    rest = to.rests_until - clock.now if to.rests_until else timedelta(0)
    assert timedelta(seconds=27) <= rest <= timedelta(seconds=33)
    assert not Delivery.objects.filter(leased_until__gt=clock.now).exists()
    assert send(to, clock) == sending.Sent()
    assert sending.due_endpoints(clock.now) == []
    for minutes in (1, 2, 4, 8, 11, 11, 11):
        clock.forward(seconds=round(rest.total_seconds()) + 1)
        assert sending.due_endpoints(clock.now) == [to.pk]
        assert send(to, clock).failed == 1
        to.refresh_from_db()
        assert to.rests_until is not None
        rest = to.rests_until - clock.now
        assert rest <= timedelta(minutes=min(minutes * 1.1, 11))
    clock.forward(minutes=12)
    receiver.answer = lambda got: 204
    assert send(to, clock).delivered >= 290
    to.refresh_from_db()
    assert (to.failures, to.rests_until, to.last_error) == (0, None, "")


@pytest.mark.parametrize(
    ("status", "value", "waits"),
    [
        (429, "3600", timedelta(hours=1)),
        (503, "3600", timedelta(hours=1)),
        (503, "1", timedelta(seconds=4)),
        (429, "99999999", timedelta(hours=24)),
        (500, "3600", timedelta(seconds=4)),
    ],
)
def test_who_asks_for_time_is_given_it(
    status: int, value: str, waits: timedelta, product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    (row,) = queued(product)
    receiver.answer = lambda got: Reply(status, headers={"Retry-After": value})
    send(to, clock)
    row.refresh_from_db()
    to.refresh_from_db()
    assert waits <= row.due_at - clock.now <= waits * 1.4
    asked = status in {429, 503}
    assert (to.rests_until is not None) is asked


def test_gone_stops_the_endpoint(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    queued(product, shops(5))
    receiver.answer = lambda got: 410
    send(to, clock)
    to.refresh_from_db()
    assert (to.state, len(receiver.got)) == ("STOPPED", 1)
    assert Delivery.objects.filter(state="PENDING", leased_until=None).count() == 5
    clock.forward(days=1)
    assert send(to, clock) == sending.Sent()
    event = AuditEvent.objects.get(action="停用通知地址")
    assert (event.actor, event.subject) == ("系统", f"endpoint:{to.pk}")


def test_one_that_is_stopped_meanwhile_gets_no_more(
    product: LoanProduct, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = endpoint(receiver.url)
    queued(product, shops(5))
    usual = sending._succeeded

    def stop(*args: Any) -> None:
        usual(*args)
        Endpoint.objects.update(state="STOPPED")

    monkeypatch.setattr(sending, "_succeeded", stop)
    assert send(to, clock).delivered == 1
    assert Delivery.objects.filter(state="PENDING", leased_until=None).count() == 4


@pytest.mark.parametrize("state", ["STOPPED", "UNVERIFIED"])
def test_nothing_is_sent_to_one_that_is_not_active(
    state: str, product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    queued(product)
    Endpoint.objects.update(state=state, verified_at=None)
    assert send(to, clock) == sending.Sent()
    assert sending.due_endpoints(clock.now) == []
    assert receiver.got == []


def test_a_sender_that_is_killed_after_sending(
    product: LoanProduct, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = endpoint(receiver.url)
    first, later = queued(product, [SHOP, SHOP])

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(sending, "_succeeded", killed)
        send(to, clock)
    clock.forward(seconds=119)
    assert send(to, clock) == sending.Sent()
    clock.forward(seconds=2)
    assert send(to, clock).delivered == 2
    assert receiver.ids == ids([first, first, later])
    assert receiver.got[0].body == receiver.got[1].body


def test_a_failure_told_late_does_not_undo_what_another_sender_did(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    queued(product)
    (slow,) = sending.claim(to, clock.now, clock.now + sending.LEASE)
    assert sending.claim(to, clock.now, clock.now + sending.LEASE) == []
    clock.forward(seconds=121)
    (quick,) = sending.claim(to, clock.now, clock.now + sending.LEASE)
    lost = clock.now - timedelta(seconds=1)
    sending._failed(slow, to, sending.Answer(500, problem="x"), lost, clock.now, random.Random(1))
    quick.refresh_from_db()
    assert (quick.attempts, quick.leased_until) == (0, clock.now + sending.LEASE)


def test_what_cannot_be_sent_before_the_lease_ends_is_given_back(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    queued(product, shops(4))

    def slowly(got: Got) -> int:
        clock.forward(seconds=60)
        return 204

    receiver.answer = slowly
    assert send(to, clock).delivered == 4
    assert numbers(receiver) == [1, 2, 3, 4]


def test_a_turn_ends(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    queued(product, shops(3))
    assert send(to, clock, seconds=0) == sending.Sent()
    assert not Delivery.objects.filter(leased_until__gt=clock.now).exists()


class Alone:
    """The advisory lock, taken away: leases alone must do."""

    def __init__(self, endpoint_id: int) -> None: ...

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", [True, False])
def test_two_senders_at_once(locked: bool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    if not locked:
        monkeypatch.setattr(sending, "_alone", Alone)
    to = endpoint(receiver.url)
    codes = shops(12)
    rows = queued(building.product(), [*codes, *codes, *codes])
    receiver.answer = lambda got: Reply(204, late=0.005)
    found: list[sending.Sent] = []

    def work() -> None:
        try:
            found.append(sending.deliver(to.pk, seconds=20))
        finally:
            connection.close()

    senders = [threading.Thread(target=work) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(receiver.ids) == sorted(ids(rows))
    assert sum(one.delivered for one in found) == len(rows)
    order = defaultdict(list)
    for got in receiver.got:
        data = json.loads(got.body)["data"]
        order[data["code"]].append(data["number"])
    assert all(mine == sorted(mine) for mine in order.values())


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_it_sends(receiver: Receiver) -> None:
    to = endpoint(receiver.url)
    queued(building.product(), shops(2))
    open_ones: list[int] = []

    def look(got: Got) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%%'"
            )
            open_ones.append(cursor.fetchone()[0])
        connection.close()
        return 204

    receiver.answer = look
    assert sending.deliver(to.pk).delivered == 2
    assert open_ones == [0, 0]


class Broken(Exception):
    """Ends an example's transaction."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_whatever_fails_all_arrives_in_order(
    data: st.DataObject, product: LoanProduct, receiver: Receiver
) -> None:
    """Random failures, kills between sending and marking, dead letters, and new changes meanwhile."""
    clock, accepted = Clock(), list[int]()
    receiver.got.clear()
    codes = data.draw(st.lists(st.sampled_from(shops(4)), min_size=1, max_size=10))
    bad = st.sampled_from(
        [204, 204, 500, 404, Reply(manner="close"), Reply(429, headers={"Retry-After": "60"})]
    )
    script = data.draw(st.lists(bad, max_size=25))
    kills = data.draw(st.sets(st.integers(0, 20), max_size=4))

    def answer(got: Got) -> Reply | int:
        reply = script[len(receiver.got) - 1] if len(receiver.got) <= len(script) else 204
        if reply == 204:
            accepted.append(json.loads(got.body)["data"]["number"])
        return reply

    class Killed(Exception):
        pass

    usual, marked = sending._succeeded, [0]

    def mark(*args: Any) -> None:
        marked[0] += 1
        if marked[0] in kills:
            raise Killed
        usual(*args)

    def finish(to: Endpoint) -> None:
        """Send until all has arrived; killed, a sender is followed by another, and what is dead is sent again."""
        while True:
            try:
                send_until_quiet(to, clock)
            except Killed:
                clock.forward(seconds=121)
                continue
            dead = Delivery.objects.filter(state="DEAD").values_list("pk", flat=True)
            if not dead:
                return
            services.resend(list(dead), by=SYSTEM)

    receiver.answer = answer
    sending._succeeded = mark
    try:
        with transaction.atomic():
            to = endpoint(receiver.url)
            rows = queued(product, codes)
            finish(to)
            extra = queued(product, codes[:2])
            finish(to)
            everything = [*rows, *extra]
            left = Delivery.objects.exclude(state="DELIVERED")
            assert not left.exists(), list(left.values())
            assert set(accepted) == {row.change.number for row in everything}
            for code in set(codes):
                mine = [row.change.number for row in everything if row.code == code]
                firsts = list(dict.fromkeys(number for number in accepted if number in mine))
                assert firsts == mine
            raise Broken
    except Broken:
        pass
    finally:
        sending._succeeded = usual
