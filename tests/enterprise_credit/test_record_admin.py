"""Pages of records and of those that wait: who sees and does what, by role and department."""

import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.enterprise_credit.counting import shown_after
from applications.enterprise_credit.models import CreditRecord, CreditSubject
from applications.enterprise_credit.roles import CREDIT_OFFICE, OFFICER, SUPPLIER
from applications.roles import INSPECTOR
from ratings.models import AuditEvent
from tests.enterprise_credit.browsing import BATCHES, LIST, SECRET, WAITING, keeper, signed_in, text, url
from tests.enterprise_credit.building import batch, member, record, subject
from tests.enterprise_credit.supplying import record_type
from tests.factories import uscc

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def supplier() -> Client:
    return signed_in(member(group=SUPPLIER))


def penalty(**values: Any) -> CreditRecord:
    data = {"content": "警告", "fine_fen": 123_456, "responsible": SECRET}
    return record(values.pop("of", None) or subject(), data=data, **values)


def stranger(name: str = "新企业") -> CreditRecord:
    return penalty(of=CreditSubject(uscc=uscc(), name=name), match="NO_SUBJECT", subject=None)


class TestWhoSees:
    def test_the_own_department(self, supplier: Client) -> None:
        mine, other = penalty(), record(subject(), "swj-arrears", data={"amount_fen": 1})
        assert mine.record_no in text(supplier.get(url(LIST), {"type": "scjgj-penalty"}))
        assert "0 条" in text(
            supplier.get(url(LIST), {"type": "swj-arrears"})
        ) or other.record_no not in text(supplier.get(url(LIST), {"type": "swj-arrears"}))
        assert SECRET in text(supplier.get(url("creditrecord_change", mine.pk)))
        assert supplier.get(url("creditrecord_change", other.pk)).status_code == 404

    @pytest.mark.parametrize("group", [CREDIT_OFFICE, INSPECTOR])
    def test_nothing_of_natural_persons_is_told_by_asking_through_the_address(self, group: str) -> None:
        browser = keeper(group)
        penalty()
        batch("scjgj-penalty", "scjgj", problems=[{"line": 1, "value": SECRET}])
        for page, asked in (
            (LIST, {"type": "scjgj-penalty", "data__responsible__startswith": SECRET[0]}),
            (LIST, {"type": "scjgj-penalty", "data__icontains": SECRET}),
            (LIST, {"batch__problems__0__value": SECRET}),
            (BATCHES, {"problems__0__value__startswith": SECRET[0]}),
        ):
            assert browser.get(url(page), asked).status_code == 400, asked
        assert browser.get(url(BATCHES), {"state__exact": "ACCEPTED"}).status_code == 200

    @pytest.mark.parametrize("group", [CREDIT_OFFICE, INSPECTOR])
    def test_what_a_file_was_filled_up_with_about_natural_persons_is_not_told(
        self, supplier: Client, group: str
    ) -> None:
        filled = {"data.responsible": SECRET, "document_no": "罚字"}
        page = url("recordbatch_change", batch("scjgj-penalty", "scjgj", mapping={"defaults": filled}).pk)
        assert SECRET in text(supplier.get(page))
        kept = text(keeper(group).get(page))
        assert SECRET not in kept and "罚字" in kept

    @pytest.mark.parametrize("group", [CREDIT_OFFICE, INSPECTOR])
    def test_those_who_keep_the_whole_see_nothing_of_natural_persons(self, group: str) -> None:
        browser = keeper(group)
        mine, other = penalty(), record(subject(), "swj-arrears", data={"amount_fen": 1})
        for row in (mine, other):
            page = text(browser.get(url("creditrecord_change", row.pk)))
            assert row.record_no in page and SECRET not in page
            assert row.record_no in text(browser.get(url(LIST), {"type": row.record_type}))
        exported = browser.post(f"{url('creditrecord_export')}?type=scjgj-penalty", {"format": "1"})
        assert mine.record_no in exported.content.decode() and SECRET not in exported.content.decode()
        across = browser.post(f"{url('creditrecord_export')}?q={mine.uscc}", {"format": "1"}).content.decode()
        assert mine.record_no in across and SECRET not in across and "罚款金额：1,234.56 元" in across

    def test_a_type_that_is_no_more_shows_no_content(self, supplier: Client) -> None:
        gone = record(subject(), "scjgj-gone", data={"x": SECRET})
        page = supplier.get(url("creditrecord_change", gone.pk)).content.decode()
        assert gone.record_no in page and SECRET not in page and 'id="acts"' not in page

    @pytest.mark.parametrize("name", [LIST, WAITING, BATCHES])
    def test_others(self, name: str) -> None:
        assert signed_in(member(group=OFFICER)).get(url(name)).status_code == 403
        nobody = User.objects.create_user("nobody", is_staff=True)
        nobody.groups.add(Group.objects.get(name=SUPPLIER))
        assert signed_in(nobody).get(url(name)).status_code == 403
        assert Client().get(url(name)).status_code == 302

    def test_the_other_departments_supplier(self) -> None:
        row = penalty()
        browser = signed_in(member("swj", SUPPLIER))
        for name in ("change", "correct", "withdraw", "objection"):
            assert browser.get(url(f"creditrecord_{name}", row.pk)).status_code == 404


class TestTheList:
    def test_says_whose_type_it_shows(self) -> None:
        assert "医疗保障局：行政处罚 其他类型请在“筛选”中选择" in text(keeper(CREDIT_OFFICE).get(url(LIST)))

    def test_finding(self, supplier: Client) -> None:
        one, other = penalty(of=subject("绍兴康泰医药有限公司")), penalty(of=subject("宁波益民药业有限公司"))
        for typed in (one.uscc, "康泰", one.record_no, one.uscc.lower()):
            page = text(supplier.get(url(LIST), {"q": typed}))
            assert one.uscc in page and other.uscc not in page, typed
        assert one.uscc not in text(supplier.get(url(LIST), {"q": "没有这个"}))

    def test_waiting_ones_are_found_by_code(self, supplier: Client) -> None:
        row = stranger()
        assert row.record_no in text(supplier.get(url(LIST), {"q": row.uscc}))

    def test_states(self, supplier: Client) -> None:
        live, waits = penalty(), stranger()
        objected = penalty(objected_on="2026-02-01", objection="不服")
        expired = penalty(valid_until="2026-02-01")
        ended = {"voided_at": "2026-02-01T00:00:00Z", "void_reason": "x", "voided_by": "x"}
        corrected, withdrawn = penalty(ending="CORRECTED", **ended), penalty(ending="WITHDRAWN", **ended)
        shown = {
            "": {live, waits, objected, expired},
            "waiting": {waits},
            "objected": {objected},
            "corrected": {corrected},
            "withdrawn": {withdrawn},
            "nonsense": set(),
        }
        for state, wanted in shown.items():
            page = text(
                supplier.get(url(LIST), {"type": "scjgj-penalty", **({"state": state} if state else {})})
            )
            found = {row for row in CreditRecord.objects.all() if row.uscc in page}
            assert found == wanted, state
        page = text(supplier.get(url(LIST), {"type": "scjgj-penalty"}))
        assert all(mark in page for mark in ("有效", "待匹配：查无此企业", "有异议", "已到期"))

    @pytest.mark.parametrize(("later", "said"), [(0, "已过公示、共享期"), (1, "有效")])
    def test_shown_for_so_long(self, later: int, said: str, supplier: Client) -> None:
        """As long as profiles show it and scores count it."""
        last = shown_after(record_type(), timezone.localdate())
        row = penalty(decided_on=last + timedelta(days=later), valid_from=last)
        page = text(supplier.get(url(LIST), {"type": row.record_type}))
        assert (said in page) and ("有效" in page.replace("有效期", "")) == bool(later)
        assert said in text(supplier.get(url("creditrecord_change", row.pk)))

    def test_of_a_type_that_is_no_more(self) -> None:
        row = record(subject(), "swj-gone")
        page = text(keeper(CREDIT_OFFICE).get(url("creditrecord_change", row.pk)))
        assert "目录中已没有这种信用信息" in page

    def test_it_says_of_which_type_it_is(self, supplier: Client) -> None:
        page = supplier.get(url(LIST), {"type": "scjgj-penalty"}).content.decode()
        assert re.search(r'aria-current="page" href="\?type=scjgj-penalty">行政处罚', page)
        assert "营业执照登记" in page
        assert (
            "aria-current"
            not in keeper(CREDIT_OFFICE).get(url(LIST)).content.decode().split('id="content')[-1]
        )

    @pytest.mark.parametrize("name", [LIST, WAITING, BATCHES])
    def test_queries_do_not_grow(self, name: str, supplier: Client) -> None:
        seen = []
        for more in (1, 2):
            for _ in range(more):
                penalty()
                stranger()
            supplier.get(url(name), {"type": "scjgj-penalty"} if name == LIST else {})
            with CaptureQueriesContext(connection) as captured:
                supplier.get(url(name), {"type": "scjgj-penalty"} if name == LIST else {})
            seen.append(len(captured))
        assert seen[0] == seen[1]

    def test_exported_cells_run_nothing(self, supplier: Client) -> None:
        record(subject("=cmd|calc"), data={"content": "+1+1", "fine_fen": 150})
        csv_file = supplier.post(f"{url('creditrecord_export')}?type=scjgj-penalty", {"format": "1"})
        body = csv_file.content.decode()
        assert "'=cmd|calc" in body and "'+1+1" in body and ",1.50," in body
        xlsx = supplier.post(f"{url('creditrecord_export')}?type=scjgj-penalty", {"format": "0"})
        cells = [cell.value for row in openpyxl.load_workbook(BytesIO(xlsx.content)).active for cell in row]
        assert "'=cmd|calc" in cells and "'+1+1" in cells
        assert AuditEvent.objects.filter(action="导出").count() == 2


class TestFillingIn:
    ADD = "creditrecord_add"

    def test_choosing_the_type(self, supplier: Client) -> None:
        page = supplier.get(url(self.ADD)).content.decode()
        assert "?type=scjgj-penalty" in page and "swj" not in page
        assert "罚款金额" in text(supplier.get(url(self.ADD), {"type": "scjgj-penalty"}))

    def test_done(self, supplier: Client) -> None:
        one = subject()
        values = {
            "record_no": " CF-1 ",
            "social_credit_code": one.uscc.lower(),
            "name": one.name,
            "decided_on": "2026-01-05",
            "data_content": "警告",
            "data_fine_fen": "12.5",
        }
        answer = supplier.post(f"{url(self.ADD)}?type=scjgj-penalty", values)
        made = CreditRecord.objects.get()
        assert (answer.status_code, answer["Location"]) == (302, url("creditrecord_change", made.pk))
        assert (made.record_no, made.uscc, made.data) == (
            "CF-1",
            one.uscc,
            {"content": "警告", "fine_fen": 1250},
        )
        again = supplier.post(
            f"{url(self.ADD)}?type=scjgj-penalty",
            {**values, "name": "别的", "record_no": "CF-2"},
            follow=True,
        )
        assert "列入待匹配" in text(again)

    def test_refused_over_the_form(self, supplier: Client) -> None:
        values = {
            "record_no": "A",
            "social_credit_code": "1",
            "name": "x",
            "decided_on": "2999-01-01",
            "data_content": "y",
        }
        page = text(supplier.post(f"{url(self.ADD)}?type=scjgj-penalty", values))
        assert "须为十八位" in page and "晚于今天" in page
        assert not CreditRecord.objects.exists()

    def test_every_kind_of_field(self) -> None:
        browser, one = signed_in(member("ybj", SUPPLIER)), subject()
        values = {
            "record_no": "X", "social_credit_code": one.uscc, "name": one.name, "decided_on": "2026-01-05",
            "valid_until": "2027-01-05", "data_measure": "约谈", "data_amount_fen": "-3", "data_store_code": "p33060200001",
        }  # fmt: skip
        browser.post(f"{url(self.ADD)}?type=ybj-agreement-measure", values)
        assert CreditRecord.objects.get().data == {
            "measure": "约谈",
            "amount_fen": -300,
            "store_code": "P33060200001",
        }
        more = {**values, "record_no": "Y", "data_amount_fen": "5", "data_due_on": "2026-05-01"}
        browser.post(f"{url(self.ADD)}?type=ybj-fund-recovery", more)
        kept = CreditRecord.objects.get(record_no="Y")
        assert kept.data == {"amount_fen": 500, "due_on": "2026-05-01"}
        page = text(browser.get(url("creditrecord_change", kept.pk)))
        assert "2026年5月1日" in page and "5.00 元" in page
        assert 'value="5"' in browser.get(url("creditrecord_correct", kept.pk)).content.decode()

    def test_by_whom(self) -> None:
        for browser in (keeper(CREDIT_OFFICE), keeper(INSPECTOR), signed_in(member(group=OFFICER))):
            assert browser.get(url(self.ADD)).status_code == 403


class TestActs:
    def test_correcting(self, supplier: Client) -> None:
        row = penalty()
        values = {
            "social_credit_code": row.uscc, "name": row.name, "decided_on": "2026-01-05", "valid_from": "2026-01-05",
            "data_content": "罚款", "data_fine_fen": "1", "reason": "改判",
        }  # fmt: skip
        supplier.post(url("creditrecord_correct", row.pk), values)
        row.refresh_from_db()
        assert (row.ending, row.void_reason) == ("CORRECTED", "改判")
        new = CreditRecord.objects.get(voided_at=None)
        page = text(supplier.get(url("creditrecord_change", new.pk)))
        assert "改判" in page and "责任人：张三丰" in page and "（本页）" in page
        old = text(supplier.get(url("creditrecord_change", row.pk)))
        assert "已更正" in old and "撤销……" not in old
        assert supplier.get(url("creditrecord_correct", row.pk)).status_code == 403

    def test_withdrawing(self, supplier: Client) -> None:
        row = penalty()
        assert "请填写理由" in text(supplier.post(url("creditrecord_withdraw", row.pk), {"reason": ""}))
        supplier.post(url("creditrecord_withdraw", row.pk), {"reason": "错报"})
        row.refresh_from_db()
        assert (row.ending, row.void_reason) == ("WITHDRAWN", "错报")

    def test_objections(self, supplier: Client) -> None:
        row = penalty()
        assert supplier.get(url("creditrecord_lift", row.pk)).status_code == 403
        supplier.post(url("creditrecord_objection", row.pk), {"on": "2026-02-01", "text": "当事人不符"})
        assert "当事人不符" in text(supplier.get(url("creditrecord_change", row.pk)))
        assert supplier.get(url("creditrecord_objection", row.pk)).status_code == 403
        supplier.post(url("creditrecord_lift", row.pk), {"reason": "查明无误"})
        row.refresh_from_db()
        assert row.objected_on is None

    def test_only_the_supplier(self) -> None:
        row = penalty()
        for browser in (keeper(CREDIT_OFFICE), keeper(INSPECTOR)):
            for name in ("correct", "withdraw", "objection"):
                assert browser.get(url(f"creditrecord_{name}", row.pk)).status_code == 403
            assert 'id="acts"' not in browser.get(url("creditrecord_change", row.pk)).content.decode()


class TestWaiting:
    def test_the_list(self, supplier: Client) -> None:
        unknown, named = stranger(), penalty(match="NAME_DIFFERS", subject=None, name="旧名")
        other = record(
            CreditSubject(uscc=uscc(), name="他人的"), "swj-arrears", match="NO_SUBJECT", subject=None
        )
        page = text(supplier.get(url(WAITING)))
        assert "共 2 条" in page and unknown.record_no in page and "旧名" in page and "某医药有限公司" in page
        assert other.name not in page
        whole = text(keeper(CREDIT_OFFICE).get(url(WAITING)))
        assert "共 3 条" in whole and other.name in whole
        assert "登记的名称" in text(supplier.get(url("creditrecord_change", named.pk)))

    def test_nothing_waits_and_pages(self, supplier: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "没有待匹配的信用信息" in text(supplier.get(url(WAITING)))
        monkeypatch.setattr("applications.enterprise_credit.admin.records._PAGE", 1)
        stranger("第一家"), stranger("第二家")
        first, second = text(supplier.get(url(WAITING))), text(supplier.get(url(WAITING), {"page": 2}))
        assert "第一家" in first and "下一页" in first and "第二家" in second and "上一页" in second

    def test_settling(self) -> None:
        office = keeper(CREDIT_OFFICE)
        unknown, named, wrong = (
            stranger(),
            penalty(match="NAME_DIFFERS", subject=None, name="旧名"),
            stranger(),
        )
        assert office.get(url("creditrecord_take", unknown.pk)).status_code == 403
        assert office.get(url("creditrecord_register", named.pk)).status_code == 403
        office.post(url("creditrecord_take", named.pk), {"reason": "更名"})
        office.post(url("creditrecord_register", unknown.pk), {"reason": "外地企业"})
        answer = office.post(url("creditrecord_return", wrong.pk), {"reason": "代码不对"})
        assert answer["Location"] == url(WAITING)
        for row in (unknown, named, wrong):
            row.refresh_from_db()
        assert (unknown.match, named.match, wrong.void_reason) == ("MATCHED", "MATCHED", "退回：代码不对")
        assert CreditSubject.objects.get(pk=unknown.uscc).origin == "DEPARTMENT"

    @pytest.mark.parametrize("name", ["take", "register", "return"])
    def test_by_whom(self, name: str, supplier: Client) -> None:
        row = stranger() if name != "take" else penalty(match="NAME_DIFFERS", subject=None, name="旧名")
        for browser in (supplier, keeper(INSPECTOR)):
            assert browser.get(url(f"creditrecord_{name}", row.pk)).status_code == 403

    def test_refused_over_the_form(self) -> None:
        office, row = keeper(CREDIT_OFFICE), stranger()
        subject("新企业", row.uscc)
        page = text(office.post(url("creditrecord_register", row.pk), {"reason": "x"}))
        assert "已登记为“新企业”" in page


def test_the_menu(supplier: Client) -> None:
    page = text(supplier.get(url(WAITING)))
    assert all(title in page for title in ("信用信息", "待匹配", "信用信息批次"))
