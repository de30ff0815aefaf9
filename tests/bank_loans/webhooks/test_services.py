"""What people do with endpoints and messages, and that it is on record."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from applications.bank_loans.models import Delivery, Endpoint, LoanProduct
from applications.bank_loans.webhooks import services
from applications.bank_loans.webhooks.queue import enqueue
from applications.clients.models import Organisation
from creditsys.sealing import unseal
from ratings.models import AuditEvent
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from tests.bank_loans import building
from tests.bank_loans.webhooks.building import (
    OTHER_SHOP,
    SECRET,
    SHOP,
    Clock,
    change,
    endpoint,
    queued,
    send,
    send_until_quiet,
)
from tests.bank_loans.webhooks.receiver import Got, Receiver, Reply

pytestmark = pytest.mark.django_db
BY = Actor("经办甲", "192.0.2.7")


def event() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def repeats(got: Got) -> Reply:
    """What a receiver answers to a challenge."""
    return Reply(200, json.dumps({"challenge": json.loads(got.body)["data"]["challenge"]}).encode())


def test_register() -> None:
    made, secret = services.register_endpoint(building.bank(), " https://hooks.bank.example/a ", by=BY)
    assert secret.startswith("whsec_") and unseal(made.secret) == secret != made.secret
    assert Webhook(secret)
    assert (made.url, made.state, made.created_by) == ("https://hooks.bank.example/a", "UNVERIFIED", BY.name)
    assert (event().action, event().subject, event().actor) == (
        "登记通知地址",
        f"endpoint:{made.pk}",
        BY.name,
    )
    assert secret not in str(event().detail)
    with pytest.raises(Refused, match="已经登记"):
        services.register_endpoint(building.bank(), made.url, by=BY)
    other, another_secret = services.register_endpoint(building.bank("other"), made.url, by=BY)
    assert (other.url, another_secret != secret) == (made.url, True)


@pytest.mark.parametrize(
    "url",
    ["http://8.8.8.8/", "https://10.0.0.1/", "https://user@x.example/", "https://x.example/" + "a" * 500],
)
def test_register_refuses_addresses(url: str) -> None:
    with pytest.raises(Refused):
        services.register_endpoint(building.bank(), url, by=BY)
    assert not Endpoint.objects.exists()


def test_register_is_for_banks() -> None:
    office = Organisation.objects.create(key="office", name="某局", kind="DEPARTMENT")
    with pytest.raises(Refused, match="只为银行"):
        services.register_endpoint(office, "https://hooks.bank.example/", by=BY)


def test_verify(receiver: Receiver) -> None:
    made, secret = services.register_endpoint(building.bank(), receiver.url, by=BY)
    receiver.answer = repeats
    assert services.verify_endpoint(made, by=BY).state == "ACTIVE"
    (got,) = receiver.got
    told = Webhook(secret).verify(got.body, dict(got.headers))
    assert told["type"] == "endpoint.verification"
    assert len(told["data"]["challenge"]) >= 32
    made.refresh_from_db()
    assert made.verified_at is not None
    assert (event().action, event().detail["missed"]) == ("验证通知地址", 0)
    services.verify_endpoint(made, by=BY)
    assert receiver.got[0].body != receiver.got[1].body


@pytest.mark.parametrize(
    "answer",
    [
        lambda got: 204,
        lambda got: Reply(200, b"ok"),
        lambda got: Reply(200, b"[]"),
        lambda got: Reply(200, b'{"challenge": 1}'),
        lambda got: Reply(200, b'{"challenge": "another"}'),
        lambda got: Reply(200, b'{"challenge": "\xff"}'),
        lambda got: Reply(200, b" " * 5000 + repeats(got).body),
        lambda got: Reply(403, repeats(got).body),
        lambda got: Reply(manner="hang"),
        lambda got: Reply(200, manner="drip body"),
    ],
)
def test_verify_refuses_other_answers(answer: Callable[[Got], Reply | int], receiver: Receiver) -> None:
    made, _ = services.register_endpoint(building.bank(), receiver.url, by=BY)
    receiver.answer = answer
    with pytest.raises(Refused, match="未通过验证"):
        services.verify_endpoint(made, by=BY)
    made.refresh_from_db()
    assert (made.state, event().action) == ("UNVERIFIED", "登记通知地址")


def test_rotate(receiver: Receiver) -> None:
    to = endpoint(receiver.url)
    secret = services.rotate_secret(to, by=BY)
    to.refresh_from_db()
    assert (unseal(to.secret), unseal(to.previous_secret)) == (secret, SECRET)
    assert to.previous_until is not None
    assert timedelta(hours=23.9) < to.previous_until - timezone.now() <= timedelta(hours=24)
    assert (event().action, event().detail["overlap_hours"]) == ("更换通知签名密钥", 24)
    assert secret not in str(event().detail)
    services.send_test(to, by=BY)
    (got,) = receiver.got
    for each in (secret, SECRET):
        assert Webhook(each).verify(got.body, dict(got.headers))["type"] == "endpoint.test"
    services.rotate_secret(to, by=BY, overlap=timedelta(0))
    to.refresh_from_db()
    assert (to.previous_secret, to.previous_until) == ("", None)


@pytest.mark.parametrize("hours", [-1, 168.1])
def test_rotate_refuses_overlaps(hours: float) -> None:
    to = endpoint("https://hooks.bank.example/")
    with pytest.raises(Refused, match="168 小时"):
        services.rotate_secret(to, by=BY, overlap=timedelta(hours=hours))


def test_a_secret_that_cannot_be_read(receiver: Receiver, settings: pytest.FixtureRequest) -> None:
    to = endpoint(receiver.url)
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    for act in (services.verify_endpoint, services.send_test):
        with pytest.raises(Refused, match="无法解密"):
            act(to, by=BY)  # type: ignore[operator]
    services.rotate_secret(to, by=BY, overlap=timedelta(0))
    to.refresh_from_db()
    assert services.send_test(to, by=BY).is_good


def test_send_test(receiver: Receiver) -> None:
    to = endpoint(receiver.url, failures=5, rests_until=timezone.now() + timedelta(hours=1), last_error="x")
    receiver.answer = lambda got: 500
    assert not services.send_test(to, by=BY).is_good
    to.refresh_from_db()
    assert to.failures == 5
    assert (event().action, event().detail["problem"]) == ("试发通知", "答复 500")
    receiver.answer = lambda got: 204
    assert services.send_test(to, by=BY).is_good
    to.refresh_from_db()
    assert (to.failures, to.rests_until, to.last_error) == (0, None, "")
    with pytest.raises(Refused, match="尚未验证"):
        services.send_test(endpoint(f"{receiver.url}2", state="UNVERIFIED", verified_at=None), by=BY)


def test_a_stopped_one_hears_what_it_missed(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    queued(product, [SHOP])
    services.stop_endpoint(to, reason=" 银行升级 ", by=BY)
    to.refresh_from_db()
    assert (to.state, to.last_error, event().reason) == ("STOPPED", "停用：银行升级", "银行升级")
    with pytest.raises(Refused, match="已经停用"):
        services.stop_endpoint(to, reason="又", by=BY)
    back = change(product, SHOP, "added")
    again = change(product, SHOP, "removed")
    assert enqueue(product, 1, 3) == 0
    assert send(to, clock).delivered == 0
    receiver.answer = repeats
    services.verify_endpoint(to, by=BY)
    assert event().detail["missed"] == 2
    receiver.got.clear()
    receiver.answer = lambda got: 204
    send_until_quiet(to, clock)
    assert [json.loads(got.body)["data"]["number"] for got in receiver.got] == [1, back.number, again.number]


def test_the_first_verification_tells_nothing_old(product: LoanProduct, receiver: Receiver) -> None:
    change(product)
    to = endpoint(receiver.url, state="UNVERIFIED", verified_at=None)
    receiver.answer = repeats
    services.verify_endpoint(to, by=BY)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "长" * 501])
def test_reasons_are_asked_for(reason: str, product: LoanProduct) -> None:
    to = endpoint("https://hooks.bank.example/")
    (row,) = queued(product)
    with pytest.raises(Refused):
        services.stop_endpoint(to, reason=reason, by=BY)
    with pytest.raises(Refused):
        services.give_up(row, reason=reason, by=BY)


def test_dead_ones_are_sent_again_in_order(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    rows = queued(product, [SHOP, OTHER_SHOP, SHOP])
    receiver.answer = lambda got: 500
    send_until_quiet(to, clock)
    assert list(to.deliveries.order_by("pk").values_list("state", "attempts")) == [
        ("DEAD", 10),
        ("DEAD", 10),
        ("PENDING", 0),
    ]
    receiver.answer = lambda got: 204
    receiver.got.clear()
    assert services.resend([row.pk for row in rows], by=BY) == 2
    assert (event().action, event().detail["count"]) == ("重发通知", 2)
    send_until_quiet(to, clock)
    assert receiver.ids == [str(row.message_id) for row in rows]
    assert list(to.deliveries.order_by("pk").values_list("state", "attempts")) == [
        ("DELIVERED", 11),
        ("DELIVERED", 11),
        ("DELIVERED", 1),
    ]
    with pytest.raises(Refused, match="没有"):
        services.resend([row.pk for row in rows], by=BY)
    with pytest.raises(Refused, match="最多"):
        services.resend(range(services.MOST_RESENT + 1), by=BY)


def test_one_that_waits_for_its_next_attempt_is_sent_now(
    product: LoanProduct, receiver: Receiver, clock: Clock
) -> None:
    to = endpoint(receiver.url)
    (row,) = queued(product)
    with pytest.raises(Refused):  # it waits for nothing
        services.resend([row.pk], by=BY)
    receiver.answer = lambda got: 500
    send(to, clock)
    receiver.answer = lambda got: 204
    assert services.resend([row.pk], by=BY) == 1
    assert event().subject == f"delivery:{row.pk}"
    assert send(to, clock).delivered == 1


def test_given_up_others_may_pass(product: LoanProduct, receiver: Receiver, clock: Clock) -> None:
    to = endpoint(receiver.url)
    first, later = queued(product, [SHOP, SHOP])
    Delivery.objects.filter(pk=first.pk).update(state="DEAD")
    assert send(to, clock).delivered == 0
    services.give_up(first, reason="银行已核对名单", by=BY)
    first.refresh_from_db()
    assert (first.state, first.given_up_reason) == ("GIVEN_UP", "银行已核对名单")
    assert (event().action, event().subject, event().reason) == (
        "放弃通知",
        f"delivery:{first.pk}",
        "银行已核对名单",
    )
    assert send(to, clock).delivered == 1
    for row in (first, later):
        with pytest.raises(Refused, match="已经送达或者放弃"):
            services.give_up(row, reason="试", by=BY)


def test_what_is_on_its_way_is_left_alone(product: LoanProduct) -> None:
    endpoint("https://hooks.bank.example/")
    (row,) = queued(product)
    Delivery.objects.update(attempts=1, leased_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Refused, match="正在发送"):
        services.give_up(row, reason="试", by=BY)
    with pytest.raises(Refused):
        services.resend([row.pk], by=BY)
