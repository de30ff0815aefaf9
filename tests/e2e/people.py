"""People at real browsers: each signs in, works, and looks at every page on a desktop and on a phone."""

import os
import re
from itertools import count
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Locator, Page, expect

from ratings.models import StaffScope

PASSWORD: Final = "secret-of-the-test"
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
#: With this variable set, every page that is looked at is kept there as a picture.
_PICTURES: Final = os.environ.get("E2E_PICTURES", "")
_number = count(1)

#: What a page must not have, as names of what is wrong.
_FAULTS: Final = """() => {
    const wrong = [];
    const beyond = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (beyond > 0) wrong.push(`${beyond} pixels too wide`);
    for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
        const named = field.labels?.length || ["aria-label", "aria-labelledby", "title"].some((name) => field.getAttribute(name));
        if (!named && field.getClientRects().length) wrong.push(`no label: ${field.outerHTML.slice(0, 120)}`);
    }
    if (document.querySelectorAll("h1").length > 1) wrong.push("more than one h1");
    return wrong;
}"""


def staff(name: str, role: str, *, whole_city: bool = True) -> User:
    """Somebody in one of the shipped roles, with a password."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    StaffScope.objects.create(user=user, whole_city=whole_city)
    return user


class Visitor:
    """Somebody before a browser of their own; what goes wrong in it is gathered in ``wrong``."""

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        """``options`` are Playwright's, of a new context."""
        self.base = base
        self.context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self._outside(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: self._console(told.type, told.text))

    def _outside(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.wrong.append(f"asked outside: {url}")

    def _console(self, kind: str, text: str) -> None:
        # An answer of 4xx is the tests' to expect; Chromium reports each as an error.
        if kind == "error" and "the server responded with a status of 4" not in text:
            self.wrong.append(f"{text} on {self.page.url}")

    def go(self, address: str) -> int:
        """Open an address of the site, or a whole one; the status of the answer."""
        answer = self.page.goto(address if address.startswith("http") else f"{self.base}{address}")
        return answer.status if answer else 0

    def look(self, name: str) -> None:
        """Hold the page, at desktop and phone width, to what every page must be."""
        number = next(_number)
        for size in (PHONE, DESKTOP):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
            if _PICTURES:
                path = Path(_PICTURES) / f"{number:02d}-{name}-{size['width']}.png"
                self.page.screenshot(path=path, full_page=True)
            self.wrong += [
                f"{name} at {size['width']}: {fault}" for fault in self.page.evaluate(f"({_FAULTS})()")
            ]

    def sees(self, *texts: str) -> None:
        """Each text is on the page."""
        for text in texts:
            expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()

    def link(self, name: str, *, exact: bool = False) -> None:
        """Follow the first link of this name."""
        self.page.get_by_role("link", name=name, exact=exact).filter(visible=True).first.click()

    def press(self, name: str) -> None:
        """Press the button of exactly this name; an icon may stand before or behind it."""
        self.page.get_by_role("button", name=re.compile(rf"(^|\s){re.escape(name)}($|\s)")).click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label).fill(text)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label).select_option(label=option)

    def attach(self, label: str, *files: Path) -> None:
        self.page.get_by_label(label).set_input_files(list(files))

    def close(self) -> None:
        self.context.close()


class Official(Visitor):
    """Staff, signed in; ``standing`` is what their start page says of them."""

    def __init__(self, browser: Browser, base: str, name: str, standing: str = "管辖范围：全市") -> None:
        super().__init__(browser, base)
        self.name = name
        self.go("/admin/")
        self.fill("用户名", name)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.press("登录")
        self.sees(standing)

    def menu(self, entry: str) -> None:
        """Go to a list by the menu, which is on every page."""
        self.page.locator("#nav-sidebar-inner").get_by_text(entry, exact=True).click()

    def row(self, text: str) -> Locator:
        """The row of a list that has this text."""
        return self.page.locator("#result_list tbody tr, #result_list tr").filter(has_text=text).first

    def open_row(self, text: str) -> None:
        """Open the page behind a row of a list."""
        self.row(text).get_by_role("link").first.click()

    def begin(self, title: str) -> None:
        """Follow the button that leads to the page of an act."""
        self.link(f"{title}……", exact=True)

    def act(self, title: str, **fields: str) -> None:
        """Do an act of the open page: its button, its form, and its button again."""
        self.begin(title)
        for label, text in fields.items():
            self.fill(label, text)
        self.press(title)

    def search(self, field: str, typed: str, wanted: str) -> None:
        """Choose a row of a list by typing."""
        label = self.page.locator("label[for]").filter(has_text=re.compile(rf"^\s*{field}")).first
        self.page.locator(f"#{label.get_attribute('for')} + .select2 .select2-selection").click()
        self.page.locator(".select2-search__field").fill(typed)
        self.page.locator(".select2-results__option", has_text=wanted).first.click()
