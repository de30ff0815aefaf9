"""The record of looks in the admin: whose rows, figures, use out of the ordinary, answers to enterprises, its end."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from applications.enterprise_credit import enquiries, look_figures, tasks
from applications.enterprise_credit.application import APPLICATION
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import Look
from applications.enterprise_credit.roles import CREDIT_OFFICE, OFFICER, SUPPLIER
from applications.roles import INSPECTOR
from ratings.models import AuditEvent
from ratings.services.audit import Actor
from tests.clients import building as clients
from tests.enterprise_credit import building
from tests.enterprise_credit.looking import Officer, now
from tests.enterprise_credit.profiling import NOW, TODAY, A, assessed, chain
from tests.enterprise_credit.test_scoping import keeper
from tests.pdf_text import text

pytestmark = pytest.mark.django_db
__all__ = ["now"]
CODE = "91330602MA288UYN8Y"
LIST = reverse("admin:enterprise_credit_look_changelist")
FIGURES, UNUSUAL, ENQUIRY = (
    reverse(f"admin:enterprise_credit_look_{name}") for name in ("figures", "unusual", "enquiry")
)


def look(department: str = "scjgj", **values: Any) -> Look:
    given = {
        "at": NOW, "by": "甲", "form": "PAGE", "purpose": "award", "purpose_title": "评先评优", "case_no": "1号",
        "uscc": CODE, "name": "某公司", "found": True, **values,
    }  # fmt: skip
    return Look.objects.create(department=building.department(department), **given)


def office(group: str = CREDIT_OFFICE) -> Officer:
    return Officer(user=keeper(group))


class TestRights:
    @pytest.mark.parametrize("group", [CREDIT_OFFICE, INSPECTOR])
    def test_those_who_keep_the_whole_see_all(self, group: str) -> None:
        rows = [look(), look("swj", by="乙")]
        who = office(group)
        page = who.get(LIST)
        assert "甲" in page
        assert "乙" in page
        for address in (FIGURES, UNUSUAL, ENQUIRY):
            who.get(address)
            assert address in page
        assert "评先评优" in who.get(reverse("admin:enterprise_credit_look_change", args=(rows[1].pk,)))

    def test_members_of_departments_see_their_own(self) -> None:
        officer = Officer("scjgj")
        own = look(by=officer.user.username, name="自己查的公司")
        program = clients.client((), building.department("scjgj"))
        others = [
            look(name="同事查的公司"), look("swj", by=officer.user.username, name="外单位的公司"),
            look(by=officer.user.username, client=program, name="程序查的公司"),
        ]  # fmt: skip
        page = officer.get(LIST)
        assert own.name in page
        assert not any(one.name in page for one in others)
        officer.get(reverse("admin:enterprise_credit_look_change", args=(own.pk,)))
        officer.get(reverse("admin:enterprise_credit_look_change", args=(others[0].pk,)), 404)
        for address in (FIGURES, UNUSUAL, ENQUIRY):
            officer.get(address, 403)
            assert address not in page

    def test_others_see_nothing(self) -> None:
        Officer("scjgj", group=SUPPLIER).get(LIST, 403)
        narrow = keeper(CREDIT_OFFICE, whole_city=False)
        Officer(user=narrow).get(LIST, 403)
        assert OFFICER


class TestList:
    def test_filters_and_search(self) -> None:
        look(name="甲公司")
        look(
            "swj",
            by="乙",
            name="乙公司",
            at_night=True,
            purpose="supervision",
            form="PDF",
            case_no="",
            uscc="91330602000000019W",
        )
        look(name="丙公司", outside=True, found=False, at=NOW - timedelta(days=40))
        who = office()
        swj = building.department("swj").pk
        for asked, names in (
            ({"department": swj}, {"乙公司"}),
            ({"purpose": "supervision"}, {"乙公司"}),
            ({"form__exact": "PDF"}, {"乙公司"}),
            ({"mark": "night"}, {"乙公司"}),
            ({"mark": "outside"}, {"丙公司"}),
            ({"mark": "no_case"}, {"乙公司"}),
            ({"mark": "not_found"}, {"丙公司"}),
            ({"mark": "odd"}, {"甲公司", "乙公司", "丙公司"}),
            ({"q": CODE.lower()}, {"甲公司", "丙公司"}),
            ({"q": " 乙 "}, {"乙公司"}),
        ):
            page = who.get(LIST, **asked)
            found = {name for name in ("甲公司", "乙公司", "丙公司") if name in page}
            assert found == names, asked

    def test_a_constant_number_of_queries(self) -> None:
        who, counts = office(), set()
        look()
        who.get(LIST)
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                who.get(LIST)
            counts.add(len(queries))
            for _ in range(3):
                look("swj")
        assert len(counts) == 1

    def test_one_look_in_words(self) -> None:
        subject, _ = chain(A)
        row = assessed(subject)
        record = building.record(subject)
        officer = Officer()
        officer.open(subject.uscc)
        made = Look.objects.get()
        page = office().get(reverse("admin:enterprise_credit_look_change", args=(made.pk,)))
        assert f"A（90 分）（评定编号 {row.pk}）" in page
        assert "行政处罚 1 条" in page
        assert record.pk
        program = clients.client((), building.department("scjgj"))
        other = look(client=program, found=False, name="", at_night=True, outside=True)
        page = office().get(reverse("admin:enterprise_credit_look_change", args=(other.pk,)))
        assert "查无此企业，没有展示内容" in page
        assert "夜间、本区县以外、查无此企业" in page
        assert program.client_id in page

    def test_export(self) -> None:
        look(case_no="=1+1")
        answer = office().browser.post(
            reverse("admin:enterprise_credit_look_export"), {"format": "1", "resource": ""}
        )
        assert "'=1+1" in answer.content.decode()


class TestFigures:
    def test_by_department_and_month(self) -> None:
        program = clients.client((), building.department("scjgj"))
        look(case_no="")
        look(by="乙", uscc="91330602000000019W", at_night=True, form="EXPORT")
        look(client=program, form="API", outside=True, at=datetime(2026, 1, 31, 15, 59, tzinfo=UTC))
        look(client=program, form="API", found=False, at=datetime(2026, 1, 31, 16, 0, tzinfo=UTC))
        look("swj", form="CHECK", check_id=1)
        with CaptureQueriesContext(connection) as queries:
            rows = look_figures.figures(date(2026, 1, 1), TODAY)
        assert len(queries) == 1
        told = {(one.department, one.month and one.month.isoformat()): one for one in rows}
        whole = told["市场监督管理局", None]
        assert (whole.looks, whole.enterprises, whole.people) == (4, 2, 3)
        assert (whole.without_case, whole.night, whole.outside, whole.not_found) == (1, 1, 1, 1)
        assert (whole.pages, whole.programs, whole.checks) == (2, 2, 0)
        # the month is that of Shanghai
        assert told["市场监督管理局", "2026-01-01"].looks == 1
        assert told["市场监督管理局", "2026-02-01"].looks == 3
        assert told["税务局", None].checks == 1

    def test_both_days_are_included(self) -> None:
        look(at=datetime(2026, 2, 9, 16, 0, tzinfo=UTC))
        look(at=datetime(2026, 2, 11, 15, 59, 59, tzinfo=UTC))
        look(at=datetime(2026, 2, 9, 15, 59, tzinfo=UTC))
        look(at=datetime(2026, 2, 11, 16, 0, tzinfo=UTC))
        (whole, _) = look_figures.figures(date(2026, 2, 10), date(2026, 2, 11))
        assert whole.looks == 2

    def test_the_page_and_its_files(self) -> None:
        look(by="=甲")
        who = office()
        page = who.get(FIGURES)
        assert "各部门各月" in page
        assert "市场监督管理局" in page
        book = load_workbook(io.BytesIO(who.browser.get(FIGURES, {"format": "xlsx"}).content))
        assert [cell.value for cell in next(iter(book))[2]][:3] == ["市场监督管理局", "合计", 1]
        assert "合计" in who.get(FIGURES, format="csv")
        assert AuditEvent.objects.filter(action="导出", subject="查询统计").count() == 2
        assert "不得早于" in who.get(FIGURES, start="2026-02-02", until="2026-02-01")
        assert "2000 年" in who.get(FIGURES, start="1999-12-31", until="2026-02-01")
        assert "市场监督管理局" in who.get(FIGURES, format="odd")


class TestUnusual:
    def found(self) -> list[tuple[str, ...]]:
        return [one.marks for one in look_figures.unusual(TODAY, TODAY, catalogue_on(TODAY).watch, 10)]

    @pytest.mark.parametrize(
        ("values", "limit", "mark"), [({"case_no": ""}, 20, "case"), ({"outside": True}, 10, "outside")]
    )
    def test_limits_from_both_sides(self, values: dict[str, Any], limit: int, mark: str) -> None:
        for _ in range(limit - 1):
            look(**values)
        look(by="乙", **values)
        look("swj", **values)
        look(at=NOW - timedelta(days=1), **values)
        assert self.found() == []
        look(**values)
        assert self.found() == [(mark,)]

    def test_any_look_at_night(self) -> None:
        look()
        assert self.found() == []
        look(at_night=True)
        assert self.found() == [("night",)]

    def test_a_batch_check_is_one_act(self) -> None:
        for number in range(3):
            for _ in range(30):
                look(form="CHECK", check_id=number, case_no="", outside=True)
        assert self.found() == []
        (row,) = look_figures.unusual(
            TODAY, TODAY, catalogue_on(TODAY).watch.model_copy(update={"without_case_a_day": 3}), 10
        )
        assert (row.acts, row.without_case, row.marks) == (3, 3, ("case",))

    def test_the_page(self) -> None:
        program = clients.client((), building.department("swj"))
        for _ in range(20):
            look("swj", client=program, by=program.name, form="API", case_no="", at_night=True, outside=True)
        page = office().get(UNUSUAL)
        assert f"{program.name}（接口程序）" in page
        assert "无案号查询多、夜间查询、查本区县以外多" in page
        assert "达到 20 次" in page
        assert "须向查询人核实" in page
        assert program.name not in office().get(UNUSUAL, start="2026-01-01", until="2026-01-02")


class TestEnquiry:
    def ask(self, form: str = "page", uscc: str = CODE, reason: str = "某公司申请，受理号 1") -> Any:
        return office().browser.post(ENQUIRY, {"uscc": uscc, "reason": reason, "format": form})

    def test_all_looks_of_ten_years_in_words(self) -> None:
        subject, _ = chain(A)
        assessed(subject)
        Officer().open(subject.uscc, case_no="〔2026〕1号")
        program = clients.client((), building.department("swj"))
        look(
            "swj",
            client=program,
            by=program.name,
            form="API",
            uscc=subject.uscc,
            found=False,
            at=NOW - timedelta(days=1),
        )
        look(uscc=subject.uscc, at=datetime(2016, 2, 11, 2, 0, 1, tzinfo=UTC), by="老王")
        look(uscc=subject.uscc, at=datetime(2016, 2, 11, 2, 0, 0, tzinfo=UTC), by="更早")
        look()
        found = enquiries.enquire(subject.uscc, "申请", NOW, by=Actor("丙"), form="page")
        assert {one.by for one in found.looks} >= {"老王", f"{program.name}（接口程序）"}
        assert len(found.looks) == 3
        texts = str([one.texts() for one in found.looks])
        assert "A（90 分）" in texts
        assert "〔2026〕1号" in texts
        assert "查无此企业，没有展示内容" in texts
        assert found.name == subject.name

    def test_the_page_and_its_record(self) -> None:
        look()
        page = self.ask().content.decode()
        assert "某公司：1 次" in page
        event = AuditEvent.objects.get(action="答复企业查询记录")
        assert event.subject == f"enterprise_credit.creditsubject:{CODE}"
        assert event.reason == "某公司申请，受理号 1"

    def test_files(self) -> None:
        look(by="=1+1")
        book = load_workbook(io.BytesIO(self.ask("xlsx").content))
        cells = [cell for row in next(iter(book)).iter_rows() for cell in row]
        assert "'=1+1" in [cell.value for cell in cells]
        assert all(cell.data_type != "f" for cell in cells)
        letter = text(self.ask("pdf").content)
        assert "企业信用信息查询记录告知书" in letter
        assert "共 1 次" in letter.replace("\n", "")
        assert AuditEvent.objects.filter(action="答复企业查询记录").count() == 2

    def test_nobody_looked(self) -> None:
        assert f"{CODE}：0 次" in self.ask().content.decode()
        assert "没有查询记录" in text(self.ask("pdf").content)

    def test_what_is_wrong(self) -> None:
        assert "请核对" in self.ask(uscc="9133").content.decode()
        assert "请填写申请" in self.ask(reason="").content.decode()
        assert not AuditEvent.objects.filter(action="答复企业查询记录").exists()

    def test_a_constant_number_of_queries(self) -> None:
        counts = set()
        for _ in range(2):
            look()
            look()
            with CaptureQueriesContext(connection) as queries:
                enquiries.enquire(CODE, "申请", NOW, by=Actor("丙"), form="page")
            counts.add(len(queries))
        assert len(counts) == 1


class TestForgetting:
    def test_only_what_is_ten_years_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()  # the database goes by its own clock
        today = datetime.now(UTC)
        old = look(at=today.replace(year=today.year - 10, day=min(today.day, 28)) - timedelta(days=1))
        young = look(at=today.replace(year=today.year - 10, day=min(today.day, 28)) + timedelta(days=5))
        assert tasks.forget_looks() == 1
        assert list(Look.objects.all()) == [young]
        assert tasks.forget_looks() == 0
        assert AuditEvent.objects.filter(action="删除期满的查询记录").count() == 1
        assert old.pk

    def test_a_clock_that_is_ahead_removes_nothing_young(self) -> None:
        young = look(at=datetime.now(UTC) - timedelta(days=3600))
        assert enquiries.forget(datetime.now(UTC) + timedelta(days=365)) == 0
        assert Look.objects.get() == young

    def test_in_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(enquiries, "_BATCH", 2)
        monkeypatch.setattr(enquiries, "_FORGET", enquiries._FORGET.replace("50000", "2"))
        for _ in range(5):
            look(at=datetime(2001, 1, 1, tzinfo=UTC))
        assert enquiries.forget(datetime.now(UTC)) == 5

    def test_of_29_february(self) -> None:
        leap = datetime(2028, 2, 29, tzinfo=UTC)
        assert enquiries._years_before(leap, 10) == datetime(2018, 2, 28, tzinfo=UTC)

    def test_beat_runs_it(self) -> None:
        assert "enterprise_credit.forget_looks" in APPLICATION.schedule


def test_a_superuser_of_no_department_keeps_the_whole() -> None:
    look()
    assert "某公司" in Officer(user=User.objects.create_superuser("root")).get(LIST)


def test_an_answer_goes_by_the_day_in_shanghai() -> None:
    """The first catalogue is in force from 1 January 2024, eight hours before that day begins in Greenwich."""
    midnight = datetime(2023, 12, 31, 16, tzinfo=UTC)
    assert enquiries.enquire(CODE, "申请", midnight, by=Actor("丙"), form="page").looks == ()
