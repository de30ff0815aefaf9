"""Signing in by two factors in a real browser, on a desk and on a phone."""

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Browser, BrowserContext, Page, expect
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


@pytest.fixture
def page(desk: BrowserContext) -> Page:
    return desk.new_page()


def give_password(page: Page, live_server: LiveServer, password: str = PASSWORD) -> None:
    page.goto(f"{live_server.url}/admin/ratings/violation/")
    sign_in(page, password)


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("用户名").fill("wangfang")
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="登录").click()


def give_code(page: Page, code: str) -> None:
    page.get_by_label("验证码", exact=True).fill(code)
    page.get_by_role("button", name="继续").click()


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
    give_code(page, "不是")
    expect(page.get_by_role("alert")).to_contain_text("验证码不正确")
    page.wait_for_timeout(1100)  # the throttle of one wrong recovery code
    give_code(page, recovery[0])
    expect(page.get_by_text("还剩 9 个")).to_be_visible()
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/rating/")
    assert wrong == []
    context.close()


def test_the_phone_gives_each_code_once(page: Page, live_server: LiveServer, clerk: User) -> None:
    device = TOTPDevice.objects.create(user=clerk, name="验证器", confirmed=True)
    code = code_of(device)
    give_password(page, live_server)
    give_code(page, code)
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/violation/")

    page.context.clear_cookies()
    give_password(page, live_server)
    give_code(page, code)
    expect(page.get_by_role("alert")).to_contain_text("验证码不正确或已用过")
    page.wait_for_timeout(2500)  # the throttle of a wrong code, or of two where the press was slow to arrive
    give_code(page, code_of(device, 1))
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/violation/")


def test_wrong_passwords_lock(
    page: Page, live_server: LiveServer, clerk: User, settings: LazySettings
) -> None:
    settings.REQUIRE_TWO_FACTOR = False
    for _ in range(settings.SIGN_IN_FAILURES - 1):
        give_password(page, live_server, "not the password")
        expect(page.get_by_label("用户名")).to_be_visible()
    give_password(page, live_server, "not the password")
    expect(page.get_by_role("heading", name="登录已锁定")).to_be_visible()
    assert fits(page)
    give_password(page, live_server)
    expect(page.get_by_text("锁定 15 分钟")).to_be_visible()
    page.get_by_role("link", name="返回登录页").click()
    expect(page.get_by_label("用户名")).to_be_visible()


def test_an_idle_session_ends_and_says_so(
    page: Page, live_server: LiveServer, clerk: User, settings: LazySettings
) -> None:
    settings.REQUIRE_TWO_FACTOR = False
    give_password(page, live_server)
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/violation/")
    session = SessionStore(Session.objects.get().session_key)
    session["used"] -= settings.SESSION_IDLE.total_seconds()
    session.save()
    page.reload()
    expect(page.get_by_text("登录已结束：超过 30 分钟没有操作。请重新登录。")).to_be_visible()
    sign_in(page)
    expect(page).to_have_url(f"{live_server.url}/admin/ratings/violation/")
