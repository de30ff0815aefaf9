"""Calls and new enterprises side by side: nothing twice, nothing left waiting that need not."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from django.db import connections, transaction

from applications.enterprise_credit import tasks
from applications.enterprise_credit.matching import match_waiting
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from tests.enterprise_credit.building import subject
from tests.enterprise_credit.supplying import outcomes, program, row, take
from tests.factories import uscc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_follows() -> Any:
    with mock.patch.object(tasks.refresh, "delay"):
        yield


def at_once(*acts: Any) -> list[Any]:
    def run(act: Any) -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(run, act) for act in acts]]


def test_two_versions_of_one_number() -> None:
    one, clients = subject(), [program() for _ in range(4)]
    calls = [
        lambda client=client, number=number: take(client, row(one, data={"content": f"第{number}版"}))
        for number, client in enumerate(clients)
    ]
    found = sorted(outcomes(answer)[0] for answer in at_once(*calls))
    assert found == ["accepted", "corrected", "corrected", "corrected"]
    assert CreditRecord.objects.filter(voided_at=None).count() == 1


def test_one_key_sent_twice() -> None:
    one, client = subject(), program()
    first, second = at_once(*[lambda: take(client, row(one), key="k")] * 2)
    assert first == second
    assert (RecordBatch.objects.count(), CreditRecord.objects.count()) == (1, 1)


def test_an_enterprise_that_appears_meanwhile() -> None:
    """Whichever comes first, the record is matched in the end."""
    codes, client = [uscc() for _ in range(6)], program()

    def appear(code: str) -> None:
        with transaction.atomic():
            subject("新企业", code)
            match_waiting([code])

    for code in codes:
        sent = row(None, code, social_credit_code=code, name="新企业")
        at_once(lambda sent=sent: take(client, sent), lambda code=code: appear(code))
    assert set(CreditRecord.objects.values_list("match", flat=True)) == {"MATCHED"}
    assert CreditRecord.objects.count() == 6
