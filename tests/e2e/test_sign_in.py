"""Signing in by two factors in a real browser, on a desk and on a phone."""

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from ratings.models import StaffScope
from ratings.services.roles import CLERK
from tests.ratings.services.test_two_factor import code_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "secret-of-the-test"


@pytest.fixture
def clerk(transactional_db: None, settings: LazySettings) -> User:
    """A clerk of the whole city where the second factor is demanded."""
    settings.REQUIRE_TWO_FACTOR = True
    user = User.objects.create_user("wangfang", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=CLERK))
    StaffScope.objects.create(user=user, whole_city=True)
    return user


def give_password(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/admin/ratings/violation/")
    page.get_by_label("用户名").fill("wangfang")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["desk", "phone"])
def test_enrol_leave_and_come_back(
    browser: Browser, live_server: LiveServer, clerk: User, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))

    give_password(page, live_server)
    expect(page.get_by_role("img", name="验证器二维码")).to_be_visible()
    assert fits(page)
    page.get_by_label("验证码", exact=True).fill(code_of(TOTPDevice.objects.get(user=clerk)))
    page.get_by_role("button", name="启用").click()
    expect(page.get_by_text("只显示这一次")).to_be_visible()
    recovery = page.locator(".cs-codes code").all_inner_texts()
    assert len(recovery) == 10
    assert fits(page)
    page.get_by_role("link", name="已保存，继续").click()
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/violation/")

    context.clear_cookies()
    give_password(page, live_server)
    expect(page.get_by_text("两步验证", exact=True)).to_be_visible()
    page.goto(f"{live_server.url}/admin/ratings/rating/")
    expect(page.get_by_label("验证码", exact=True)).to_be_visible()
    assert fits(page)
    page.get_by_label("验证码", exact=True).fill("不是")
    page.get_by_role("button", name="继续").click()
    expect(page.get_by_role("alert")).to_contain_text("验证码不正确")
    page.wait_for_timeout(1100)  # the throttle of one wrong recovery code
    page.get_by_label("验证码", exact=True).fill(recovery[0])
    page.get_by_role("button", name="继续").click()
    expect(page.get_by_text("还剩 9 个")).to_be_visible()
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/rating/")
    assert wrong == []
    context.close()
