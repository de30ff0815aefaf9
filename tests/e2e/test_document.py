"""Whoever was given a document verifies it on a phone: by its code, and by the file."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from ratings.services.documents import content, grouped
from tests.issued import KIND, issued
from tests.pharmacy_lookup.open_data_city import change, out, shop
from tests.ratings.services.lives import Result

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def is_accessible(page: Page) -> None:
    """Fits a small phone, and axe finds nothing wrong."""
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["target"]) for fault in found] == []


def test_from_the_code_to_the_file(live_server: Any, phone: BrowserContext, tmp_path: Path) -> None:
    one = shop()
    change(out(Result(one, 0)), one, 3)
    document = issued(KIND.CERTIFICATE, pharmacy=one, seq=1, title="信用等级证书")
    (tmp_path / "收到的.pdf").write_bytes(content(document))
    (tmp_path / "另存的.pdf").write_bytes(content(document) + b"\n%%EOF\n")

    page = phone.new_page()
    page.goto(f"{live_server.url}/d/")
    is_accessible(page)
    page.get_by_label("文书上的验证码").fill("7777")
    page.get_by_role("button", name="核验").click()
    expect(page.get_by_role("alert")).to_contain_text("“7777”不是验证码")
    is_accessible(page)
    page.get_by_label("文书上的验证码").fill(grouped(document.code).lower())
    page.get_by_role("button", name="核验").click()
    expect(page.get_by_role("status")).to_contain_text("真实，但写明的等级已被取代")
    is_accessible(page)

    for name, role, told in (("另存的.pdf", "alert", "后面另加了内容"), ("收到的.pdf", "status", "一字不差")):
        page.get_by_label("收到的 PDF 文件").set_input_files(tmp_path / name)
        page.get_by_role("button", name="比对").click()
        found = page.get_by_role(role).filter(has_text=told)
        expect(found).to_be_in_viewport()
        is_accessible(page)
