"""How work is handled: each sort on both sides of its term, by district and span."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.insight import handling
from ratings.insight.handling import Handling, Matter, Waiting, WorkingDays
from ratings.models import CreditRepair, Objection, ReviewItem
from ratings.services.terms import deadline
from ratings.working_days import add_working_days, working_days_between
from tests import desk, factories

from .conftest import HERE, THERE, City

#: A Monday without holidays around, and the span that all lies in.
MONDAY = date(2026, 3, 2)
SPAN = (date(2026, 1, 1), date(2026, 6, 30))
TODAY = date(2026, 6, 30)


def at(day: date) -> datetime:
    """Noon in Shanghai."""
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def decided_after(days: int | None, start: date = MONDAY) -> dict[str, Any]:
    """A decision so many working days later; nothing for None."""
    if days is None:
        return {}
    return {"decided_by": desk.APPROVER, "decided_at": at(add_working_days(start, days).day)}


def objection(city: City, shop: int, days: int | None, **values: Any) -> Objection:
    """Handed in on the Monday, decided so many working days later, past the moves."""
    rating = city.second.run.ratings.get(pharmacy=city.shops[shop])
    row = desk.objection(
        city.second, rating, handed_in_on=MONDAY, received_at=at(MONDAY),
        due_on=deadline("objection_answer", MONDAY).day, last_due_on=deadline("objection_last", MONDAY).day,
    )  # fmt: skip
    given = {**decided_after(days), **values}
    if days is not None:
        Objection.objects.filter(pk=row.pk).update(
            state="PROPOSED", proposed_by=desk.REVIEWER, proposed_at=at(MONDAY), proposed_outcome="REJECTED"
        )
        given.setdefault("state", "REJECTED")
        given.setdefault("decision_text", "事实清楚")
    Objection.objects.filter(pk=row.pk).update(**given)
    row.refresh_from_db()
    return row


def counted(sort: str, districts: frozenset[int] | None = None, today: date = TODAY) -> Handling:
    found = handling.handling(handling.matters(*SPAN, districts), *SPAN, today)
    return handling.by_sort(found).get(sort, Handling())


def times(one: Handling) -> tuple[int, int, int, int]:
    return one.in_time, one.extended, one.late, one.overdue


@pytest.mark.parametrize(
    ("days", "extended", "expected"),
    [
        (5, False, (1, 0, 0, 0)),
        (6, False, (0, 0, 1, 0)),
        (5, True, (1, 0, 0, 0)),
        (6, True, (0, 1, 0, 0)),
        (20, True, (0, 1, 0, 0)),
        (21, True, (0, 0, 1, 0)),
    ],
)
def test_objections_are_answered_in_time_or_late(
    city: City, days: int, extended: bool, expected: tuple[int, ...]
) -> None:
    given: dict[str, Any] = {}
    if extended:
        given = {
            "due_on": deadline("objection_last", MONDAY).day, "extended_at": at(MONDAY),
            "extended_by": desk.REVIEWER, "extension_reason": "须外地核查",
        }  # fmt: skip
    objection(city, 0, days, **given)
    found = counted("objection")
    assert times(found) == expected
    assert (found.received, found.done, found.open) == (1, 1, 0)
    assert (found.median_days, found.most_days) == (days, days)


def test_an_open_objection_is_overdue_after_its_last_day(city: City) -> None:
    objection(city, 0, None)
    due = deadline("objection_answer", MONDAY).day
    assert times(counted("objection", today=due)) == (0, 0, 0, 0)
    late = counted("objection", today=due + timedelta(days=1))
    assert times(late) == (0, 0, 0, 1)
    assert (late.open, late.with_term) == (1, 1)
    found = handling.matters(*SPAN)
    assert [one.code for one in handling.overdue(found, due + timedelta(days=1))] == [city.shops[0].code]
    assert handling.overdue(found, due) == []
    soon = due - timedelta(days=handling.SOON)
    assert handling.waiting(found, soon)["objection", HERE] == Waiting(1, 1, 0, due)
    assert handling.waiting(found, soon - timedelta(days=1))["objection", HERE] == Waiting(1, 0, 0, due)
    assert handling.waiting(found, due + timedelta(days=1))["objection", HERE] == Waiting(1, 0, 1, due)


def test_withdrawn_is_neither_done_nor_open(city: City) -> None:
    objection(city, 0, None, state="WITHDRAWN", decision_text="药店书面撤回")
    found = counted("objection", today=TODAY)
    assert (found.received, found.withdrawn, found.to_handle, found.open) == (1, 1, 0, 0)
    assert times(found) == (0, 0, 0, 0)
    assert not handling.waiting(handling.matters(*SPAN), TODAY)


def test_a_review_has_its_own_term(city: City) -> None:
    asked = date(2026, 3, 16)
    row = objection(city, 0, 6)
    Objection.objects.filter(pk=row.pk).update(
        state="REVIEW_REQUESTED", review_requested_by=desk.CLERK, review_requested_at=at(asked),
        review_statement="不服", due_on=deadline("review_answer", asked).day,
        last_due_on=deadline("review_last", asked).day,
    )  # fmt: skip
    assert times(counted("objection")) == (0, 0, 1, 0)
    assert times(counted("review", today=deadline("review_answer", asked).day)) == (0, 0, 0, 0)
    assert times(counted("review")) == (0, 0, 0, 1)
    # extended for the review: the answer keeps its own last day
    Objection.objects.filter(pk=row.pk).update(
        due_on=deadline("review_last", asked).day, extended_at=at(asked), extended_by=desk.REVIEWER,
        extension_reason="须补充核查",
    )  # fmt: skip
    assert times(counted("objection")) == (0, 0, 1, 0)
    assert times(counted("review", today=deadline("review_last", asked).day)) == (0, 0, 0, 0)


@pytest.mark.parametrize(("day", "expected"), [(0, (1, 0, 0, 0)), (1, (0, 0, 1, 0))])
def test_repairs_are_accepted_decided_and_answered(city: City, day: int, expected: tuple[int, ...]) -> None:
    """Each step on its last day, and on the day after it."""
    late = timedelta(days=day)
    accept_due = deadline("repair_accept", MONDAY).day
    accepted = accept_due + late
    decide_due = deadline("repair_decide", accepted).day
    decided = decide_due + late
    reply_due = deadline("repair_reply", decided).day
    shop = city.shops[1]
    row = desk.repair(
        factories.violation(shop, recorded_at=timezone.now()), received_at=at(MONDAY), applied_on=MONDAY,
        accept_due_on=accept_due,
    )  # fmt: skip
    assert times(counted("repair_accept", today=accept_due + timedelta(days=1))) == (0, 0, 0, 1)
    for step in (
        {"state": "ACCEPTED", "accepted_by": "x", "accepted_at": at(accepted), "decide_due_on": decide_due},
        {"state": "PROPOSED", "proposed_by": "x", "proposed_at": at(accepted), "proposed_outcome": "REFUSED"},
        {"state": "REFUSED", "decided_by": "y", "decided_at": at(decided), "reply_due_on": reply_due},
        {"replied_on": reply_due + late},
    ):
        CreditRepair.objects.filter(pk=row.pk).update(**step)
    for sort in ("repair_accept", "repair_decide", "repair_reply"):
        assert times(counted(sort)) == expected, sort
    assert counted("repair_accept", frozenset({HERE})).received == 0
    assert counted("repair_accept", frozenset({THERE})).received == 1


def test_an_extended_repair_and_a_withdrawn_one(city: City) -> None:
    accepted = MONDAY
    due = deadline("repair_decide", accepted).day
    longer = deadline("repair_extension", due).day
    for shop, last in ((1, due + timedelta(days=1)), (3, None)):
        row = desk.repair(
            factories.violation(city.shops[shop], recorded_at=timezone.now()), received_at=at(MONDAY)
        )
        CreditRepair.objects.filter(pk=row.pk).update(
            state="ACCEPTED", accepted_by="x", accepted_at=at(accepted), decide_due_on=longer,
            extended_by="x", extended_at=at(accepted), extension_reason="须核查",
        )  # fmt: skip
        if last:
            CreditRepair.objects.filter(pk=row.pk).update(
                state="PROPOSED", proposed_by="x", proposed_at=at(accepted), proposed_outcome="REFUSED"
            )
            CreditRepair.objects.filter(pk=row.pk).update(
                state="REFUSED", decided_by="y", decided_at=at(last)
            )
        else:
            CreditRepair.objects.filter(pk=row.pk).update(state="WITHDRAWN")
    found = counted("repair_decide")
    assert times(found) == (0, 1, 0, 0)
    assert (found.received, found.withdrawn, found.done) == (2, 1, 1)


@pytest.mark.parametrize(
    ("days", "expected"), [(15, (1, 0, 0, 0)), (16, (0, 1, 0, 0)), (30, (0, 1, 0, 0)), (31, (0, 0, 1, 0))]
)
def test_complaints_are_verified_in_time(city: City, days: int, expected: tuple[int, ...]) -> None:
    factories.complaint(
        city.shops[0], occurred_on=MONDAY, decided_on=add_working_days(MONDAY, days).day,
        recorded_at=timezone.now(),
    )  # fmt: skip
    found = counted("complaint")
    assert times(found) == expected
    assert found.median_days == days


def test_a_case_is_handled_by_a_decision_that_follows(city: City) -> None:
    first, second = city.shops[0], city.shops[2]
    for shop in (first, second):
        factories.complaint(shop, occurred_on=MONDAY, decided_on=date(2026, 3, 9), recorded_at=timezone.now())
    factories.complaint(
        first, occurred_on=MONDAY, finding="PENDING", decided_on=None, state="VERIFYING",
        recorded_at=timezone.now(),
    )  # fmt: skip
    now = timezone.now()
    factories.violation(first, occurred_on=MONDAY, decided_on=date(2026, 3, 20), recorded_at=now)
    factories.violation(second, occurred_on=date(2026, 2, 1), decided_on=date(2026, 3, 1), recorded_at=now)
    found = counted("case")
    assert (found.received, found.done, found.open, found.with_term) == (2, 1, 1, 0)
    pending = counted("complaint", today=add_working_days(MONDAY, 30).day)
    assert (pending.received, pending.open, pending.overdue) == (3, 1, 0)
    assert counted("complaint", today=add_working_days(MONDAY, 30).day + timedelta(days=1)).overdue == 1


def test_a_case_waits_however_long_ago_it_came_in(city: City) -> None:
    for shop in (0, 2):
        factories.complaint(
            city.shops[shop], occurred_on=MONDAY, decided_on=date(2026, 3, 9), recorded_at=timezone.now()
        )
    factories.violation(
        city.shops[2], occurred_on=MONDAY, decided_on=MONDAY, recorded_at=timezone.now()
    )  # on the same day: handled
    span = (date(2026, 5, 1), date(2026, 6, 30))
    found = handling.matters(*span)
    assert [(one.sort, one.code) for one in found] == [("case", city.shops[0].code)]
    assert handling.waiting(found, TODAY) == {("case", HERE): Waiting(open=1)}
    assert handling.matters(*span, frozenset({THERE})) == []


def test_adjustments_with_and_without_a_legal_day(city: City) -> None:
    for shop, cause, due in ((0, "CORRECTION", MONDAY), (1, "JUDGEMENT", None), (2, "JUDGEMENT", None)):
        rating = city.second.run.ratings.get(pharmacy=city.shops[shop])
        again = desk.rerating(rating) if cause == "CORRECTION" else None
        row = desk.adjustment(
            city.second, rating, cause=cause, rerating=again, due_on=due, proposed_at=at(date(2026, 2, 25))
        )
        if shop == 2:
            desk.decided(row, "CANCELLED")
    assert times(counted("correction", today=MONDAY)) == (0, 0, 0, 0)
    assert times(counted("correction", today=MONDAY + timedelta(days=1))) == (0, 0, 0, 1)
    judged = counted("judgement")
    assert (judged.received, judged.withdrawn, judged.open, judged.with_term) == (2, 1, 1, 0)


def test_items_are_counted_together(city: City) -> None:
    began = city.second.reviewed_at
    assert began is not None
    for number, shop in enumerate(city.shops[:5]):
        rating = city.second.run.ratings.get(pharmacy=shop)
        item = ReviewItem.objects.create(period=city.second, rating=rating, remarks=1)
        if number < 3:
            ReviewItem.objects.filter(pk=item.pk).update(
                confirmed_by="审核乙", confirmed_at=at(add_working_days(timezone.localdate(began), 2).day)
            )
    found = counted("item")
    assert (found.received, found.done, found.open, found.median_days) == (5, 3, 2, 2)
    assert counted("item", frozenset({THERE})).received == 2
    waiting = handling.waiting(handling.matters(*SPAN), TODAY)
    assert sum(one.open for (sort, _), one in waiting.items() if sort == "item") == 2


def test_what_began_before_the_span_stands_only_with_the_open_ones(city: City) -> None:
    objection(city, 0, None)
    objection(city, 1, 3)
    span = (date(2026, 5, 1), date(2026, 6, 30))
    found = handling.matters(*span)
    assert [one.code for one in found] == [city.shops[0].code]
    assert handling.handling(found, *span, TODAY) == {}


def test_objections_by_ground_and_outcome(city: City) -> None:
    objection(city, 0, 3, state="UPHELD", proposed_outcome="UPHELD", remedy="RECORD_ONLY")
    objection(city, 1, 8)
    objection(city, 2, None)
    objection(city, 3, None, state="WITHDRAWN", decision_text="撤回")
    row = objection(city, 4, 4)
    for state in ("REVIEW_REQUESTED", "REVIEW_PROPOSED", "REVIEW_UPHELD"):
        Objection.objects.filter(pk=row.pk).update(
            state=state, review_requested_by="a", review_requested_at=at(MONDAY), review_proposed_by="b",
            review_proposed_at=at(MONDAY), review_outcome="UPHELD", reviewed_by="c", reviewed_at=at(MONDAY),
            review_text="改为成立", review_statement="不服", review_remedy="RECORD_ONLY",
        )  # fmt: skip
    found = handling.objections(*SPAN)
    assert set(found) == {"FACT"}
    one = found["FACT"]
    assert (one.received, one.upheld, one.rejected, one.withdrawn, one.open) == (5, 1, 2, 1, 1)
    assert (one.upheld_on_review, one.median_days, max(one.days)) == (1, 4, 8)
    assert handling.objections(*SPAN, frozenset({THERE}))["FACT"].received == 2
    assert handling.objections(date(2025, 1, 1), date(2025, 12, 31)) == {}
    assert handling.all_grounds([one, one]).received == 10


def test_statements_do_not_grow_with_the_rows(city: City) -> None:
    objection(city, 0, 3)
    with CaptureQueriesContext(connection) as few:
        handling.matters(*SPAN)
    objection(city, 1, 4)
    objection(city, 2, None)
    factories.complaint(city.shops[0], occurred_on=MONDAY, decided_on=MONDAY, recorded_at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        handling.matters(*SPAN)
    assert len(few) == len(many) == 5


def test_working_days_are_those_of_the_calendar() -> None:
    calendar = WorkingDays()
    days = [date(2026, 2, 10), date(2026, 1, 1), date(2026, 3, 31), date(2025, 9, 25), date(2026, 2, 10)]
    for start in days:
        for end in days:
            assert calendar.between(start, end) == max(0, working_days_between(start, end)), (start, end)


def test_sums_of_parts() -> None:
    calendar, one, other = WorkingDays(), Handling(), Handling()
    done = Matter("item", 0, HERE, "", "", MONDAY, MONDAY, MONDAY, MONDAY, count=3)
    one.add(done, TODAY, calendar)
    other.add(Matter("item", 0, HERE, "", "", MONDAY, MONDAY, MONDAY, None, count=2), TODAY, calendar)
    both = handling.together([one, other])
    assert (both.received, both.done, both.open, times(both)) == (5, 3, 2, (3, 0, 0, 2))
    assert both.days == [0, 0, 0]
    assert Handling().median_days is None
    assert Handling().most_days is None
