"""Issued documents in the admin: who issues what about which pharmacy, what the register shows to whom."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from creditsys import pdf
from ratings.models import Adjustment, AuditEvent, District, IssuedDocument, Pharmacy, StaffScope
from ratings.services import documents
from ratings.services.adjustments import decide_adjustment
from ratings.services.documents import About, Stamp, issue
from ratings.services.interim import find_interim
from ratings.services.roles import APPROVER, CLERK, INSPECTOR, REVIEWER, ROLES
from tests import factories
from tests.pdf_text import text
from tests.ratings.services import regrading

from .test_pages import words_of

HERE, THERE = 330602, 330603
REPORT = {"recipient": "某银行", "purpose": "贷款审查"}
#: What stands on these pages in Latin letters beside what all pages may have.
LATIN = {"http", "testserver", "KB", "SHA", "PDF"}


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    cache.clear()


@pytest.fixture
def shops(db: None) -> list[Pharmacy]:
    """A published city as of today: shops here and there in turn."""
    made, period = regrading.city_in("UNDER_REVIEW")
    regrading.publish(period, timezone.now() - timedelta(days=1))
    return made


def in_role(role: str, *districts: int) -> Client:
    """Somebody in a role; for the whole city, unless districts are named."""
    user = User.objects.create_user(f"{list(ROLES).index(role)}-{districts}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    scope = StaffScope.objects.create(user=user, whole_city=not districts)
    scope.districts.set(districts)
    client = Client()
    client.force_login(user)
    return client


def asks(name: str, shop: Pharmacy) -> str:
    return reverse(f"admin:ratings_issueddocument_{name}", args=(shop.pk,))


def made(
    shop: Pharmacy | None = None, kind: str = "REPORT", district: int | None = None, period: str = ""
) -> IssuedDocument:
    """A document of one page."""

    def draw(stamp: Stamp) -> bytes:
        return pdf.render("题", "", [pdf.paragraph(stamp.number)], made_at=stamp.at)

    where = District.objects.get(pk=district) if district else shop.district if shop else None
    about = About(IssuedDocument.Kind(kind), f"某文书{kind}", pharmacy=shop, district=where, period=period)
    return issue(about, draw, by=regrading.CLERK, site="https://x.example")


# Issuing


@pytest.mark.parametrize("name", ["report", "certificate"])
@pytest.mark.parametrize("role", ROLES)
def test_issuing_is_for_its_roles_in_their_districts(role: str, name: str, shops: list[Pharmacy]) -> None:
    client = in_role(role, HERE)
    mine, other = shops[0], shops[1]
    may = role in {CLERK, REVIEWER, APPROVER}
    for shop, opens in ((mine, 200), (other, 404)):
        assert client.get(asks(name, shop)).status_code == (opens if may else 403)
    assert client.post(asks(name, other), REPORT).status_code == (404 if may else 403)
    assert not IssuedDocument.objects.exists()
    answer = client.post(asks(name, mine), REPORT)
    assert answer.status_code == (302 if may else 403)
    assert IssuedDocument.objects.count() == may
    for row in IssuedDocument.objects.all():
        assert answer["Location"] == reverse("admin:ratings_issueddocument_change", args=(row.pk,))
        assert client.get(answer["Location"]).status_code == 200
        assert row.pharmacy == mine


def test_what_was_typed_stays_when_something_is_missing(shops: list[Pharmacy]) -> None:
    page = in_role(CLERK).post(asks("report", shops[0]), {"recipient": "某银行", "purpose": ""})
    assert page.status_code == 200
    assert 'value="某银行"' in page.content.decode()
    assert "请填写用途" in page.content.decode()
    assert not IssuedDocument.objects.exists()


def test_a_refusal_is_shown_before_and_after_and_on_record(shops: list[Pharmacy]) -> None:
    client = in_role(CLERK)
    new = Pharmacy.objects.exclude(pk__in=[shop.pk for shop in shops]).get()
    asked = client.get(asks("certificate", new)).content.decode()
    assert "不签发等级证书" in asked
    assert ">签发</button>" not in asked
    assert ">签发</button>" in client.get(asks("certificate", shops[0])).content.decode()
    answer = client.post(asks("certificate", new))
    assert answer.status_code == 200
    assert answer.content.decode().count("不签发等级证书") == 1
    event = AuditEvent.objects.get(action="未获准")
    assert "不签发等级证书" in event.reason
    assert not IssuedDocument.objects.exists()


def test_the_address_in_it_is_this_sites(shops: list[Pharmacy], settings: LazySettings) -> None:
    client = in_role(CLERK)
    client.post(asks("certificate", shops[0]))
    row = IssuedDocument.objects.get()
    assert f"http://testserver/d/{row.code}/" in text(documents.content(row)).replace("\n", "")
    settings.SITE_URL = "https://credit.example"
    page = client.get(reverse("admin:ratings_issueddocument_change", args=(row.pk,))).content.decode()
    assert f"https://credit.example/d/{row.code}/" in page


# The register


@pytest.mark.parametrize("role", ROLES)
def test_the_register_shows_the_own_districts(role: str, shops: list[Pharmacy]) -> None:
    rows = {
        "here": made(shops[0]),
        "there": made(shops[1]),
        "list here": made(kind="NOTICE_LIST", district=HERE, period="2025H2"),
        "city": made(kind="QUARTERLY", period="2025Q3"),
    }
    for client, seen in ((in_role(role, HERE), {"here", "list here"}), (in_role(role), set(rows))):
        page = client.get(reverse("admin:ratings_issueddocument_changelist")).content.decode()
        assert {name for name, row in rows.items() if row.shown_number in page} == seen
        for name, row in rows.items():
            wanted = 200 if name in seen else 404
            for page_name in ("change", "file"):
                address = reverse(f"admin:ratings_issueddocument_{page_name}", args=(row.pk,))
                assert client.get(address).status_code == wanted, (name, page_name)


def test_a_download_is_what_was_issued_and_on_record(shops: list[Pharmacy]) -> None:
    row = made(shops[0])
    answer = in_role(INSPECTOR).get(reverse("admin:ratings_issueddocument_file", args=(row.pk,)))
    assert answer.content == documents.content(row)
    assert answer["Content-Type"] == "application/pdf"
    assert row.shown_number in answer["Content-Disposition"]
    event = AuditEvent.objects.get(action="下载文书")
    assert (event.subject, event.detail["sha256"]) == (f"issueddocument:{row.pk}", row.sha256)


def test_a_lost_file_is_told(shops: list[Pharmacy]) -> None:
    row = made(shops[0])
    row.file.storage.delete(str(row.file.name))
    answer = in_role(CLERK).get(reverse("admin:ratings_issueddocument_file", args=(row.pk,)), follow=True)
    assert "已丢失" in answer.content.decode()
    assert not AuditEvent.objects.filter(action="下载文书").exists()


@pytest.mark.parametrize(
    ("term", "found"),
    [
        (lambda row: row.shown_number, True),
        (lambda row: str(row.pk), True),
        (lambda row: row.code, True),
        (lambda row: documents.grouped(row.code).lower(), True),
        (lambda row: row.pharmacy.code, True),
        (lambda row: row.pharmacy.name[1:3], True),
        (lambda row: str(row.pk + 1), False),
        (lambda row: "0" * 16, False),
        (lambda row: "没有这家", False),
    ],
)
def test_search(term: object, found: bool, shops: list[Pharmacy]) -> None:
    row = made(shops[0])
    asked = {"q": term(row)}  # type: ignore[operator]
    page = in_role(CLERK).get(reverse("admin:ratings_issueddocument_changelist"), asked)
    assert (row in page.context["cl"].result_list) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kind__exact": "QUARTERLY"}, {"QUARTERLY"}),
        ({"district": str(HERE)}, {"REPORT"}),
        ({"period": "2025Q3"}, {"QUARTERLY"}),
    ],
)
def test_filters(asked: dict[str, str], found: set[str], shops: list[Pharmacy]) -> None:
    made(shops[0], period="2025H2")
    made(kind="QUARTERLY", period="2025Q3")
    page = in_role(CLERK).get(reverse("admin:ratings_issueddocument_changelist"), asked)
    assert {row.kind for row in page.context["cl"].result_list} == found


def test_nothing_is_changed_or_deleted(shops: list[Pharmacy]) -> None:
    row = made(shops[0])
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    for page, keys in (("add", ()), ("delete", (row.pk,))):
        assert (
            root.post(reverse(f"admin:ratings_issueddocument_{page}", args=keys), {"post": "yes"}).status_code
            == 403
        )
    root.post(reverse("admin:ratings_issueddocument_change", args=(row.pk,)), {"title": "改"})
    row.refresh_from_db()
    assert row.title == "某文书REPORT"


def test_whether_the_stated_grade_still_holds(shops: list[Pharmacy]) -> None:
    client = in_role(CLERK)
    client.post(asks("certificate", shops[2]))
    row = IssuedDocument.objects.get()
    address = reverse("admin:ratings_issueddocument_change", args=(row.pk,))
    assert "仍为当前等级" in client.get(address).content.decode()
    regrading.convict(shops[2], occurred_on=timezone.localdate(), decided_on=timezone.localdate())
    find_interim(by=regrading.REVIEWER)
    decide_adjustment(Adjustment.objects.get(), approve=True, text="同意", by=regrading.APPROVER)
    assert "已不是当前等级" in client.get(address).content.decode()


# The pharmacy's page


@pytest.mark.parametrize("role", ROLES)
def test_the_pharmacys_page_offers_and_lists(role: str, shops: list[Pharmacy]) -> None:
    row = made(shops[0])
    page = in_role(role, HERE).get(reverse("admin:ratings_pharmacy_change", args=(shops[0].pk,)))
    body = page.content.decode()
    assert row.shown_number in body
    whole = f"{reverse('admin:ratings_issueddocument_changelist')}?pharmacy__id__exact={shops[0].pk}"
    assert whole in body
    other = made(shops[2])
    listed = page.client.get(whole).context["cl"].result_list
    assert [row, other] == [*listed, other]
    for name in ("report", "certificate"):
        assert (asks(name, shops[0]) in body) == (role != INSPECTOR)


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


def test_a_constant_number_of_queries(shops: list[Pharmacy]) -> None:
    client = in_role(CLERK)
    addresses = [
        reverse("admin:ratings_issueddocument_changelist"),
        reverse("admin:ratings_pharmacy_change", args=(shops[0].pk,)),
    ]
    made(shops[0])
    few = [queries(client, address) for address in addresses]
    made(shops[0])
    made(shops[1])
    assert [queries(client, address) for address in addresses] == few


def test_pages_are_chinese(shops: list[Pharmacy]) -> None:
    client = in_role(CLERK)
    client.post(asks("report", shops[0]), REPORT)
    row = IssuedDocument.objects.get()
    for address in (
        reverse("admin:ratings_issueddocument_changelist"),
        reverse("admin:ratings_issueddocument_change", args=(row.pk,)),
        asks("report", shops[0]),
        asks("certificate", shops[0]),
    ):
        page = client.get(address, headers={"accept-language": "en"}).content.decode()
        shown = page.replace(documents.grouped(row.code), " ").replace(row.code, " ").replace("/d/", " ")
        assert words_of(shown) - LATIN == set(), address


def test_an_ended_pharmacy_gets_a_report(shops: list[Pharmacy]) -> None:
    """Its records stay of interest; only the certificate is refused."""
    gone = factories.pharmacy(
        name="终止药房", designated_until=timezone.localdate(), recorded_at=timezone.now()
    )
    client = in_role(CLERK)
    assert client.post(asks("report", gone), REPORT).status_code == 302
    assert client.post(asks("certificate", gone)).status_code == 200
    assert [row.kind for row in IssuedDocument.objects.all()] == ["REPORT"]
