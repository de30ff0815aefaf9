"""axe-core finds nothing on any page for residents: two widths, two sizes of print, two languages."""

from datetime import date
from pathlib import Path
from typing import Final

import axe_playwright_python
import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import Rating
from tests import desk, factories
from tests.e2e.people import DESKTOP, PHONE, Visitor
from tests.pharmacy_lookup.shown import NEAR, penalty, published, shop
from tests.ratings.services.lives import Result

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
_AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RUN: Final = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
    "best-practice"]})).violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3)}`)"""
_ADDRESSES: Final = {
    "start": "/",
    "near": f"/?near={NEAR}",
    "filtered": f"/?near={NEAR}&grade=A&grade=none&service=IN_SERVICE&service=ENDED&service=SUSPENDED",
    "nothing": f"/?near={NEAR}&radius=500&grade=C",
    "far": "/?near=116.4,39.9",
    "district": "/?district=330602",
    "words": "/?q=dyf",
    "unknown-words": "/?q=nobody",
    "faults": "/?near=1,2&radius=1&q=a",
    "missing": "/pharmacy/P33060299999/",
}


@pytest.fixture
def addresses(transactional_db: None) -> dict[str, str]:
    """Every sort of page, with a pharmacy of every sort."""
    cache.clear()
    plain, refused, ended, halted, new = (
        shop(10),
        shop(20),
        shop(30, designated_until=date(2026, 1, 1)),
        shop(40),
        shop(50),
    )
    factories.service_status(halted)
    penalty(plain, measures="责令退回")
    far = shop(1_500)
    life = published(*(Result(one, 0) for one in (plain, halted)), Result(refused, -1), Result(far, 2))
    desk.objection(life, Rating.objects.get(pharmacy=plain), against="PUBLISHED")
    refresh_places()
    shops = {"plain": plain, "refused": refused, "ended": ended, "halted": halted, "new": new}
    return _ADDRESSES | {name: f"/pharmacy/{one.code}/" for name, one in shops.items()}


@pytest.mark.parametrize("language", ["", "/en"], ids=["chinese", "english"])
@pytest.mark.parametrize("large", [False, True], ids=["normal", "large"])
def test_axe_finds_nothing(
    browser: Browser, live_server: LiveServer, addresses: dict[str, str], large: bool, language: str
) -> None:
    visitor = Visitor(browser, live_server.url)
    page = visitor.page
    if large:
        visitor.context.add_cookies([{"name": "large_print", "value": "1", "url": live_server.url}])
    for name, address in addresses.items():
        visitor.go(f"{language}{address}")
        visitor.look(f"{name}{language.replace('/', '-')}{'-large' if large else ''}")
        for details in page.locator("details").all():
            details.evaluate("(one) => { one.open = true; }")
        if page.locator("#map:visible").count():
            page.locator("#map").scroll_into_view_if_needed()
            expect(page.locator(".leaflet-control-scale")).to_be_visible()
        page.evaluate(_AXE)
        for size in (PHONE, DESKTOP):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            visitor.wrong += [f"{name} at {size['width']}: {fault}" for fault in page.evaluate(_RUN)]
    assert visitor.wrong == []
    visitor.close()


def test_axe_finds_nothing_where_the_position_was_refused(
    browser: Browser, live_server: LiveServer, addresses: dict[str, str]
) -> None:
    visitor = Visitor(browser, live_server.url, viewport=PHONE)
    visitor.go("/")
    visitor.press("查我附近的药店")
    expect(visitor.page.get_by_text("没有得到定位许可")).to_be_visible()
    visitor.page.evaluate(_AXE)
    assert visitor.page.evaluate(_RUN) == []
    visitor.close()
