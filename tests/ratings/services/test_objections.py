"""Objections: taken in while the grade can be changed, in time, decided by others, never to one's harm."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from ratings.models import (
    Adjustment,
    AuditEvent,
    Complaint,
    Evidence,
    Objection,
    PublishedGrade,
    Rating,
    RatingPeriod,
    Rerating,
    Violation,
)
from ratings.rules.moves import OBJECTION_MOVES, OBJECTION_STATES, moves_from
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import void_fact
from ratings.services.objection_reviews import decide_review, propose_review, request_review, return_review
from ratings.services.objections import (
    add_facts,
    check_objection,
    decide_objection,
    extend_objection,
    overdue,
    propose_outcome,
    receive_objection,
    return_objection,
    withdraw_objection,
)
from ratings.services.standing import standing
from tests import desk, factories
from tests.ratings.services.lives import Result, run_of
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
    at_the_same_moment,
    city_in,
    convict,
    enter,
    rating_of,
    shanghai,
)
from tests.ratings.services.test_runs import rate_now
from tests.ratings.services.uploads import PDF, picture, upload

pytestmark = pytest.mark.django_db
THIRD = Actor("审批戊")


def rating_in(state: str, shop: int = PENALISED) -> Rating:
    shops, period = city_in(state)
    return rating_of(shops[shop], period)


def receive(rating: Rating, **values: Any) -> Objection:
    given = {"ground": "FACT", "statement": "处罚决定已被撤销", "channel": "CLERK", "by": CLERK, "at": AT}
    return receive_objection(rating, **{**given, **values})


def penalty(rating: Rating) -> Violation:
    return Violation.objects.get(pharmacy=rating.pharmacy)


def proposed(rating: Rating, outcome: str = "UPHELD", remedy: str = "VOID_FACTS", **values: Any) -> Objection:
    row = receive(rating, facts=[penalty(rating)] if remedy == "VOID_FACTS" else (), **values)
    remedy = remedy if outcome == "UPHELD" else ""
    return propose_outcome(row, outcome=outcome, remedy=remedy, text="查证属实", by=REVIEWER, at=AT)


def rejected(rating: Rating) -> Objection:
    row = proposed(rating, "REJECTED")
    return decide_objection(row, text="事实清楚", by=APPROVER, at=AT)


class TestWhen:
    def test_until_the_last_minute_of_public_notice(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        last = datetime.fromisoformat("2026-02-11T23:59:59+08:00")
        assert check_objection(rating, at=last) == "NOTICE"
        with pytest.raises(Refused, match=r"公示已于 2026年2月11日结束.*等级发布后"):
            receive(rating, at=last + timedelta(seconds=1))
        assert receive(rating, at=last).against == "NOTICE"

    @pytest.mark.parametrize(
        ("state", "told"),
        [
            ("COMPUTED", "尚未公示"),
            ("UNDER_REVIEW", "尚未公示"),
            ("FINAL", "公示已于 2026年2月11日结束.*等级发布后"),
            ("CLOSED", "已归档.*现行的等级"),
            ("ABANDONED", "已终止"),
        ],
    )
    def test_not_in_other_states(self, state: str, told: str) -> None:
        with pytest.raises(Refused, match=told):
            receive(rating_in(state), at=shanghai(date(2026, 2, 12)))

    def test_not_against_a_run_that_never_came_to_the_desk(self) -> None:
        shops, _period = city_in("ABANDONED")
        other = rate_now(cutoff=factories.KNOWN + timedelta(hours=2))
        with pytest.raises(Refused, match="没有进入评价周期"):
            receive(Rating.objects.get(run=other, pharmacy=shops[0]))

    def test_against_a_published_grade_while_it_is_in_force(self) -> None:
        rating = rating_in("PUBLISHED")
        row = PublishedGrade.objects.get(pharmacy=rating.pharmacy)
        assert check_objection(rating, at=AT) == "PUBLISHED"
        if row.valid_until is not None:
            assert check_objection(rating, at=shanghai(row.valid_until - timedelta(days=1))) == "PUBLISHED"
            with pytest.raises(Refused, match="已过有效期"):
                check_objection(rating, at=shanghai(row.valid_until))

    def test_not_against_one_that_a_later_one_replaced(self) -> None:
        shops, period = city_in("PUBLISHED")
        old = rating_of(shops[GOOD], period)
        assert check_objection(old, at=AT) == "PUBLISHED"
        enter(run_of(period.run.scheme, Result(shops[GOOD]), period="2026H1"), "PUBLISHED")
        with pytest.raises(Refused, match="已被 2026年2月4日起生效的等级（评价周期 2026H1）取代"):
            receive(old)
        assert check_objection(rating_of(shops[PENALISED], period), at=AT) == "PUBLISHED"


class TestReceiving:
    def test_clocks_facts_and_files(self, settings: Any, tmp_path: Any) -> None:
        settings.MEDIA_ROOT = tmp_path
        rating = rating_in("PUBLIC_NOTICE")
        row = receive(
            rating,
            # Tuesday; the 14th is a working Saturday, then come the holidays of the Spring Festival.
            at=shanghai(date(2026, 2, 10)),
            facts=[penalty(rating), penalty(rating)],
            uploads=[upload(), upload("门店.png", picture())],
            contact=" 0575-88888888 ",
        )
        assert (row.due_on, row.last_due_on) == (date(2026, 2, 24), date(2026, 3, 16))
        assert (row.state, row.calendar_known, row.contact) == ("OPEN", True, "0575-88888888")
        assert [fact.violation for fact in row.facts.all()] == [penalty(rating)]
        assert row.evidence.first().size == len(PDF)
        event = AuditEvent.objects.get(action="受理异议")
        assert (event.actor, event.detail["due_on"]) == (desk.CLERK, "2026-02-24")
        assert "contact" not in event.detail

    def test_days_of_a_year_not_announced_are_marked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unannounced(_day: date) -> bool:
            raise NotImplementedError

        rating = rating_in("PUBLISHED", GOOD)
        monkeypatch.setattr("chinese_calendar.is_workday", unannounced)
        assert not receive(rating, at=AT).calendar_known

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"statement": "  "}, "须写明异议内容"),
            ({"statement": "字" * 2001}, "不超过 2000 字，现有 2001 字"),
            ({"ground": "ANGER"}, "请选择理由类别：事实有误"),
            ({"channel": "FAX"}, "窗口受理或告知链接"),
            ({"contact": "1" * 101}, "联系人和电话不超过 100 字"),
        ],
    )
    def test_what_is_wrong_is_told(self, values: dict[str, Any], told: str) -> None:
        with pytest.raises(Refused, match=told):
            receive(rating_in("PUBLIC_NOTICE"), **values)

    def test_a_bad_file_leaves_nothing(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        with pytest.raises(Refused, match="不是 PDF"):
            receive(rating, uploads=[upload(), upload("木马.pdf", b"MZ" + bytes(99))])
        assert not Objection.objects.exists()
        assert not Evidence.objects.exists()

    def test_one_open_at_a_time(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        first = receive(rating)
        with pytest.raises(Refused, match=f"尚未办结（2026年2月5日递交，#{first.pk}，办理中），.*并入该件"):
            receive(rating)
        withdraw_objection(first, text="自愿撤回", uploads=[upload()], by=CLERK)
        assert receive(rating).is_open

    def test_facts_of_others_and_void_ones_cannot_be_listed(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = receive(rating)
        with pytest.raises(Refused, match="不是该药店的记录"):
            add_facts(
                row, [factories.complaint(factories.pharmacy(recorded_at=AT), recorded_at=AT)], by=REVIEWER
            )
        gone = void_fact(penalty(rating), reason="录错", by=REVIEWER)
        with pytest.raises(Refused, match="已经作废"):
            add_facts(row, [gone], by=REVIEWER)
        assert not row.facts.exists()

    def test_facts_of_a_predecessor_can_be(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        before = factories.pharmacy(
            designated_on=date(2010, 1, 1), designated_until=date(2015, 1, 1), recorded_at=AT
        )
        rating.pharmacy.predecessor = before
        rating.pharmacy.save()
        inherited = factories.complaint(before, recorded_at=AT)
        row = receive(rating, facts=[inherited])
        assert [fact.complaint for fact in row.facts.all()] == [inherited]


class TestClocks:
    def test_overdue_from_the_day_after(self) -> None:
        row = receive(rating_in("PUBLIC_NOTICE"))
        everything = Objection.objects.all()
        assert not overdue(everything, row.due_on).exists()
        assert overdue(everything, row.due_on + timedelta(days=1)).get() == row
        withdraw_objection(row, text="自愿撤回", uploads=[upload()], by=CLERK)
        assert not overdue(everything, row.due_on + timedelta(days=1)).exists()

    def test_extended_once_to_the_last_day(self) -> None:
        row = receive(rating_in("PUBLIC_NOTICE"))
        moment = shanghai(row.due_on)
        extended = extend_objection(row, reason="需调取监控", by=REVIEWER, at=moment)
        assert extended.due_on == row.last_due_on
        with pytest.raises(Refused, match=r"已延长过一次.*不能再延长"):
            extend_objection(row, reason="仍需时间", by=REVIEWER, at=moment)
        assert AuditEvent.objects.get(action="延长异议期限").detail["before"] == str(row.due_on)

    def test_not_extended_after_it_ended_nor_without_reason(self) -> None:
        row = receive(rating_in("PUBLIC_NOTICE"))
        with pytest.raises(Refused, match="须写明延长理由"):
            extend_objection(row, reason=" ", by=REVIEWER, at=AT)
        with pytest.raises(Refused, match="届满后不能延长"):
            extend_objection(
                row, reason="需调取监控", by=REVIEWER, at=shanghai(row.due_on + timedelta(days=1))
            )


def _walk(row: Objection, state: str) -> None:
    """Take an open objection to ``state`` past the services."""
    step: dict[str, Any] = {
        "proposed_by": desk.REVIEWER,
        "proposed_at": AT,
        "proposed_outcome": "REJECTED",
        "proposed_text": "查证属实",
    }
    done = {"decided_by": desk.APPROVER, "decided_at": AT}
    ways: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "OPEN": [],
        "WITHDRAWN": [("WITHDRAWN", {})],
        "PROPOSED": [("PROPOSED", step)],
    }
    for end in ("UPHELD", "REJECTED"):
        ways[end] = [*ways["PROPOSED"], (end, done)]
    asked = {"review_requested_by": desk.CLERK, "review_requested_at": AT}
    again = {
        "review_proposed_by": desk.REVIEWER,
        "review_proposed_at": AT,
        "review_outcome": "REJECTED",
        "review_proposed_text": "查证属实",
    }
    ways["REVIEW_REQUESTED"] = [*ways["REJECTED"], ("REVIEW_REQUESTED", asked)]
    ways["REVIEW_PROPOSED"] = [*ways["REVIEW_REQUESTED"], ("REVIEW_PROPOSED", again)]
    for end in ("REVIEW_UPHELD", "REVIEW_REJECTED"):
        ways[end] = [*ways["REVIEW_PROPOSED"], (end, {"reviewed_by": desk.OTHER, "reviewed_at": AT})]
    for target, values in ways[state]:
        Objection.objects.filter(pk=row.pk).update(state=target, **values)
    row.refresh_from_db()


def _decided_as(outcome: str) -> Callable[[Objection], Objection]:
    def act(row: Objection) -> Objection:
        remedy = "RECORD_ONLY" if outcome == "UPHELD" else ""
        Objection.objects.filter(pk=row.pk).update(proposed_outcome=outcome, remedy=remedy)
        return decide_objection(row, text="同意", by=OTHER, at=AT)

    return act


def _reviewed_as(outcome: str) -> Callable[[Objection], Objection]:
    def act(row: Objection) -> Objection:
        remedy = "RECORD_ONLY" if outcome == "UPHELD" else ""
        Objection.objects.filter(pk=row.pk).update(review_outcome=outcome, review_remedy=remedy)
        return decide_review(row, text="同意", by=THIRD, at=AT)

    return act


ACTS: dict[str, Callable[[Objection], Objection]] = {
    "propose": lambda row: propose_outcome(row, outcome="REJECTED", text="查无实据", by=REVIEWER, at=AT),
    "return": lambda row: return_objection(row, text="再核实", by=APPROVER, at=AT),
    "uphold": _decided_as("UPHELD"),
    "reject": _decided_as("REJECTED"),
    "withdraw": lambda row: withdraw_objection(row, text="自愿撤回", uploads=[upload()], by=CLERK, at=AT),
    "request_review": lambda row: request_review(row, statement="不服", by=CLERK, at=AT),
    "propose_review": lambda row: propose_review(row, outcome="REJECTED", text="维持", by=REVIEWER, at=AT),
    "return_review": lambda row: return_review(row, text="再核实", by=OTHER, at=AT),
    "uphold_review": _reviewed_as("UPHELD"),
    "reject_review": _reviewed_as("REJECTED"),
}


def test_every_move_of_the_table_has_its_act() -> None:
    assert set(ACTS) == {move.name for move in OBJECTION_MOVES}


@pytest.mark.parametrize("state", OBJECTION_STATES.ids)
def test_every_state_and_every_move(state: str) -> None:
    rating = rating_in("PUBLIC_NOTICE")
    allowed = {move.name: move.target for move in moves_from(OBJECTION_MOVES, state)}
    for name, act in ACTS.items():
        with transaction.atomic():
            row = desk.objection(rating.run.life, rating)
            _walk(row, state)
            if name in allowed:
                assert act(row).state == allowed[name]
            else:
                with pytest.raises(Refused, match=f"现为“{OBJECTION_STATES[state].label}”，不能"):
                    act(row)
            transaction.set_rollback(True)


class TestDeciding:
    @pytest.mark.parametrize("state", ["PUBLIC_NOTICE", "PUBLISHED"])
    def test_upheld_voids_re_rates_and_adjusts_in_one_act(self, state: str) -> None:
        rating = rating_in(state)
        row = decide_objection(proposed(rating), text="同意", by=APPROVER, at=AT)
        assert (row.state, row.decided_by) == ("UPHELD", desk.APPROVER)
        assert row.decision_text == "同意（复评后等级由 C 级变更为 A 级。）"
        fact = penalty(rating)
        assert (fact.voided_by, fact.void_reason) == (desk.APPROVER, f"异议 #{row.pk} 成立：查证属实")
        change = Adjustment.objects.get()
        assert (change.cause, change.state, change.objection) == ("OBJECTION", "APPROVED", row)
        assert (change.proposed_by, change.decided_by) == (desk.REVIEWER, desk.APPROVER)
        assert "第三十一条" in change.clause
        assert standing(rating).position == A
        rows = PublishedGrade.objects.filter(pharmacy=rating.pharmacy).order_by("seq")
        assert [one.event for one in rows] == (["PERIODIC", "CORRECTION"] if state == "PUBLISHED" else [])
        assert [event.action for event in AuditEvent.objects.order_by("id")][-1] == "决定异议"

    def test_rejected_changes_nothing(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = rejected(rating)
        assert (row.state, row.decision_text) == ("REJECTED", "事实清楚")
        assert penalty(rating).is_live
        assert not Rerating.objects.exists()

    def test_a_record_put_right_changes_no_grade(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = decide_objection(proposed(rating, remedy="RECORD_ONLY"), text="同意", by=APPROVER, at=AT)
        assert (row.state, row.decision_text) == ("UPHELD", "同意")
        assert not Rerating.objects.exists()

    def test_re_rated_after_the_fact_was_put_right(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        void_fact(penalty(rating), reason="处罚被撤销", by=REVIEWER)
        decide_objection(proposed(rating, remedy="RERATE"), text="同意", by=APPROVER, at=AT)
        assert standing(rating).position == A

    def test_where_nothing_changes_the_grade_stays(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = decide_objection(proposed(rating, remedy="RERATE"), text="同意", by=APPROVER, at=AT)
        assert row.decision_text == "同意（复评后等级不变，仍为 C 级。）"
        assert not Adjustment.objects.exists()

    @pytest.mark.parametrize("state", ["PUBLIC_NOTICE", "PUBLISHED"])
    def test_nobody_fares_worse_for_speaking_up(self, state: str) -> None:
        rating = rating_in(state, GOOD)
        convict(rating.pharmacy, occurred_on=date(2025, 11, 1), decided_on=date(2025, 12, 1))
        row = decide_objection(proposed(rating, remedy="RERATE"), text="同意", by=APPROVER, at=AT)
        assert row.state == "UPHELD"
        assert "低于现等级；申辩不加重，保持 A 级" in row.decision_text
        assert Rerating.objects.get().position > A
        assert not Adjustment.objects.exists()
        assert standing(rating).position == A

    def test_nor_by_a_lower_score_in_the_same_grade(self) -> None:
        rating = rating_in("PUBLIC_NOTICE", GROWN)
        factories.complaint(rating.pharmacy, recorded_at=AT, topic="SERVICE", finding="VERIFIED")
        before = standing(rating)
        row = decide_objection(proposed(rating, remedy="RERATE"), text="同意", by=APPROVER, at=AT)
        assert "申辩不加重" in row.decision_text
        assert standing(rating) == before

    def test_not_by_the_one_who_proposed(self) -> None:
        row = proposed(rating_in("PUBLIC_NOTICE"))
        with pytest.raises(Refused, match="提出处理意见以外的人决定"):
            decide_objection(row, text="同意", by=REVIEWER, at=AT)
        with pytest.raises(IntegrityError, match="not_decided_by_proposer"), transaction.atomic():
            Objection.objects.filter(pk=row.pk).update(decided_by=desk.REVIEWER, decided_at=AT)

    def test_an_open_adjustment_comes_first(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row, fact = proposed(rating), penalty(rating)
        desk.adjustment(rating.run.life, rating, proposed_by=desk.OTHER)
        with pytest.raises(Refused, match=r"待审批的等级调整.*审批丁 提出.*再作本决定"):
            decide_objection(row, text="同意", by=APPROVER, at=AT)
        row.refresh_from_db()
        fact.refresh_from_db()
        assert (row.state, fact.is_live) == ("PROPOSED", True)

    def test_while_the_period_is_settled_it_goes_into_its_publication(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = proposed(rating)
        RatingPeriod.objects.filter(run=rating.run).update(
            state="FINAL", finalised_by=desk.REVIEWER, finalised_at=AT
        )
        decide_objection(row, text="同意", by=APPROVER, at=AT)
        assert (standing(rating).position, PublishedGrade.objects.exists()) == (A, False)

    def test_a_period_that_was_abandoned_has_no_grade_to_change(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = proposed(rating)
        RatingPeriod.objects.filter(run=rating.run).update(state="ABANDONED")
        row = decide_objection(row, text="同意", by=APPROVER, at=AT)
        assert "已终止，等级不再变更" in row.decision_text
        assert not penalty(rating).is_live

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"outcome": "MAYBE"}, "须为“成立”或“不成立”"),
            ({"outcome": "REJECTED", "remedy": "RERATE"}, "不选处理方式"),
            ({"outcome": "UPHELD"}, "请选择处理方式：作废所列事实并复评"),
            ({"outcome": "UPHELD", "remedy": "VOID_FACTS"}, "没有列出仍然有效的所涉事实"),
            ({"outcome": "UPHELD", "remedy": "RERATE", "text": ""}, "须写明处理理由"),
        ],
    )
    def test_proposals_that_make_no_sense(self, values: dict[str, Any], told: str) -> None:
        row = receive(rating_in("PUBLIC_NOTICE"))
        with pytest.raises(Refused, match=told):
            propose_outcome(row, **{"text": "查证属实", "by": REVIEWER, "at": AT, **values})

    def test_facts_are_added_while_in_hand_only(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        row = receive(rating)
        add_facts(row, [penalty(rating)], by=REVIEWER)
        propose_outcome(row, outcome="UPHELD", remedy="VOID_FACTS", text="属实", by=REVIEWER, at=AT)
        more = factories.complaint(rating.pharmacy, recorded_at=AT)
        with pytest.raises(Refused, match=r"现为“待决定”.*先退回"):
            add_facts(row, [more], by=REVIEWER)
        return_objection(row, text="还有一件投诉", by=APPROVER)
        add_facts(row, [more], by=REVIEWER)
        propose_outcome(row, outcome="UPHELD", remedy="VOID_FACTS", text="属实", by=REVIEWER, at=AT)
        decide_objection(row, text="同意", by=APPROVER, at=AT)
        assert not Complaint.objects.get(pk=more.pk).is_live

    def test_a_long_reason_leaves_room_for_the_outcome(self) -> None:
        row = proposed(rating_in("PUBLIC_NOTICE"))
        with pytest.raises(Refused, match="决定理由不超过 420 字"):
            decide_objection(row, text="字" * 421, by=APPROVER, at=AT)
        assert len(decide_objection(row, text="字" * 420, by=APPROVER, at=AT).decision_text) <= 500


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_two_approvers_one_decides(self) -> None:
        row = proposed(rating_in("PUBLISHED"))
        told = at_the_same_moment(
            lambda: decide_objection(row, text="同意", by=APPROVER, at=AT),
            lambda: decide_objection(row, text="同意", by=OTHER, at=AT),
        )
        assert sorted(text == "done" for text in told) == [False, True]
        assert any("现为“成立”" in text for text in told)
        assert Adjustment.objects.count() == 1

    def test_two_objections_to_one_rating(self) -> None:
        rating = rating_in("PUBLIC_NOTICE")
        told = at_the_same_moment(lambda: receive(rating), lambda: receive(rating))
        assert sorted(text == "done" for text in told) == [False, True]
        assert any("尚未办结" in text for text in told)

    def test_two_decisions_on_different_ratings_do_not_block_each_other_for_ever(self) -> None:
        shops, period = city_in("PUBLISHED")
        first, second = (rating_of(shops[place], period) for place in (PENALISED, GOOD))
        case = factories.complaint(shops[GOOD], recorded_at=AT)
        rows = [proposed(first), receive(second, facts=[case])]
        rows[1] = propose_outcome(
            rows[1], outcome="UPHELD", remedy="VOID_FACTS", text="属实", by=REVIEWER, at=AT
        )
        told = at_the_same_moment(
            lambda: decide_objection(rows[0], text="同意", by=APPROVER, at=AT),
            lambda: decide_objection(rows[1], text="同意", by=OTHER, at=AT),
        )
        assert told == ["done", "done"]
