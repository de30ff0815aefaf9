"""Calls and new enterprises side by side: nothing twice, nothing left waiting that need not."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db import connections, transaction

from applications.enterprise_credit import records, tasks
from applications.enterprise_credit.matching import match_waiting
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from tests.enterprise_credit.building import department, subject
from tests.enterprise_credit.supplying import BY, outcomes, program, record_type, row, take
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


def while_open(act: Any, meanwhile: Any) -> Any:
    """What comes of ``meanwhile``, begun while the transaction of ``act`` is open: its result, or what it raised."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            act()
            later = pool.submit(at_once, meanwhile)
            time.sleep(0.6)
        return later.exception(60) or later.result()[0]


def officer(act: Any, *args: Any, **values: Any) -> Any:
    return partial(act, *args, department=department("scjgj"), by=BY, **values)


def of_penalty() -> CreditRecord:
    return CreditRecord.objects.get(voided_at=None)


def test_an_objection_marked_while_a_correction_comes_in() -> None:
    one, client = subject(), program()
    take(client, row(one))
    mark = officer(records.mark_objection, of_penalty(), "不服处罚", on=date(2026, 2, 1))
    answer = while_open(mark, lambda: take(client, row(one, data={"content": "罚款"})))
    assert outcomes(answer) == ["corrected"]
    assert (of_penalty().data, of_penalty().objection) == ({"content": "罚款"}, "不服处罚")


def test_an_enterprise_settled_while_a_correction_comes_in() -> None:
    one, client = subject(), program()
    take(client, row(one, name="旧名"))
    answer = while_open(
        partial(records.take_as_that, of_penalty(), reason="更名", by=BY),
        lambda: take(client, row(one, name="旧名", data={"content": "罚款"})),
    )
    assert outcomes(answer) == ["corrected"]
    assert of_penalty().subject_id == one.uscc


def test_sent_back_while_a_correction_comes_in() -> None:
    one, client = subject(), program()
    take(client, row(one, name="旧名"))
    back = partial(records.send_back, of_penalty(), reason="名称不对", by=BY)
    answer = while_open(back, lambda: take(client, row(one, name="旧名", data={"content": "罚款"})))
    assert outcomes(answer) == ["refused"]


def test_an_enterprise_registered_while_a_correction_comes_in() -> None:
    """Neither waits for the other for ever."""
    client, code = program(), uscc()
    unknown = row(None, social_credit_code=code, name="新企业")
    take(client, unknown)
    matching = records.match_waiting

    def register() -> None:
        with ThreadPoolExecutor(1) as pool, mock.patch.object(records, "match_waiting") as match:
            later: list[Any] = []

            def begun(usccs: list[str]) -> set[str]:
                later.append(
                    pool.submit(at_once, lambda: take(client, {**unknown, "data": {"content": "罚款"}}))
                )
                time.sleep(0.6)
                return matching(usccs)

            match.side_effect = begun
            records.register_subject(of_penalty(), by=BY)
            assert outcomes(later[0].result(60)[0]) == ["corrected"]

    register()
    assert (of_penalty().subject_id, of_penalty().data) == (code, {"content": "罚款"})


def test_two_people_correct_one_version() -> None:
    """The second has not seen what the first wrote, and is told so."""
    one, client = subject(), program()
    take(client, row(one))
    version = of_penalty()
    given = {name: value for name, value in row(one).items() if name != "record_no"}
    first = officer(records.correct, version, {**given, "data": {"content": "罚款"}}, reason="甲")
    second = officer(records.correct, version, {**given, "data": {"content": "警告，罚款"}}, reason="乙")
    assert "请打开现行版本" in str(while_open(first, second))
    assert of_penalty().data == {"content": "罚款"}


def test_two_people_fill_in_one_number() -> None:
    one = subject()
    first, second = (
        officer(records.fill_in, record_type(), row(one, data={"content": content})) for content in "甲乙"
    )
    assert "已有信用信息" in str(while_open(first, second))
    assert of_penalty().data == {"content": "甲"}
