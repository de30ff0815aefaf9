"""Every page: a constant number of queries, all in Chinese, nothing from outside."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ratings.admin.paging import CappedPaginator
from ratings.models import Pharmacy, Rating, RatingRun, StaffScope
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM, record
from ratings.services.runs import start_run

from .conftest import CUTOFF, Place, batch_of, furnish, staff

LISTS = (
    "district",
    "pharmacy",
    "enterprise",
    "violation",
    "complaint",
    "fundpayment",
    "measurevalue",
    "servicestatus",
    "importbatch",
    "schemeversion",
    "ratingrun",
    "rating",
    "auditevent",
    "staffscope",
)


def more_rows(run: RatingRun) -> None:
    """Two more of everything."""
    for number in (4, 24):
        place = furnish(330600 + number, f"区{number}", f"店{number}", recorded_at=CUTOFF + timedelta(days=1))
        staff(f"user{number}", districts=(place.district.code,))
        batch_of(f"user{number}")
        record("登记", place.pharmacy, by=SYSTEM)
        RatingRun.objects.create(
            period=f"202{number % 10}",
            period_end=date(2024, 12, 31),
            scheme=run.scheme,
            scheme_sha256=run.scheme_sha256,
            cutoff=run.cutoff,
            district=place.district,
            started_by="x",
        )
    start_run(Period.parse(run.period), run.scheme, cutoff=CUTOFF + timedelta(days=2), by=SYSTEM)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize("who", ["root", "city_clerk"])
def test_lists_take_a_constant_number_of_queries(
    model: str, who: str, request: pytest.FixtureRequest, run: RatingRun, here: Place
) -> None:
    if model == "staffscope" and who != "root":
        return
    client = request.getfixturevalue(who)
    batch_of("x")
    staff("first", districts=(330602,))
    address = reverse(f"admin:ratings_{model}_changelist")
    queries(client, address)
    few = queries(client, address)
    more_rows(run)
    assert queries(client, address) == few
    assert few <= 13


def test_pages_of_one_row_take_a_constant_number_of_queries(
    city_clerk: Client, ratings: tuple[Rating, Rating], here: Place
) -> None:
    addresses = [
        reverse("admin:index"),
        reverse("admin:ratings_pharmacy_change", args=(here.pharmacy.pk,)),
        reverse("admin:ratings_rating_change", args=(ratings[0].pk,)),
        reverse("admin:ratings_enterprise_change", args=(here.enterprise.pk,)),
    ]
    for address in addresses:
        queries(city_clerk, address)
    few = [queries(city_clerk, address) for address in addresses]
    Pharmacy.objects.exclude(pk=here.pharmacy.pk).update(enterprise=here.enterprise)
    assert [queries(city_clerk, address) for address in addresses] == few


def test_counting_stops_at_the_cap(
    city_clerk: Client, here: Place, there: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CappedPaginator, "cap", 1)
    with CaptureQueriesContext(connection) as seen:
        page = city_clerk.get(reverse("admin:ratings_fundpayment_changelist")).content.decode()
    assert "超过 1 条" in page
    counts = [query["sql"] for query in seen if "COUNT(" in query["sql"] and "fundpayment" in query["sql"]]
    assert counts
    assert all("LIMIT 2" in sql for sql in counts)


#: What may stand in Latin letters: codes, formats, names of the tests' own users.
ALLOWED = {
    *[
        "SHA",
        "WGS",
        "CSV",
        "XLSX",
        "TOML",
        "UTF",
        "GCJ",
        "CGCS",
        "BD",
        "MB",
        "GB",
        "esc",
        "content",
        "scrollable",
    ],
    *["city", "root", "shaoxing", "style", "TS", "version", "year_end_assessment"],
}


class Seen(HTMLParser):
    """Gathers what a person would read or hear of a page."""

    VOID = ("input", "br", "img", "meta", "link", "hr")
    SILENT = ("script", "style", "template", "pre", "select")

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.text += [given.get(name) or "" for name in ("title", "placeholder", "aria-label", "alt")]
        icon = "material-symbols-outlined" in (given.get("class") or "")
        if tag not in self.VOID and (self._silent or tag in self.SILENT or icon):
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)


def words_of(page: str) -> set[str]:
    """Latin words that a person would read or hear."""
    seen = Seen()
    seen.feed(page)
    text = re.sub(r"P\d{11}|[0-9a-f]{64}|[0-9A-Z]{18}|TS\d+", " ", " ".join(seen.text))
    return set(re.findall(r"[A-Za-z_]{2,}", text)) - ALLOWED


PAGES: dict[str, Callable[[Place, tuple[Rating, Rating]], str]] = {
    "index": lambda here, ratings: reverse("admin:index"),
    "app": lambda here, ratings: reverse("admin:app_list", args=("ratings",)),
    **{
        name: (lambda here, ratings, name=name: reverse(f"admin:ratings_{name}_changelist")) for name in LISTS
    },  # type: ignore[misc]
    **{
        f"add {name}": (lambda here, ratings, name=name: reverse(f"admin:ratings_{name}_add"))  # type: ignore[misc]
        for name in (
            "pharmacy",
            "enterprise",
            "violation",
            "complaint",
            "fundpayment",
            "measurevalue",
            "servicestatus",
        )
    },
    "pharmacy": lambda here, ratings: reverse("admin:ratings_pharmacy_change", args=(here.pharmacy.pk,)),
    "violation": lambda here, ratings: reverse("admin:ratings_violation_change", args=(here.violation.pk,)),
    "void": lambda here, ratings: reverse("admin:ratings_violation_void", args=(here.violation.pk,)),
    "export": lambda here, ratings: reverse("admin:ratings_violation_export"),
    "rating": lambda here, ratings: reverse("admin:ratings_rating_change", args=(ratings[0].pk,)),
    "run": lambda here, ratings: reverse("admin:ratings_ratingrun_change", args=(ratings[0].run_id,)),
    "repeat": lambda here, ratings: reverse("admin:ratings_ratingrun_repeat", args=(ratings[0].run_id,)),
    "start": lambda here, ratings: reverse("admin:ratings_ratingrun_start"),
    "draft": lambda here, ratings: reverse("admin:ratings_schemeversion_draft"),
    "scheme": lambda here, ratings: reverse(
        "admin:ratings_schemeversion_change", args=(ratings[0].run.scheme_id,)
    ),
    "upload": lambda here, ratings: reverse("admin:ratings_importbatch_upload"),
    "password": lambda here, ratings: reverse("admin:password_change"),
    "users": lambda here, ratings: reverse("admin:auth_user_changelist"),
    "add user": lambda here, ratings: reverse("admin:auth_user_add"),
    "groups": lambda here, ratings: reverse("admin:auth_group_changelist"),
    "nothing found": lambda here, ratings: reverse("admin:ratings_violation_changelist") + "?q=没有",
}


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_chinese_and_ask_nobody_outside(
    page: str, root: Client, here: Place, ratings: tuple[Rating, Rating]
) -> None:
    answer = root.get(PAGES[page](here, ratings), headers={"accept-language": "en"})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert words_of(text) == set()
    outside = re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]*)"', text)
    assert outside == []


def test_the_sign_in_page_is_chinese(client: Client, db: None) -> None:
    page = client.get(reverse("admin:login"), headers={"accept-language": "en"}).content.decode()
    assert words_of(page) == set()
    page = client.post(reverse("admin:login"), {"username": "x", "password": "y"}).content.decode()
    assert words_of(page) - {"password", "username"} == set()


def test_sign_in_leads_to_the_start_page(client: Client, db: None) -> None:
    User.objects.create_superuser("root", password="x")
    page = client.get(reverse("admin:login")).content.decode()
    assert f'name="next" value="{reverse("admin:index")}" form="login-form"' in page


def test_refusals_are_chinese(clerk: Client, there: Place) -> None:
    missing = clerk.get(reverse("admin:ratings_pharmacy_change", args=(there.pharmacy.pk,)))
    forbidden = clerk.get(reverse("admin:auth_user_changelist"))
    strict = Client(enforce_csrf_checks=True)
    expired = strict.post(reverse("admin:login"), {"username": "x"})
    for answer, status in ((missing, 404), (forbidden, 403), (expired, 403)):
        assert answer.status_code == status
        assert words_of(answer.content.decode()) == set()


def test_filters_never_count_their_choices(root: Client, here: Place) -> None:
    page = root.get(reverse("admin:ratings_fundpayment_changelist"), {"_facets": "True"})
    assert not page.context["cl"].add_facets


def test_the_demo_says_so(root: Client) -> None:
    assert "演示环境" in root.get(reverse("admin:index")).content.decode()


def test_scopes_are_shown_in_words(root: Client, here: Place) -> None:
    staff("first", districts=(330602,))
    assert "越城区" in root.get(reverse("admin:ratings_staffscope_changelist")).content.decode()
    assert StaffScope.objects.count() == 1
