"""An official's way through the admin: from a file to grades, and back to a fact."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from ratings import schemes
from ratings.models import Pharmacy, RatingRun, Violation
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM
from ratings.services.runs import start_run
from ratings.services.schemes import activate_scheme, store_scheme
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LINES = """编码,文书号,类型,情节,处理性质,作出机关,发生日期,决定日期,涉及金额（元）
{code},绍医保罚〔2025〕1号,回流药,严重,行政处罚,绍兴市医疗保障局,2025-01-05,2025-02-01,"1,000.50"
{code},绍医保罚〔2025〕2号,没有这种,严重,行政处罚,绍兴市医疗保障局,2025-01-05,2025-02-01,5
"""


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def shop(transactional_db: None) -> Pharmacy:
    """A pharmacy, the default scheme in force, and a superuser named root."""
    User.objects.create_superuser("root", password="secret-of-the-test")
    text = (Path(schemes.__file__).parent / "shaoxing-style.toml").read_text()
    activate_scheme(store_scheme(text, by=SYSTEM), by=SYSTEM)
    return factories.pharmacy(name="城东大药房")


def signed_in(context: BrowserContext, live_server: LiveServer) -> tuple[Page, list[str]]:
    """A page after sign-in, and what goes wrong on it: foreign requests, errors in scripts."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: _note(request.url, live_server.url, wrong))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on(
        "response",
        lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
    )
    page.goto(f"{live_server.url}/admin/login/")
    page.get_by_label("用户名").fill("root")
    page.locator("[name=password]").fill("secret-of-the-test")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("管辖范围：全市")).to_be_visible()
    return page, wrong


def _note(url: str, own: str, wrong: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        wrong.append(f"asked outside: {url}")


def test_from_a_file_to_a_grade_and_back_to_the_fact(
    desk: BrowserContext, live_server: LiveServer, shop: Pharmacy, tmp_path: Path
) -> None:
    page, wrong = signed_in(desk, live_server)
    file = tmp_path / "违法违规.csv"
    file.write_text(LINES.format(code=shop.code))

    page.get_by_role("link", name="导入文件").click()
    page.get_by_label("数据种类").select_option(label="违法违规")
    page.locator("#file").set_input_files(file)
    expect(page.locator("output")).to_have_text("违法违规.csv")
    expect(page.get_by_label("工作表名称（可不填）")).to_have_value("")
    page.get_by_role("button", name="上传").click()
    page.get_by_label("编码 对应的数据项").select_option(label="定点编码（必填）")
    page.get_by_role("button", name="试算").click()
    expect(page.get_by_text("这是试算，尚未写入任何数据。")).to_be_visible()
    expect(page.get_by_role("cell", name="没有这种", exact=True)).to_be_visible()
    assert Violation.objects.count() == 0
    page.get_by_role("button", name="跳过拒收的 1 行，其余入库").click()
    expect(page.get_by_text("已入库：新增 1 条，更新 0 条。")).to_be_visible()

    page.goto(f"{live_server.url}/admin/")
    page.get_by_role("link", name="开始评价").click()
    page.get_by_label("评价周期").select_option("2025")
    page.get_by_label("此刻").check()
    page.get_by_role("button", name="试算（不保存）").click()
    expect(page.get_by_text("试算结果（未保存）")).to_be_visible()
    assert RatingRun.objects.count() == 0
    page.get_by_role("button", name="按此开始评价").click()
    expect(page.get_by_text("各区县等级分布")).to_be_visible()

    page.get_by_role("link", name="查看评价结果").click()
    page.locator("#result_list").get_by_role("link", name="城东大药房").click()
    expect(page.get_by_text("各项得分")).to_be_visible()
    expect(page.get_by_text("绍医保罚〔2025〕1号").first).to_be_visible()
    page.get_by_role("link", name="查看记录").first.click()
    expect(page.get_by_text("1,000.50 元")).to_be_visible()
    page.get_by_role("link", name="作废").click()
    page.get_by_label("作废原因").fill("原决定已撤销")
    page.get_by_role("button", name="作废").click()
    expect(page.get_by_text("原决定已撤销").first).to_be_visible()
    assert Violation.objects.get().voided_by == "root"
    assert wrong == []


PAGES = (
    "",
    "ratings/pharmacy/",
    "ratings/violation/",
    "ratings/violation/add/",
    "ratings/rating/",
    "ratings/ratingrun/",
    "ratings/ratingrun/start/",
    "ratings/schemeversion/",
    "ratings/importbatch/upload/",
    "ratings/auditevent/",
)


def test_pages_fit_a_phone(phone: BrowserContext, live_server: LiveServer, shop: Pharmacy) -> None:
    factories.violation(shop)
    run = _run()
    rating = run.ratings.get()
    page, wrong = signed_in(phone, live_server)
    own = (
        f"ratings/pharmacy/{shop.pk}/change/",
        f"ratings/rating/{rating.pk}/change/",
        f"ratings/ratingrun/{run.pk}/change/",
        f"ratings/schemeversion/{run.scheme_id}/change/",
    )
    for address in (*PAGES, *own):
        page.goto(f"{live_server.url}/admin/{address}")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{address} is {beyond} pixels too wide"
    assert wrong == []


def test_the_explanation_prints_without_the_menu(
    desk: BrowserContext, live_server: LiveServer, shop: Pharmacy
) -> None:
    rating = _run().ratings.get()
    page, _ = signed_in(desk, live_server)
    page.goto(f"{live_server.url}/admin/ratings/rating/{rating.pk}/change/")
    page.emulate_media(media="print")
    expect(page.locator("#nav-sidebar-inner")).to_be_hidden()
    expect(page.get_by_role("button", name="打印")).to_be_hidden()
    expect(page.get_by_text("各项得分")).to_be_visible()


def test_the_pharmacy_is_chosen_by_typing(
    desk: BrowserContext, live_server: LiveServer, shop: Pharmacy
) -> None:
    page, wrong = signed_in(desk, live_server)
    page.goto(f"{live_server.url}/admin/ratings/servicestatus/add/")
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("城东")
    page.locator(".select2-results__option", has_text=shop.code).click()
    page.get_by_label("服务状态").select_option(label="中止协议")
    page.get_by_label("起始日").fill("2025-03-10")
    page.get_by_label("决定日期").fill("2025-03-01")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_text("中止协议").first).to_be_visible()
    assert shop.servicestatus_set.get().occurred_on == date(2025, 3, 10)
    assert wrong == []


def _run() -> RatingRun:
    scheme = store_scheme((Path(schemes.__file__).parent / "shaoxing-style.toml").read_text(), by=SYSTEM)
    return start_run(Period.parse("2025"), scheme, cutoff=datetime(2026, 1, 20, tzinfo=UTC), by=SYSTEM)


def test_permissions_fit_the_window(desk: BrowserContext, live_server: LiveServer, shop: Pharmacy) -> None:
    page, wrong = signed_in(desk, live_server)
    page.goto(f"{live_server.url}/admin/auth/group/add/")
    page.get_by_label("违法违规：作废").check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert wrong == []
