"""Every page of the desk: in Chinese, nothing from outside, and as many queries for three as for one."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ratings.models import (
    Adjustment,
    CreditRepair,
    Evidence,
    NoticeLink,
    Objection,
    Publication,
    PublishedGrade,
)
from ratings.services.adjustments import decide_adjustment, propose_adjustment, propose_reversal
from ratings.services.audit import Actor
from ratings.services.evidence import add_evidence
from ratings.services.links import issue_link
from ratings.services.objections import receive_objection
from ratings.services.repairs import apply_repair
from tests import factories
from tests.ratings.admin.test_pages import words_of
from tests.ratings.services.uploads import PDF, upload

from .conftest import APPROVER, HERE, REVIEWER, Desk, act, page_of, url

CLERK = Actor("clerk")
#: Latin letters on the desk's pages: formats, algorithms, and the names of the tests' people.
LATIN = {"PDF", "pdf", "JPEG", "PNG", "KB", "Ed", "clerk", "reviewer", "approver"}


def objected(desk: Desk, shop: int) -> Objection:
    return receive_objection(
        desk.rating(shop), ground="FACT", statement="处罚有误", channel="CLERK", contact="王某", by=CLERK
    )


def applied(desk: Desk) -> CreditRepair:
    fact = factories.violation(
        desk.shops[0],
        gravity="MINOR",
        occurred_on=date(2024, 1, 2),
        decided_on=date(2024, 2, 1),
        recorded_at=timezone.now(),
    )
    return apply_repair(
        fact,
        applied_on=timezone.localdate(),
        commitment="守法",
        correction="已整改",
        uploads=[upload()],
        by=CLERK,
    )


def lowered(desk: Desk, shop: int) -> Adjustment:
    return propose_adjustment(
        desk.rating(shop), reason_code="not_rectified", to_grade=1, text="拒不整改", by=REVIEWER
    )


def pages(desk: Desk) -> Iterator[str]:
    """Addresses of pages, of a period under notice and then of it published."""
    period = desk.to("UNDER_REVIEW")
    lowered(desk, 2)
    yield from [page_of(period), act(period, "give_notice"), url("ratingperiod", "rest", period.pk, HERE)]
    item = period.items.earliest("pk")
    yield from [page_of(item), act(item, "confirm")] if not item.confirmed_at else [page_of(item)]
    row = Adjustment.objects.get()
    add_evidence(row, upload(), by=REVIEWER)
    yield from [page_of(row), *(act(row, name) for name in ("approve", "reject", "evidence"))]
    yield url("adjustment", "propose", desk.rating(4).pk)
    decide_adjustment(row, approve=True, text="同意", by=APPROVER)
    yield from [page_of(row), act(row, "reverse"), page_of(Evidence.objects.get())]
    desk.to("PUBLIC_NOTICE")
    filed = objected(desk, 0)
    issue_link(desk.rating(), by=CLERK)
    yield from [page_of(filed), *(act(filed, name) for name in ("propose", "facts", "extend", "withdraw"))]
    yield from [url("objection", "receive"), url("objection", "statement", desk.rating(4).pk)]
    yield from [url("noticelink", "issue", desk.rating().pk), url("noticelink", "district", period.pk, HERE)]
    yield from [page_of(NoticeLink.objects.get()), page_of(desk.period), act(period, "recall"), "/admin/"]
    Objection.objects.filter(pk=filed.pk).update(state="WITHDRAWN")
    desk.to("PUBLISHED")
    made = applied(desk)
    yield from [page_of(made), *(act(made, name) for name in ("accept", "decline", "withdraw"))]
    yield from [url("creditrepair", "apply"), page_of(made.violation), url("adjustment", "find")]
    yield from [
        url("adjustment", "correct", desk.rating().pk),
        page_of(desk.rating()),
        page_of(desk.shops[0]),
    ]
    yield from [page_of(Publication.objects.get()), page_of(PublishedGrade.objects.earliest("seq"))]
    yield from (
        url(model, "changelist")
        for model in (
            *("ratingperiod", "reviewitem", "adjustment", "objection", "creditrepair"),
            *("publication", "publishedgrade", "evidence", "noticelink"),
        )
    )


def test_pages_are_chinese_and_ask_nobody_outside(desk: Desk, root: Client) -> None:
    for address in pages(desk):
        answer = root.get(address, headers={"accept-language": "en"})
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert words_of(re.sub(r"SHA-256|[0-9a-f]{64,128}|[0-9a-f]{16}…", " ", text)) - LATIN == set(), (
            address
        )
        assert re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]*)"', text) == [], address


@pytest.fixture
def root(django_user_model: type) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("root"))  # type: ignore[attr-defined]
    return client


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


def test_a_rating_with_more_in_hand_takes_no_more_queries(desk: Desk, root: Client) -> None:
    period = desk.to("UNDER_REVIEW")
    decide_adjustment(lowered(desk, 2), approve=True, text="同意", by=APPROVER)
    rating = desk.rating(2)
    addresses = [page_of(rating), page_of(period), reverse("admin:index")]
    few = [queries(root, address) for address in addresses]
    back = propose_reversal(Adjustment.objects.get(), text="有误", by=REVIEWER)
    decide_adjustment(back, approve=True, text="同意", by=APPROVER)
    lowered(desk, 2)
    lowered(desk, 4)
    assert [queries(root, address) for address in addresses] == few


def test_a_matter_with_more_evidence_and_facts_takes_no_more_queries(desk: Desk, root: Client) -> None:
    desk.to("PUBLIC_NOTICE")
    filed = receive_objection(
        desk.rating(), ground="FACT", statement="有误", channel="CLERK", facts=[desk.violation], by=CLERK
    )
    add_evidence(filed, upload(), by=CLERK)
    few = queries(root, page_of(filed))
    for number in range(2):
        fact = factories.violation(desk.shops[0], recorded_at=timezone.now())
        filed.facts.create(violation=fact)
        add_evidence(filed, upload(content=PDF + b"\n" * (number + 1)), by=CLERK)
    assert queries(root, page_of(filed)) == few


def test_a_ledger_with_more_rows_takes_no_more_queries(desk: Desk, root: Client) -> None:
    desk.to("PUBLISHED")
    one, grade = Publication.objects.get(), PublishedGrade.objects.get(pharmacy=desk.shops[0])
    addresses = [page_of(one), page_of(grade), page_of(desk.shops[0])]
    few = [queries(root, address) for address in addresses]
    made = applied(desk)
    for name, form in (
        ("accept", {}),
        ("propose", {"outcome": "GRANTED", "text": "x"}),
    ):
        desk["reviewer"].post(act(made, name), form)
    desk["approver"].post(act(made, "decide"), {"text": "准予", "decision_no": "修〔2026〕1号"})
    made.refresh_from_db()
    assert made.state == "GRANTED"
    assert [queries(root, address) for address in addresses] == few
