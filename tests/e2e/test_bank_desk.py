"""The work with banks in a browser: a product, an authorisation, its withdrawal, and what became of loans."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from applications.bank_loans.models import Authorisation, Change, LoanProduct, Standing
from applications.bank_loans.roles import grant_roles as grant_loans
from applications.clients.roles import grant_roles as grant_clients
from applications.roles import BANKING, INSPECTOR
from ratings.models import Pharmacy
from ratings.services.roles import ensure_roles
from tests.bank_loans import building
from tests.bank_loans.reporting import Bank, event
from tests.clients import building as clients
from tests.e2e import city
from tests.e2e.axe import is_accessible
from tests.e2e.people import Official, staff
from tests.ratings.services.uploads import PDF

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shops(transactional_db: None, settings: LazySettings, tmp_path: Path) -> dict[str, Pharmacy]:
    settings.MEDIA_ROOT = tmp_path / "files"
    cache.clear()
    ensure_roles()
    grant_clients()
    grant_loans()
    building.bank("abc", name="农业银行浙江省分行")
    staff("banker", BANKING)
    staff("inspector", INSPECTOR)
    return city.build()


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "授权书.pdf"
    path.write_bytes(PDF)
    return path


def make_product(banker: Official) -> None:
    banker.menu("贷款产品")
    is_accessible(banker, "products")
    banker.go("/admin/bank_loans/loanproduct/add/")
    is_accessible(banker, "product-new")
    banker.choose("银行", "农业银行浙江省分行")
    for label, text in {
        "代码": "yaodian-edai",
        "名称": "药店e贷",
        "授信额度（元）": "10000000",
        "信用额度（元）": "3000000",
        "起始日": (timezone.localdate() - timedelta(days=60)).isoformat(),
        "理由": "与银行的合作协议",
    }.items():
        banker.fill(label, text)
    banker.choose("最低等级", "B 良好")
    banker.press("新增贷款产品")
    banker.sees("已新增“药店e贷”，名单上有 0 家药店。", "10,000,000 元（1,000 万元）", "没有有效的药店授权")
    is_accessible(banker, "product")


def look_up(banker: Official, name: str) -> None:
    banker.menu("贷款资格")
    banker.page.get_by_placeholder("药店编码或名称，或统一社会信用代码").fill(name)
    banker.page.keyboard.press("Enter")
    expect(banker.page.locator("#result_list")).to_contain_text(name)
    banker.open_row(name)


def record_authorisation(banker: Official, code: str, paper: Path) -> None:
    banker.menu("药店授权")
    is_accessible(banker, "authorisations")
    banker.go("/admin/bank_loans/authorisation/add/")
    banker.choose("贷款产品", "药店e贷")
    banker.fill("定点编码", code)
    banker.attach("授权书", paper)
    is_accessible(banker, "authorisation-new")
    banker.press("登记药店授权")
    banker.sees("名单已随之更新", "授权书.pdf", "有效")
    is_accessible(banker, "authorisation")


def lend(shop: Pharmacy) -> None:
    product = LoanProduct.objects.get()
    today = timezone.localdate()
    loan: dict[str, Any] = {"loan_no": "L1", "code": shop.code, "on": str(today)}
    Bank(clients.client(organisation_=product.bank), product).reports(
        event("1", "granted", 200_000_000, **loan), event("2", "drawn", 80_000_000, **loan), today=today
    )


def test_an_official_works_with_a_bank(
    browser: Browser, live_server: LiveServer, shops: dict[str, Pharmacy], paper: Path
) -> None:
    shop = shops["城东大药房"]
    banker = Official(browser, live_server.url, "banker")
    make_product(banker)

    look_up(banker, "城东大药房")
    banker.sees("不符合条件。", "由药店签署授权书，在“药店授权”登记后即可。")
    is_accessible(banker, "standing-not")

    record_authorisation(banker, shop.code, paper)
    look_up(banker, "城东大药房")
    banker.sees("符合条件。", "有有效授权")
    is_accessible(banker, "standing-eligible")
    assert Standing.objects.get(code=shop.code).eligible

    lend(shop)
    banker.menu("贷款成效")
    banker.sees("1 家", "2,000,000 元（200 万元）", "800,000 元（80 万元）", "不足 30 笔，仅供参考")
    is_accessible(banker, "outcomes")
    with banker.page.expect_download() as download:
        banker.link("下载 CSV")
    assert "800000" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    banker.menu("贷款反馈")
    banker.open_row("药店e贷")
    banker.sees("2 项")

    banker.menu("药店授权")
    banker.open_row(shop.code)
    banker.begin("撤回授权")
    is_accessible(banker, "withdraw")
    banker.fill("撤回原因", "药店来函撤回")
    banker.press("撤回授权")
    banker.sees("已撤回，名单已随之更新。", "药店来函撤回")
    look_up(banker, "城东大药房")
    banker.sees("不符合条件。")
    banker.menu("名单变动")
    banker.sees("移出", "列入", "没有有效的药店授权")
    is_accessible(banker, "changes")
    assert list(Change.objects.order_by("number").values_list("kind", flat=True)) == ["added", "removed"]
    assert Authorisation.objects.get().withdrawn_by == "banker"
    banker.close()

    inspector = Official(browser, live_server.url, "inspector")
    inspector.menu("贷款产品")
    inspector.open_row("药店e贷")
    inspector.sees("名单上的药店")
    expect(inspector.page.get_by_text("修改产品条件")).to_have_count(0)
    inspector.menu("贷款成效")
    inspector.sees("800,000 元（80 万元）")
    inspector.close()
    assert "\n".join([*banker.wrong, *inspector.wrong]) == ""
