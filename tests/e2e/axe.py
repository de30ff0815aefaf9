"""Whether a page can be used by everybody: axe-core's rules, on what is ours."""

from axe_playwright_python.sync_playwright import Axe

from tests.e2e.people import Official

#: Of the admin's frame, which is not ours, and has its own tests.
_LEFT_OUT = {"exclude": [["#nav-sidebar"], ["#header-inner"], ["#searchbar-submit"]]}
_WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def is_accessible(official: Official, name: str) -> None:
    """Fits both screens, and axe finds nothing wrong with what is ours."""
    official.look(name)
    found = Axe().run(official.page, context=_LEFT_OUT, options=_WCAG)
    for fault in found.response["violations"]:
        targets = [node["target"] for node in fault["nodes"]][:3]
        official.wrong.append(f"{name}: {fault['id']}: {fault['help']} {targets}")
