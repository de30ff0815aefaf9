"""Credit repair in the admin, from the application to the answer."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from ratings.models import AuditEvent, CreditRepair, Violation
from tests import factories
from tests.ratings.services.uploads import upload

from .conftest import HERE, THERE, Desk, act, page_of, said, text_of, url

LIST = "/admin/ratings/creditrepair/"
CONTACT = "李某 13800000000"


@pytest.fixture
def fact(desk: Desk) -> Violation:
    """A minor violation of the first pharmacy, decided long ago."""
    return factories.violation(
        desk.shops[0],
        gravity="MINOR",
        occurred_on=date(2024, 1, 2),
        decided_on=date(2024, 2, 1),
        recorded_at=timezone.now(),
    )


def apply(desk: Desk, fact: Violation, who: str = "clerk", **form: object) -> str:
    wanted = {
        "violation": fact.pk,
        "applied_on": timezone.localdate().isoformat(),
        "commitment": "今后守法",
        "correction": "已退回基金",
        "contact": CONTACT,
        "files": [upload()],
        **form,
    }
    return said(desk[who], url("creditrepair", "apply"), wanted)


def test_applying(desk: Desk, fact: Violation) -> None:
    assert fact.document_no in text_of(desk["clerk"], url("creditrepair", "apply"), violation=str(fact.pk))
    assert "已登记，须在" in apply(desk, fact)
    row = CreditRepair.objects.get()
    assert (row.received_by, row.state, row.evidence.count()) == ("clerk", "APPLIED", 1)
    assert "已有一件办理中的申请" in apply(desk, fact)
    assert CreditRepair.objects.count() == 1


def test_what_was_typed_stays(desk: Desk, fact: Violation) -> None:
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    page = apply(desk, fact, applied_on=tomorrow)
    assert "还没有到" in page
    assert "今后守法" in page
    assert fact.document_no in page
    assert "请填写信用承诺" in apply(desk, fact, commitment="")
    assert not CreditRepair.objects.exists()


@pytest.mark.parametrize("who", ["reviewer", "approver", "inspector"])
def test_only_clerks_take_in(desk: Desk, fact: Violation, who: str) -> None:
    assert desk[who].get(url("creditrepair", "apply")).status_code == 403
    assert desk[who].post(url("creditrepair", "apply")).status_code == 403


def test_granted_by_its_pages(desk: Desk, fact: Violation) -> None:
    desk.to("PUBLISHED")
    apply(desk, fact, files=[])
    row = CreditRepair.objects.get()
    assert "还没有整改的证明材料" in text_of(desk["reviewer"], page_of(row))
    assert "还没有整改的证明材料" in said(desk["reviewer"], act(row, "accept"))
    said(desk["clerk"], act(row, "evidence"), {"files": [upload()]})
    assert "已受理，须在" in said(desk["reviewer"], act(row, "accept"))
    said(desk["reviewer"], act(row, "extend"), {"text": "需要核实"})
    said(desk["reviewer"], act(row, "propose"), {"outcome": "REFUSED", "text": "未退款"})
    said(desk["approver"], act(row, "return"), {"text": "请核对银行回单"})
    assert "请核对银行回单" in text_of(desk["reviewer"], page_of(row))
    said(desk["reviewer"], act(row, "propose"), {"outcome": "GRANTED", "text": "已核对"})
    assert "请填写决定文书号" in said(desk["approver"], act(row, "decide"), {"text": "准予"})
    page = said(desk["approver"], act(row, "decide"), {"text": "准予", "decision_no": "绍医保修〔2026〕1号"})
    row.refresh_from_db()
    fact.refresh_from_db()
    assert (row.state, fact.is_live) == ("GRANTED", False)
    assert "绍医保修〔2026〕1号" in page
    assert desk["clerk"].get(LIST, {"due": "reply"}).context["cl"].result_count == 1
    said(desk["clerk"], act(row, "reply"), {"on": timezone.localdate().isoformat()})
    row.refresh_from_db()
    assert row.replied_on == timezone.localdate()
    assert desk["clerk"].get(act(row, "reply")).status_code == 404
    assert desk["clerk"].get(LIST, {"due": "reply"}).context["cl"].result_count == 0


#: state: act -> who may
WHO = {
    "APPLIED": {"accept": "reviewer", "decline": "reviewer", "withdraw": "clerk"},
    "ACCEPTED": {"propose": "reviewer", "extend": "reviewer", "withdraw": "clerk"},
    "PROPOSED": {"decide": "approver", "return": "approver", "extend": "reviewer", "withdraw": "clerk"},
}


@pytest.mark.parametrize("state", WHO)
def test_each_act_is_for_its_role(desk: Desk, fact: Violation, state: str) -> None:
    apply(desk, fact)
    row = CreditRepair.objects.get()
    way = {"APPLIED": (), "ACCEPTED": (("accept", {}),)}
    way["PROPOSED"] = (*way["ACCEPTED"], ("propose", {"outcome": "GRANTED", "text": "x"}))
    for name, form in way[state]:
        said(desk["reviewer"], act(row, name), form)
    row.refresh_from_db()
    assert row.state == state
    for name, allowed in WHO[state].items():
        for who in ("clerk", "reviewer", "approver", "inspector"):
            assert desk[who].get(act(row, name)).status_code == (200 if who == allowed else 403), (name, who)
            if who != allowed:
                assert desk[who].post(act(row, name), {"text": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.state == state


def test_nobody_decides_what_they_proposed(desk: Desk, fact: Violation) -> None:
    apply(desk, fact)
    row = CreditRepair.objects.get()
    said(desk["reviewer"], act(row, "accept"))
    said(desk["reviewer"], act(row, "propose"), {"outcome": "REFUSED", "text": "x"})
    CreditRepair.objects.filter(pk=row.pk).update(proposed_by="approver")
    assert "处理意见是您提出的" in text_of(desk["approver"], page_of(row))
    assert "处理意见是您提出的" in said(desk["approver"], act(row, "decide"), {"text": "x"})
    assert "已决定：" in said(desk["approver2"], act(row, "decide"), {"text": "不予修复"})


def test_contact_scope_and_clock(desk: Desk, fact: Violation) -> None:
    apply(desk, fact)
    row, local = CreditRepair.objects.get(), desk.local(THERE)
    assert CONTACT not in text_of(desk["reviewer"], page_of(row))
    assert desk["clerk"].post(url("creditrepair", "contact", row.pk)).status_code == 403
    assert CONTACT in desk["approver"].post(url("creditrepair", "contact", row.pk)).content.decode()
    assert AuditEvent.objects.get(action="查看受保护信息").subject == f"creditrepair:{row.pk}"
    assert local.get(page_of(row)).status_code == 404
    assert local.get(LIST).context["cl"].result_count == 0
    assert "不在您的管辖范围内" in said(
        desk.local(THERE, "经办员"), url("creditrepair", "apply"), {"violation": fact.pk}
    )
    assert desk.local(HERE, "经办员").get(LIST).context["cl"].result_count == 1
    CreditRepair.objects.filter(pk=row.pk).update(accept_due_on=date(2026, 1, 9))
    assert "已逾期" in text_of(desk["clerk"], LIST, due="overdue")
