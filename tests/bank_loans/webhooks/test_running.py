"""Tasks, and the command for installations without a broker."""

import threading
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from applications.bank_loans.management.commands import deliver_webhooks
from applications.bank_loans.models import Delivery, LoanProduct
from applications.bank_loans.webhooks import sending, tasks
from tests.bank_loans import building
from tests.bank_loans.webhooks.building import endpoint, queued, shops
from tests.bank_loans.webhooks.receiver import Receiver, Reply


def test_a_task_for_each_endpoint_with_work(
    product: LoanProduct, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = endpoint(f"{receiver.url}/idle")
    to = endpoint(receiver.url)
    queued(product, shops(2))
    Delivery.objects.filter(endpoint=idle).update(state="GIVEN_UP", given_up_reason="x")
    made: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(tasks.deliver_to, "apply_async", lambda args, **options: made.append((args, options)))
        assert tasks.deliver() == [to.pk]
    assert made == [((to.pk,), {"expires": 55})]
    assert tasks.deliver() == [to.pk]  # eager
    assert len(receiver.got) == 2
    assert tasks.deliver() == []


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_hangs_delays_no_other(receiver: Receiver) -> None:
    product = building.product()
    with Receiver(lambda got: Reply(manner="hang")) as hanging:
        endpoint(hanging.url)
        endpoint(receiver.url)
        queued(product, shops(20))
        out = StringIO()
        call_command("deliver_webhooks", stdout=out)
        assert len(receiver.got) == 20
        assert len(hanging.got) == sending.REST_AFTER
        assert receiver.got[-1].at < hanging.got[2].at
    assert "送达 20 件，未送达 0 件" in out.getvalue()
    assert "送达 0 件，未送达 3 件" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_watches(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued later is sent too; one endpoint's trouble does not end it."""
    product = building.product()
    to = endpoint(receiver.url)
    usual, turns = deliver_webhooks._deliver, [0]

    def troubled(endpoint_id: int) -> sending.Sent:
        turns[0] += 1
        if turns[0] == 1:
            raise RuntimeError("trouble")
        return usual(endpoint_id)

    class Over(Exception):
        pass

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        if Delivery.objects.filter(endpoint=to, state="DELIVERED").count() == 2:
            raise Over
        if len(receiver.got) == 1 and Delivery.objects.count() == 1:
            queued(product)
        time_sleep(0.02)

    time_sleep = time.sleep
    monkeypatch.setattr(deliver_webhooks, "_deliver", troubled)
    monkeypatch.setattr(deliver_webhooks.time, "sleep", sleep)
    queued(product)
    with pytest.raises(Over):
        call_command("deliver_webhooks", "--watch", "--every", "0.5", stdout=StringIO())
    assert len(receiver.got) == 2
    assert threading.active_count() < 20


@pytest.mark.django_db(transaction=True)
def test_nothing_to_do() -> None:
    out = StringIO()
    call_command("deliver_webhooks", stdout=out)
    assert out.getvalue() == "没有到期的通知。\n"
