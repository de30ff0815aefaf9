"""Every page of the desk that links lead to fits a desktop and a phone, labels its fields, and is free of errors."""

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from ratings.models import Pharmacy, Rating, RatingPeriod, RatingRun, SchemeVersion
from ratings.reports.certificate import issue_certificate
from ratings.reports.credit_report import issue_report
from ratings.rules.periods import Period
from ratings.services import adjustments, evidence, objections, periods, repairs, review
from ratings.services.interim import find_interim
from ratings.services.links import issue_link
from ratings.services.roles import ensure_roles
from ratings.services.runs import start_run
from tests.e2e import city
from tests.e2e.people import PASSWORD, Official
from tests.ratings.services.regrading import APPROVER, CLERK, OTHER, REVIEWER, convict
from tests.ratings.services.uploads import upload

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: What is fetched, not looked at, and what has its own tests.
_NO_PAGES = ("_download", "_file", "_export", "_template", "_problems", "notice_csv", "_autocomplete")
_DESK = (
    "ratingperiod", "reviewitem", "adjustment", "objection", "creditrepair", "evidence", "noticelink",
    "publication", "publishedgrade", "issueddocument",
)  # fmt: skip
#: Outside the menu.
_STARTS = ("/admin/", "/admin/ratings/evidence/", "/admin/ratings/noticelink/", "/notice/")


@pytest.fixture
def shops(transactional_db: None, settings: LazySettings, tmp_path: Path) -> dict[str, Pharmacy]:
    settings.MEDIA_ROOT = tmp_path
    cache.clear()
    ensure_roles()
    User.objects.create_superuser("root", password=PASSWORD)
    return city.build()


def rating(shop: Pharmacy, period: str) -> Rating:
    return Rating.objects.select_related("run__scheme", "run__life", "pharmacy").get(
        pharmacy=shop, run__period=period
    )


def work_on_what_is_published(shops: dict[str, Pharmacy]) -> None:
    """Objections and repairs in several states, and an interim change, all of the first half-year."""
    convict(shops["柯岩大药房"], decided_on=timezone.localdate(), occurred_on=timezone.localdate())
    assert find_interim(by=REVIEWER)
    for name, outcome in (("城东大药房", ""), ("城南大药房", "REJECTED"), ("城北大药房", "UPHELD")):
        made = objections.receive_objection(
            rating(shops[name], "2025H1"),
            ground="FACT",
            statement="事实有误。",
            contact="王店长 13800000000",
            channel="CLERK",
            facts=shops[name].violation_set.all(),
            uploads=[upload()],
            by=CLERK,
        )
        if outcome:
            remedy = "VOID_FACTS" if outcome == "UPHELD" else ""
            objections.propose_outcome(made, outcome=outcome, remedy=remedy, text="已核实。", by=REVIEWER)
        if outcome == "REJECTED":
            objections.decide_objection(made, text="事实清楚。", by=APPROVER)
    mended = repairs.apply_repair(
        shops["安昌大药房"].violation_set.get(),
        applied_on=timezone.localdate(),
        commitment="守法经营。",
        correction="已退回基金。",
        contact="李店长",
        uploads=[upload()],
        by=CLERK,
    )
    repairs.accept_repair(mended, accept=True, text="", by=REVIEWER)
    repairs.apply_repair(
        shops["城南大药房"].violation_set.get(),
        applied_on=timezone.localdate(),
        commitment="守法经营。",
        correction="已退回基金。",
        by=CLERK,
    )


def issued(shop: Pharmacy) -> tuple[str, ...]:
    """A report and a certificate are issued; the pages that ask for more of them."""
    report = issue_report(shop, recipient="某银行", purpose="贷款审查", by=CLERK, site="http://site.example")
    issue_certificate(shop, by=CLERK, site="http://site.example")
    assert report.pharmacy == shop
    return tuple(
        reverse(f"admin:ratings_issueddocument_{name}", args=(shop.pk,)) for name in ("report", "certificate")
    )


def second_half(shops: dict[str, Pharmacy]) -> RatingPeriod:
    """The second half-year under review, with an adjustment approved and one open."""
    scheme = SchemeVersion.objects.get()
    run: RatingRun = start_run(Period.parse("2025H2"), scheme, cutoff=timezone.now(), by=CLERK)
    period = periods.move(periods.open_period(run, by=REVIEWER), "review", by=REVIEWER)
    for name in ("城西大药房", "湖塘大药房"):
        made = adjustments.propose_adjustment(
            rating(shops[name], "2025H2"),
            reason_code="self_report",
            to_grade=0,
            text="主动报告。",
            by=REVIEWER,
        )
        evidence.add_evidence(made, upload(), by=REVIEWER)
        if name == "城西大药房":
            adjustments.decide_adjustment(made, approve=True, text="属实。", by=APPROVER)
    return period


def test_every_page_of_the_desk(
    browser: Browser, live_server: LiveServer, shops: dict[str, Pharmacy]
) -> None:
    period = second_half(shops)
    work_on_what_is_published(shops)
    root = Official(browser, live_server.url, "root")
    seen: Counter[str] = Counter()
    crawl(root, seen, (*_STARTS, *issued(shops["湖塘大药房"])))

    for waiting in adjustments.Adjustment.objects.filter(state="PROPOSED", period=period):
        # An interim change that is turned down is found again before notice.
        adjustments.decide_adjustment(waiting, approve=waiting.cause == "INTERIM", text="已核。", by=OTHER)
    review.confirm_items(period.items.values_list("pk", flat=True), by=REVIEWER)
    for district in review.unconfirmed_districts(period):
        review.confirm_rest(period, district, by=REVIEWER)
    periods.move(period, "give_notice", by=APPROVER)
    issue_link(rating(shops["城东大药房"], "2025H2"), by=CLERK)
    for again in (
        "admin:ratings_noticelink_changelist",
        "admin:ratings_ratingperiod_change",
        "admin:ratings_rating_change",
        "public:notice",
    ):
        seen[again] = 0
    crawl(root, seen, (f"/admin/ratings/ratingperiod/{period.pk}/change/", "/notice/", *_STARTS[1:3]))
    assert "\n".join(root.wrong) == ""
    assert {name for name in seen if name.endswith("_change")} >= {
        f"admin:ratings_{model}_change" for model in _DESK
    }
    root.close()


def crawl(root: Official, seen: Counter[str], starts: tuple[str, ...]) -> None:
    """Look at the pages that links lead to: one of each sort, and three rows of each table."""
    waiting, visited = list(starts), set[str]()
    while waiting:
        path = waiting.pop(0)
        kind = sort_of(path)
        if not kind or path in visited or seen[kind] >= (3 if kind.endswith("_change") else 1):
            continue
        visited.add(path)
        seen[kind] += 1
        assert root.go(path) == 200, path
        root.look(kind.replace(":", "-"))
        links = root.page.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.href)")
        waiting += [urlsplit(link).path for link in links if link.startswith(root.base)]


def sort_of(path: str) -> str:
    """The sort of page behind an address, "" for what is none of ours."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    name = found.view_name
    ours = name.startswith("public:") or name == "admin:index" or any(f"_{model}_" in name for model in _DESK)
    if not ours and name not in {"admin:ratings_rating_change", "admin:ratings_violation_change"}:
        return ""
    if any(end in name for end in _NO_PAGES):
        return ""
    act = found.kwargs.get("name", "")
    return f"{name}:{act}" if act else name
