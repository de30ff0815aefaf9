"""A period's page: what each role sees and may do, why not, and that only services move it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ratings.models import AuditEvent, BulkConfirmation, RatingPeriod
from ratings.rules.moves import HOLDERS, PERIOD_MOVES
from ratings.services.roles import ROLES

from .conftest import HERE, THERE, Desk, act, page_of, said, text_of, url


def test_the_reviewer_begins_from_the_page_of_the_run(desk: Desk) -> None:
    run_page = url("ratingrun", "change", desk.run.pk)
    assert "建立评价周期" in text_of(desk["reviewer"], run_page)
    assert "建立评价周期" not in text_of(desk["clerk"], run_page)
    address = url("ratingperiod", "open", desk.run.pk)
    assert desk["clerk"].post(address).status_code == 403
    assert desk.local(HERE).post(address).status_code == 403
    assert not RatingPeriod.objects.exists()
    assert "已建立" in said(desk["reviewer"], address)
    assert desk.period.opened_by == "reviewer"
    again = said(desk["reviewer2"], address)
    assert "已建立评价周期，现为“已计算”" in again
    assert RatingPeriod.objects.count() == 1
    assert desk["reviewer"].get(url("ratingrun", "open_period", desk.run.pk))["Location"] == page_of(
        desk.period
    )


@pytest.mark.parametrize("role", ["clerk", "reviewer", "approver", "inspector"])
@pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL", "PUBLISHED"])
def test_each_move_is_offered_to_those_who_may(desk: Desk, state: str, role: str) -> None:
    period = desk.to(state)
    page = text_of(desk[role], page_of(period))
    group = desk[role].get("/admin/").context["user"].groups.get().name
    for step in (step for step in PERIOD_MOVES if step.source == state):
        if step.permission not in ROLES[group]:
            assert f"由{HOLDERS[step.permission]}办理" in page
            assert act(period, step.name) not in page
            assert desk[role].post(act(period, step.name), {"text": "试"}).status_code == 403
        else:
            assert act(period, step.name) in page or f"暂不能{step.title}：" in page
    assert RatingPeriod.objects.get(pk=period.pk).state == state


def test_what_is_not_possible_says_why(desk: Desk) -> None:
    period = desk.to("UNDER_REVIEW")
    page = text_of(desk["approver"], page_of(period))
    assert "暂不能开始公示：" in page
    assert "其余结果尚未批量确认" in page
    answer = said(desk["approver"], act(period, "give_notice"))
    assert "其余结果尚未批量确认" in answer
    assert desk.period.state == "UNDER_REVIEW"
    assert AuditEvent.objects.filter(action="未获准", actor="approver").exists()


def test_the_whole_life_by_its_pages(desk: Desk) -> None:
    said(desk["reviewer"], url("ratingperiod", "open", desk.run.pk))
    period = desk.period
    assert "已办理：开始审核。" in said(desk["reviewer"], act(period, "review"))
    items = list(period.items.values_list("pk", flat=True))
    form = {"action": "confirm_chosen", "_selected_action": items}
    assert f"已确认 {len(items)} 件" in said(desk["reviewer"], url("reviewitem", "changelist"), form)
    for code in (HERE, THERE):
        said(desk["reviewer"], url("ratingperiod", "rest", period.pk, code))
    before = text_of(desk["approver"], act(period, "give_notice"))
    assert "今天开始的公示期" in before
    assert f"不予评级 {desk.run.pharmacies - desk.run.rated}" in before
    assert "已办理：开始公示。" in said(desk["approver"], act(period, "give_notice"))
    assert "暂不能审定" in text_of(desk["reviewer"], page_of(period))
    past = timezone.localdate() - timedelta(days=1)
    RatingPeriod.objects.filter(pk=period.pk).update(notice_from=past, notice_until=past)
    assert "已办理：审定。" in said(desk["reviewer"], act(period, "finalise"))
    assert "已办理：发布。" in said(desk["approver"], act(period, "publish"))
    page = text_of(desk["inspector"], page_of(period))
    for word in ("开始审核", "开始公示", "审定", "发布", "审核中 → 公示中", "发布号"):
        assert word in page
    assert desk.period.state == "PUBLISHED"


def test_the_reason_is_asked_and_kept_when_refused(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    assert "请填写理由" in said(desk["approver"], act(period, "recall"), {"text": " "})
    long = "长" * 501
    assert long in said(desk["approver"], act(period, "recall"), {"text": long})
    assert desk.period.state == "PUBLIC_NOTICE"
    said(desk["approver"], act(period, "recall"), {"text": "名单有误"})
    assert desk.period.state == "UNDER_REVIEW"
    assert "名单有误" in text_of(desk["reviewer"], page_of(period))


def test_who_is_late_is_told(desk: Desk) -> None:
    period = desk.to("UNDER_REVIEW")
    assert "可能已由他人办理" in said(desk["reviewer2"], act(period, "review"))
    assert desk["reviewer2"].get(act(period, "review")).status_code == 404
    assert desk["reviewer2"].get(act(period, "nonsense")).status_code == 404


def test_the_finaliser_does_not_publish(desk: Desk) -> None:
    desk.to("FINAL")
    RatingPeriod.objects.filter(pk=desk.period.pk).update(finalised_by="approver")
    page = text_of(desk["approver"], page_of(desk.period))
    assert "暂不能发布：" in page
    assert "发布须由另一人办理" in said(desk["approver"], act(desk.period, "publish"))
    assert desk.period.state == "FINAL"


def test_staff_of_a_district_move_no_period_of_the_city(desk: Desk) -> None:
    period = desk.to("COMPUTED")
    local = desk.local(HERE)
    assert local.post(act(period, "review")).status_code == 403
    desk.to("UNDER_REVIEW")
    page = text_of(local, page_of(period))
    assert "越城区" in page
    assert "柯桥区" not in page
    assert local.post(url("ratingperiod", "rest", period.pk, THERE)).status_code == 404
    assert "其余" in said(local, url("ratingperiod", "rest", period.pk, HERE))
    assert [row.district_id for row in BulkConfirmation.objects.all()] == [HERE]


def test_the_rest_is_confirmed_once(desk: Desk) -> None:
    period = desk.to("UNDER_REVIEW")
    address = url("ratingperiod", "rest", period.pk, HERE)
    assert desk["approver"].post(address).status_code == 403
    said(desk["reviewer"], address)
    assert "已由 reviewer 于" in said(desk["reviewer2"], address)
    assert BulkConfirmation.objects.count() == 1
    assert "reviewer 已确认" in text_of(desk["reviewer2"], page_of(period))


def test_unknown_holidays_are_remarked(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    remark = "放假安排尚未公布"
    assert (remark in text_of(desk["clerk"], page_of(period))) is not period.calendar_known
    RatingPeriod.objects.filter(pk=period.pk).update(calendar_known=False)
    assert remark in text_of(desk["clerk"], page_of(period))
    assert "公示页面" in text_of(desk["clerk"], page_of(period))
