"""The days that are the party's: of its paper, and of the decision's service; and its written withdrawal."""

from datetime import date, timedelta

import pytest

from ratings.models import AuditEvent, Objection
from ratings.services.errors import Refused
from ratings.services.objection_reviews import request_review, review_until
from ratings.services.objections import (
    check_objection,
    decide_objection,
    last_paper_day,
    overdue,
    record_service,
    withdraw_objection,
)
from ratings.working_days import add_working_days
from tests import desk
from tests.ratings.services.regrading import APPROVER, AT, CLERK, shanghai
from tests.ratings.services.test_objections import proposed, rating_in, receive, rejected
from tests.ratings.services.uploads import upload

pytestmark = pytest.mark.django_db
#: Public notice, as ``tests.desk`` gives it.
FIRST, LAST = date(2026, 2, 5), date(2026, 2, 11)
TENTH = add_working_days(LAST, 10).day


def paper(state: str, day: date, entered: date, **values: object) -> Objection:
    wanted = {"handed_in_on": day, "at": shanghai(entered), "uploads": [upload()], **values}
    return receive(rating_in(state), **wanted)


class TestPapers:
    def test_entered_today_it_was_handed_in_today(self) -> None:
        row = receive(rating_in("PUBLIC_NOTICE"), at=shanghai(FIRST))
        assert row.handed_in_on == FIRST

    @pytest.mark.parametrize("state", ["PUBLIC_NOTICE", "FINAL"])
    def test_in_time_on_its_day_and_clocks_from_there(self, state: str) -> None:
        row = paper(state, LAST, LAST + timedelta(days=2))
        assert (row.against, row.handed_in_on) == ("NOTICE", LAST)
        assert row.due_on == add_working_days(LAST, 5).day
        assert row.received_at == shanghai(LAST + timedelta(days=2))
        assert AuditEvent.objects.get(action="受理异议").detail["handed_in_on"] == str(LAST)

    @pytest.mark.parametrize("state", ["PUBLIC_NOTICE", "FINAL"])
    def test_late_on_its_day_stays_late(self, state: str) -> None:
        with pytest.raises(Refused, match="公示已于 2026年2月11日结束"):
            paper(state, LAST + timedelta(days=1), LAST + timedelta(days=2))

    def test_at_most_ten_working_days_back(self) -> None:
        rating = rating_in("FINAL")
        assert last_paper_day(rating, at=shanghai(TENTH)) == LAST
        assert last_paper_day(rating, at=shanghai(TENTH + timedelta(days=1))) is None
        wanted = {"handed_in_on": LAST, "uploads": [upload()]}
        with pytest.raises(Refused, match="超过 10 个工作日"):
            receive(rating, at=shanghai(add_working_days(TENTH, 1).day), **wanted)
        row = receive(rating, at=shanghai(TENTH), **wanted)
        # the delay is the office's, not the party's
        assert overdue(Objection.objects.all(), TENTH).get() == row

    def test_not_later_than_today(self) -> None:
        with pytest.raises(Refused, match="晚于今天"):
            paper("PUBLIC_NOTICE", LAST, LAST - timedelta(days=1))

    def test_not_before_the_notice_began(self) -> None:
        rating, entered = rating_in("PUBLIC_NOTICE"), shanghai(FIRST + timedelta(days=1))
        with pytest.raises(Refused, match="早于公示开始的 2026年2月5日"):
            receive(rating, handed_in_on=FIRST - timedelta(days=1), uploads=[upload()], at=entered)
        row = receive(rating, handed_in_on=FIRST, uploads=[upload()], at=entered)
        assert row.handed_in_on == FIRST

    def test_the_stamped_paper_is_kept(self) -> None:
        rating, entered = rating_in("PUBLIC_NOTICE"), shanghai(FIRST + timedelta(days=1))
        with pytest.raises(Refused, match="加盖收件章的书面异议"):
            receive(rating, handed_in_on=FIRST, at=entered)
        row = receive(rating, handed_in_on=FIRST, uploads=[upload()], at=entered)
        assert row.evidence.count() == 1

    def test_no_paper_day_where_nothing_was_out(self) -> None:
        rating = rating_in("UNDER_REVIEW")
        assert last_paper_day(rating, at=AT) is None
        with pytest.raises(Refused, match="尚未公示"):
            check_objection(rating, handed_in_on=FIRST, at=AT)


class TestService:
    def test_the_review_runs_from_service(self) -> None:
        row = rejected(rating_in("PUBLISHED"))
        decided = review_until(row)
        day = FIRST + timedelta(days=4)
        row = record_service(row, served_on=day, by=CLERK, at=shanghai(day + timedelta(days=1)))
        until = review_until(row)
        assert (row.served_on, row.served_by) == (day, desk.CLERK)
        assert until == add_working_days(day, 10).day > decided
        with pytest.raises(Refused, match="自送达之日起"):
            request_review(row, statement="不服", by=CLERK, at=shanghai(until + timedelta(days=1)))
        assert request_review(row, statement="不服", by=CLERK, at=shanghai(until)).state == "REVIEW_REQUESTED"

    def test_once(self) -> None:
        row = record_service(rejected(rating_in("PUBLISHED")), served_on=FIRST, by=CLERK, at=AT)
        with pytest.raises(Refused, match="已登记于 2026年2月5日送达，不能再改"):
            record_service(row, served_on=FIRST, by=CLERK, at=AT)
        assert AuditEvent.objects.get(action="登记异议决定送达").detail["served_on"] == str(FIRST)

    @pytest.mark.parametrize("day", [FIRST - timedelta(days=1), FIRST + timedelta(days=1)])
    def test_between_the_decision_and_today(self, day: date) -> None:
        row = rejected(rating_in("PUBLISHED"))  # decided on FIRST
        with pytest.raises(Refused, match=r"决定之日（2026年2月5日）至今天之间"):
            record_service(row, served_on=day, by=CLERK, at=AT)

    def test_only_of_a_decision(self) -> None:
        row = proposed(rating_in("PUBLISHED"))
        with pytest.raises(Refused, match="现为“待决定”"):
            record_service(row, served_on=FIRST, by=CLERK, at=AT)
        row = decide_objection(row, text="同意", by=APPROVER, at=AT)
        assert record_service(row, served_on=FIRST, by=CLERK, at=AT).served_on == FIRST


def test_no_withdrawal_on_a_clerks_word() -> None:
    row = receive(rating_in("PUBLIC_NOTICE"))
    with pytest.raises(Refused, match="须上传药店书面撤回的材料"):
        withdraw_objection(row, text="电话撤回", uploads=[], by=CLERK, at=AT)
    assert row.evidence.count() == 0
    row = withdraw_objection(row, text="来函撤回", uploads=[upload()], by=CLERK, at=AT)
    assert (row.state, row.evidence.count()) == ("WITHDRAWN", 1)
