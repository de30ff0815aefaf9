"""Departments in a browser: who works for one is registered; an officer looks enterprises up and checks a list."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.utils import timezone
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from applications.enterprise_credit import tasks
from applications.enterprise_credit.documents import ship
from applications.enterprise_credit.models import BatchCheck, CheckLine, CreditSubject, Look, Membership
from applications.enterprise_credit.roles import CREDIT_OFFICE, OFFICER, grant_roles
from ratings.models import Pharmacy
from tests import factories
from tests.e2e import city
from tests.e2e.axe import is_accessible
from tests.e2e.people import PASSWORD, Official, staff
from tests.enterprise_credit import building

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def firms(transactional_db: None, settings: LazySettings, tmp_path: Path) -> dict[str, CreditSubject]:
    """A chain with two pharmacies and a penalty, a single shop on a black list, one of another district."""
    settings.MEDIA_ROOT = tmp_path / "files"
    cache.clear()
    grant_roles()
    ship()
    staff("creditoffice", CREDIT_OFFICE)
    # as a superuser makes it: a role, and no scope
    officer = User.objects.create_user("officer", password=PASSWORD, first_name="王科员", is_staff=True)
    officer.groups.add(Group.objects.get(name=OFFICER))
    shops = city.build()
    owned = {
        "明州大药房连锁有限公司": ("城东大药房", "城南大药房"),
        "诚信大药房有限公司": ("诚信大药房",),
        "柯岩大药房有限公司": ("柯岩大药房",),
    }
    for name, names in owned.items():
        owner = factories.enterprise(name=name)
        Pharmacy.objects.filter(pk__in=[shops[one].pk for one in names]).update(enterprise=owner)
    tasks.refresh(None)
    found = {one.name: one for one in CreditSubject.objects.all()}
    today = timezone.localdate()
    given: dict[str, Any] = {"decided_on": today, "valid_from": today}
    building.record(
        found["明州大药房连锁有限公司"],
        "scjgj-penalty",
        data={"content": "处方审核不严", "fine_fen": 100_000},
        **given,
    )
    building.record(found["诚信大药房有限公司"], "ybj-black-list", data={"reason": "欺诈骗保"}, **given)
    tasks.refresh(None)
    return found


def register(office: Official) -> None:
    office.menu("部门人员")
    office.go("/admin/enterprise_credit/membership/add/")
    is_accessible(office, "member-new")
    office.choose("用户", "officer　王科员（部门查询员）")
    office.choose("部门", "市场监督管理局")
    office.page.get_by_label("越城区").check()
    office.press("登记部门人员")
    office.sees("已登记：officer（市场监督管理局）。", "越城区")
    is_accessible(office, "member")
    office.menu("部门人员")
    is_accessible(office, "members")


def look_up(officer: Official, typed: str, name: str) -> None:
    officer.menu("企业信用查询")
    officer.choose("查询用途", "日常监管")
    officer.fill("企业", typed)
    officer.press("查找")
    is_accessible(officer, "found")
    officer.press(f"查看 {name} 的信用信息")


def check_a_list(officer: Official, lines: str) -> None:
    officer.menu("名单核查")
    officer.go("/admin/enterprise_credit/batchcheck/add/")
    is_accessible(officer, "check-new")
    officer.choose("用途", "评先评优")
    officer.fill("名单名称", "守合同重信用企业候选名单")
    officer.fill("或粘贴名单", lines)
    officer.press("核查")
    officer.sees("已核查 4 家企业。")
    is_accessible(officer, "check")


def test_a_department_works_with_enterprises(
    browser: Browser, live_server: LiveServer, firms: dict[str, CreditSubject]
) -> None:
    office = Official(browser, live_server.url, "creditoffice")
    nobody = Official(browser, live_server.url, "officer", "未设管辖范围，也未登记所属部门")
    expect(nobody.page.locator("#nav-sidebar-inner").get_by_text("企业信用查询")).to_have_count(0)
    nobody.close()
    register(office)
    assert Membership.objects.get().districts == [330602]

    officer = Official(browser, live_server.url, "officer", "所属部门：市场监督管理局（越城区）")
    is_accessible(officer, "home")
    for title in ("评价结果", "定点零售药店", "信用信息批次", "部门人员"):
        expect(officer.page.locator("#nav-sidebar-inner").get_by_text(title, exact=True)).to_have_count(0)

    # no look without a purpose
    officer.menu("企业信用查询")
    is_accessible(officer, "search")
    officer.fill("企业", "明州")
    officer.press("查找")
    assert not Look.objects.exists()
    look_up(officer, "mzdyf", "明州大药房连锁有限公司")
    officer.sees("日常监管", "已记录在案", "城东大药房", "处方审核不严", "1,000.00 元")
    is_accessible(officer, "profile")
    assert Look.objects.get().uscc == firms["明州大药房连锁有限公司"].uscc
    with officer.page.expect_download() as download:
        officer.press("下载 PDF 报告")
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    look_up(officer, "柯岩", "柯岩大药房有限公司")
    officer.sees("柯岩大药房")
    assert list(Look.objects.order_by("id").values_list("form", "outside")) == [
        ("PAGE", False),
        ("PDF", False),
        ("PAGE", True),
    ]

    lines = "\n".join([*(f"{one.uscc} {one.name}" for one in firms.values()), "91330602MA288UYN8Y 无此公司"])
    check_a_list(officer, lines)
    officer.sees("列入黑名单", "查无此企业")
    verdicts = dict(CheckLine.objects.values_list("name", "verdict"))
    assert verdicts["诚信大药房有限公司"] == "REJECT"
    assert verdicts[""] == "UNKNOWN"
    with officer.page.expect_download() as download:
        officer.link("下载 XLSX")
    rows = list(load_workbook(BytesIO(Path(download.value.path()).read_bytes())).active.values)  # type: ignore[union-attr]
    assert any("诚信大药房有限公司" in row and "不通过" in row for row in rows)
    officer.link("批量反馈")
    is_accessible(officer, "outcomes")
    officer.page.get_by_label("结论").select_option("REJECT")
    officer.choose("一律记为", "未给予")
    officer.press("保存")
    officer.sees("已保存 1 家的结果反馈。")
    assert BatchCheck.objects.get().by == "officer"

    officer.menu("工作台")
    officer.sees("核查结果待反馈", "柯岩大药房有限公司")
    is_accessible(officer, "home-with-work")
    officer.menu("联合奖惩")
    is_accessible(officer, "cases")
    officer.close()
    office.close()
    assert "\n".join([*office.wrong, *nobody.wrong, *officer.wrong]) == ""
