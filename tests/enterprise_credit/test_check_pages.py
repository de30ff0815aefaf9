"""Pages of batch checks: who sees and does what, that they cost the same, what they say and give out."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from applications.enterprise_credit import check_files
from applications.enterprise_credit.models import BatchCheck, Look
from applications.enterprise_credit.roles import CREDIT_OFFICE, SUPPLIER
from applications.roles import INSPECTOR
from ratings.models import AuditEvent, StaffScope
from tests import factories
from tests.enterprise_credit import building
from tests.enterprise_credit.checking import check, standing

pytestmark = pytest.mark.django_db
LIST = "admin:enterprise_credit_batchcheck_changelist"
ADD = "admin:enterprise_credit_batchcheck_add"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def browser(user: User) -> Client:
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


def whole_city(group: str) -> User:
    """Works for the whole city, and for no department."""
    user = User.objects.create_user(f"city-{group}", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=True)
    return user


def url(name: str, of: BatchCheck, *more: Any) -> str:
    return reverse(f"admin:enterprise_credit_batchcheck_{name}", args=(of.pk, *more))


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def officer() -> Client:
    return browser(building.member("ybj"))


@pytest.fixture
def checked() -> BatchCheck:
    """Row 1 passes, row 2 is rejected, row 3 is unknown."""
    good, bad = building.subject("好公司"), building.subject("坏公司")
    standing(good, "A", 95_500)
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    return check(good, bad, factories.uscc())


# checking


def test_a_pasted_list_is_checked_and_its_result_shown(officer: Client) -> None:
    bad = building.subject("坏公司")
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    assert "奖励补助" in text(officer.get(reverse(ADD)))
    given = {
        "purpose": "subsidy",
        "case_no": "补 1 号",
        "title": "补助名单",
        "pasted": f"{bad.uscc}\n查无公司",
    }
    response = officer.post(reverse(ADD), given, follow=True)
    made = BatchCheck.objects.get()
    assert response.redirect_chain == [(url("change", made), 302)]
    page = text(response)
    assert "已核查 2 家企业" in page
    assert "坏公司" in page
    assert "现有黑名单 1 条" in page
    assert "依据：" in page
    assert (made.department.key, made.case_no) == ("ybj", "补 1 号")
    assert Look.objects.filter(check_id=made.pk).count() == 2


def test_a_file_is_checked(officer: Client) -> None:
    one = building.subject("好公司")
    file = SimpleUploadedFile("申报.csv", f"企业名称,统一社会信用代码\n好公司,{one.uscc}\n".encode())
    officer.post(reverse(ADD), {"purpose": "award", "title": "名单", "file": file})
    made = BatchCheck.objects.get()
    assert (made.file_name, made.passed) == ("申报.csv", 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "请选择用途"),
        ({"purpose": "supervision", "title": "x", "pasted": "x"}, "supervision"),
        ({"purpose": "award", "title": "x"}, "二者只取其一"),
        ({"purpose": "subsidy", "title": "x", "pasted": "甲公司"}, "案号"),
        ({"purpose": "award", "title": "x", "pasted": " \n "}, "二者只取其一"),
        ({"purpose": "award", "title": "x", "file": SimpleUploadedFile("a.csv", b"")}, "空的"),
        ({"purpose": "award", "title": "x", "file": SimpleUploadedFile("a.pdf", b"%PDF-1.4")}, "PDF"),
    ],
)
def test_what_cannot_be_checked_is_told_over_the_form(
    officer: Client, given: dict[str, Any], said: str
) -> None:
    response = officer.post(reverse(ADD), given)
    assert response.status_code == 200
    assert said in text(response)
    assert not BatchCheck.objects.exists()


def test_a_file_of_50_mb_is_refused(officer: Client) -> None:
    big = SimpleUploadedFile("big.csv", b"x" * 50 * 1024**2)
    response = officer.post(reverse(ADD), {"purpose": "award", "title": "x", "file": big})
    assert "超过 10 MB" in text(response)
    assert not BatchCheck.objects.exists()


# who sees what


def test_members_see_their_own_department_only(checked: BatchCheck) -> None:
    own, other = browser(building.member("ybj")), browser(building.member("scjgj"))
    assert "评优名单" in text(own.get(reverse(LIST)))
    assert own.get(url("change", checked)).status_code == 200
    assert "评优名单" not in text(other.get(reverse(LIST)))
    for address in (
        url("change", checked), url("outcomes", checked), url("bulk", checked), url("upload", checked),
        url("file", checked, "xlsx"),
    ):  # fmt: skip
        assert other.get(address).status_code == 404
        assert other.post(address).status_code in {404, 405}


@pytest.mark.parametrize("group", [CREDIT_OFFICE, INSPECTOR])
def test_those_who_keep_the_whole_see_all_and_change_nothing(checked: BatchCheck, group: str) -> None:
    keeper = browser(whole_city(group))
    page = text(keeper.get(reverse(LIST)))
    assert "评优名单" in page
    assert building.department("ybj").name in page
    page = text(keeper.get(url("change", checked)))
    assert "逐家反馈结果" not in page
    assert "部门" in page
    assert keeper.get(url("file", checked, "csv")).status_code == 200
    assert keeper.get(reverse(ADD)).status_code == 403
    for name in ("outcomes", "bulk", "upload"):
        assert keeper.get(url(name, checked)).status_code == 403


def test_others_see_nothing(checked: BatchCheck) -> None:
    supplier = browser(building.member("ybj", SUPPLIER))
    assert supplier.get(reverse(LIST)).status_code == 403
    assert supplier.get(url("change", checked)).status_code == 403
    assert supplier.get(reverse("admin:enterprise_credit_batchcheck_statistics")).status_code == 403
    assert Client().get(url("change", checked)).status_code == 302


# the result


def test_lines_are_filtered_by_verdict_and_outcome(officer: Client, checked: BatchCheck) -> None:
    address = url("change", checked)
    whole = text(officer.get(address))
    for said in ("好公司", "坏公司", "95.5 分", "查无此企业", "待反馈"):
        assert said in whole
    rejected = text(officer.get(address, {"verdict": "REJECT"}))
    assert "坏公司" in rejected
    assert "好公司" not in rejected
    assert "没有符合筛选" in text(officer.get(address, {"outcome": "GRANTED"}))
    assert "没有符合筛选" in text(officer.get(address, {"outcome": "in_spite"}))
    assert "好公司" in text(officer.get(address, {"outcome": "none", "page": "99"}))
    assert "好公司" in text(officer.get(address, {"verdict": "'", "outcome": "'", "page": "x"}))


def test_long_lists_are_paged(officer: Client) -> None:
    made = check(*(building.subject(f"第{n:03d}号公司") for n in range(60)))
    first, second = (text(officer.get(url("change", made), {"page": page})) for page in (1, 2))
    assert "第000号公司" in first
    assert "下一页" in first
    assert "第059号公司" not in first
    assert "第059号公司" in second
    assert "上一页" in second


def test_left_out_criteria_are_told(officer: Client, checked: BatchCheck) -> None:
    other = check(checked.lines.get(row=1).uscc, department="scjgj", purpose="subsidy", case_no="1")
    assert other.left_out
    page = text(browser(building.member("scjgj")).get(url("change", other)))
    assert "有未核查的内容" in page
    assert other.left_out[0]["text"] in page
    assert "未核查的内容：" in "\n".join(check_files.heading(other))


def test_files_are_downloaded_on_record(officer: Client, checked: BatchCheck) -> None:
    response = officer.get(url("file", checked, "xlsx"))
    assert response["Content-Disposition"].endswith('.xlsx"')
    book = load_workbook(io.BytesIO(response.content))
    assert book.active.cell(1, 1).value == "名单核查：评优名单"
    assert officer.get(url("file", checked, "csv")).content.startswith(b"\xef\xbb\xbf")
    assert officer.get(url("file", checked, "pdf")).status_code == 404
    assert [one.detail["format"] for one in AuditEvent.objects.filter(action="导出").order_by("pk")] == [
        "XLSX",
        "CSV",
    ]


# outcomes


def test_outcomes_are_typed_in_for_a_page(officer: Client, checked: BatchCheck) -> None:
    address = url("outcomes", checked)
    assert 'name="outcome-1"' in text(officer.get(address))
    given = {
        "outcome-1": "GRANTED", "amount-1": "1,234.5", "note-1": "",
        "outcome-2": "GRANTED", "amount-2": "", "note-2": "已整改",
    }  # fmt: skip
    page = text(officer.post(address, given, follow=True))
    assert "已保存 2 家" in page
    assert 'value="1234.50"' in page
    shown = text(officer.get(url("change", checked)))
    assert "1,234.50 元" in shown
    assert "违背结论" in shown
    assert "坏公司" in text(officer.get(url("change", checked), {"outcome": "in_spite"}))
    assert "没有改动" in text(officer.post(address, given, follow=True))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outcome-2": "GRANTED"}, "序号 2：核查未通过而给予的"),
        ({"outcome-1": "GRANTED", "amount-1": "很多"}, "序号 1："),
        ({"note-1": "只有说明"}, "序号 1：结果反馈须为"),
        ({"outcome-1": "REFUSED", "amount-1": "5"}, "只有已给予"),
    ],
)
def test_wrong_outcomes_are_told_and_what_was_typed_stays(
    officer: Client, checked: BatchCheck, given: dict[str, str], said: str
) -> None:
    page = text(officer.post(url("outcomes", checked), given))
    assert said in page
    for value in given.values():
        assert value in page
    assert not checked.lines.exclude(outcome="").exists()


def test_one_outcome_for_all_that_wait(officer: Client, checked: BatchCheck) -> None:
    address = url("bulk", checked)
    assert "通过（1 家待反馈）" in text(officer.get(address))
    page = text(
        officer.post(address, {"verdict": "PASS", "outcome": "GRANTED", "amount": "1万元"}, follow=True)
    )
    assert "已保存 1 家" in page
    assert checked.lines.get(row=1).amount_fen == 1_000_000
    assert "核查未通过而给予的" in text(officer.post(address, {"verdict": "REJECT", "outcome": "GRANTED"}))
    assert "不是金额" in text(
        officer.post(address, {"verdict": "REJECT", "outcome": "GRANTED", "amount": "x"})
    )
    for verdict in ("REJECT", "UNKNOWN"):
        officer.post(address, {"verdict": verdict, "outcome": "REFUSED"})
    assert "所有企业都已反馈" in text(officer.get(address))


def test_a_filled_file_is_uploaded(officer: Client, checked: BatchCheck) -> None:
    book = load_workbook(io.BytesIO(officer.get(url("file", checked, "xlsx")).content))
    first = len(check_files.heading(checked)) + 2
    place = check_files.HEADERS.index("结果反馈") + 1
    book.active.cell(first, place, "已给予")
    out = io.BytesIO()
    book.save(out)
    page = text(
        officer.post(
            url("upload", checked), {"file": SimpleUploadedFile("a.xlsx", out.getvalue())}, follow=True
        )
    )
    assert "已保存 1 家" in page
    book.active.cell(first + 1, place, "也许")
    out = io.BytesIO()
    book.save(out)
    page = text(officer.post(url("upload", checked), {"file": SimpleUploadedFile("a.xlsx", out.getvalue())}))
    assert f"第 {first + 1} 行：结果反馈“也许”看不懂" in page


def test_statistics_are_of_the_department_or_of_all(officer: Client, checked: BatchCheck) -> None:
    officer.post(url("outcomes", checked), {"outcome-2": "GRANTED", "note-2": "已整改"})
    address = reverse("admin:enterprise_credit_batchcheck_statistics")
    span = {"start": "2026-01-01", "until": "2026-12-31"}
    own = text(officer.get(address, span))
    assert "评先评优" in own
    assert '<th scope="col">部门</th>' not in own
    assert "违背结论给予" in own
    assert building.department("ybj").name in text(browser(whole_city(CREDIT_OFFICE)).get(address, span))
    assert "评先评优" not in text(browser(building.member("scjgj")).get(address, span))
    assert "不得早于" in text(officer.get(address, {"start": "2026-02-01", "until": "2026-01-01"}))


def test_pages_cost_the_same_queries_however_much_they_show(officer: Client) -> None:
    counted = []
    for many in (1, 3):
        made = check(*(building.subject(f"企{many}{n}") for n in range(many)))
        costs = []
        for address in (
            reverse(LIST), url("change", made), url("outcomes", made), url("file", made, "csv"),
            reverse("admin:enterprise_credit_batchcheck_statistics"),
        ):  # fmt: skip
            officer.get(address)
            with CaptureQueriesContext(connection) as captured:
                assert officer.get(address).status_code == 200
            costs.append(len(captured))
        counted.append(costs)
    assert counted[0] == counted[1]
