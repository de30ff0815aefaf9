"""Residents at the search: on a phone, near and far, without a position, without scripts, by keyboard."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, Locator, Request, expect
from pytest_django.live_server_helper import LiveServer

from applications.pharmacy_lookup.refresh import refresh_places
from tests.e2e.people import DESKTOP, PHONE, Visitor
from tests.pharmacy_lookup.shown import LATITUDE, LONGITUDE, METRE, NEAR, penalty, published, shop
from tests.ratings.services.lives import Result

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
_HERE = {"latitude": LATITUDE + 0.00000049, "longitude": LONGITUDE}
_EMPTY = {"latitude": LATITUDE - 6_004 * METRE, "longitude": LONGITUDE}
_BEIJING = {"latitude": 39.9, "longitude": 116.4}
_PARIS = {"latitude": 48.85, "longitude": 2.35}


@pytest.fixture(autouse=True)
def city(transactional_db: None) -> dict[str, str]:
    """Codes by name: 27 pharmacies north of the middle, some of a kind of their own."""
    cache.clear()
    shops = [shop(60 * number, name=f"第{number}大药房") for number in range(1, 25)]
    ended = shop(100, name="关门大药房", designated_until=date(2026, 1, 1))
    new = shop(30, name="新开大药房")
    fraud = shop(45, name="失信大药房")
    penalty(fraud, measures="责令退回", gravity="SERIOUS")
    published(*(Result(one, number % 4) for number, one in enumerate(shops)), Result(fraud, 3))
    refresh_places()
    return {one.name: one.code for one in (*shops, ended, new, fraud)}


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """Come on a phone, or as the options say; nothing may go wrong in the browser, then or later."""
    came: list[Visitor] = []

    def visit(**options: Any) -> Visitor:
        phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "locale": "zh-CN"}
        came.append(Visitor(browser, live_server.url, **{**phone, **options}))
        return came[-1]

    yield visit
    for visitor in came:
        assert visitor.wrong == []
        visitor.close()


def rows(visitor: Visitor) -> Locator:
    return visitor.page.locator(".pl-list > li")


class TestNearMe:
    def test_position_granted(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(geolocation=_HERE, permissions=["geolocation"])
        visitor.go("/")
        visitor.sees("位置只用于这一次查询，本网站不保存。")
        visitor.press("查我附近的药店")
        visitor.page.wait_for_url(re.compile(r"\?near=120\.58000,30\.00000$"))
        expect(rows(visitor)).to_have_count(20)
        expect(rows(visitor).first).to_contain_text("新开大药房")
        expect(rows(visitor).first).to_contain_text("尚未评级")
        visitor.sees("共 26 家。")

    def test_position_refused(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit()
        visitor.go("/")
        visitor.press("查我附近的药店")
        told = visitor.page.get_by_role("status").filter(has_text="没有得到定位许可")
        expect(told).to_be_visible()
        expect(visitor.page.get_by_role("button", name="查我附近的药店")).to_be_enabled()
        visitor.link("越城区", exact=True)
        expect(rows(visitor)).to_have_count(20)

    @pytest.mark.parametrize(("where", "told"), [(_BEIJING, "这里离本市太远"), (_PARIS, "不在中国境内")])
    def test_far_outside(self, visit: Callable[..., Visitor], where: dict[str, float], told: str) -> None:
        visitor = visit(geolocation=where, permissions=["geolocation"])
        visitor.go("/")
        visitor.press("查我附近的药店")
        visitor.sees(told)
        visitor.link("越城区", exact=True)
        expect(rows(visitor)).to_have_count(20)

    def test_nothing_within_2_km(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(geolocation=_EMPTY, permissions=["geolocation"])
        visitor.go("/")
        visitor.press("查我附近的药店")
        visitor.sees("2 公里内没有符合条件的药店。", "最近的一家在 6.04 公里外：")
        visitor.link("查这家药店附近")
        expect(rows(visitor).first).to_contain_text("新开大药房")

    def test_widening(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit()
        visitor.go(f"/?near={LONGITUDE},{LATITUDE - 2_504 * METRE}")
        visitor.sees("最近的一家在 2.54 公里外：")
        visitor.link("查 3 公里内的药店")
        expect(rows(visitor).first).to_contain_text("新开大药房")


class TestMap:
    @pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desk"])
    def test_pins_are_those_of_the_list(self, visit: Callable[..., Visitor], size: dict[str, int]) -> None:
        visitor = visit(viewport=size)
        visitor.go(f"/?near={NEAR}")
        page = visitor.page
        page.locator("#map").scroll_into_view_if_needed()
        expect(page.locator(".pl-pin")).to_have_count(20)
        for number in (1, 20):
            pin, row = page.locator(".pl-pin").nth(number - 1), rows(visitor).nth(number - 1)
            expect(pin).to_contain_text(str(number))
            shape = "svg > :first-child"
            assert pin.locator(shape).evaluate("(one) => one.outerHTML") == row.locator(
                f".cs-grade {shape}"
            ).evaluate("(one) => one.outerHTML")
        expect(page.locator("path.pl-ring")).to_have_count(3)
        expect(page.locator(".leaflet-control-scale-line")).to_be_visible()
        assert page.locator("[aria-hidden=true] a, [aria-hidden=true] [tabindex='0']").count() == 0
        page.locator(".pl-pin").nth(19).dispatch_event("click")
        expect(rows(visitor).nth(19)).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_a_tap_searches_there(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit()
        visitor.go(f"/?near={NEAR}&radius=5000&grade=D")
        visitor.page.locator("#map").scroll_into_view_if_needed()
        expect(visitor.page.locator(".pl-pin").first).to_be_attached()
        visitor.page.locator("#map").click(position={"x": 179, "y": 330})
        visitor.page.wait_for_url(re.compile(r"grade=D&radius=5000&near=120\.5\d{4},29\.9\d{4}$"))
        expect(rows(visitor).first).to_be_visible()

    def test_the_start_has_the_districts(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(viewport=DESKTOP)
        visitor.go("/")
        visitor.page.locator(".pl-pin span", has_text="越城区").click()
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("越城区的定点药店")


class TestPoorNetwork:
    def test_the_list_is_there_before_any_script(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit()
        session = visitor.context.new_cdp_session(visitor.page)
        session.send("Network.enable")
        slow = {"offline": False, "latency": 300, "downloadThroughput": 12_000, "uploadThroughput": 12_000}
        session.send("Network.emulateNetworkConditions", slow)
        came: list[str] = []

        def note(request: Request) -> None:
            came.append(request.url)

        visitor.page.on("requestfinished", note)
        visitor.page.goto(f"{visitor.base}/?near={NEAR}", wait_until="commit")
        expect(rows(visitor).first).to_be_visible()
        assert not [url for url in came if "leaflet" in url]
        link = rows(visitor).first.get_by_role("link").first
        link.click()
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("新开大药房")

    def test_a_broken_map_leaves_the_list(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit()
        visitor.context.route("**/leaflet.js", lambda route: route.fulfill(status=404))
        visitor.go(f"/?near={NEAR}")
        visitor.page.locator("#map").scroll_into_view_if_needed()
        expect(visitor.page.locator("#map")).to_be_hidden()
        expect(rows(visitor)).to_have_count(20)

    @pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desk"])
    def test_the_first_view_is_small(self, browser: Browser, size: dict[str, int]) -> None:
        """All that is transferred, the map too, by the middleware that serves in earnest."""
        server = LiveServerThread("127.0.0.1", static_handler=_as_it_is)
        server.daemon = True
        server.start()
        server.is_ready.wait()
        try:
            visitor = Visitor(browser, f"http://127.0.0.1:{server.port}", viewport=size)
            session = visitor.context.new_cdp_session(visitor.page)
            session.send("Network.enable")
            sizes: list[float] = []
            session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
            visitor.go(f"/?near={NEAR}")
            visitor.page.locator("#map").scroll_into_view_if_needed()
            expect(visitor.page.locator(".pl-pin")).to_have_count(20)
            visitor.page.wait_for_load_state("networkidle")
            assert len(sizes) >= 7
            assert sum(sizes) < 100_000, f"{sum(sizes)} bytes in {len(sizes)} answers"
            assert visitor.wrong == []
            visitor.close()
        finally:
            server.terminate()
            server.join()


def _as_it_is(handler: Any) -> WSGIHandler:
    """No handler for static files: WhiteNoise and GZip have them."""
    return WSGIHandler()


class TestWithoutScripts:
    def test_form_list_and_pages(self, visit: Callable[..., Visitor], city: dict[str, str]) -> None:
        visitor = visit(java_script_enabled=False)
        page = visitor.page
        visitor.go("/")
        expect(page.get_by_role("button", name="查我附近的药店")).to_be_hidden()
        expect(page.locator("#map")).to_be_hidden()
        visitor.fill("药店名称、地址或拼音", "shixin")
        visitor.press("查询")
        expect(rows(visitor)).to_have_count(1)
        visitor.go("/")
        visitor.choose("区县", "越城区")
        visitor.press("查询")
        expect(rows(visitor)).to_have_count(20)
        visitor.link("下一页")
        expect(rows(visitor)).to_have_count(6)
        visitor.link("回到第一页")
        visitor.choose("街道（乡镇）", "府山街道")
        visitor.press("查看")
        expect(page.get_by_role("heading", level=1)).to_have_text("越城区府山街道的定点药店")
        page.get_by_text("筛选等级和服务状态").click()
        page.get_by_label("D 差").check()
        visitor.press("按此筛选")
        expect(rows(visitor)).to_have_count(7)
        visitor.link("失信大药房", exact=True)
        visitor.sees("差", "责令退回", "高德地图")


class TestKeyboard:
    def test_the_whole_way(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(viewport=DESKTOP, has_touch=False, is_mobile=False)
        page = visitor.page
        visitor.go("/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="跳到主要内容")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="查我附近的药店")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.type("dayaofang")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(rows(visitor)).to_have_count(20)

        expect(page.locator(".leaflet-control-zoom-in")).to_be_visible()
        path = self.walk(visitor)
        assert path[:2] == ["跳到主要内容", "绍兴市定点药店信用查询"]
        assert {"换个地方查，或按名称查", "等级由高到低", "下一页", "放大", "查地图中心附近"} <= set(path)
        assert path.index("下一页") < path.index("跳过地图") < path.index("正在公示的评价结果")
        assert not [name for name in path if re.fullmatch(r"[A-D]?\d+", name)], "pins are passed by"

        page.get_by_text("筛选等级和服务状态").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        for _ in range(9):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="取消筛选")).to_be_visible()
        rows(visitor).first.get_by_role("link").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="信用等级")).to_be_visible()

    @staticmethod
    def walk(visitor: Visitor) -> list[str]:
        """The names of all that Tab stops at, from the top to the end; each must be seen to have the focus."""
        page = visitor.page
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.locator("body").evaluate(
            "(body) => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }"
        )
        names: list[str] = []
        for _ in range(120):
            page.keyboard.press("Tab")
            told = page.evaluate(
                """() => { const one = document.activeElement;
                if (one === document.body) return null;
                const style = getComputedStyle(one);
                return [(one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText).trim(),
                        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]; }"""
            )
            if told is None:
                return names
            names.append(told[0].splitlines()[0] if told[0] else "")
            assert told[1], f"the focus on {told[0]!r} is not seen"
        raise AssertionError(f"Tab never leaves the page: {names[-5:]}")

    def test_the_map_by_keyboard(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(viewport=DESKTOP, has_touch=False, is_mobile=False)
        visitor.go(f"/?near={NEAR}&radius=500")
        page = visitor.page
        expect(page.locator(".leaflet-control-zoom-in")).to_be_visible()
        page.locator("#map").focus()
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(400)
        page.get_by_role("button", name="查地图中心附近").press("Enter")
        page.wait_for_url(re.compile(r"radius=500&near=120\.5[78]\d{3},30\.0[01]\d{3}$"))


class TestSwitches:
    def test_large_print_stays_until_it_is_taken_back(
        self, visit: Callable[..., Visitor], city: dict[str, str]
    ) -> None:
        visitor = visit()
        page = visitor.page
        visitor.go(f"/?near={NEAR}")
        visitor.link("大字版")
        expect(page).to_have_url(re.compile(r"\?near="))
        size = "parseFloat(getComputedStyle(document.body).fontSize)"
        assert page.evaluate(size) >= 24
        visitor.link("新开大药房", exact=True)
        assert page.evaluate(size) >= 24
        visitor.link("普通版")
        expect(page.get_by_role("heading", level=1)).to_have_text("新开大药房")
        assert page.evaluate(size) == 18

    def test_english_and_back(self, visit: Callable[..., Visitor]) -> None:
        visitor = visit(geolocation=_HERE, permissions=["geolocation"])
        visitor.go("/")
        visitor.link("English")
        visitor.press("Pharmacies near me")
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Designated pharmacies within 2 km")
        expect(rows(visitor).first).to_contain_text("Not rated yet")
        visitor.link("新开大药房", exact=True)
        visitor.sees("No credit grade has been published yet.")
        visitor.link("中文")
        visitor.sees("还没有公布过信用等级。")
