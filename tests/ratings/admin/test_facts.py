"""Facts in the admin: recorded with a form, never changed or deleted, voided with a reason."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from ratings.models import AuditEvent, FundPayment, Violation

from .conftest import Place

VIOLATION = {
    "kind": "RETURNED_DRUG",
    "gravity": "SERIOUS",
    "track": "PENALTY",
    "body": "越城区医疗保障局",
    "document_no": "越医保罚〔2026〕1号",
    "amount_yuan": "12,345.67",
    "occurred_on": "2026-01-01",
    "decided_on": "2026-02-01",
    "measures": "追回",
    "personnel_points": "9",
}


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:ratings_{model}_{page}", args=args)


def test_a_violation_is_recorded_in_yuan_and_on_record(clerk: Client, here: Place) -> None:
    answer = clerk.post(url("violation", "add"), {**VIOLATION, "pharmacy": here.pharmacy.pk})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    fact = Violation.objects.get(document_no=VIOLATION["document_no"])
    assert (fact.amount_fen, fact.recorded_by, fact.is_live) == (1_234_567, "yuecheng", True)
    event = AuditEvent.objects.get(subject=f"violation:{fact.pk}")
    assert (event.action, event.actor, event.address) == ("记录事实", "yuecheng", "127.0.0.1")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("kind", "", "kind"),
        ("kind", "NOTHING", "kind"),
        ("amount_yuan", "-1", "amount_yuan"),
        ("amount_yuan", "1.234", "amount_yuan"),
        ("amount_yuan", "99999999999999", "amount_yuan"),
        ("decided_on", "2025-12-31", "__all__"),
        ("decided_on", "2030-01-01", "__all__"),
        ("occurred_on", "昨天", "occurred_on"),
        ("personnel_points", "13", "__all__"),
        ("document_no", "", "document_no"),
    ],
)
def test_bad_values_are_told(field: str, value: str, told: str, clerk: Client, here: Place) -> None:
    answer = clerk.post(url("violation", "add"), {**VIOLATION, "pharmacy": here.pharmacy.pk, field: value})
    assert answer.status_code == 200
    assert told in answer.context["adminform"].form.errors
    assert Violation.objects.count() == 1


def test_a_second_live_version_of_a_key_is_refused(clerk: Client, here: Place) -> None:
    form = {**VIOLATION, "pharmacy": here.pharmacy.pk}
    clerk.post(url("violation", "add"), form)
    answer = clerk.post(url("violation", "add"), form)
    assert "已有一条药店、文书号、违法违规类型相同的有效记录" in answer.content.decode()


def test_a_payment_stands_for_its_month(clerk: Client, here: Place) -> None:
    form = {"pharmacy": here.pharmacy.pk, "month": "2025-07-15", "amount_yuan": "-10.05", "settlements": "3"}
    assert clerk.post(url("fundpayment", "add"), form).status_code == 302
    fact = FundPayment.objects.get(month=date(2025, 7, 1))
    assert fact.amount_fen == -1005


def test_a_complaint_keeps_its_rules(clerk: Client, here: Place) -> None:
    form = {
        "pharmacy": here.pharmacy.pk,
        "reference_no": "T1",
        "topic": "FRAUD",
        "state": "NOT_ACCEPTED",
        "finding": "VERIFIED",
        "occurred_on": "2025-01-01",
        "decided_on": "2025-02-01",
    }
    answer = clerk.post(url("complaint", "add"), form)
    assert "未受理的举报投诉不能有“查证属实”的结论。" in answer.content.decode()
    assert clerk.post(url("complaint", "add"), {**form, "state": "CLOSED"}).status_code == 302


@pytest.mark.parametrize("model", ["violation", "complaint", "fundpayment", "measurevalue", "servicestatus"])
def test_nobody_changes_or_deletes(model: str, root: Client, here: Place) -> None:
    names = {"fundpayment": "payment", "measurevalue": "measure", "servicestatus": "status"}
    fact = getattr(here, names.get(model, model))
    page = root.get(url(model, "change", fact.pk))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert root.post(url(model, "change", fact.pk), {"row": 1}).status_code == 403
    assert root.get(url(model, "delete", fact.pk)).status_code == 403
    assert root.post(url(model, "delete", fact.pk), {"post": "yes"}).status_code == 403
    answer = root.post(url(model, "changelist"), {"action": "delete_selected", "_selected_action": [fact.pk]})
    assert answer.status_code in (200, 302)
    fact.refresh_from_db()


def test_voiding_needs_a_reason_and_happens_once(clerk: Client, here: Place) -> None:
    address = url("violation", "void", here.violation.pk)
    page = clerk.get(address)
    assert "作废后不能恢复" in page.content.decode()
    here.violation.refresh_from_db()
    assert here.violation.is_live, "GET must change nothing"
    clerk.post(address, {"reason": "  "})
    here.violation.refresh_from_db()
    assert here.violation.is_live
    assert "超过 300 字" in clerk.post(address, {"reason": "长" * 301}).content.decode()
    clerk.post(address, {"reason": "原决定已撤销"})
    here.violation.refresh_from_db()
    assert (here.violation.void_reason, here.violation.voided_by) == ("原决定已撤销", "yuecheng")
    assert AuditEvent.objects.get(action="作废事实").reason == "原决定已撤销"
    again = clerk.post(address, {"reason": "再来"}, follow=True)
    assert "作废" in "".join(str(message) for message in again.context["messages"])
    here.violation.refresh_from_db()
    assert here.violation.void_reason == "原决定已撤销"


def test_a_zero_is_shown_as_zero(clerk: Client, here: Place) -> None:
    page = clerk.get(url("violation", "void", here.violation.pk)).content.decode()
    assert here.violation.personnel_points == 0
    assert "<dt>支付资格记分</dt><dd>0</dd>" in page
    assert "<dt>处理措施</dt><dd>—</dd>" in page


def test_voiding_is_for_those_who_may(powerless: Client, here: Place) -> None:
    assert powerless.post(url("violation", "void", here.violation.pk), {"reason": "x"}).status_code == 403


def test_lists_show_live_facts_unless_asked(clerk: Client, here: Place) -> None:
    clerk.post(url("violation", "void", here.violation.pk), {"reason": "误录"})
    count = lambda **query: clerk.get(url("violation", "changelist"), query).context["cl"].result_count  # noqa: E731
    assert (count(), count(standing="voided"), count(standing="all")) == (0, 1, 1)


def test_filters_and_search(city_clerk: Client, here: Place, there: Place) -> None:
    count = lambda **query: city_clerk.get(url("violation", "changelist"), query).context["cl"].result_count  # noqa: E731
    assert count(district=330602) == 1
    assert count(district="x") == 0
    assert count(kind__exact="ITEM_SUBSTITUTION") == 2
    assert count(kind__exact="RETURNED_DRUG") == 0
    assert count(q=here.pharmacy.code) == 1
    assert count(q="越城药房") == 1
    assert count(q=here.violation.document_no) == 1
    assert count(q="没有这家") == 0
    assert count(pharmacy__id__exact=here.pharmacy.pk) == 1


def test_money_and_dates_are_chinese(clerk: Client, here: Place) -> None:
    page = clerk.get(url("fundpayment", "changelist")).content.decode()
    assert "1,234,567.89 元" in page
    assert "2025年6月" in page
    page = clerk.get(url("violation", "change", here.violation.pk)).content.decode()
    assert "1,234.56 元" in page
    assert "2025年6月1日" in page


def test_posts_need_a_csrf_token(clerk: Client, here: Place) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = clerk.cookies
    assert strict.post(url("violation", "void", here.violation.pk), {"reason": "x"}).status_code == 403
    assert strict.post(url("violation", "add"), VIOLATION).status_code == 403
