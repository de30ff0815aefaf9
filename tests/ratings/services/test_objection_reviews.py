"""Reviews (复核) of rejected objections: in time, by a third person, with the same effects."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from ratings.models import Adjustment, Objection, PublishedGrade
from ratings.services.audit import SYSTEM
from ratings.services.errors import Refused
from ratings.services.objections import (
    decide_objection,
    decide_review,
    extend_objection,
    request_review,
    review_until,
)
from tests import desk
from tests.ratings.services.regrading import APPROVER, AT, CLERK, OTHER, REVIEWER, shanghai
from tests.ratings.services.test_objections import proposed, rating_in, receive, rejected

pytestmark = pytest.mark.django_db


class TestReview:
    def test_a_review_within_its_term_and_with_clocks_of_its_own(self) -> None:
        row = rejected(rating_in("PUBLISHED"))
        until = review_until(row)
        assert until == date(2026, 2, 26)  # ten working days after 5 February
        with pytest.raises(Refused, match=r"申请复核的期限已于 2026年2月26日届满.*行政复议"):
            request_review(row, statement="不服", by=CLERK, at=shanghai(until + timedelta(days=1)))
        row = request_review(row, statement="不服", by=CLERK, at=shanghai(until))
        assert (row.due_on, row.last_due_on) == (date(2026, 3, 4), date(2026, 3, 25))
        extended = extend_objection(row, reason="需补充调查", by=REVIEWER, at=shanghai(row.due_on))
        assert extended.due_on == row.last_due_on

    def test_upheld_by_a_third_person_takes_effect(self) -> None:
        rating = rating_in("PUBLISHED")
        row = proposed(rating, "REJECTED")
        add_later = decide_objection(row, text="事实清楚", by=APPROVER, at=AT)
        row = request_review(add_later, statement="有新证据", by=CLERK, at=AT)
        for person in (REVIEWER, APPROVER):
            with pytest.raises(Refused, match="以外的人办理"):
                decide_review(row, upheld=True, remedy="VOID_FACTS", text="采纳", by=person, at=AT)
        row = decide_review(row, upheld=True, remedy="VOID_FACTS", text="采纳", by=OTHER, at=AT)
        assert (row.state, row.remedy, row.reviewed_by) == ("REVIEW_UPHELD", "VOID_FACTS", desk.OTHER)
        assert row.review_text == "采纳（复评后等级由 C 级变更为 A 级。）"
        change = Adjustment.objects.get()
        assert (change.proposed_by, change.decided_by) == (SYSTEM.name, desk.OTHER)
        assert PublishedGrade.objects.filter(pharmacy=rating.pharmacy, event="CORRECTION").exists()

    def test_the_database_holds_the_third_person(self) -> None:
        row = request_review(rejected(rating_in("PUBLISHED")), statement="不服", by=CLERK, at=AT)
        with pytest.raises(IntegrityError, match="not_reviewed_by_decider"), transaction.atomic():
            Objection.objects.filter(pk=row.pk).update(reviewed_by=desk.APPROVER, reviewed_at=AT)

    def test_not_beside_a_new_objection(self) -> None:
        rating = rating_in("PUBLISHED")
        row = rejected(rating)
        receive(rating)
        with pytest.raises(Refused, match="尚未办结"):
            request_review(row, statement="不服", by=CLERK, at=AT)
