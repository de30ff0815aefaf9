"""Objections in the admin: taken in, handled, decided, reviewed; contacts stay hidden until asked for."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from ratings.models import AuditEvent, Objection
from ratings.services.audit import Actor
from ratings.services.objections import receive_objection
from tests.ratings.services.uploads import upload

from .conftest import HERE, THERE, Desk, act, page_of, said, text_of, url

LIST = "/admin/ratings/objection/"
CONTACT = "王某 13900000000"


def receive(desk: Desk, **form: object) -> str:
    address = url("objection", "statement", desk.rating().pk)
    wanted = {
        "ground": "FACT",
        "statement": "处罚决定已被撤销",
        "contact": CONTACT,
        "facts": [f"violation:{desk.violation.pk}"],
        **form,
    }
    return said(desk["clerk"], address, wanted)


def taken_in(desk: Desk) -> Objection:
    desk.to("PUBLIC_NOTICE")
    return receive_objection(
        desk.rating(),
        ground="FACT",
        statement="处罚决定已被撤销",
        channel="CLERK",
        contact=CONTACT,
        facts=[desk.violation],
        by=Actor("clerk"),
    )


def test_choosing_the_result(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    address = url("objection", "receive")
    assert "请选择药店" in said(desk["clerk"], address, {"period": period.pk})
    answer = desk["clerk"].post(address, {"pharmacy": desk.shops[0].pk, "period": period.pk})
    assert answer["Location"] == url("objection", "statement", desk.rating().pk)
    stranger = desk.local(THERE, "经办员")
    assert "不在您的管辖范围内" in said(
        stranger, address, {"pharmacy": desk.shops[0].pk, "period": period.pk}
    )
    assert stranger.get(url("objection", "statement", desk.rating().pk)).status_code == 404


def test_taking_in(desk: Desk) -> None:
    desk.to("PUBLIC_NOTICE")
    page = receive(desk, files=[upload()])
    row = Objection.objects.get()
    assert "已受理，须在" in page
    assert (row.received_by, row.channel, row.against) == ("clerk", "CLERK", "NOTICE")
    assert row.facts.get().violation == desk.violation
    assert row.evidence.count() == 1
    assert "有一件异议尚未办结" in receive(desk)
    assert Objection.objects.count() == 1
    assert "有在办异议" in text_of(desk["reviewer"], "/admin/ratings/reviewitem/")


def test_what_was_typed_stays(desk: Desk) -> None:
    desk.to("PUBLIC_NOTICE")
    page = receive(desk, ground="")
    assert "请选择理由类别" in page
    assert "处罚决定已被撤销" in page
    assert f'value="violation:{desk.violation.pk}"' in page
    page = receive(desk, files=[upload("假.png")])
    assert "扩展名与内容不符" in page
    assert "处罚决定已被撤销" in page
    assert not Objection.objects.exists()
    receive(desk, facts=["violation:999999"])
    assert not Objection.objects.exists()


def test_out_of_time_says_why(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    page = text_of(desk["clerk"], url("objection", "statement", desk.rating().pk))
    assert "尚未公示" in page
    assert "<textarea" not in page
    receive(desk)
    assert not Objection.objects.exists()


def test_a_paper_of_the_last_day_can_still_be_entered(desk: Desk) -> None:
    last = desk.to("FINAL").notice_until
    assert last
    page = text_of(desk["clerk"], url("objection", "statement", desk.rating().pk))
    assert "不再受理" in page
    assert "已递交书面异议的，请填写递交日期" in page
    assert "不再受理" in receive(desk)
    assert "加盖收件章" in receive(desk, handed_in_on=last)
    page = receive(desk, handed_in_on=last, files=[upload()])
    row = Objection.objects.get()
    assert (row.handed_in_on, row.against) == (last, "NOTICE")
    assert f"{last.year}年{last.month}月{last.day}日递交，" in text_of(desk["clerk"], LIST)
    assert "有 1 件异议未办结" in text_of(desk["approver"], page_of(desk.period))


def test_service_is_recorded_once(desk: Desk) -> None:
    row = taken_in(desk)
    said(desk["reviewer"], act(row, "propose"), {"outcome": "REJECTED|", "text": "属实"})
    said(desk["approver"], act(row, "decide"), {"text": "不成立"})
    today = timezone.localdate()
    assert "至今天之间" in said(desk["clerk"], act(row, "serve"), {"served_on": today + timedelta(days=1)})
    page = said(desk["clerk"], act(row, "serve"), {"served_on": today})
    assert "登记送达：" in page
    assert desk["clerk"].get(act(row, "serve")).status_code == 404


@pytest.mark.parametrize("who", ["reviewer", "approver", "inspector"])
def test_only_clerks_take_in(desk: Desk, who: str) -> None:
    desk.to("PUBLIC_NOTICE")
    for address in (url("objection", "receive"), url("objection", "statement", desk.rating().pk)):
        assert desk[who].get(address).status_code == 403
        assert desk[who].post(address).status_code == 403


#: state of the objection: act -> who may
WHO = {
    "OPEN": {
        "propose": {"reviewer"},
        "facts": {"reviewer", "clerk"},
        "extend": {"reviewer"},
        "withdraw": {"clerk"},
        "evidence": {"clerk", "reviewer"},
    },
    "PROPOSED": {
        "decide": {"approver"},
        "return": {"approver"},
        "extend": {"reviewer"},
        "withdraw": {"clerk"},
    },
    "REJECTED": {"request_review": {"clerk"}, "serve": {"clerk"}},
    "REVIEW_REQUESTED": {
        "propose_review": {"reviewer"},
        "extend": {"reviewer"},
        "evidence": {"clerk", "reviewer"},
    },
    "REVIEW_PROPOSED": {"decide_review": {"approver"}, "return_review": {"approver"}},
}


@pytest.mark.parametrize("state", WHO)
def test_each_act_is_for_its_role(desk: Desk, state: str) -> None:
    row = taken_in(desk)
    way = {
        "OPEN": (),
        "PROPOSED": (("reviewer", "propose", {"outcome": "REJECTED|", "text": "属实"}),),
    }
    way["REJECTED"] = (*way["PROPOSED"], ("approver", "decide", {"text": "不成立"}))
    way["REVIEW_REQUESTED"] = (*way["REJECTED"], ("clerk", "request_review", {"text": "不服"}))
    again = ("reviewer2", "propose_review", {"outcome": "REJECTED|", "text": "属实"})
    way["REVIEW_PROPOSED"] = (*way["REVIEW_REQUESTED"], again)
    for who, name, form in way[state]:
        said(desk[who], act(row, name), form)
    row.refresh_from_db()
    assert row.state == state
    for name, allowed in WHO[state].items():
        for who in ("clerk", "reviewer", "approver2", "inspector"):
            answer = desk[who].get(act(row, name)).status_code
            mine = who in allowed or (who == "approver2" and "approver" in allowed)
            assert answer == (200 if mine else 403), (name, who)
            if not mine:
                assert desk[who].post(act(row, name), {"text": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.state == state


def test_upheld_by_its_pages(desk: Desk) -> None:
    row = taken_in(desk)
    assert "请选择处理意见" in said(desk["reviewer"], act(row, "propose"), {"text": "撤销属实"})
    said(desk["reviewer"], act(row, "propose"), {"outcome": "UPHELD|VOID_FACTS", "text": "撤销属实"})
    said(desk["approver"], act(row, "return"), {"text": "请附撤销决定书"})
    assert "请附撤销决定书" in text_of(desk["reviewer"], page_of(row))
    said(desk["clerk"], act(row, "evidence"), {"files": [upload()]})
    said(desk["reviewer"], act(row, "propose"), {"outcome": "UPHELD|VOID_FACTS", "text": "已附"})
    page = said(desk["approver"], act(row, "decide"), {"text": "予以采纳"})
    row.refresh_from_db()
    assert row.state == "UPHELD"
    assert not desk.violation.is_live
    for word in ("成立", "予以采纳", "已作废", "等级调整 #", "提出处理意见：成立：作废所列事实并复评"):
        assert word in page


def test_nobody_decides_what_they_proposed(desk: Desk) -> None:
    row = taken_in(desk)
    said(desk["reviewer"], act(row, "propose"), {"outcome": "REJECTED|", "text": "属实"})
    Objection.objects.filter(pk=row.pk).update(proposed_by="approver")
    assert "处理意见是您提出的" in text_of(desk["approver"], page_of(row))
    assert "处理意见是您提出的" in said(desk["approver"], act(row, "decide"), {"text": "x"})
    said(desk["approver2"], act(row, "decide"), {"text": "不成立"})
    said(desk["clerk"], act(row, "request_review"), {"text": "不服"})
    said(desk["reviewer"], act(row, "propose_review"), {"outcome": "REJECTED|", "text": "属实"})
    for who in ("approver", "approver2"):
        assert "复核须由另一人决定" in said(desk[who], act(row, "decide_review"), {"text": "x"})
    row.refresh_from_db()
    assert row.state == "REVIEW_PROPOSED"


def test_a_review_by_its_pages(desk: Desk) -> None:
    row = taken_in(desk)
    said(desk["reviewer"], act(row, "propose"), {"outcome": "REJECTED|", "text": "属实"})
    said(desk["approver"], act(row, "decide"), {"text": "不成立"})
    said(desk["clerk"], act(row, "request_review"), {"text": "撤销决定书已送达"})
    said(desk["reviewer2"], act(row, "propose_review"), {"outcome": "UPHELD|VOID_FACTS", "text": "撤销属实"})
    said(desk["approver2"], act(row, "return_review"), {"text": "请附撤销决定书"})
    assert "请附撤销决定书" in text_of(desk["reviewer"], page_of(row))
    said(desk["reviewer2"], act(row, "propose_review"), {"outcome": "UPHELD|VOID_FACTS", "text": "已附原件"})
    assert "已附原件" in text_of(desk["approver2"], act(row, "decide_review"))
    page = said(desk["approver2"], act(row, "decide_review"), {"text": "予以采纳"})
    row.refresh_from_db()
    assert (row.state, desk.violation.is_live) == ("REVIEW_UPHELD", False)
    for word in ("提出复核意见：成立：作废所列事实并复评", "已附原件", "予以采纳", "等级调整 #"):
        assert word in page


def test_the_contact_is_shown_on_demand_and_on_record(desk: Desk) -> None:
    row = taken_in(desk)
    address = url("objection", "contact", row.pk)
    for who in ("clerk", "reviewer", "approver", "inspector"):
        assert CONTACT not in text_of(desk[who], page_of(row))
        assert CONTACT not in text_of(desk[who], LIST)
    for who in ("clerk", "inspector"):
        answer = desk[who].post(address)
        assert answer.status_code == 403
        assert CONTACT not in answer.content.decode()
    assert desk["reviewer"].get(address).status_code == 405
    assert CONTACT in desk["reviewer"].post(address).content.decode()
    event = AuditEvent.objects.get(action="查看受保护信息")
    assert (event.actor, event.subject) == ("reviewer", f"objection:{row.pk}")
    assert CONTACT not in str(event.detail)


def test_the_list_goes_by_the_clock(desk: Desk) -> None:
    row = taken_in(desk)
    page = text_of(desk["reviewer"], LIST)
    assert "还有" in page
    Objection.objects.filter(pk=row.pk).update(due_on=date(2026, 1, 9))
    page = text_of(desk["reviewer"], LIST)
    assert "已逾期" in page
    assert desk["reviewer"].get(LIST, {"due": "overdue"}).context["cl"].result_count == 1
    assert "请选择文件" in said(desk["clerk"], act(row, "withdraw"), {"text": "药店来函撤回"})
    said(desk["clerk"], act(row, "withdraw"), {"text": "药店来函撤回", "files": [upload()]})
    assert desk["reviewer"].get(LIST, {"due": "overdue"}).context["cl"].result_count == 0
    assert desk["reviewer"].get(LIST, {"due": "open"}).context["cl"].result_count == 0
    assert "药店来函撤回" in text_of(desk["reviewer"], page_of(row))


def test_other_districts_are_out_of_sight(desk: Desk) -> None:
    row, local = taken_in(desk), desk.local(THERE)
    for address in (page_of(row), act(row, "propose")):
        assert local.get(address).status_code == 404
    assert local.post(url("objection", "contact", row.pk)).status_code == 404
    assert local.get(LIST).context["cl"].result_count == 0
    assert desk.local(HERE, "经办员").get(LIST).context["cl"].result_count == 1
