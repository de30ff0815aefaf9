"""The policy lab in a browser: a slip is told while typing, mended, tried, and the result taken away."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from ratings.models import RatingRun, SchemeVersion
from ratings.services.roles import APPROVER, INSPECTOR
from tests.e2e.people import Official, staff
from tests.ratings.insight.test_trials import HARSH, TEXT
from tests.ratings.services import lives
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HARSHER = TEXT.replace(*HARSH).replace("version = 1", "version = 2")


@pytest.fixture
def rated(transactional_db: None) -> RatingRun:
    small_city()
    run = rate_now()
    lives.published(run)
    return run


@pytest.fixture
def approver(browser: Browser, live_server: LiveServer, rated: RatingRun) -> Iterator[Official]:
    person = Official(browser, live_server.url, staff("approver", APPROVER).username)
    yield person
    person.close()
    assert person.wrong == []


def test_from_a_slip_to_a_report(approver: Official, rated: RatingRun, tmp_path: Path) -> None:
    page = approver.page
    approver.menu("政策实验室")
    box = page.get_by_label("规则文本（TOML）")
    assert box.input_value() == TEXT
    expect(page.locator("#lab-said")).to_contain_text("检查通过")
    approver.look("lab")

    # a slip is told while typing; a click leads to its line
    slip = HARSHER.replace("min_months = 3", "min_month = 3")
    line = slip[: slip.index("min_month = 3")].count("\n") + 1
    box.fill(slip)
    told = page.locator("#lab-said").get_by_role("link", name=f"第 {line} 行").first
    expect(told).to_be_visible()
    expect(page.locator("#lab-said")).to_contain_text("是否应为 min_months？")
    expect(page.locator(".cs-lines b")).to_have_text(re.compile(str(line)))
    told.click()
    chosen = "(box) => box.value.slice(box.selectionStart, box.selectionEnd)"
    assert box.evaluate(chosen) == "min_month = 3"
    assert box.evaluate("(box) => box.scrollTop") > 0
    approver.look("lab-slip")

    # what has errors is not tried, and nothing typed is lost
    approver.press("试算（不保存）")
    approver.sees("没有试算")
    assert box.input_value() == slip

    # mended where the message led to
    page.locator("#lab-said").get_by_role("link", name=f"第 {line} 行").first.click()
    page.keyboard.type("min_months = 3")
    expect(page.locator("#lab-said")).to_contain_text("检查通过")
    assert box.input_value() == HARSHER
    approver.press("试算（不保存）")
    approver.sees("7 家药店中 3 家变动（42.9%）：降级 3 家。", "医保基金支付增幅 -20 → -30 分")
    approver.look("lab-result")
    for button, name in (("全部下载 XLSX", "xlsx"), ("全部名单 CSV", "csv"), ("试算报告 PDF", "pdf")):
        with page.expect_download() as download:
            approver.press(button)
        file = tmp_path / f"lab.{name}"
        download.value.save_as(file)
        assert file.stat().st_size > 300
    assert (tmp_path / "lab.pdf").read_bytes().startswith(b"%PDF")
    assert len((tmp_path / "lab.csv").read_text("utf-8-sig").splitlines()) == 4
    assert SchemeVersion.objects.count() == 1

    approver.press("检查并存为草案")
    approver.sees("已存为草案")
    assert SchemeVersion.objects.get(version=2).document == HARSHER
    assert box.input_value() == HARSHER
    expect(page.get_by_role("button", name="恢复上次未存的文本")).to_be_hidden()


def test_what_was_typed_before_leaving_can_be_taken_back(approver: Official) -> None:
    page = approver.page
    approver.menu("政策实验室")
    box = page.get_by_label("规则文本（TOML）")
    box.fill(HARSHER)
    expect(page.locator("#lab-said")).to_contain_text("第 2 版")
    approver.go("/admin/")
    approver.menu("政策实验室")
    assert box.input_value() == TEXT
    approver.press("恢复上次未存的文本")
    assert box.input_value() == HARSHER
    expect(page.locator("#lab-said")).to_contain_text("第 2 版")


def test_a_session_that_ended_does_not_take_the_text(approver: Official) -> None:
    page = approver.page
    approver.menu("政策实验室")
    box = page.get_by_label("规则文本（TOML）")
    approver.context.clear_cookies()
    box.fill(HARSHER)
    expect(page.locator("#lab-said")).to_contain_text("无法检查")
    assert box.input_value() == HARSHER
    page.goto("about:blank")
    approver.wrong.clear()


def test_without_script(browser: Browser, live_server: LiveServer, rated: RatingRun) -> None:
    signed_in = Official(browser, live_server.url, staff("inspector", INSPECTOR).username)
    state = signed_in.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/insight/lab/")
    assert page.get_by_role("button", name="检查并存为草案").count() == 0, "the inspector changes nothing"
    box = page.get_by_label("规则文本（TOML）")
    box.fill(HARSHER.replace("free = 10", "free = x"))
    page.get_by_role("button", name="检查", exact=True).click()
    expect(page.locator("#lab-said")).to_contain_text("1 处问题")
    box.fill(HARSHER)
    page.get_by_role("button", name="试算（不保存）").click()
    expect(page.get_by_text("降级 3 家").first).to_be_visible()
    assert box.input_value() == HARSHER
    page.goto(f"{live_server.url}/admin/insight/grades/")
    expect(page.get_by_role("img", name="各区县等级分布")).to_be_visible()
    context.close()
    signed_in.close()
    assert User.objects.count() == 1
