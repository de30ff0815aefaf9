"""The credit report: what is on file and was decided, exactly; nothing that is not the reader's to know."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import (
    Adjustment,
    AuditEvent,
    Complaint,
    Objection,
    Pharmacy,
    PublishedGrade,
    RatingPeriod,
    Violation,
)
from ratings.reports.credit_report import drawn, issue_report
from ratings.reports.credit_report_reading import (
    PURPOSE_LENGTH,
    RECIPIENT_LENGTH,
    CreditReport,
    bound_to,
    credit_report,
)
from ratings.rules.wording import yuan_text
from ratings.services import documents
from ratings.services.adjustments import decide_adjustment
from ratings.services.documents import Stamp
from ratings.services.errors import Refused
from ratings.services.facts import record_fact, void_fact
from ratings.services.interim import find_interim
from tests import desk, factories
from tests.pdf_text import fonts, text
from tests.ratings.services import regrading
from tests.ratings.services.regrading import AT, CLERK, GOOD, GROWN, PENALISED

from .conftest import City, renamed

TODAY = AT.date()
SITE = "https://credit.example"
BOUND = "仅供某银行用于贷款审查"


def words(said: CreditReport, stamp: Stamp) -> str:
    """All that the document says, without the breaks of lines."""
    return text(drawn(said, stamp)).replace("\n", "")


def told(shop: Pharmacy, stamp: Stamp) -> str:
    return words(credit_report(shop, BOUND, TODAY), stamp)


def rows_of(said: CreditReport, title: str) -> list[tuple[str, ...]]:
    return [tuple(row) for table in said.tables if table.title == title for row in table.rows]


def complaint(shop: Pharmacy, reference: str, **values: object) -> Complaint:
    return record_fact(
        Complaint,
        by=CLERK,
        **{
            "pharmacy": shop,
            "reference_no": reference,
            "topic": "FRAUD",
            "state": "CLOSED",
            "finding": "VERIFIED",
            "occurred_on": date(2026, 1, 4),
            "decided_on": date(2026, 2, 1),
            **values,
        },
    )


def objection(city: City, shop: Pharmacy, state: str, **values: object) -> Objection:
    """An objection, walked to its state past the services."""
    row = desk.objection(city.period, city.rating(shop), against="PUBLISHED")
    if state != "OPEN":
        Objection.objects.filter(pk=row.pk).update(
            state="PROPOSED", proposed_by=desk.REVIEWER, proposed_at=AT, proposed_outcome="REJECTED", **values
        )
    if state not in {"OPEN", "PROPOSED"}:
        Objection.objects.filter(pk=row.pk).update(
            state=state, decided_by=desk.APPROVER, decided_at=AT, decision_text="同意上述意见"
        )
    row.refresh_from_db()
    return row


# What it says


def test_it_says_what_is_stored(city: City, stamp: Stamp) -> None:
    shop = city.shops[PENALISED]
    regrading.convict(shop, amount_fen=1_234_567)
    said = credit_report(shop, BOUND, TODAY)
    found, grade = words(said, stamp), PublishedGrade.objects.get(pharmacy=shop)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(amount_fen) FROM ratings_violation WHERE pharmacy_id = %s AND voided_at IS NULL",
            [shop.pk],
        )
        count, whole = cursor.fetchone()
        cursor.execute("SELECT score FROM ratings_publishedgrade WHERE pharmacy_id = %s", [shop.pk])
        (score,) = cursor.fetchone()
    assert count == 2
    assert f"现行有效的处理决定共 {count} 件，涉及基金合计 {yuan_text(whole)}" in found
    assert len(rows_of(said, "违法违规记录")) == count
    assert [row.seq for row in said.history] == [grade.seq]
    assert said.grade
    assert said.grade.score == score
    for fact in Violation.objects.filter(pharmacy=shop):
        assert fact.document_no in found
    assert "条例第三十八条" in found
    assert all(part in found for part in (shop.name, shop.code, BOUND, stamp.number, stamp.address))


def test_the_reasons_name_each_fact_and_clause(city: City, stamp: Stamp) -> None:
    shop = city.shops[PENALISED]
    said = credit_report(shop, BOUND, TODAY)
    assert said.reasons
    explanation = said.reasons.explanation
    assert (explanation.grade, explanation.score) == ("C", said.grade.score if said.grade else None)
    found = words(said, stamp)
    facts = [fact for part in explanation.indicators for fact in part.facts]
    assert facts
    assert explanation.timeline
    for line in (
        *(fact.text for fact in facts),
        *(part.clause for part in explanation.indicators),
        *explanation.outlook,
        *(change for stage in explanation.timeline for change in stage.texts),
    ):
        assert line in found


def test_a_rerating_explains_the_grade_that_follows_from_it(city: City, stamp: Stamp) -> None:
    """After a change of a published grade, the report tells the row in force and its reasons."""
    shop = city.shops[GOOD]
    fact = regrading.convict(shop)
    find_interim(by=regrading.REVIEWER)
    decide_adjustment(Adjustment.objects.get(), approve=True, text="同意", by=regrading.APPROVER)
    last = PublishedGrade.objects.filter(pharmacy=shop).latest("seq")
    said = credit_report(shop, BOUND, date(2026, 12, 1))
    assert said.grade
    assert (said.grade.seq, len(said.history)) == (last.seq, 2)
    assert said.reasons
    found = words(said, stamp)
    assert fact.document_no in found
    assert len(rows_of(said, "等级的变更")) == 1


def test_without_a_grade(city: City, stamp: Stamp) -> None:
    never = factories.pharmacy(name="未评药房", recorded_at=timezone.now())
    said = credit_report(never, BOUND, TODAY)
    assert (said.grade, said.history, said.reasons) == (None, (), None)
    assert "没有公布过信用等级" in words(said, stamp)
    new = credit_report(city.new, BOUND, TODAY)
    reason = PublishedGrade.objects.get(pharmacy=city.new).reason
    assert reason in words(new, stamp)


def test_what_a_predecessor_left(city: City, stamp: Stamp) -> None:
    before = city.shops[PENALISED]
    Pharmacy.objects.filter(pk=before.pk).update(designated_until=date(2026, 1, 1))
    heir = factories.pharmacy(
        name="承继药房", predecessor=before, designated_on=date(2026, 1, 1), recorded_at=timezone.now()
    )
    found = told(heir, stamp)
    assert f"前身 {before.code} 的记录，由本店承继" in found
    assert before.code not in told(city.shops[GOOD], stamp)


def test_a_grade_that_has_run_out_is_said_to_have(city: City, stamp: Stamp) -> None:
    shop = city.shops[GOOD]
    until = PublishedGrade.objects.get(pharmacy=shop).valid_until
    assert until
    last = credit_report(shop, BOUND, until - timedelta(days=1))
    assert "已过有效期" not in words(last, stamp)
    assert "已过有效期" in words(credit_report(shop, BOUND, until), stamp)


# What it does not say


def test_no_name_of_staff(city: City, stamp: Stamp) -> None:
    shop = city.shops[PENALISED]
    objection(city, shop, "REJECTED", proposed_text="处罚决定有效")
    desk.decided(desk.adjustment(city.period, city.rating(shop)))
    desk.repair(Violation.objects.get(pharmacy=shop), contact="王芳 13800000000")
    found = told(shop, stamp)
    assert "处罚决定有效；同意上述意见" in found
    for name in (desk.CLERK, desk.REVIEWER, desk.APPROVER, "测试员", "王芳", "13800000000"):
        assert name not in found


def test_no_report_that_was_not_verified(city: City, stamp: Stamp) -> None:
    shop = city.shops[GOOD]
    complaint(shop, "TS实")
    complaint(shop, "TS查", state="VERIFYING", finding="PENDING", decided_on=None)
    complaint(shop, "TS无", finding="UNFOUNDED")
    found = told(shop, stamp)
    assert "TS实" in found
    assert "TS查" not in found
    assert "TS无" not in found


def test_nothing_that_was_voided(city: City, stamp: Stamp) -> None:
    shop = city.shops[GOOD]
    fact = regrading.convict(shop, document_no="撤销〔2026〕1号")
    assert fact.document_no in told(shop, stamp)
    void_fact(fact, reason="处罚决定已撤销", by=CLERK)
    assert fact.document_no not in told(shop, stamp)


@pytest.mark.parametrize(
    ("state", "label"), [("OPEN", "办理中"), ("PROPOSED", "办理中"), ("REJECTED", "不成立")]
)
def test_nothing_that_is_only_proposed(city: City, stamp: Stamp, state: str, label: str) -> None:
    shop = city.shops[GROWN]
    objection(city, shop, state, proposed_text="拟不予采纳")
    said = credit_report(shop, BOUND, TODAY)
    (row,) = rows_of(said, "异议")
    assert row[3] == label
    assert ("拟不予采纳" in words(said, stamp)) == (state == "REJECTED")


@pytest.mark.parametrize("state", ["PUBLIC_NOTICE", "FINAL", "ABANDONED"])
def test_no_reasons_of_a_decision_about_a_grade_that_is_not_public(
    db: None, stamp: Stamp, state: str
) -> None:
    """They say which preliminary grade became which."""
    shops, period = regrading.city_in("PUBLIC_NOTICE")
    shop = shops[PENALISED]
    row = desk.objection(period, regrading.rating_of(shop, period))
    Objection.objects.filter(pk=row.pk).update(
        state="PROPOSED", proposed_by=desk.REVIEWER, proposed_at=AT, proposed_outcome="REJECTED"
    )
    Objection.objects.filter(pk=row.pk).update(
        state="REJECTED", decided_by=desk.APPROVER, decided_at=AT, decision_text="仍为 C 级"
    )
    if state == "ABANDONED":
        RatingPeriod.objects.filter(pk=period.pk).update(state=state)
    elif state == "FINAL":
        desk.walk(period, state)
    ((*_, shown, reasons),) = rows_of(credit_report(shop, BOUND, TODAY), "异议")
    assert (shown, reasons) == ("不成立", "本期等级未公布，不载明")


def test_nothing_of_a_proposed_adjustment(city: City, stamp: Stamp) -> None:
    shop = city.shops[GROWN]
    row = desk.adjustment(city.period, city.rating(shop), text="拟降级")
    assert "拟降级" not in told(shop, stamp)
    desk.decided(row)
    assert "拟降级" in told(shop, stamp)


def test_nothing_of_another_pharmacy(city: City, stamp: Stamp) -> None:
    regrading.convict(city.shops[GROWN], document_no="别家〔2026〕1号")
    assert "别家" not in told(city.shops[GOOD], stamp)


# The purpose


@pytest.mark.parametrize(
    ("recipient", "purpose"),
    [
        ("", "审查"),
        ("某银行", " "),
        ("某" * (RECIPIENT_LENGTH + 1), "审查"),
        ("某", "审" * (PURPOSE_LENGTH + 1)),
    ],
)
def test_for_whom_and_what_for_must_be_said(city: City, recipient: str, purpose: str) -> None:
    with pytest.raises(Refused, match=r"提供给谁|用途"):
        issue_report(city.shops[GOOD], recipient=recipient, purpose=purpose, by=CLERK, site=SITE, at=AT)
    assert not city.shops[GOOD].documents.exists()


def test_the_longest_purpose_fits(city: City) -> None:
    recipient, purpose = "某" * RECIPIENT_LENGTH, "审" * PURPOSE_LENGTH
    row = issue_report(city.shops[GOOD], recipient=recipient, purpose=purpose, by=CLERK, site=SITE, at=AT)
    assert bound_to(recipient, purpose) in text(documents.content(row)).replace("\n", "")


def test_it_is_kept_and_on_record(city: City) -> None:
    shop = city.shops[GROWN]
    row = issue_report(shop, recipient="某银行", purpose="贷款审查", by=CLERK, site=SITE, at=AT)
    assert (row.kind, row.pharmacy, row.district_id, row.purpose) == ("REPORT", shop, shop.district_id, BOUND)
    assert row.seq == PublishedGrade.objects.get(pharmacy=shop).seq
    event = AuditEvent.objects.get(action="签发文书")
    assert (event.actor, event.reason) == (desk.CLERK, BOUND)
    found = text(documents.content(row)).replace("\n", "")
    assert BOUND in found
    assert row.shown_number in found


# The document


def test_its_font_and_the_same_bytes(city: City, stamp: Stamp) -> None:
    said = credit_report(city.shops[PENALISED], BOUND, TODAY)
    found = drawn(said, stamp)
    assert found == drawn(said, stamp)
    assert found != drawn(replace(said, bound="仅供别处用于别的使用"), stamp)
    assert fonts(found)
    assert all(fonts(found).values())
    assert re.search(r"第 1 页 / 共 \d 页", text(found).replace("\n", ""))


def test_rare_characters(city: City, stamp: Stamp) -> None:
    shop = renamed(city.shops[GOOD], "𬭎㙘大药房")
    assert "𬭎㙘大药房" in told(shop, stamp)
    renamed(shop, "某\U0002a6d6大药房")
    with pytest.raises(Refused, match=r"U\+2A6D6"):
        issue_report(shop, recipient="某银行", purpose="审查", by=CLERK, site=SITE, at=AT)


def queries(shop: Pharmacy) -> int:
    with CaptureQueriesContext(connection) as seen:
        credit_report(shop, BOUND, TODAY)
    return len(seen)


def test_a_fixed_number_of_queries(city: City) -> None:
    shop = city.shops[PENALISED]

    def more() -> None:
        number = Violation.objects.count()
        fact = regrading.convict(shop, document_no=f"号{number}")
        complaint(shop, f"TS{number}")
        regrading.end_agreement(shop, date(2026, 2, 2) + timedelta(days=number), "IN_SERVICE")
        desk.repair(fact)
        desk.decided(desk.adjustment(city.period, city.rating(shop)))
        row = objection(city, shop, "OPEN")
        Objection.objects.filter(pk=row.pk).update(state="WITHDRAWN")

    more()
    queries(shop)
    few = queries(shop)
    more()
    more()
    said = credit_report(shop, BOUND, TODAY)
    titles = ("查实的举报投诉", "服务协议状态的变动", "等级的变更", "异议", "信用修复")
    assert {title: len(rows_of(said, title)) for title in titles} == dict.fromkeys(titles, 3)
    assert queries(shop) == few
    assert few <= 32
