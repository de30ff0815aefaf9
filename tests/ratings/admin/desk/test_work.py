"""The start page tells each what waits for them, with the nearest day, and nothing else."""

from datetime import timedelta

from django.utils import timezone

from ratings.models import Adjustment, Objection, RatingPeriod
from ratings.services.adjustments import propose_adjustment
from ratings.services.audit import Actor
from ratings.services.objections import propose_outcome, receive_objection

from .conftest import HERE, REVIEWER, THERE, Desk


def waiting(desk: Desk, who: str) -> dict[str, str]:
    """Titles and counts, as the start page shows them; empty for those without any duty."""
    return {entry["title"]: entry["count"] for entry in desk[who].get("/admin/").context["work"] or ()}


def test_from_role_to_role(desk: Desk) -> None:
    assert waiting(desk, "reviewer") == {}
    desk.to("COMPUTED")
    assert waiting(desk, "reviewer") == {"评价周期待开始审核": "1"}
    assert waiting(desk, "approver") == waiting(desk, "clerk") == {}
    period = desk.to("UNDER_REVIEW")
    items = period.items.count()
    assert waiting(desk, "reviewer") == {"审核事项待确认": str(items)}
    assert waiting(desk, "approver") == {}
    period.items.update(confirmed_by="reviewer", confirmed_at=timezone.now())
    assert waiting(desk, "approver") == {"评价周期待开始公示": "1"}
    desk.to("PUBLIC_NOTICE")
    assert waiting(desk, "reviewer") == {}
    past = timezone.localdate() - timedelta(days=1)
    RatingPeriod.objects.filter(pk=period.pk).update(notice_from=past, notice_until=past)
    assert waiting(desk, "reviewer") == {"公示期满待审定": "1"}
    desk.to("FINAL")
    assert waiting(desk, "approver") == {"已审定待发布": "1"}


def test_what_one_proposed_waits_for_others(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    propose_adjustment(
        desk.rating(2), reason_code="not_rectified", to_grade=1, text="x", by=Actor("approver")
    )
    assert "等级调整待审批" not in waiting(desk, "approver")
    assert waiting(desk, "approver2")["等级调整待审批"] == "1"
    Adjustment.objects.filter(state="PROPOSED").update(
        state="CANCELLED", decided_by="approver", decided_at=timezone.now()
    )
    assert "等级调整待审批" not in waiting(desk, "approver2")


def test_the_nearest_day_and_what_is_late(desk: Desk) -> None:
    desk.to("PUBLIC_NOTICE")
    row = receive_objection(
        desk.rating(), ground="FACT", statement="有误", channel="CLERK", by=Actor("clerk")
    )
    assert waiting(desk, "reviewer") == {"异议待办理": "1"}
    Objection.objects.filter(pk=row.pk).update(due_on=timezone.localdate() - timedelta(days=3))
    page = desk["reviewer"].get("/admin/").content.decode()
    assert "已逾期 3 天" in page
    assert "逾期 1 件" in page
    assert waiting(desk, "inspector") == {"督办：异议逾期": "1"}
    propose_outcome(row, outcome="REJECTED", text="属实", by=REVIEWER)
    assert waiting(desk, "approver") == {"异议待决定": "1", "督办：异议逾期": "1"}
    assert waiting(desk, "reviewer") == {}


def test_only_of_the_own_district(desk: Desk) -> None:
    desk.to("PUBLIC_NOTICE")
    receive_objection(desk.rating(), ground="FACT", statement="有误", channel="CLERK", by=Actor("clerk"))
    here, there = desk.local(HERE), desk.local(THERE)
    assert [entry["count"] for entry in here.get("/admin/").context["work"]] == ["1"]
    assert there.get("/admin/").context["work"] == []
