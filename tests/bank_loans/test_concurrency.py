"""Readers and writers at the same time, and what a crash leaves: nothing lost, nothing twice, no gaps."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connections
from django.utils import timezone

from applications.bank_loans import eligibility, streams, tasks
from applications.bank_loans.eligibility import bring_up_to_date, reckon
from applications.bank_loans.models import Change, LoanProduct, Standing
from ratings.models import Pharmacy
from ratings.published import announced, changed
from tests import factories
from tests.bank_loans import truth
from tests.bank_loans.building import A, B, C, authorise, product, publish, regrade, shop
from tests.bank_loans.consumer import Consumer, whole

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unheard() -> Any:
    """Signals of publications are lost."""
    kept = [(signal, signal.receivers) for signal in (announced, changed)]
    for signal, _ in kept:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    yield
    for signal, receivers in kept:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


class Threads:
    """Acts in threads of their own; what they raise is raised at the end."""

    def __init__(self) -> None:
        self.faults: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.done = threading.Event()

    def start(self, act: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                act()
            except BaseException as fault:
                self.faults.append(fault)
            finally:
                connections.close_all()

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def join(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(60)
        if self.faults:
            raise self.faults[0]


def test_read_while_grades_are_published(unheard: None) -> None:
    """Three banks read the feed in pages, two of them bring the list up to date, while one publishes."""
    shops = [shop() for _ in range(12)]
    now = timezone.now() - timedelta(hours=1)
    life, today = publish(dict.fromkeys(shops, A), at=now), timezone.localdate()
    loan = product(authorisation_required=True)
    for each in shops:
        authorise(loan, each.code)
    readers, threads = [Consumer() for _ in range(3)], Threads()

    def read(reader: Consumer, limit: int, up_to_date: bool) -> None:
        while not threads.done.is_set():
            one = LoanProduct.objects.get(pk=loan.pk)
            reader.read(bring_up_to_date(one, today) if up_to_date else one, limit)

    for number, reader in enumerate(readers):
        threads.start(lambda reader=reader, number=number: read(reader, number + 1, number > 0))  # type: ignore[misc]
    try:
        for number in range(30):
            grade = (C, A, B)[number % 3]
            regrade(life, shops[number % 12], grade, now + timedelta(seconds=number + 1))
            if number % 7 == 0:
                Pharmacy.objects.filter(pk=shops[number % 5].pk).update(name=f"第{number}大药房")
                reckon(loan, today, Change.Cause.REGISTER, [shops[number % 5].code])
    finally:
        threads.join()
    final = bring_up_to_date(LoanProduct.objects.get(pk=loan.pk), today)
    assert final.position > 30
    for reader in readers:
        reader.read_all(final)
        assert reader.kept == whole(final)
    assert truth.on_the_list(final, today) == {
        code: {name: value for name, value in row.items() if name != "number"}
        for code, row in whole(final).items()
    }


def test_two_at_once_derive_once(unheard: None) -> None:
    publish({shop(): A for _ in range(5)}, at=timezone.now())
    loan, threads = product(), Threads()
    for _ in range(4):
        threads.start(lambda: bring_up_to_date(loan, timezone.localdate()))
    threads.join()
    assert list(Change.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_a_download_is_of_one_moment(unheard: None) -> None:
    """What is published while it runs is not in it, nor in its position."""
    one, other = shop(), shop()
    life, today = publish({one: A, other: A}, at=timezone.now() - timedelta(hours=1)), timezone.localdate()
    loan = bring_up_to_date(product(), today)
    blocks = streams.stream(loan, "ndjson")
    streams_block = streams.BLOCK
    streams.BLOCK = 1
    try:
        first = next(blocks)
        threads = Threads()

        def publish_more() -> None:
            regrade(life, other, C, timezone.now())
            assert bring_up_to_date(loan, today).position == 3

        threads.start(publish_more)
        threads.join()
        rest = b"".join(blocks)
    finally:
        streams.BLOCK = streams_block
    assert one.code.encode() in first
    assert other.code.encode() in rest
    assert b'"position":2,"ledger_seq":2,"rows":2,' in rest
    assert b'"position":3,' in b"".join(streams.stream(loan, "ndjson"))


def test_a_crash_between_publication_and_signal(unheard: None) -> None:
    """The next who reads finds the list right all the same."""
    (one, other), today = [shop(), shop()], timezone.localdate()
    life = publish({one: A, other: B}, at=timezone.now() - timedelta(hours=1))
    loan = bring_up_to_date(product(), today)
    regrade(life, one, C, timezone.now())
    assert Standing.objects.get(code=one.code).eligible
    loan = bring_up_to_date(loan, today)
    assert set(whole(loan)) == {other.code}


def test_a_crash_while_it_is_written(unheard: None, monkeypatch: pytest.MonkeyPatch) -> None:
    publish({shop(): A for _ in range(3)}, at=timezone.now())
    loan = product()

    def crash(*_: Any) -> int:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(eligibility, "enqueue", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            bring_up_to_date(loan, timezone.localdate())
    loan.refresh_from_db()
    assert (loan.position, loan.reckoned_on, Change.objects.count()) == (0, None, 0)
    assert bring_up_to_date(loan, timezone.localdate()).position == 3


def test_signals_bring_every_list_up_to_date() -> None:
    """A publication by its number, the register by codes; no job has to run."""
    one, other = shop(), shop()
    loans = [product(), product("other", minimum_grade="A")]
    life = publish({one: A, other: B}, at=timezone.now() - timedelta(hours=1))
    assert [set(whole(loan)) for loan in loans] == [{one.code, other.code}, {one.code}]
    regrade(life, one, C, timezone.now())
    assert [set(whole(loan)) for loan in loans] == [{other.code}, set()]
    causes = Change.objects.filter(product=loans[1]).values_list("kind", "cause").order_by("number")
    assert list(causes) == [("added", "product"), ("removed", "grade")]
    other.name = "新名大药房"
    other.save()
    assert whole(loans[0])[other.code]["name"] == "新名大药房"


def test_the_nightly_task_repairs_what_a_signal_lost() -> None:
    one = shop()
    publish({one: A}, at=timezone.now())
    loan = product()
    tasks.reckon()
    Pharmacy.objects.filter(pk=one.pk).update(name="新名大药房")  # no signal
    assert whole(loan)[one.code]["name"] != "新名大药房"
    assert tasks.reckon() == 1
    assert whole(loan)[one.code]["name"] == "新名大药房"
    assert tasks.reckon() == 0


def test_a_busy_list_does_not_keep_the_others_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish({shop(): A}, at=timezone.now())
    busy, free = product(), product("other")
    derive = eligibility.reckon

    def reckon(one: LoanProduct, *rest: Any, **options: Any) -> int:
        if one.pk == busy.pk:
            raise eligibility.Busy
        return derive(one, *rest, **options)

    monkeypatch.setattr(eligibility, "reckon", reckon)
    assert tasks.reckon() == 1
    assert len(whole(free)) == 1
    assert "edai is busy" in caplog.text


def test_a_busy_list_is_tried_again_where_there_is_a_broker(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    product()
    monkeypatch.setattr(eligibility, "reckon", mock.Mock(side_effect=eligibility.Busy))
    again = mock.Mock()
    monkeypatch.setattr(tasks.reckon, "apply_async", again)
    assert tasks.reckon(["P33060200001"]) == 0
    assert not again.called
    settings.CELERY_TASK_ALWAYS_EAGER = False
    assert tasks.reckon(["P33060200001"]) == 0
    again.assert_called_once_with((["P33060200001"], False), countdown=60)


def test_what_is_wrong_with_one_list_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    product(), product("other")
    derive, again = mock.Mock(side_effect=[ValueError("broken"), 3]), mock.Mock()
    monkeypatch.setattr(eligibility, "reckon", derive)
    monkeypatch.setattr(tasks.reckon, "apply_async", again)
    assert tasks.reckon(["P33060200001"]) == 3
    # Else each hourly run would begin another chain of attempts that never ends.
    assert not again.called
    assert "edai could not be derived" in caplog.text


def test_a_corrected_social_credit_code_is_told() -> None:
    chain = factories.enterprise()
    one = factories.pharmacy(enterprise=chain)
    told = mock.Mock()
    changed.connect(told, weak=False)
    try:
        chain.uscc = factories.uscc()
        chain.save()
    finally:
        changed.disconnect(told)
    assert told.call_args.kwargs["codes"] == {one.code}
