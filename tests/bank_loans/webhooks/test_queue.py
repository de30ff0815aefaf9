"""Which changes are put on their way, to whom."""

import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from applications.bank_loans import eligibility
from applications.bank_loans.models import Change, Delivery, LoanProduct, Reason
from applications.bank_loans.webhooks import messages, tasks
from applications.bank_loans.webhooks.queue import enqueue
from tests.bank_loans import building
from tests.bank_loans.building import NONE, TODAY, A, B, C
from tests.bank_loans.webhooks.building import OTHER_SHOP, SHOP, change, endpoint, shops
from tests.ratings.test_published import START

URL = "https://hooks.bank.example/"


def test_what_banks_are_told(product: LoanProduct) -> None:
    to = endpoint(URL)
    told = [
        change(product, SHOP, "removed"),
        change(product, SHOP, "added"),
        change(product, OTHER_SHOP, "removed", reasons=["not_authorised"]),
    ]
    change(product, "P33060200003", "added", listed_before=False)
    last = change(product, "P33060200003", "changed")
    assert enqueue(product, 0, last.number) == 3
    rows = list(Delivery.objects.order_by("pk"))
    assert [row.change for row in rows] == told
    assert [row.code for row in rows] == [SHOP, SHOP, OTHER_SHOP]
    assert {(row.endpoint, row.state, row.attempts, row.leased_until) for row in rows} == {
        (to, "PENDING", 0, None)
    }
    assert len({row.message_id for row in rows}) == 3


def test_only_numbers_after_and_until(product: LoanProduct) -> None:
    endpoint(URL)
    for _ in range(4):
        change(product)
    assert enqueue(product, 1, 3) == 2
    assert set(Delivery.objects.values_list("change__number", flat=True)) == {2, 3}
    assert enqueue(product, 0, 4) == 2  # what is queued stays queued once
    assert Delivery.objects.count() == 4


def test_only_active_endpoints_of_the_bank(product: LoanProduct) -> None:
    first, second = endpoint(URL), endpoint(f"{URL}2")
    endpoint(f"{URL}3", state="STOPPED")
    endpoint(f"{URL}4", state="UNVERIFIED", verified_at=None)
    endpoint(URL, building.bank("other"))
    other = building.product("other", bank=building.bank("other"))
    enqueue(product, 0, change(product).number)
    assert set(Delivery.objects.values_list("endpoint", flat=True)) == {first.pk, second.pk}
    change(other)
    assert enqueue(product, 0, 1) == 0


def test_ten_thousand_in_one_query(product: LoanProduct, django_assert_num_queries: Any) -> None:
    to = [endpoint(URL), endpoint(f"{URL}2")]
    at = timezone.now()
    Change.objects.bulk_create(
        Change(
            product=product, number=number, code=code, kind="removed", cause="grade",
            reasons=["below_minimum"], ledger_seq=1, at=at,
        )
        for number, code in enumerate(shops(10_000), 1)
    )  # fmt: skip
    started = time.monotonic()
    with django_assert_num_queries(1):
        assert enqueue(product, 0, 10_000) == 20_000
    assert time.monotonic() - started < 10
    for one in to:
        numbers = list(one.deliveries.order_by("pk").values_list("change__number", flat=True))
        assert numbers == list(range(1, 10_001))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_query_for_any_number(count: int, product: LoanProduct, django_assert_num_queries: Any) -> None:
    endpoint(URL)
    for _ in range(count):
        change(product)
    with django_assert_num_queries(1):
        assert enqueue(product, 0, count) == count


def test_sending_is_kicked_where_there_is_a_broker(
    product: LoanProduct,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    kicked: list[bool] = []
    monkeypatch.setattr(tasks.deliver, "delay", lambda: kicked.append(True))
    endpoint(URL)
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(product, 0, change(product).number)
    assert kicked == []
    settings.CELERY_TASK_ALWAYS_EAGER = False
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(product, 1, change(product).number)
        assert kicked == []
    assert kicked == [True]
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(product, 2, 2)
    assert kicked == [True]


# what is said


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["below_minimum"], "eligibility.lost"),
        (["grade_expired"], "eligibility.lost"),
        (["not_graded"], "eligibility.lost"),
        (["too_few_periods"], "eligibility.lost"),
        (["grade_withdrawn"], "eligibility.withdrawn"),
        (["not_authorised"], "eligibility.withdrawn"),
        (["not_designated"], "eligibility.withdrawn"),
        (["other_district"], "eligibility.withdrawn"),
        (["product_closed"], "eligibility.withdrawn"),
        (["too_new"], "eligibility.withdrawn"),
        (["not_authorised", "below_minimum"], "eligibility.lost"),
        (["product_closed", "grade_withdrawn"], "eligibility.withdrawn"),
    ],
)
def test_the_type_of_a_removal(reasons: list[str], kind: str) -> None:
    assert messages.event_type(Change(kind="removed", reasons=reasons)) == kind


def test_every_reason_has_a_type() -> None:
    named = set(Reason) - messages.OF_THE_GRADE
    assert {str(reason) for reason in named} == {
        "grade_withdrawn", "not_authorised", "not_designated", "other_district", "product_closed", "too_new",
    }  # fmt: skip


def test_the_body_of_a_change(product: LoanProduct) -> None:
    made = change(product, at=datetime.fromisoformat("2026-02-11T01:02:03.456Z"), cause="date")
    made.refresh_from_db()
    body = messages.change_body(made)
    assert json.loads(body) == {
        "type": "eligibility.lost",
        "timestamp": "2026-02-11T09:02:03.456000+08:00",
        "data": {
            "product": "edai",
            "number": 1,
            "code": SHOP,
            "social_credit_code": "91330602000000001X",
            "old": "eligible",
            "new": "not_eligible",
            "cause": "date",
            "reasons": ["below_minimum"],
            "ledger_seq": 7,
            "at": "2026-02-11T09:02:03.456000+08:00",
        },
    }
    with timezone.override("UTC"):
        assert messages.change_body(Change.objects.get(pk=made.pk)) == body
    regained = json.loads(messages.change_body(change(product, kind="added")))
    assert regained["type"] == "eligibility.regained"
    assert (regained["data"]["old"], regained["data"]["new"]) == ("not_eligible", "eligible")


def test_a_body_is_small(product: LoanProduct) -> None:
    made = change(product, reasons=[str(reason) for reason in Reason], ledger_seq=2**62, number=2**62)
    assert len(messages.change_body(made)) < 20_000 / 10


# from the ledger on


def test_from_the_ledger_to_the_queue(product: LoanProduct) -> None:
    """What is published comes out as the events that banks know."""
    to = endpoint(URL)
    (falls, withdrawn, stays), life = building.city(A, B, B)
    eligibility.bring_up_to_date(product, TODAY)
    assert to.deliveries.count() == 0
    building.regrade(life, falls, C, START + timedelta(hours=1))
    building.regrade(life, withdrawn, NONE, START + timedelta(hours=2))
    eligibility.bring_up_to_date(product, TODAY)
    building.regrade(life, falls, B, START + timedelta(hours=3))
    eligibility.bring_up_to_date(product, TODAY)
    told = [(row.code, messages.event_type(row.change)) for row in to.deliveries.order_by("pk")]
    assert told[0:2] in (
        [(falls.code, "eligibility.lost"), (withdrawn.code, "eligibility.withdrawn")],
        [(withdrawn.code, "eligibility.withdrawn"), (falls.code, "eligibility.lost")],
    )
    assert told[2:] == [(falls.code, "eligibility.regained")]
    assert stays.code not in dict(told)
