"""Adjustments by judgement: within the scheme's limits, in the right state, by two persons, taken back by a record."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from ratings.models import Adjustment, AuditEvent, PublishedGrade, Rating, RatingPeriod, ReviewItem
from ratings.services.adjustments import (
    ALLOWED,
    allowed_reasons,
    cancel_adjustment,
    check_adjustment,
    decide_adjustment,
    propose_adjustment,
    propose_rerated,
    propose_reversal,
)
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.standing import standing
from tests import desk, factories
from tests.ratings.services.regrading import (
    APPROVER,
    GOOD,
    OTHER,
    PENALISED,
    REVIEWER,
    A,
    B,
    C,
    D,
    at_the_same_moment,
    city_in,
    enter,
    publish,
    rating_of,
)
from tests.ratings.services.test_runs import laid_aside_guards, rate_now, scheme_in_force, small_city

pytestmark = pytest.mark.django_db
UP, DOWN = "self_report", "not_rectified"


def in_review(shop: int = PENALISED, state: str = "UNDER_REVIEW") -> Rating:
    shops, period = city_in(state)
    return rating_of(shops[shop], period)


def propose(rating: Rating, to_grade: int = B, reason_code: str = UP, by: Actor = REVIEWER) -> Adjustment:
    return propose_adjustment(rating, reason_code=reason_code, to_grade=to_grade, text="主动退回", by=by)


def approve(adjustment: Adjustment, by: Actor = APPROVER, **options: Any) -> Adjustment:
    return decide_adjustment(adjustment, approve=True, text="同意", by=by, **options)


class TestLimits:
    @pytest.mark.parametrize(
        ("shop", "reason", "to_grade", "fault"),
        [
            (PENALISED, UP, B, ""),
            (PENALISED, UP, A, "最多调整 1 个等级"),
            (PENALISED, UP, D, "只可调高"),
            (PENALISED, DOWN, D, ""),
            (PENALISED, DOWN, B, "只可调低"),
            (PENALISED, UP, C, "相同"),
            (PENALISED, UP, -1, "不能撤销等级"),
            (PENALISED, UP, 4, "规则以外的等级"),
            (PENALISED, "whim", B, "可用的事由：主动报告并及时纠正"),
            (GOOD, DOWN, B, ""),
            (GOOD, DOWN, C, "最多调整 1 个等级"),
        ],
    )
    def test_of_the_scheme(self, shop: int, reason: str, to_grade: int, fault: str) -> None:
        rating = in_review(shop)
        if fault:
            with pytest.raises(Refused, match=fault):
                propose(rating, to_grade, reason)
            assert not Adjustment.objects.exists()
            return
        row = propose(rating, to_grade, reason)
        assert (row.from_grade, row.to_grade, row.state) == (rating.grade, to_grade, "PROPOSED")
        assert row.clause.startswith("第十二条")

    def test_a_struck_cap_cannot_be_passed(self) -> None:
        shops = small_city()
        factories.violation(shops[GOOD], kind="CARD_FOR_GOODS", gravity="MINOR")
        factories.pharmacy(designated_on=date(2024, 6, 1))
        period = enter(rate_now(), "UNDER_REVIEW")
        fraud = rating_of(shops[GOOD], period)
        young = Rating.objects.get(run=period.run, pharmacy__designated_on=date(2024, 6, 1))
        assert (fraud.grade, young.grade, young.score) == (D, B, 100_000)
        for rating, to_grade in ((fraud, C), (young, A)):
            with pytest.raises(Refused, match="不能以调整越过"):
                propose(rating, to_grade)
        assert propose(young, C, DOWN)

    def test_nobody_without_a_grade(self) -> None:
        _shops, period = city_in("UNDER_REVIEW")
        with pytest.raises(Refused, match="未予评级"):
            propose(Rating.objects.get(run=period.run, state__gt=0))

    def test_a_scheme_without_reasons_allows_none(self) -> None:
        shops = small_city()
        period = enter(rate_now(scheme=scheme_in_force("neimenggu-style")), "UNDER_REVIEW")
        rating = rating_of(shops[PENALISED], period)
        assert allowed_reasons(rating) == []
        with pytest.raises(Refused, match="没有规定依规调整的事由"):
            propose(rating)

    def test_the_offer_is_what_can_be_proposed(self) -> None:
        rating = in_review()
        offered = {(offer.rule.id, place) for offer in allowed_reasons(rating) for place, _ in offer.grades}
        assert offered == {(UP, B), ("emergency_supply", B), (DOWN, D)}
        for reason, place in offered:
            check_adjustment(rating, reason, place)

    def test_one_judgement_at_a_time(self) -> None:
        """Else C could become A by going one step twice."""
        rating = in_review()
        first = approve(propose(rating))
        with pytest.raises(Refused, match="已经依规调整过"):
            propose(rating, A)
        assert allowed_reasons(rating) == []
        approve(propose_reversal(first, text="复查", by=REVIEWER))
        assert propose(rating, B, "emergency_supply")

    def test_one_proposal_at_a_time(self) -> None:
        rating = in_review()
        first = propose(rating)
        with pytest.raises(Refused, match=f"已有一件待审批的调整（{first}"):
            propose(rating, D, DOWN)

    @pytest.mark.parametrize(("text", "fault"), [(" ", "须写明"), ("长" * 501, "现有 501 字")])
    def test_words_are_wanted(self, text: str, fault: str) -> None:
        with pytest.raises(Refused, match=fault):
            propose_adjustment(in_review(), reason_code=UP, to_grade=B, text=text, by=REVIEWER)


STATES = ("COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL", "PUBLISHED", "CLOSED", "ABANDONED")
RECKONED = {"OBJECTION", "CORRECTION", "REPAIR", "INTERIM", "WITHDRAWAL"}
POSSIBLE = {
    "UNDER_REVIEW": {"JUDGEMENT", *RECKONED},
    "PUBLIC_NOTICE": RECKONED,
    "FINAL": RECKONED,
    "PUBLISHED": RECKONED,
}
REMEDY = {
    "COMPUTED": "先开始审核",
    "PUBLIC_NOTICE": "调整后重新公示",
    "FINAL": "撤销审定",
    "PUBLISHED": "复评更正",
    "CLOSED": "最近一次发布",
    "ABANDONED": "重新评价",
}


@pytest.mark.parametrize("state", STATES)
def test_each_cause_only_in_its_states(state: str) -> None:
    shops, period = city_in(state)
    rating = rating_of(shops[PENALISED], period)
    shop = shops[PENALISED]
    sources = {
        "OBJECTION": {"objection": desk.objection(period, rating, state="OPEN")},
        "REPAIR": {"repair": desk.repair(shop.violation_set.get())},
    }
    for cause in Adjustment.Cause:

        def attempt(cause: str = cause) -> Adjustment | None:
            if cause == "JUDGEMENT":
                return propose(rating)
            again = desk.rerating(rating, grade=B, score=85_000, cutoff=timezone.now())
            return propose_rerated(
                rating,
                again,
                cause=cause,
                text="复评",
                clause="第九条",
                by=REVIEWER,
                **sources.get(cause, {}),
            )

        if cause in POSSIBLE.get(state, set()):
            row = attempt()
            assert row is not None
            assert (row.cause, row.to_grade) == (cause, B)
            cancel_adjustment(row, text="试", by=REVIEWER)
        else:
            with pytest.raises(Refused, match=REMEDY[state]):
                attempt()
    assert {state: set(causes) for state, causes in ALLOWED.items()} == POSSIBLE


class TestTwoPersons:
    def test_nobody_decides_what_he_proposed(self) -> None:
        row = propose(in_review())
        for verdict in (True, False):
            with pytest.raises(Refused, match="由您提出，须由他人审批"):
                decide_adjustment(row, approve=verdict, text="同意", by=REVIEWER)
        row.refresh_from_db()
        assert row.state == "PROPOSED"

    def test_approved_it_holds(self) -> None:
        rating = in_review()
        row = approve(propose(rating))
        assert (row.state, row.decided_by, row.decision_text) == ("APPROVED", APPROVER.name, "同意")
        assert (standing(rating).position, standing(rating).score) == (B, rating.score)
        with pytest.raises(Refused, match="办结（已批准）"):
            decide_adjustment(row, approve=False, text="反悔", by=OTHER)

    @pytest.mark.parametrize("end", ["reject", "cancel"])
    def test_otherwise_the_computed_grade_stays(self, end: str) -> None:
        rating = in_review()
        row = propose(rating)
        if end == "reject":
            decide_adjustment(row, approve=False, text="依据不足", by=APPROVER)
        else:
            cancel_adjustment(row, text="提错了", by=REVIEWER)
        assert (standing(rating).position, standing(rating).adjustment) == (C, None)
        assert propose(rating)

    def test_a_rejection_wants_words(self) -> None:
        row = propose(in_review())
        with pytest.raises(Refused, match="须写明审批意见"):
            decide_adjustment(row, approve=False, text=" ", by=APPROVER)

    def test_only_its_proposer_cancels(self) -> None:
        row = propose(in_review())
        with pytest.raises(Refused, match="只有本人可以撤销；审批员可以不予批准"):
            cancel_adjustment(row, text="不要", by=APPROVER)

    def test_each_step_is_on_record_once_and_last(self) -> None:
        rating = in_review()
        approve(propose(rating))
        events = AuditEvent.objects.filter(subject__startswith="adjustment:").order_by("id")
        assert [(event.action, event.actor) for event in events] == [
            ("提出等级调整", REVIEWER.name),
            ("批准等级调整", APPROVER.name),
        ]
        assert events[1].detail["before"] == {"grade": C}
        assert events[1].detail["after"] == {"grade": B}
        assert AuditEvent.objects.latest("id") == events[1]

    def test_time_runs_forward(self) -> None:
        rating = in_review()
        row = propose(rating)
        with pytest.raises(Refused, match="不得早于"):
            approve(row, at=row.proposed_at - timedelta(seconds=1))
        approve(row, at=row.proposed_at)


class TestApprovalLooksAgain:
    def test_at_the_state_of_the_period(self) -> None:
        rating = in_review()
        row = propose(rating)
        RatingPeriod.objects.filter(run=rating.run).update(state="ABANDONED")
        with pytest.raises(Refused, match="现为“已终止”"):
            approve(row)
        assert decide_adjustment(row, approve=False, text="周期已终止", by=APPROVER).state == "REJECTED"

    def test_at_the_grade_that_stands(self) -> None:
        rating = in_review()
        row = propose(rating)
        with laid_aside_guards():
            Adjustment.objects.filter(pk=row.pk).update(from_grade=A)
        with pytest.raises(Refused, match="时等级为 A，现为 C。请不予批准，由提出人"):
            approve(row)


class TestReversal:
    def test_restores_the_grade_by_a_new_record_of_two_persons(self) -> None:
        rating = in_review()
        first = approve(propose(rating))
        back = propose_reversal(first, text="复查不符", by=REVIEWER)
        assert (back.from_grade, back.to_grade, back.reverses) == (B, C, first)
        with pytest.raises(Refused, match="须由他人审批"):
            approve(back, by=REVIEWER)
        approve(back, by=OTHER)
        first.refresh_from_db()
        assert first.state == "APPROVED"
        assert (standing(rating).position, standing(rating).judged) == (C, False)

    @pytest.mark.parametrize("state", ["PROPOSED", "REJECTED", "CANCELLED"])
    def test_only_of_what_holds(self, state: str) -> None:
        row = propose(in_review())
        if state == "REJECTED":
            decide_adjustment(row, approve=False, text="不", by=APPROVER)
        elif state == "CANCELLED":
            cancel_adjustment(row, text="不", by=REVIEWER)
        fault = "待审批的调整" if state == "PROPOSED" else "没有生效"
        with pytest.raises(Refused, match=fault):
            propose_reversal(row, text="撤", by=REVIEWER)

    def test_not_of_one_that_another_stands_on(self) -> None:
        rating = in_review()
        first = approve(propose(rating))
        rest = rerated(rating, D)
        desk.decided(rest)
        with pytest.raises(Refused, match=f"之后又批准了{rest}"):
            propose_reversal(first, text="撤", by=REVIEWER)

    def test_not_twice(self) -> None:
        first = approve(propose(in_review()))
        approve(propose_reversal(first, text="撤", by=REVIEWER))
        with pytest.raises(Refused, match="之后又批准了"):
            propose_reversal(first, text="再撤", by=REVIEWER)

    def test_again_after_a_rejection(self) -> None:
        first = approve(propose(in_review()))
        back = propose_reversal(first, text="撤", by=REVIEWER)
        decide_adjustment(back, approve=False, text="依据不足", by=OTHER)
        assert approve(propose_reversal(first, text="补充依据后再撤", by=REVIEWER), by=OTHER).to_grade == C

    def test_what_was_reckoned_is_not_undone_by_hand(self) -> None:
        rating = in_review()
        row = desk.decided(rerated(rating, D))
        with pytest.raises(Refused, match="出自复评，不能以撤销改变：请更正事实"):
            propose_reversal(row, text="撤", by=REVIEWER)

    def test_of_a_published_one_is_published(self) -> None:
        rating = in_review()
        first = approve(propose(rating))
        publish(RatingPeriod.objects.get(run=rating.run))
        approve(propose_reversal(first, text="复查不符", by=REVIEWER), by=OTHER)
        rows = PublishedGrade.objects.filter(pharmacy=rating.pharmacy).order_by("seq")
        assert [(row.event, row.grade) for row in rows] == [("PERIODIC", "B"), ("CORRECTION", "C")]


def rerated(rating: Rating, to_grade: int) -> Adjustment:
    again = desk.rerating(rating, grade=to_grade, cutoff=timezone.now())
    row = propose_rerated(rating, again, cause="CORRECTION", text="复评", clause="第九条", by=REVIEWER)
    assert row is not None
    return row


def test_proposing_confirms_the_review_item() -> None:
    rating = in_review()
    period = RatingPeriod.objects.get(run=rating.run)
    mine = ReviewItem.objects.create(period=period, rating=rating, remarks=1)
    other = Rating.objects.filter(run=rating.run).exclude(pk=rating.pk).first()
    theirs = ReviewItem.objects.create(period=period, rating=other, remarks=1)
    propose(rating)
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.confirmed_by, mine.note, theirs.confirmed_by) == (REVIEWER.name, "已提出调整", "")


def test_a_run_without_a_life_has_nothing_to_adjust() -> None:
    shop = small_city()[PENALISED]
    rating = Rating.objects.get(run=rate_now(), pharmacy=shop)
    with pytest.raises(Refused, match="还没有建立评价周期"):
        propose(rating)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_two_approvers_in_the_same_second_one_wins_and_the_other_is_told(self) -> None:
        row = propose(in_review())
        told = at_the_same_moment(lambda: approve(row, by=APPROVER), lambda: approve(row, by=OTHER))
        assert sorted(text == "done" for text in told) == [False, True]
        row.refresh_from_db()
        (loser,) = (text for text in told if text != "done")
        assert f"由 {row.decided_by} 办结（已批准）" in loser
        assert AuditEvent.objects.filter(action="批准等级调整").count() == 1

    def test_approving_and_cancelling(self) -> None:
        row = propose(in_review())
        told = at_the_same_moment(
            lambda: approve(row), lambda: cancel_adjustment(row, text="提错了", by=REVIEWER)
        )
        assert sorted(text == "done" for text in told) == [False, True]

    def test_two_proposals(self) -> None:
        rating = in_review()
        told = at_the_same_moment(lambda: propose(rating), lambda: propose(rating, D, DOWN, by=OTHER))
        assert sorted(text == "done" for text in told) == [False, True]
        assert any("已有一件待审批的调整" in text for text in told)
