"""Pages for looking enterprises up: rights, purposes, records of looks, what they show, and that they cost the same."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from applications.enterprise_credit.models import Look
from applications.enterprise_credit.roles import CREDIT_OFFICE, SUPPLIER
from applications.roles import INSPECTOR
from ratings.models import AuditEvent, RatingPeriod, StaffScope
from tests.bank_loans.building import regrade
from tests.enterprise_credit import building
from tests.enterprise_credit.looking import OPEN, SEARCH, Officer, looks, now, on, url
from tests.enterprise_credit.profiling import NONE, NOW, A, B, C, D, assessed, chain

pytestmark = pytest.mark.django_db
__all__ = ["now"]


class TestRights:
    def test_only_members_of_departments_with_the_permission(self) -> None:
        uscc = building.subject().uscc
        keeper = building.member("fgw", CREDIT_OFFICE)
        keeper.department.delete()
        StaffScope.objects.create(user=keeper, whole_city=True)
        root = User.objects.create_superuser("root", password="x")
        inspector = building.member("sjj", INSPECTOR)
        for user in (building.member("swj", SUPPLIER), keeper, root, inspector):
            browser = Client()
            browser.force_login(user)
            for address in (SEARCH, url("change", uscc)):
                assert browser.get(address).status_code == 403
            for address in (OPEN, url("pdf", uscc), url("export", uscc)):
                assert browser.post(address, {"uscc": uscc, "purpose": "award"}).status_code == 403
        assert Client().get(SEARCH).status_code == 302
        assert looks() == []
        assert "企业信用查询" in Officer().get(SEARCH)

    def test_the_menu_has_it_for_officers_alone(self) -> None:
        assert SEARCH in Officer().get("/admin/")
        root = Officer(user=User.objects.create_superuser("root", password="x"))
        assert SEARCH not in root.get("/admin/")


class TestSearching:
    def test_a_search_states_a_purpose_and_remembers_it(self) -> None:
        subject, officer = building.subject("明州大药房有限公司"), Officer()
        assert "请选择查询用途" in officer.search("明州", purpose="")
        assert "须填案号或项目号：" in officer.search("明州", purpose="subsidy")
        assert subject.uscc not in officer.search("明州", purpose="subsidy")
        found = officer.search("明州", purpose="subsidy", case_no="〔2026〕1号")
        assert subject.uscc in found
        assert "1 家" in found
        again = officer.get(SEARCH)
        assert 'value="subsidy" selected' in again
        assert "〔2026〕1号" in again
        assert subject.uscc in officer.get(SEARCH, q="mingzhou")
        assert looks() == []

    def test_what_is_not_found_is_told_how(self) -> None:
        officer = Officer()
        assert "没有找到" in officer.search("没有这样的名称")
        assert "请核对是否录错" in officer.search("91330602MA288UYN8Y")

    def test_many_are_to_be_narrowed_down(self) -> None:
        for number in range(51):
            building.subject(f"明州大药房{number}有限公司")
        page = Officer().search("明州")
        assert page.count('name="uscc"') == 50
        assert "请写得更具体" in page


class TestOpening:
    def test_a_look_is_recorded_and_leads_to_the_profile(self) -> None:
        subject, shops = chain(A, D)
        row = assessed(subject)
        record = building.record(subject, data={"content": "警告", "responsible": "张三"})
        page = Officer().open(subject.uscc, case_no="〔2026〕1号")
        assert "第 3 名 / 共 1,200 家" in page
        assert "〔2026〕1号" in page
        (look,) = Look.objects.all()
        assert (look.form, look.uscc, look.name, look.case_no) == (
            "PAGE", subject.uscc, subject.name, "〔2026〕1号",
        )  # fmt: skip
        assert look.shown["assessment"] == row.pk
        assert look.shown["records"] == {"scjgj-penalty": [record.pk]}
        assert look.shown["personal"] == ["scjgj-penalty"]
        assert len(look.shown["stores"]) == len(shops)

    @pytest.mark.parametrize("purpose", ["", "curiosity", "subsidy"])
    def test_without_a_purpose_it_is_refused(self, purpose: str) -> None:
        uscc = building.subject().uscc
        page = Officer().open(uscc, purpose=purpose)
        assert {"": "未写明用途", "curiosity": "没有用途", "subsidy": "须填案号"}[purpose] in page
        assert looks() == []
        assert AuditEvent.objects.filter(reason__contains="用途").exists()

    def test_without_an_enterprise_it_is_refused(self) -> None:
        assert "未写明企业" in Officer().open(" ")

    def test_an_unknown_enterprise_is_on_record_too(self) -> None:
        assert "查无此企业：91330602MA288UYN8Y" in Officer().open("91330602ma288uyn8y\0")
        assert looks() == [("PAGE", "91330602MA288UYN8Y", False)]

    def test_opening_asks_for_a_post(self) -> None:
        officer = Officer()
        assert officer.browser.get(OPEN).status_code == 302
        assert looks() == []

    def test_what_lies_outside_is_marked(self) -> None:
        subject, _ = chain(A, district=330604)
        Officer(districts=(330602,)).open(subject.uscc)
        Officer(districts=(330604,)).open(subject.uscc)
        assert list(Look.objects.order_by("id").values_list("outside", flat=True)) == [True, False]


class TestReading:
    def test_a_page_without_a_look_asks_for_the_purpose(self) -> None:
        subject, officer = building.subject("明州大药房有限公司"), Officer()
        for uscc in (subject.uscc, "91330602MA288UYN8Y"):
            page = officer.page(uscc)
            assert "须写明用途" in page
            assert subject.name not in page
        assert looks() == []
        officer.open(subject.uscc)
        assert "须写明用途" not in officer.page(subject.uscc)
        assert "须写明用途" in Officer().page(subject.uscc)

    def test_it_may_be_read_on_for_half_an_hour(self, monkeypatch: pytest.MonkeyPatch) -> None:
        subject, officer = building.subject(), Officer()
        officer.open(subject.uscc)
        on(NOW + timedelta(minutes=29), monkeypatch)
        assert "须写明用途" not in officer.page(subject.uscc)
        assert len(looks()) == 1
        on(NOW + timedelta(minutes=30), monkeypatch)
        assert "须写明用途" in officer.page(subject.uscc)

    def test_what_has_changed_meanwhile_is_one_more_look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        subject, officer = building.subject(), Officer()
        officer.open(subject.uscc)
        record = building.record(subject)
        on(NOW + timedelta(minutes=5), monkeypatch)
        officer.page(subject.uscc)
        officer.page(subject.uscc)
        shown = list(Look.objects.order_by("id").values_list("shown__records", flat=True))
        assert shown == [{}, {"scjgj-penalty": [record.pk]}]

    def test_grades_with_their_marks(self) -> None:
        subject, (good, bad, none) = chain(A, D, NONE)
        regrade(RatingPeriod.objects.get(), good, B, at=NOW)
        officer = Officer()
        page = officer.open(subject.uscc)
        # Periods in words: on the page (now, past, timeline) and in the files.
        assert page.count("2025年下半年") >= 3
        assert "2025H2" not in page
        file = load_workbook(io.BytesIO(officer.file("export", subject.uscc)))
        texts = {str(cell) for sheet in file for row in sheet.iter_rows(values_only=True) for cell in row}
        assert {"2025年下半年", "2025年下半年 D"} <= texts
        assert not [text for text in texts if "2025H2" in text]
        assert page.index(bad.code) < page.index(good.code) < page.index(none.code)
        assert "2 次" in page

    def test_a_black_list_stands_on_top(self) -> None:
        subject = building.subject()
        building.record(subject, "ybj-black-list", data={"reason": "骗保"})
        page = Officer().open(subject.uscc)
        assert "列入黑名单：医保领域严重失信名单" in page

    def test_many_stores_come_in_pages(self) -> None:
        subject, shops = chain(*([C] * 20), D)
        officer = Officer()
        first = officer.open(subject.uscc)
        assert sum(shop.code in first for shop in shops) == 20
        assert shops[-1].code in first
        assert sum(shop.code in officer.page(subject.uscc, stores="2") for shop in shops) == 1
        for odd in ("0", "x", "99999999999", "²"):
            assert "所属药店" in officer.page(subject.uscc, stores=odd)
        assert len(looks()) == 1

    def test_many_records_are_folded(self) -> None:
        subject = building.subject()
        for _ in range(11):
            building.record(subject)
        assert "其余 1 条" in Officer().open(subject.uscc)

    @pytest.mark.parametrize("stores", [1, 3, 300])
    def test_a_constant_number_of_queries(self, stores: int) -> None:
        subject, _ = chain(*(place % 4 for place in range(stores)))
        assessed(subject)
        for _ in range(min(stores, 5)):
            building.record(subject)
        officer = Officer()
        officer.open(subject.uscc)
        officer.page(subject.uscc)
        with CaptureQueriesContext(connection) as queries:
            officer.page(subject.uscc)
        assert len(queries) == 19, [query["sql"][:100] for query in queries]


class TestFiles:
    def test_files_need_a_look_and_are_looks(self) -> None:
        subject, officer = building.subject(), Officer()
        for name in ("pdf", "export"):
            page = officer.browser.post(url(name, subject.uscc), follow=True).content.decode()
            assert "请先写明查询用途再下载" in page
            assert officer.browser.get(url(name, subject.uscc)).status_code == 302
        officer.open(subject.uscc, case_no="1号")
        assert officer.file("pdf", subject.uscc).startswith(b"%PDF-")
        officer.file("export", subject.uscc)
        assert [form for form, _, _ in looks()] == ["PAGE", "PDF", "EXPORT"]
        assert set(Look.objects.values_list("case_no", flat=True)) == {"1号"}

    def test_the_workbook_has_all_parts_and_no_formulas(self) -> None:
        subject, _ = chain(A, D, name="=HYPERLINK(1)公司")
        assessed(subject)
        building.record(subject, data={"content": "=1+1", "fine_fen": 5}, document_no="@罚1号")
        officer = Officer()
        officer.open(subject.uscc, case_no="+1号")
        book = load_workbook(io.BytesIO(officer.file("export", subject.uscc)))
        cells = [
            cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None
        ]
        assert all(cell.data_type != "f" for cell in cells)
        texts = {str(cell.value) for cell in cells}
        assert {"'=1+1", "'@罚1号", "'+1号", "'=HYPERLINK(1)公司", "0.05 元"} <= texts
        assert any("仅供市场监督管理局用于“日常监管”" in text for text in texts)
        assert book.sheetnames[:3] == ["概况", "1 评定说明", "2 所属药店"]
