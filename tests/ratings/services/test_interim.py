"""Interim changes: whose public grade is better than today's facts allow is found, once, and nobody else."""

from datetime import date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import Adjustment, AuditEvent, PublishedGrade, Rerating
from ratings.rules.periods import Period
from ratings.services.adjustments import (
    decide_adjustment,
    propose_adjustment,
    propose_correction,
    propose_rerated,
)
from ratings.services.audit import SYSTEM, Actor
from ratings.services.errors import Refused
from ratings.services.facts import save_registry, void_fact
from ratings.services.interim import find_interim
from ratings.services.periods import move
from ratings.services.reratings import replay_rerating, rerate
from ratings.services.review import confirm_rest, unconfirmed_districts
from ratings.services.runs import start_run
from ratings.services.standing import standing
from tests import desk
from tests.ratings.services.regrading import (
    APPROVER,
    AT,
    CLERK,
    GOOD,
    GROWN,
    OTHER,
    PENALISED,
    REVIEWER,
    A,
    B,
    D,
    at_the_same_moment,
    city_in,
    convict,
    end_agreement,
    enter,
    publish,
    rating_of,
    shanghai,
)
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = pytest.mark.django_db


def found(at: datetime = AT, by: Actor = REVIEWER) -> list[tuple[str, str, str, int, int]]:
    return [
        (row.rating.pharmacy.code, row.cause, row.reason_code, row.from_grade, row.to_grade)
        for row in find_interim(by=by, at=at)
    ]


def approve(row: Adjustment, at: datetime = AT) -> Adjustment:
    return decide_adjustment(row, approve=True, text="同意", by=APPROVER, at=at)


def test_confirmed_fraud_makes_the_grade_d_today() -> None:
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD])
    (row,) = find_interim(by=REVIEWER, at=AT)
    assert (row.cause, row.reason_code, row.from_grade, row.to_grade) == ("INTERIM", "fraud", A, D)
    assert (row.clause, row.proposed_by) == ("第十条第一项", REVIEWER.name)
    assert row.text == "自2026年2月5日起适用“查实骗取医保基金并受行政处罚，一票否决”：等级由 A 变为 D。"
    assert row.rerating is not None
    assert replay_rerating(row.rerating)
    with pytest.raises(Refused, match="须由他人审批"):
        decide_adjustment(row, approve=True, by=REVIEWER, at=AT)
    approve(row)
    rows = PublishedGrade.objects.filter(pharmacy=shops[GOOD]).order_by("seq")
    assert [(one.event, one.grade, one.valid_from) for one in rows] == [
        ("PERIODIC", "A", date(2026, 2, 4)),
        ("INTERIM", "D", date(2026, 2, 5)),
    ]
    assert PublishedGrade.objects.exclude(event="PERIODIC").count() == 1


def test_an_ended_agreement_withdraws_the_grade() -> None:
    shops, period = city_in("PUBLISHED")
    end_agreement(shops[GROWN])
    (row,) = find_interim(by=REVIEWER, at=AT)
    assert (row.cause, row.reason_code, row.from_grade, row.to_grade) == ("WITHDRAWAL", "terminated", B, -1)
    approve(row)
    last = PublishedGrade.objects.filter(pharmacy=shops[GROWN]).latest("seq")
    assert (last.event, last.grade, last.position, last.score) == ("WITHDRAWAL", "", -1, None)
    assert standing(rating_of(shops[GROWN], period)).score is None
    assert found() == []


def test_so_does_the_end_of_designation_with_or_without_an_ended_agreement() -> None:
    shops, _period = city_in("PUBLISHED")
    end_agreement(shops[GROWN], date(2026, 2, 5))
    for shop, until in ((GROWN, date(2026, 2, 5)), (GOOD, date(2026, 2, 5)), (PENALISED, date(2026, 2, 6))):
        shops[shop].designated_until = until
        save_registry(shops[shop], by=CLERK)
    assert found() == [
        (shops[shop].code, "WITHDRAWAL", "registry:ended", grade, -1)
        for shop, grade in ((GROWN, B), (GOOD, A))
    ]


def test_nothing_is_found_where_nothing_happened() -> None:
    city_in("PUBLISHED")
    assert found() == []
    assert not Rerating.objects.exists()
    assert not AuditEvent.objects.filter(action="提出期间变动").exists()


@pytest.mark.parametrize("state", ["COMPUTED", "CLOSED", "ABANDONED"])
def test_what_is_neither_out_nor_on_its_way_is_left(state: str) -> None:
    shops, _period = city_in(state)
    convict(shops[GOOD])
    assert found() == []


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL"])
def test_the_next_publication_does_not_undo_what_applies_at_once(state: str) -> None:
    """A fraud after the period's end touches the public grade and the one on its way alike."""
    shops, _published = city_in("PUBLISHED")
    run = start_run(Period.parse("2026H1"), rate_now().scheme, cutoff=timezone.now(), by=CLERK)
    coming = desk.life(run, state)
    convict(shops[GOOD], decided_on=date(2026, 7, 10), occurred_on=date(2026, 7, 1))
    assert rating_of(shops[GOOD], coming).grade == A
    rows = find_interim(by=REVIEWER, at=shanghai(date(2026, 7, 15)))
    assert {(row.period.state, row.from_grade, row.to_grade) for row in rows} == {
        ("PUBLISHED", A, D),
        (state, A, D),
    }
    for row in rows:
        approve(row, at=shanghai(date(2026, 7, 16)))
    publish(coming, at=shanghai(date(2026, 8, 1)))
    assert PublishedGrade.objects.filter(pharmacy=shops[GOOD]).latest("seq").grade == "D"


def test_every_period_on_its_way_is_looked_at() -> None:
    shops, _earlier = city_in("PUBLIC_NOTICE")
    run = start_run(Period.parse("2026H1"), rate_now().scheme, cutoff=timezone.now(), by=CLERK)
    desk.life(run, "UNDER_REVIEW")
    convict(shops[GOOD])
    rows = find_interim(by=REVIEWER, at=AT)
    assert {row.period.state for row in rows} == {"PUBLIC_NOTICE", "UNDER_REVIEW"}


@pytest.mark.parametrize(
    ("state", "name", "by"),
    [
        ("UNDER_REVIEW", "give_notice", APPROVER),
        ("PUBLIC_NOTICE", "finalise", REVIEWER),
        ("FINAL", "publish", APPROVER),
    ],
)
def test_a_move_looks_first(state: str, name: str, by: Actor) -> None:
    """Nobody has to think of a fraud that was recorded a minute ago: the move finds it and stops."""
    shops, period = city_in(state)
    for district in unconfirmed_districts(period) if state == "UNDER_REVIEW" else ():
        confirm_rest(period, district, by=REVIEWER)
    convict(shops[GOOD])
    at = shanghai(date(2026, 2, 20))
    with pytest.raises(Refused, match="1 件等级调整待审批"):
        move(period, name, by=by, at=at)
    row = Adjustment.objects.get()
    assert (row.cause, row.to_grade, row.proposed_by, row.state) == ("INTERIM", D, SYSTEM.name, "PROPOSED")
    approve(row, at=at)
    assert move(period, name, by=by, at=at).state != state


@pytest.mark.parametrize(("day", "count"), [(date(2027, 2, 3), 1), (date(2027, 2, 4), 0)])
def test_a_grade_that_has_run_out_is_left(day: date, count: int) -> None:
    shops, _period = city_in("PUBLISHED")
    row = PublishedGrade.objects.get(pharmacy=shops[GOOD])
    assert row.valid_until == date(2027, 2, 4)
    end_agreement(shops[GOOD])
    assert len(found(at=shanghai(day))) == count


@pytest.mark.parametrize(
    ("on", "count"), [(date(2026, 2, 5), 1), (date(2026, 2, 6), 0)], ids=["today", "tomorrow"]
)
def test_each_rule_from_its_day_on(on: date, count: int) -> None:
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD], decided_on=on)
    end_agreement(shops[GROWN], on)
    assert len(found()) == 2 * count
    assert len(found(at=shanghai(on))) == 2 * (1 - count)


@pytest.mark.parametrize(
    ("kind", "track"), [("ITEM_SUBSTITUTION", "PENALTY"), ("CARD_FOR_GOODS", "AGREEMENT")]
)
def test_only_what_the_scheme_lets_apply_at_once(kind: str, track: str) -> None:
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD], kind=kind, track=track)
    end_agreement(shops[GROWN], status="SUSPENDED")
    assert found() == []


class TestOnce:
    def test_an_open_proposal_is_not_made_again(self) -> None:
        shops, _period = city_in("PUBLISHED")
        convict(shops[GOOD])
        assert len(found()) == 1
        assert found(by=OTHER) == []
        convict(shops[GOOD], document_no="又一件")
        assert found() == []

    def test_nor_one_that_is_published(self) -> None:
        shops, _period = city_in("PUBLISHED")
        convict(shops[GOOD])
        approve(*find_interim(by=REVIEWER, at=AT))
        convict(shops[GOOD], document_no="又一件")
        assert found() == []

    def test_one_that_is_d_already_stays(self) -> None:
        shops = small_city()
        convict(shops[GOOD], occurred_on=date(2025, 10, 1), decided_on=date(2025, 12, 1))
        period = enter(rate_now(cutoff=timezone.now()), "PUBLISHED")
        assert rating_of(shops[GOOD], period).grade == D
        convict(shops[GOOD], document_no="又一件")
        assert found() == []

    def test_a_rejected_one_is_found_again_as_long_as_the_fact_stands(self) -> None:
        shops, _period = city_in("PUBLISHED")
        fact = convict(shops[GOOD])
        (row,) = find_interim(by=REVIEWER, at=AT)
        decide_adjustment(row, approve=False, text="再核", by=APPROVER, at=AT)
        (row,) = find_interim(by=REVIEWER, at=AT)
        decide_adjustment(row, approve=False, text="再核", by=APPROVER, at=AT)
        void_fact(fact, reason="处罚被撤销", by=CLERK)
        assert found() == []

    def test_another_cause_that_waits_goes_first(self) -> None:
        shops, period = city_in("PUBLISHED")
        rating = rating_of(shops[PENALISED], period)
        void_fact(shops[PENALISED].violation_set.get(), reason="处罚被撤销", by=CLERK)
        propose_correction(rating, text="撤销", clause="第四十八条", by=REVIEWER, at=AT)
        convict(shops[PENALISED])
        assert found() == []


class TestFactUndone:
    def test_before_the_approval_it_cannot_be_approved(self) -> None:
        shops, _period = city_in("PUBLISHED")
        fact = convict(shops[GOOD])
        (row,) = find_interim(by=REVIEWER, at=AT)
        void_fact(fact, reason="处罚被撤销", by=CLERK)
        with pytest.raises(Refused, match="事实在复评后又有变化"):
            approve(row)

    def test_after_it_a_correction_gives_the_grade_back(self) -> None:
        shops, period = city_in("PUBLISHED")
        rating = rating_of(shops[GOOD], period)
        fact = convict(shops[GOOD])
        approve(*find_interim(by=REVIEWER, at=AT))
        void_fact(fact, reason="处罚被撤销", by=CLERK)
        row = propose_correction(rating, text="撤销", clause="第四十八条", by=REVIEWER, at=AT)
        assert row is not None
        approve(row)
        grades = PublishedGrade.objects.filter(pharmacy=shops[GOOD]).order_by("seq")
        assert [one.grade for one in grades] == ["A", "D", "A"]

    def test_a_repair_does_too(self) -> None:
        shops, period = city_in("PUBLISHED")
        rating = rating_of(shops[GOOD], period)
        fact = convict(shops[GOOD])
        approve(*find_interim(by=REVIEWER, at=AT))
        repair = desk.repair(fact)
        void_fact(fact, reason="信用修复", by=CLERK)
        again = rerate(rating, by=REVIEWER, at=AT)
        row = propose_rerated(
            rating, again, cause="REPAIR", repair=repair, text="修复", clause="第十四条", by=REVIEWER, at=AT
        )
        assert row is not None
        approve(row)
        assert PublishedGrade.objects.latest("seq").event == "REPAIR"
        assert found() == []


def test_what_was_judged_does_not_pass_a_rule_that_applies_at_once() -> None:
    shops, period = city_in("UNDER_REVIEW")
    rating = rating_of(shops[PENALISED], period)
    approve(
        propose_adjustment(rating, reason_code="self_report", to_grade=B, text="主动", by=REVIEWER, at=AT)
    )
    publish(period, at=AT)
    convict(shops[PENALISED])
    assert found() == [(shops[PENALISED].code, "INTERIM", "fraud", B, D)]


def test_a_pharmacys_last_published_rating_is_the_one_that_changes() -> None:
    shops, _period = city_in("PUBLISHED")
    run = start_run(Period.parse("2026H1"), rate_now().scheme, cutoff=timezone.now(), by=CLERK)
    later = publish(desk.life(run, "FINAL"), at=AT)
    convict(shops[GOOD])
    (row,) = find_interim(by=REVIEWER, at=AT)
    assert row.period == later


def test_late_facts_of_the_period_come_along() -> None:
    """The re-rating reads all that is known: the score is today's too, not only the grade."""
    shops, period = city_in("PUBLISHED")
    convict(shops[GOOD])
    convict(
        shops[GOOD],
        kind="ITEM_SUBSTITUTION",
        occurred_on=date(2025, 11, 1),
        decided_on=date(2025, 12, 1),
        document_no="迟录",
    )
    (row,) = find_interim(by=REVIEWER, at=AT)
    approve(row)
    assert standing(rating_of(shops[GOOD], period)).score == 76_000


def test_constant_number_of_queries_and_one_record() -> None:
    shops, _period = city_in("PUBLISHED")
    counts = []
    for chosen in (shops[:1], shops[1:4]):
        for shop in chosen:
            convict(shop)
        with CaptureQueriesContext(connection) as queries:
            assert [code for code, *_ in found()] == [shop.code for shop in chosen]
        counts.append(len(queries))
    assert counts[0] == counts[1]
    events = AuditEvent.objects.filter(action="提出期间变动").order_by("id")
    assert [len(event.detail["adjustments"]) for event in events] == [1, 3]
    assert AuditEvent.objects.latest("id") == events[1]


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_propose_once() -> None:
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD])
    told = at_the_same_moment(lambda: find_interim(by=REVIEWER, at=AT), lambda: find_interim(by=OTHER, at=AT))
    assert told == ["done", "done"]
    assert Adjustment.objects.count() == 1
