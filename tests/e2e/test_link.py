"""A pharmacist opens the one-time link on a phone and objects; nobody else can open it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, expect

from ratings.models import Objection, RatingPeriod
from ratings.services.links import issue_link
from tests.ratings.services.regrading import CLERK, PENALISED, city_in, rating_of
from tests.ratings.services.uploads import picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(live_server: Any, settings: Any, tmp_path: Path) -> str:
    settings.MEDIA_ROOT = tmp_path / "files"
    shops, period = city_in("PUBLIC_NOTICE")
    today = timezone.localdate()
    RatingPeriod.objects.filter(pk=period.pk).update(
        notice_from=today, notice_until=today + timedelta(days=3)
    )
    return f"{live_server.url}/n/{issue_link(rating_of(shops[PENALISED], period), by=CLERK)}/"


def test_open_and_object(address: str, phone: BrowserContext, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "木马.pdf").write_bytes(b"MZ")
    (tmp_path / "门店.png").write_bytes(picture())
    page = phone.new_page()
    page.goto(address)
    page.get_by_role("button", name="打开评价结果").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("的信用评价结果")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320

    page.get_by_label("事实有误").check()
    page.get_by_label("异议内容").fill("处罚决定已经撤销，见附件。")
    page.get_by_label("联系人和电话").fill("店长 13800000000")
    page.get_by_label("证明材料").set_input_files(tmp_path / "木马.pdf")
    page.get_by_role("button", name="提交异议").click()
    expect(page.get_by_role("alert")).to_contain_text("不是 PDF、JPEG 或 PNG")
    expect(page.get_by_label("异议内容")).to_have_value("处罚决定已经撤销，见附件。")
    page.get_by_label("证明材料").set_input_files(tmp_path / "门店.png")
    page.get_by_role("button", name="提交异议").click()
    expect(page.get_by_text("：办理中")).to_be_visible()
    assert Objection.objects.get().evidence.get().name == "门店.png"

    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_contain_text("的信用评价结果")
    stranger = browser.new_context()
    other = stranger.new_page()
    other.goto(address)
    expect(other.get_by_role("heading", level=1)).to_have_text("此链接已经打开过")
    stranger.close()


def test_a_browser_without_its_cookie_is_told_and_loses_nothing(address: str, phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto(address)
    phone.clear_cookies()
    button = page.get_by_role("button", name="打开评价结果")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("还没有打开，链接仍然有效")
    button.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("的信用评价结果")
