"""Pages of batches of records: files on their way in, by role and department."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from applications.enterprise_credit.models import CreditRecord, RecordBatch
from applications.enterprise_credit.roles import CREDIT_OFFICE, SUPPLIER
from applications.roles import INSPECTOR
from tests.enterprise_credit.browsing import BATCHES, LIST, SECRET, keeper, signed_in, text, url
from tests.enterprise_credit.building import batch, member, subject
from tests.enterprise_credit.supplying import csv

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def supplier() -> Client:
    return signed_in(member(group=SUPPLIER))


class TestBatches:
    def upload(self, browser: Client, content: bytes, kind: str = "scjgj-penalty") -> Any:
        return browser.post(url("recordbatch_upload"), {"kind": kind, "file": BytesIO(content)})

    def checked(self, browser: Client, *rows: str) -> RecordBatch:
        columns = self.upload(browser, csv(*rows).getvalue())["Location"]
        assert "核对列" in text(browser.get(columns))
        browser.post(columns, {})
        return RecordBatch.objects.latest("pk")

    def test_a_whole_way(self, supplier: Client) -> None:
        one = subject()
        made = self.checked(
            supplier, f"A1,{one.uscc},{one.name},,2026-1-5,,,警告,,", "A2,91,x,,2026-1-5,,,x,,"
        )
        page = text(supplier.get(url("recordbatch_change", made.pk)))
        assert "尚未写入任何数据" in page and "须为十八位" in page and "处罚内容" in page
        problems = b"".join(supplier.get(url("recordbatch_problems", made.pk)).streaming_content).decode()  # type: ignore[attr-defined]
        assert "须为十八位" in problems
        refused = supplier.post(url("recordbatch_accept", made.pk), follow=True)
        assert "有 1 行被拒收" in text(refused)
        done = supplier.post(url("recordbatch_accept", made.pk), {"skip_refused": "1"}, follow=True)
        assert "已入库：新增 1 条" in text(done)
        assert "A1" in text(supplier.get(url(LIST), {"type": "scjgj-penalty"}))
        assert "不能再次处理" in text(supplier.post(url("recordbatch_drop", made.pk), follow=True))

    def test_dropping(self, supplier: Client) -> None:
        made = self.checked(supplier, f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,")
        assert "已放弃" in text(supplier.post(url("recordbatch_drop", made.pk), follow=True))
        assert not CreditRecord.objects.exists()

    def test_what_cannot_be_uploaded(self, supplier: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "请选择信用信息类型" in text(self.upload(supplier, b"x", "swj-arrears"))
        assert "请选择文件" in text(supplier.post(url("recordbatch_upload"), {"kind": "scjgj-penalty"}))
        assert "文件是空的" in text(self.upload(supplier, b""))
        page = supplier.get(self.upload(supplier, b"%PDF-1.7")["Location"], follow=True)
        assert "PDF 文件" in text(page)
        columns = self.upload(supplier, "编号,名称\n1,x\n".encode())["Location"]
        assert "文件中未找到" in text(supplier.get(columns))
        assert "缺少列" in text(supplier.post(columns, {}))
        monkeypatch.setattr("applications.enterprise_credit.admin.batches.MAX_UPLOAD", 1)
        assert "文件过大" in text(self.upload(supplier, b"xx"))

    def test_columns_named_by_hand(self, supplier: Client) -> None:
        one = subject()
        columns = self.upload(supplier, f"编号,代码,名称,为何\nA1,{one.uscc},{one.name},警告\n".encode())[
            "Location"
        ]
        supplier.post(
            columns,
            {"column1": "social_credit_code", "column3": "data.content", "default_decided_on": "2026-1-5"},
        )
        made = RecordBatch.objects.latest("pk")
        assert (made.accepted, made.mapping["defaults"]) == (1, {"decided_on": "2026-1-5"})
        page = text(supplier.get(url("recordbatch_change", made.pk)))
        assert "默认值：2026-1-5" in page

    def test_an_upload_is_of_its_session(self, supplier: Client) -> None:
        columns = self.upload(supplier, csv().getvalue())["Location"]
        other = signed_in(member(group=SUPPLIER))
        assert "请重新上传" in text(other.get(columns, follow=True))
        session = supplier.session
        session["import_uploads"] = {
            token: ["facts", *rest] for token, (_, *rest) in session["import_uploads"].items()
        }
        session.save()
        assert supplier.get(columns).status_code == 403

    def test_by_whom(self, supplier: Client) -> None:
        made = self.checked(
            supplier,
            f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,",
            f"A2,,x,,2026-1-5,,,x,,{SECRET * 90}",
        )
        assert SECRET in text(supplier.get(url("recordbatch_change", made.pk)))
        for browser in (keeper(CREDIT_OFFICE), keeper(INSPECTOR)):
            page = text(browser.get(url("recordbatch_change", made.pk)))
            assert "确认入库" not in page and "跳过拒收" not in page and SECRET not in page
            for answer in (
                browser.post(url("recordbatch_accept", made.pk)),
                browser.post(url("recordbatch_drop", made.pk)),
                browser.get(url("recordbatch_problems", made.pk)),
                browser.get(url("recordbatch_upload")),
                browser.get(url("recordbatch_columns", "x")),
            ):
                assert answer.status_code == 403
            assert browser.get(url("recordbatch_template", "scjgj-penalty")).status_code == 404
        other = signed_in(member("swj", SUPPLIER))
        assert other.get(url("recordbatch_change", made.pk)).status_code == 404
        assert other.post(url("recordbatch_accept", made.pk)).status_code == 404
        made.refresh_from_db()
        assert made.state == "CHECKED"

    def test_one_who_may_upload_but_not_decide(self) -> None:
        user = member(group=SUPPLIER)
        made = self.checked(signed_in(user), f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,")
        user.groups.clear()
        permissions = ("view_recordbatch", "add_recordbatch", "add_creditrecord")
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        browser = signed_in(user)
        assert browser.post(url("recordbatch_accept", made.pk)).status_code == 403
        assert "确认入库" not in text(browser.get(url("recordbatch_change", made.pk)))

    def test_the_template(self, supplier: Client) -> None:
        answer = supplier.get(url("recordbatch_template", "scjgj-penalty"))
        assert answer.content.decode("utf-8-sig").startswith("记录编号,")
        assert "%E6%A8%A1%E6%9D%BF.csv" in answer["Content-Disposition"]
        assert supplier.get(url("recordbatch_template", "swj-arrears")).status_code == 404

    def test_the_list_and_batches_of_calls(self, supplier: Client) -> None:
        batch("scjgj-penalty", "scjgj", source="API", idempotency_key="abc", refused=1)
        batch("scjgj-gone", "scjgj")
        batch("swj-arrears", "swj")
        page = text(supplier.get(url(BATCHES)))
        assert "行政处罚" in page and "scjgj-gone" in page and "税务局" not in page
        assert "税务局" in text(keeper(CREDIT_OFFICE).get(url(BATCHES)))
        first = RecordBatch.objects.order_by("pk")[0]
        assert "abc" in text(supplier.get(url("recordbatch_change", first.pk)))
        second = RecordBatch.objects.order_by("pk")[1]
        assert "scjgj-gone" in text(supplier.get(url("recordbatch_change", second.pk)))

    def test_a_refusal_is_told(self, supplier: Client) -> None:
        made = self.checked(supplier, f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,")
        RecordBatch.objects.filter(pk=made.pk).update(record_type="scjgj-gone")
        assert "已没有“scjgj-gone”" in text(supplier.post(url("recordbatch_accept", made.pk), follow=True))
