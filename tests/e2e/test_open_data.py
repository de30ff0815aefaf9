"""A citizen downloads a list, alters it, and asks whether it is genuine; on a desktop and a phone."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from openpyxl import load_workbook
from playwright.sync_api import BrowserContext, Page, expect

from tests.pharmacy_lookup.open_data_city import change, out, shop, statement
from tests.ratings.services.lives import Result

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NOW = timezone.now()


@pytest.fixture
def address(live_server: Any, settings: Any, tmp_path: Path) -> str:
    """A list of a few pharmacies, one of them changed since."""
    settings.DATA_DIR = tmp_path
    one = shop(name="变动大药房")
    life = out(
        Result(one),
        *(Result(shop(name=f"第{number}大药房")) for number in range(1, 5)),
        at=NOW - timedelta(days=9),
    )
    change(life, one, 3, "INTERIM", at=NOW - timedelta(days=2))
    return str(live_server.url)


def accessible(page: Page) -> None:
    """axe finds nothing, and nothing is wider than the window."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("window", ["desk", "phone"])
def test_download_and_verify(
    window: str, address: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    context: BrowserContext = request.getfixturevalue(window)
    page = context.new_page()
    page.goto(f"{address}/open-data/")
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel 表格").click()
    workbook = tmp_path / "名单.xlsx"
    download.value.save_as(workbook)
    page.get_by_role("link", name="1 次").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("2025年下半年")
    accessible(page)

    page.goto(f"{address}/open-data/")
    page.get_by_role("link", name="核验真伪", exact=True).click()
    accessible(page)
    page.get_by_label("从开放数据页下载的名单").set_input_files(workbook)
    page.get_by_role("button", name="核验文件").click()
    expect(page.get_by_role("status")).to_contain_text("真实：与公布的完全一致")
    expect(page.get_by_role("status")).to_contain_text("变动大药房")
    accessible(page)

    book = load_workbook(workbook)
    book.worksheets[0]["I3"] = "D"
    book.save(workbook)
    page.get_by_label("从开放数据页下载的名单").set_input_files(workbook)
    page.get_by_role("button", name="核验文件").click()
    expect(page.get_by_role("status")).to_contain_text("公布的是 A，文件中是 D")
    accessible(page)

    (tmp_path / "照片.csv").write_bytes(b"\x89PNG")
    page.get_by_label("从开放数据页下载的名单").set_input_files(tmp_path / "照片.csv")
    page.get_by_role("button", name="核验文件").click()
    expect(page.get_by_role("alert")).to_contain_text("“照片.csv”不能核验：这是图片")
    accessible(page)

    for typed, role, told in (
        (statement().sha256[:12], "status", "真实：是我们发布的"),
        (code_in(page, address), "status", "真实、有效"),
        ("P33060299999", "status", "没有公布过等级"),
        ("0" * 64, "status", "不是我们的"),
        ("药店", "alert", "请输入 12 位定点编码"),
    ):
        page.get_by_label("定点编码、文书的验证码，或指纹").fill(typed)
        page.get_by_role("button", name="核验", exact=True).click()
        expect(page.get_by_role(role)).to_contain_text(told)
        for closed in page.locator("details:not([open]) summary").all():
            closed.click()
        accessible(page)

    for english in ("/en/open-data/", "/en/open-data/1/", "/en/verify/"):
        page.goto(address + english)
        accessible(page)


def code_in(page: Page, address: str) -> str:
    """The second pharmacy's code, as the CSV has it."""
    text = page.request.get(f"{address}/open-data/1.csv").body().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))[1]["code"]
