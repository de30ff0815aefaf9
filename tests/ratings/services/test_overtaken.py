"""What happened since a period's cutoff: its results do not go out past it."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from ratings.models import Adjustment, Pharmacy, PublishedGrade, RatingPeriod, Violation
from ratings.rules.periods import Period
from ratings.services.adjustments import decide_adjustment, propose_correction
from ratings.services.facts import record_fact, void_fact
from ratings.services.interim import find_interim
from ratings.services.overtaken import overtaken
from ratings.services.periods import faults, move
from ratings.services.runs import start_run
from tests import desk, factories
from tests.ratings.services.regrading import (
    APPROVER,
    CLERK,
    GOOD,
    PENALISED,
    REVIEWER,
    city_in,
    convict,
    rating_of,
    shanghai,
)
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = pytest.mark.django_db
#: A month after the coming period's end.
AT = shanghai(date(2026, 8, 1))
#: What a rating reads of a decision.
CONTENT = ("kind", "gravity", "track", "body", "document_no", "amount_fen", "occurred_on", "decided_on")


def coming(state: str) -> RatingPeriod:
    """The next period, rated now."""
    run = start_run(Period.parse("2026H1"), rate_now().scheme, cutoff=timezone.now(), by=CLERK)
    return desk.life(run, state)


def decide(row: Adjustment | None) -> None:
    assert row is not None
    decide_adjustment(row, approve=True, text="同意", by=APPROVER, at=AT)


def correct(shop: Pharmacy, period: RatingPeriod) -> None:
    decide(propose_correction(rating_of(shop, period), text="撤销", clause="第四十八条", by=REVIEWER, at=AT))


@pytest.mark.parametrize(("name", "state"), [("finalise", "PUBLIC_NOTICE"), ("publish", "FINAL")])
def test_a_decision_voided_since_does_not_come_back_with_the_next_publication(name: str, state: str) -> None:
    shops, _published = city_in("PUBLISHED")
    period = coming(state)
    void_fact(shops[PENALISED].violation_set.get(), reason="信用修复", by=CLERK)
    (told,) = faults(period, name, by=desk_actor(name), at=AT)
    assert told.startswith(f"数据截止后，1 家药店（{shops[PENALISED].code}）有事实作废")
    correct(shops[PENALISED], period)
    assert faults(period, name, by=desk_actor(name), at=AT) == []


def desk_actor(name: str) -> Any:
    return REVIEWER if name == "finalise" else APPROVER


def test_an_interim_change_is_not_undone() -> None:
    """Found before the coming period was under review, approved after: it is looked at again."""
    shops, _published = city_in("PUBLISHED")
    period = coming("COMPUTED")
    convict(shops[GOOD], occurred_on=date(2026, 7, 1), decided_on=date(2026, 7, 10))
    (row,) = find_interim(by=REVIEWER, at=AT)
    desk.walk(period, "FINAL")
    assert overtaken(period) == []
    decide(row)
    assert overtaken(period) == [shops[GOOD].code]
    (row,) = find_interim(by=REVIEWER, at=AT)
    assert overtaken(period) == []
    assert faults(period, "publish", by=APPROVER, at=AT) == [
        "有 1 件等级调整待审批：请先审批，或由提出人撤销。"
    ]
    decide(row)
    move(period, "publish", by=APPROVER, at=AT)
    rows = PublishedGrade.objects.filter(pharmacy=shops[GOOD]).order_by("seq")
    assert [(one.period, one.event, one.grade) for one in rows] == [
        ("2025H2", "PERIODIC", "A"),
        ("2025H2", "INTERIM", "D"),
        ("2026H1", "PERIODIC", "D"),
    ]


def anew(fact: Violation, **changed: Any) -> None:
    void_fact(fact, reason="更新", by=CLERK)
    values = {name: getattr(fact, name) for name in CONTENT}
    record_fact(Violation, by=CLERK, pharmacy=fact.pharmacy, **values | changed)


@pytest.mark.parametrize(
    ("changed", "count"), [({}, 0), ({"body": "另一机关"}, 0), ({"gravity": "GENERAL"}, 1)]
)
def test_only_what_a_rating_reads_matters(changed: dict[str, str], count: int) -> None:
    shops = small_city()
    period = desk.life(rate_now(), "PUBLIC_NOTICE")
    anew(shops[PENALISED].violation_set.get(), **changed)
    assert len(overtaken(period)) == count


def test_nor_does_what_the_run_did_not_read() -> None:
    """Recorded after its cutoff, or decided after its period."""
    shops = small_city()
    after = factories.violation(shops[GOOD], occurred_on=date(2025, 12, 1), decided_on=date(2026, 1, 2))
    period = desk.life(rate_now(), "PUBLIC_NOTICE")
    late = convict(shops[GOOD], occurred_on=date(2025, 10, 1), decided_on=date(2025, 11, 1))
    for fact in (after, late):
        void_fact(fact, reason="录错", by=CLERK)
    assert overtaken(period) == []


@pytest.mark.parametrize(("finding", "count"), [("VERIFIED", 1), ("UNFOUNDED", 0)])
def test_complaints_count_once_verified(finding: str, count: int) -> None:
    shops = small_city()
    complaint = factories.complaint(shops[GOOD], finding=finding)
    period = desk.life(rate_now(), "PUBLIC_NOTICE")
    void_fact(complaint, reason="录错", by=CLERK)
    assert len(overtaken(period)) == count


def test_a_predecessors_facts_are_its_successors() -> None:
    shops = small_city()
    old = shops[PENALISED]
    Pharmacy.objects.filter(pk=old.pk).update(designated_until=date(2025, 12, 20))
    heir = factories.pharmacy(predecessor=old, designated_on=date(2025, 12, 20))
    period = desk.life(rate_now(cutoff=timezone.now()), "PUBLIC_NOTICE")
    void_fact(old.violation_set.get(), reason="处罚被撤销", by=CLERK)
    assert overtaken(period) == [heir.code]
