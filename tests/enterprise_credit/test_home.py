"""The start page and the menu of those who work here: for whom they work, what they may do, what waits."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit import roles
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.looks import record_look, stated
from applications.enterprise_credit.models import BatchCheck, CheckLine, MeasureCase, RuleDocument
from applications.enterprise_credit.viewing import Viewer
from applications.roles import INSPECTOR
from ratings.models import StaffScope
from tests import factories
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def keeper(name: str, group: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=True)
    return user


def home(user: User) -> Any:
    return signed_in(user).get(reverse("admin:index"))


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def work(answer: Any) -> list[tuple[str, str, int]]:
    return [(one["title"], one["count"], one["late"]) for one in answer.context["work"] or ()]


def case(department: str, days: int) -> MeasureCase:
    return MeasureCase.objects.create(
        measure="m",
        measure_title="列为重点检查对象",
        clause="示例",
        direction="SANCTION",
        department=building.department(department),
        subject=building.subject(),
        basis="等级 D",
        opened_at=timezone.now() - timedelta(days=days),
    )


def check(department: str, *outcomes: str) -> BatchCheck:
    made = BatchCheck.objects.create(
        department=building.department(department), by="甲", on=timezone.localdate(), purpose="award",
        purpose_title="评先评优", title="名单", catalogue="c@1", sha256="0" * 64, passed=len(outcomes),
    )  # fmt: skip
    for row, outcome in enumerate(outcomes, 1):
        told = {"outcome": outcome, "outcome_by": "甲", "outcome_at": timezone.now()} if outcome else {}
        CheckLine.objects.create(batch_check=made, row=row, uscc="x", verdict="PASS", **told)
    return made


class TestOfficer:
    def test_what_they_may_do_and_for_whom(self) -> None:
        factories.district(330602, "越城区")
        user = building.member("scjgj", roles.OFFICER, districts=(330602,))
        shown = text(home(user))
        assert "所属部门：市场监督管理局（越城区）" in shown
        for told in ("查询企业信用", "核查名单", "没有待办事项", "我最近查询的企业"):
            assert told in shown
        for hidden in (
            "管辖范围",
            "导入文件",
            "评价结果",
            "在册药店",
            "填报信用信息",
            "部门人员",
            "贷款",
        ):
            assert hidden not in shown

    def test_a_department_in_the_whole_city(self) -> None:
        assert "所属部门：税务局 " in text(home(building.member("swj")))

    def test_what_waits(self) -> None:
        case("scjgj", 1)
        case("scjgj", 400)
        case("swj", 1)
        check("scjgj", "GRANTED", "")
        check("scjgj", "GRANTED")
        check("swj", "")
        answer = home(building.member("scjgj"))
        assert work(answer) == [("联合奖惩待办理", "2", 1), ("核查结果待反馈", "1", 0)]
        for entry in answer.context["work"]:
            assert signed_in(building.member("scjgj")).get(entry["url"]).status_code == 200

    def test_own_looks_the_newest_first(self) -> None:
        user, other = building.member("scjgj"), building.member("scjgj")
        aim = stated(catalogue_on(timezone.localdate()), "permit", "绍许1号")
        for who, name in ((user, "甲公司"), (user, "乙公司"), (other, "丙公司")):
            viewer = Viewer(building.department("scjgj"), who.username)
            record_look(viewer, aim, "PAGE", uscc=factories.uscc(), name=name, found=True, district=None, shown={}, at=timezone.now())  # fmt: skip
        [card] = home(user).context["cards"]
        assert [row[0] for row in card.rows] == ["乙公司", "甲公司"]
        assert "行政许可（绍许1号）" in card.rows[0][2]
        [newest] = home(keeper("creditoffice", roles.CREDIT_OFFICE)).context["cards"]
        assert len(newest.rows) == 3 and newest.rows[0][0] == f"市场监督管理局　{other.username}"
        assert signed_in(user).get(card.more).status_code == 200

    def test_costs_the_same_however_much_waits(self) -> None:
        user = building.member("scjgj")
        browser, taken = signed_in(user), []
        for _ in range(2):
            browser.get(reverse("admin:index"))
            with CaptureQueriesContext(connection) as captured:
                browser.get(reverse("admin:index"))
            taken.append(len(captured))
            for _ in range(3):
                case("scjgj", 1)
                check("scjgj", "")
        assert taken[0] + 2 >= taken[1]  # one more where some are late, one for the page's numbers
        assert taken[1] < 25


class TestSupplier:
    def test_theirs(self) -> None:
        building.batch("swj-arrears", "swj", state="CHECKED", accepted_by="", accepted_at=None)
        building.batch("scjgj-penalty", "scjgj", state="CHECKED", accepted_by="", accepted_at=None)
        one, other = building.subject(), building.subject()
        for key, of in (("swj-arrears", one), ("scjgj-penalty", other)):
            building.record(of, key)
            building.record(of, key, match="NAME_DIFFERS", subject=None)
        user = building.member("swj", roles.SUPPLIER)
        answer = home(user)
        assert work(answer) == [("信用信息批次待确认", "1", 0), ("信用信息待匹配", "1", 0)]
        waits = text(signed_in(user).get(answer.context["work"][1]["url"]))
        assert one.uscc in waits and other.uscc not in waits
        shown = text(answer)
        assert "填报信用信息" in shown and "导入信用信息" in shown
        assert "查询企业信用" not in shown and "我最近查询的企业" not in shown


class TestKeepers:
    def test_the_credit_office(self) -> None:
        of = building.subject()
        building.record(of, match="NAME_DIFFERS", subject=None)
        building.record(of)
        answer = home(keeper("creditoffice", roles.CREDIT_OFFICE))
        assert work(answer) == [("信用信息待匹配", "1", 0)]
        shown = text(answer)
        assert "管辖范围：全市" in shown and "登记部门人员" in shown and "目录和规则" in shown
        assert "所属部门" not in shown and "查询企业信用" not in shown
        browser = signed_in(User.objects.get(username="creditoffice"))
        for entry in answer.context["work"]:
            assert browser.get(entry["url"]).status_code == 200

    def test_who_activates_is_told_of_drafts_of_others(self) -> None:
        user = keeper("creditapprover", roles.APPROVER)
        for key, by in (("one", "creditapprover"), ("two", "creditoffice")):
            document = f'key = "{key}"'
            RuleDocument.objects.create(
                kind="CATALOGUE", key=key, version=1, title=key, effective_on=datetime(2027, 1, 1, tzinfo=UTC),
                document=document, stored_by=by,
                sha256=sha256(document.encode()).hexdigest(),
            )  # fmt: skip
        assert work(home(user)) == [("目录和规则待启用", "1", 0)]

    def test_an_inspector_sees_and_has_nothing_to_do(self) -> None:
        answer = home(keeper("inspector", INSPECTOR))
        assert not [one for one in work(answer) if "信用信息" in one[0]]
        shown = text(answer)
        assert "登记部门人员" not in shown and "最近的查询" in shown
        for title, url in answer.context["tasks"]:
            if "查询" in title:
                assert signed_in(User.objects.get(username="inspector")).get(url).status_code == 200


def test_without_a_department_and_a_scope_it_is_said() -> None:
    user = User.objects.create_user("nobody", is_staff=True)
    user.groups.add(Group.objects.get(name=roles.OFFICER))
    shown = text(home(user))
    assert "未设管辖范围，也未登记所属部门：请联系系统管理员" in shown
    assert "查询企业信用" not in shown
