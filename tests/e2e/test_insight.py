"""The pages of figures fit a desktop and a phone, axe finds nothing in what is ours, and they print."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from ratings.admin.insight.menu import PAGES
from ratings.models import AuditEvent, Pharmacy
from ratings.rules.periods import Period
from ratings.services import adjustments
from ratings.services.roles import INSPECTOR, ensure_roles
from ratings.services.runs import start_run
from tests import desk, factories
from tests.e2e import city
from tests.e2e.people import Official, staff
from tests.e2e.test_desk_pages import rating, work_on_what_is_published
from tests.ratings.services.regrading import APPROVER, CLERK, REVIEWER, publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shops(transactional_db: None, settings: LazySettings, tmp_path: Path) -> dict[str, Pharmacy]:
    """Two published periods, an adjustment in the second, objections and repairs, complaints, places."""
    settings.MEDIA_ROOT = tmp_path
    cache.clear()
    ensure_roles()
    User.objects.create_superuser("root")
    made = city.build()
    for number, shop in enumerate(made.values()):
        Pharmacy.objects.filter(pk=shop.pk).update(
            latitude=30 + number / 90, longitude=120.5 + number % 4 / 50, source_datum="WGS-84"
        )
        factories.complaint(shop, recorded_at=timezone.now())
    work_on_what_is_published(made)
    run = start_run(
        Period.parse("2025H2"),
        rating(made["城东大药房"], "2025H1").run.scheme,
        cutoff=timezone.now(),
        by=CLERK,
    )
    period = desk.life(run, "UNDER_REVIEW")
    change = adjustments.propose_adjustment(
        rating(made["城西大药房"], "2025H2"),
        reason_code="self_report",
        to_grade=0,
        text="主动报告。",
        by=REVIEWER,
    )
    adjustments.decide_adjustment(change, approve=True, text="属实。", by=APPROVER)
    publish(period, at=timezone.now())
    staff("inspector", INSPECTOR)
    return made


def test_every_page_of_figures(
    browser: Browser, live_server: LiveServer, shops: dict[str, Pharmacy], tmp_path: Path
) -> None:
    inspector = Official(browser, live_server.url, "inspector")
    for name in (*(page.name for page in PAGES), "movers"):
        path = f"/admin/insight/{name}/"
        assert inspector.go(path) == 200
        inspector.look(f"insight-{name}")
        found = Axe().run(inspector.page, context=".cs-page")
        assert found.violations_count == 0, (name, found.generate_report())
        # On paper, which is no wider than a phone's page may be, only the figures are left, as a desktop has them.
        head = inspector.page.locator(".cs-sheet thead th:first-child").first
        position = "(head) => getComputedStyle(head).position"
        inspector.page.set_viewport_size({"width": 718, "height": 1000})
        assert head.evaluate(position) == "sticky"
        inspector.page.emulate_media(media="print")
        assert head.evaluate(position) == "static"
        assert not inspector.page.locator("form.cs-span").is_visible()
        assert inspector.page.locator(".cs-sheet").first.is_visible()
        inspector.page.emulate_media(media="screen")
    inspector.go("/admin/insight/supervision/")
    with inspector.page.expect_download() as download:
        inspector.link("全部下载 XLSX")
    assert download.value.suggested_filename.endswith(".xlsx")
    assert AuditEvent.objects.filter(actor="inspector", action="查阅统计监督数据").count() >= len(PAGES)
    assert "\n".join(inspector.wrong) == ""
    inspector.close()
