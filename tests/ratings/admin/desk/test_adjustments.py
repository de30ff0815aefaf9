"""Adjustments: proposed within the scheme's limits, decided by another, never by the proposer."""

import pytest

from ratings.models import Adjustment, AuditEvent, Publication
from ratings.services.adjustments import propose_adjustment
from ratings.services.facts import void_fact
from tests.ratings.services.uploads import upload

from .conftest import HERE, OTHER_REVIEWER, REVIEWER, THERE, Desk, act, page_of, said, text_of, url

LIST = "/admin/ratings/adjustment/"
DOWN = "not_rectified|1"


def propose(desk: Desk, who: str = "reviewer", **form: object) -> str:
    """Ask to lower the third pharmacy, an A, to B."""
    address = url("adjustment", "propose", desk.rating(2).pk)
    return said(desk[who], address, {"wanted": DOWN, "text": "拒不整改", **form})


def the_one() -> Adjustment:
    return Adjustment.objects.get()


def test_only_what_the_scheme_allows_is_offered(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    page = text_of(desk["reviewer"], url("adjustment", "propose", desk.rating(2).pk))
    assert 'value="not_rectified|1"' in page
    assert 'value="not_rectified|2"' not in page
    assert "self_report" not in page
    for word in ("只可调低，最多 1 个等级", "主动报告并及时纠正", "一票否决"):
        assert word in page
    for wanted in ("not_rectified|3", "self_report|0", "nonsense|1", "x"):
        propose(desk, wanted=wanted)
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize("state", ["COMPUTED", "PUBLIC_NOTICE", "FINAL", "PUBLISHED"])
def test_where_none_is_possible_it_says_why(desk: Desk, state: str) -> None:
    desk.to(state)
    page = text_of(desk["reviewer"], url("adjustment", "propose", desk.rating(2).pk))
    assert "暂不能提出调整：" in page
    assert desk.period.get_state_display() in page
    assert "<textarea" not in page
    propose(desk)
    assert not Adjustment.objects.exists()


def test_a_proposal_with_evidence(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    page = propose(desk, files=[upload("一.pdf"), upload("二.pdf", upload().read() + b"\n")])
    assert "已提出，等待另一人审批。" in page
    assert "一.pdf" in page
    made = the_one()
    assert (made.proposed_by, made.cause, made.to_grade, made.evidence.count()) == (
        "reviewer",
        "JUDGEMENT",
        1,
        2,
    )


def test_bad_evidence_undoes_the_proposal_and_keeps_the_words(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    page = propose(desk, files=[upload(), upload("病毒.pdf", b"MZ")])
    assert "不是 PDF、JPEG 或 PNG" in page
    assert "拒不整改" in page
    assert "请重新选择文件" in page
    assert not Adjustment.objects.exists()
    assert not AuditEvent.objects.filter(action="提出等级调整").exists()


@pytest.mark.parametrize("who", ["clerk", "approver", "inspector"])
def test_who_may_not_propose(desk: Desk, who: str) -> None:
    desk.to("UNDER_REVIEW")
    address = url("adjustment", "propose", desk.rating(2).pk)
    assert desk[who].get(address).status_code == 403
    assert desk[who].post(address, {"wanted": DOWN, "text": "x"}).status_code == 403
    assert address not in text_of(desk[who], page_of(desk.rating(2)))
    assert desk[who].post(url("adjustment", "correct", desk.rating(2).pk)).status_code == 403
    assert desk[who].post(url("adjustment", "find")).status_code == 403


def test_another_person_approves(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    propose(desk)
    row = the_one()
    for who in ("reviewer", "clerk", "inspector"):
        assert desk[who].post(act(row, "approve"), {"text": "同意"}).status_code == 403
    assert "由审批员办理" in text_of(desk["reviewer"], page_of(row))
    assert "请填写审批意见" in said(desk["approver"], act(row, "approve"), {"text": ""})
    assert "已批准。" in said(desk["approver"], act(row, "approve"), {"text": "同意"})
    row.refresh_from_db()
    assert (row.state, row.decided_by, row.decision_text) == ("APPROVED", "approver", "同意")
    assert "没有办理：状态已经改变" in said(desk["approver2"], act(row, "reject"), {"text": "迟了"})


def test_the_proposer_sees_why_not(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    rating = desk.rating(2)
    row = propose_adjustment(
        rating, reason_code="not_rectified", to_grade=1, text="x", by=type(REVIEWER)("approver")
    )
    assert "暂不能批准：</strong>这是您提出的，须由另一人审批。" in text_of(desk["approver"], page_of(row))
    for name in ("approve", "reject"):
        assert "须由另一人审批" in said(desk["approver"], act(row, name), {"text": "同意"})
    assert Adjustment.objects.get().state == "PROPOSED"
    assert AuditEvent.objects.filter(action="未获准", actor="approver").count() == 2


def test_rejecting_and_cancelling(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    propose(desk)
    row = the_one()
    assert desk["reviewer2"].get(act(row, "cancel")).status_code == 404
    assert desk["approver"].get(act(row, "cancel")).status_code == 404
    said(desk["reviewer"], act(row, "cancel"), {"text": "写错了"})
    assert the_one().state == "CANCELLED"
    propose(desk, who="reviewer2")
    second = Adjustment.objects.get(state="PROPOSED")
    assert "等级不变" in said(desk["approver"], act(second, "reject"), {"text": "证据不足"})
    second.refresh_from_db()
    assert (second.state, second.decision_text) == ("REJECTED", "证据不足")


def test_a_reversal_is_a_new_record(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    propose(desk)
    row = the_one()
    assert desk["reviewer"].get(act(row, "reverse")).status_code == 404
    said(desk["approver"], act(row, "approve"), {"text": "同意"})
    assert "已提出撤销" in said(desk["reviewer"], act(row, "reverse"), {"text": "事实不清"})
    made = Adjustment.objects.get(reverses=row)
    assert (made.state, made.to_grade) == ("PROPOSED", row.from_grade)
    assert f"等级调整 #{made.pk} 撤销" in text_of(desk["reviewer"], page_of(row))
    assert f"撤销的调整 #{row.pk}" in text_of(desk["approver"], page_of(made))
    assert desk["reviewer"].get(act(row, "reverse")).status_code == 404


def test_a_correction_is_published_on_approval(desk: Desk) -> None:
    desk.to("PUBLISHED")
    rating = desk.rating()
    address = url("adjustment", "correct", rating.pk)
    form = {"text": "处罚已撤销", "clause": "《行政处罚法》第四十八条", "annulled_on": "2026-01-08"}
    assert "已复评：等级和信用分都不变" in said(desk["reviewer"], address, form)
    void_fact(desk.violation, reason="处罚被撤销", by=OTHER_REVIEWER)
    assert "日期写法不对" in said(desk["reviewer"], address, {**form, "annulled_on": "明天"})
    page = said(desk["reviewer"], address, form)
    row = the_one()
    assert (row.cause, row.to_grade) == ("CORRECTION", 0)
    assert str(row.due_on) == "2026-01-13"
    assert "已逾期" in page
    assert "复评" in page
    assert row.pk in [r.pk for r in desk["approver"].get(LIST, {"due": "overdue"}).context["cl"].result_list]
    said(desk["approver"], act(row, "approve"), {"text": "同意"})
    assert Publication.objects.filter(adjustment=row).exists()
    assert "发布号" in text_of(desk["clerk"], page_of(row))


def test_a_voided_violation_leads_to_the_correction(desk: Desk) -> None:
    desk.to("PUBLISHED")
    page = page_of(desk.violation)
    correct = url("adjustment", "correct", desk.rating().pk)
    assert correct not in text_of(desk["reviewer"], page)
    void_fact(desk.violation, reason="处罚被撤销", by=OTHER_REVIEWER)
    assert correct in text_of(desk["reviewer"], page)
    assert correct not in text_of(desk["clerk"], page)


def test_looking_for_interim_changes(desk: Desk) -> None:
    desk.to("PUBLISHED")
    address = url("adjustment", "find")
    assert "没有需要变动的等级" in said(desk["reviewer"], address)
    local = desk.local(HERE)
    assert local.post(address).status_code == 403
    assert "查找期间变动" not in text_of(local, LIST)
    assert "查找期间变动" in text_of(desk["reviewer"], LIST)


def test_other_districts_are_out_of_sight(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    propose(desk)
    row, local = the_one(), desk.local(THERE)
    assert local.get(page_of(row)).status_code == 404
    assert local.get(url("adjustment", "propose", desk.rating(2).pk)).status_code == 404
    assert local.post(url("adjustment", "correct", desk.rating(2).pk)).status_code == 404
    assert local.get(LIST).context["cl"].result_count == 0
    assert desk["clerk"].get(LIST).context["cl"].result_count == 1
