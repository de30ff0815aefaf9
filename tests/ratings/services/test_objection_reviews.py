"""Reviews (复核) of rejected objections: in time, by a third person, with the same effects."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ratings.models import Adjustment, AuditEvent, Objection, PublishedGrade
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.objection_reviews import (
    decide_review,
    propose_review,
    request_review,
    return_review,
    review_until,
)
from ratings.services.objections import decide_objection, extend_objection, propose_outcome
from tests import desk
from tests.ratings.services.regrading import APPROVER, AT, CLERK, OTHER, REVIEWER, shanghai
from tests.ratings.services.test_objections import penalty, rating_in, receive, rejected

pytestmark = pytest.mark.django_db
SECOND = Actor("审核己")


def under_review() -> Objection:
    """A rejection, on a listed penalty, whose review the clerk has taken in."""
    rating = rating_in("PUBLISHED")
    row = receive(rating, facts=[penalty(rating)])
    propose_outcome(row, outcome="REJECTED", text="查无实据", by=REVIEWER, at=AT)
    row = decide_objection(row, text="事实清楚", by=APPROVER, at=AT)
    return request_review(row, statement="有新证据", by=CLERK, at=AT)


def opinion(row: Objection, outcome: str = "UPHELD", by: Actor = SECOND) -> Objection:
    remedy = "VOID_FACTS" if outcome == "UPHELD" else ""
    return propose_review(row, outcome=outcome, remedy=remedy, text="撤销属实", by=by, at=AT)


class TestReview:
    def test_a_review_within_its_term_and_with_clocks_of_its_own(self) -> None:
        row = rejected(rating_in("PUBLISHED"))
        until = review_until(row)
        assert until == date(2026, 2, 26)  # ten working days after 5 February
        with pytest.raises(Refused, match=r"申请复核的期限已于 2026年2月26日届满.*行政复议"):
            request_review(row, statement="不服", by=CLERK, at=shanghai(until + timedelta(days=1)))
        row = request_review(row, statement="不服", by=CLERK, at=shanghai(until))
        assert (row.due_on, row.last_due_on) == (date(2026, 3, 4), date(2026, 3, 25))
        row = opinion(row, "REJECTED")
        extended = extend_objection(row, reason="需补充调查", by=REVIEWER, at=shanghai(row.due_on))
        assert extended.due_on == row.last_due_on
        with pytest.raises(Refused, match="已延长过一次"):
            extend_objection(row, reason="仍需时间", by=REVIEWER, at=shanghai(row.due_on))

    def test_upheld_by_another_than_who_proposed_takes_effect(self) -> None:
        row = opinion(under_review())
        for person in (CLERK, REVIEWER, APPROVER, SECOND):
            with pytest.raises(Refused, match="以外的人决定"):
                decide_review(row, text="采纳", by=person, at=AT)
        row = decide_review(row, text="采纳", by=OTHER, at=AT)
        assert (row.state, row.review_remedy, row.reviewed_by) == ("REVIEW_UPHELD", "VOID_FACTS", desk.OTHER)
        assert (row.proposed_outcome, row.remedy) == ("REJECTED", "")  # the first round stays as it was
        assert row.review_text == "采纳（复评后等级由 C 级变更为 A 级。）"
        change = Adjustment.objects.get()
        assert (change.proposed_by, change.decided_by) == (SECOND.name, desk.OTHER)
        assert change.text == f"异议 #{row.pk} 复核成立：撤销属实"
        assert PublishedGrade.objects.filter(pharmacy=row.rating.pharmacy, event="CORRECTION").exists()

    def test_upholding_the_rejection_changes_nothing(self) -> None:
        row = decide_review(opinion(under_review(), "REJECTED"), text="维持", by=OTHER, at=AT)
        assert (row.state, row.review_text) == ("REVIEW_REJECTED", "维持")
        assert penalty(row.rating).is_live
        assert not Adjustment.objects.exists()

    def test_not_proposed_by_who_decided_first(self) -> None:
        with pytest.raises(Refused, match="作出原决定以外的人提出"):
            opinion(under_review(), by=APPROVER)

    def test_who_proposed_first_may_propose_again_and_is_sent_back(self) -> None:
        row = opinion(under_review(), by=REVIEWER)
        row = return_review(row, text="请调取原件", by=OTHER, at=AT)
        assert row.state == "REVIEW_REQUESTED"
        row = opinion(row, "REJECTED")
        assert (row.review_proposed_by, row.review_remedy) == (SECOND.name, "")
        assert AuditEvent.objects.get(action="退回复核").reason == "请调取原件"

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"outcome": "MAYBE"}, "须为“成立”或“不成立”"),
            ({"outcome": "REJECTED", "remedy": "RERATE"}, "不选处理方式"),
            ({"outcome": "UPHELD"}, "请选择处理方式"),
            ({"outcome": "REJECTED", "text": " "}, "须写明复核理由"),
        ],
    )
    def test_opinions_that_make_no_sense(self, values: dict[str, Any], told: str) -> None:
        row = under_review()
        with pytest.raises(Refused, match=told):
            propose_review(row, **{"text": "查证属实", "by": SECOND, "at": AT, **values})

    def test_voiding_needs_a_fact_that_counts(self) -> None:
        row = propose_outcome(
            receive(rating_in("PUBLISHED")), outcome="REJECTED", text="查无实据", by=REVIEWER, at=AT
        )
        row = decide_objection(row, text="事实清楚", by=APPROVER, at=AT)
        row = request_review(row, statement="不服", by=CLERK, at=AT)
        with pytest.raises(Refused, match="没有列出仍然有效的所涉事实"):
            opinion(row)

    @pytest.mark.parametrize(
        ("constraint", "person"),
        [
            ("not_reviewed_by_decider", desk.APPROVER),
            ("not_reviewed_by_party", desk.REVIEWER),
            ("not_reviewed_by_party", desk.CLERK),
            ("not_reviewed_by_party", SECOND.name),
        ],
    )
    def test_the_database_holds_the_new_hand(self, constraint: str, person: str) -> None:
        row = opinion(under_review())
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Objection.objects.filter(pk=row.pk).update(reviewed_by=person, reviewed_at=AT)

    def test_the_period_is_held_first(self) -> None:
        """As settling does, or a review could slip in while the period is counted as settled."""
        row = rejected(rating_in("PUBLISHED"))
        with CaptureQueriesContext(connection) as queries:
            request_review(row, statement="不服", by=CLERK, at=AT)
        locks = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
        assert 'FROM "ratings_ratingperiod"' in locks[0]
        assert any('FROM "ratings_objection"' in lock for lock in locks[1:])

    def test_not_beside_a_new_objection(self) -> None:
        rating = rating_in("PUBLISHED")
        row = rejected(rating)
        receive(rating)
        with pytest.raises(Refused, match="尚未办结"):
            request_review(row, statement="不服", by=CLERK, at=AT)
