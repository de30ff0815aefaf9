"""The registry: added and changed with a reason, coordinates converted, nothing deleted."""

import re
from datetime import date
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from creditsys.geo import wgs84_to_gcj02
from ratings.models import AuditEvent, District, Enterprise, Pharmacy, Rating
from tests import factories

from .conftest import Place


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:ratings_{model}_{page}", args=args)


def form(place: Place, **values: object) -> dict[str, object]:
    return {
        "code": "P33060299999",
        "name": "新药房",
        "enterprise": place.enterprise.pk,
        "is_chain": "on",
        "district": place.district.pk,
        "designated_on": "2024-01-01",
        "reason": "新签协议",
        **values,
    }


def test_a_pharmacy_is_added_with_a_reason(clerk: Client, here: Place) -> None:
    answer = clerk.post(url("pharmacy", "add"), form(here))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    shop = Pharmacy.objects.get(code="P33060299999")
    event = AuditEvent.objects.get(subject=f"pharmacy:{shop.pk}")
    assert (event.action, event.reason, event.actor) == ("登记", "新签协议", "yuecheng")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", ""),
        ("code", "H33060299999"),
        ("code", "P3306"),
        ("name", ""),
        ("designated_until", "2023-01-01"),
        ("latitude", "30.1"),
        ("latitude", "300"),
    ],
)
def test_bad_values_are_told(field: str, value: str, clerk: Client, here: Place) -> None:
    answer = clerk.post(url("pharmacy", "add"), form(here, **{field: value}))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert Pharmacy.objects.count() == 1


def test_places_are_converted_once(clerk: Client, here: Place) -> None:
    true_place = (30.0, 120.58)
    latitude, longitude = wgs84_to_gcj02(*true_place)
    clerk.post(
        url("pharmacy", "add"), form(here, latitude=latitude, longitude=longitude, place_datum="GCJ-02")
    )
    shop = Pharmacy.objects.get(code="P33060299999")
    assert (shop.latitude, shop.longitude) == pytest.approx(true_place, abs=1e-7)
    assert shop.source_datum == "GCJ-02"
    kept = (shop.latitude, shop.longitude)
    change = form(here, latitude=kept[0], longitude=kept[1], place_datum="GCJ-02", name="改名")
    clerk.post(url("pharmacy", "change", shop.pk), change)
    shop.refresh_from_db()
    assert shop.name == "改名"
    assert (shop.latitude, shop.longitude, shop.source_datum) == (*kept, "GCJ-02")


def test_a_change_keeps_the_code_and_goes_on_record(clerk: Client, here: Place) -> None:
    change = form(here, code="P33060288888", name="改名", designated_on="2015-03-01")
    answer = clerk.post(url("pharmacy", "change", here.pharmacy.pk), change)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    before = here.pharmacy.code
    here.pharmacy.refresh_from_db()
    assert (here.pharmacy.name, here.pharmacy.code) == ("改名", before)
    event = AuditEvent.objects.get(subject=f"pharmacy:{here.pharmacy.pk}")
    assert event.detail["before"]["name"] == "越城药房"
    assert event.detail["after"]["name"] == "改名"


def test_a_running_predecessor_is_told(clerk: Client, here: Place) -> None:
    other = factories.pharmacy(district=here.district)
    change = form(here, name="x", designated_on="2015-03-01", predecessor=other.pk)
    answer = clerk.post(url("pharmacy", "change", here.pharmacy.pk), change, follow=True)
    assert f"前身 {other.code} 须在本店定点起始日" in answer.content.decode()
    here.pharmacy.refresh_from_db()
    assert here.pharmacy.predecessor is None


def test_enterprises_and_districts(city_clerk: Client, clerk: Client, here: Place) -> None:
    uscc = factories.uscc()
    assert (
        clerk.post(url("enterprise", "add"), {"uscc": uscc, "name": "新公司", "reason": "登记"}).status_code
        == 302
    )
    assert Enterprise.objects.filter(uscc=uscc).exists()
    bad = clerk.post(url("enterprise", "add"), {"uscc": uscc[:-1] + "0", "name": "错", "reason": "登记"})
    assert bad.status_code == 200
    assert clerk.get(url("district", "add")).status_code == 403
    city_clerk.post(url("district", "add"), {"code": 330604, "name": "上虞区", "reason": "建库"})
    assert District.objects.filter(code=330604).exists()


def test_search(city_clerk: Client, here: Place, there: Place) -> None:
    count = lambda **query: city_clerk.get(url("pharmacy", "changelist"), query).context["cl"].result_count  # noqa: E731
    assert count(q=here.pharmacy.code) == 1
    assert count(q=here.pharmacy.code.lower()) == 1
    assert count(q="P3306") == 2
    assert count(q="越城") == 1
    assert count(q="' OR 1=1 --") == 0
    assert count(chain="1") == 0
    assert count(chain="0") == 2
    assert count(district="330603") == 1
    enterprises = city_clerk.get(url("enterprise", "changelist"), {"district": "330603"})
    assert enterprises.context["cl"].result_count == 1


def test_nothing_is_deleted(root: Client, here: Place) -> None:
    for model, row in (
        ("pharmacy", here.pharmacy),
        ("enterprise", here.enterprise),
        ("district", here.district),
    ):
        assert root.get(url(model, "delete", row.pk)).status_code == 403
        assert root.get(url(model, "history", row.pk)).status_code == 404
    assert here.pharmacy.designated_on == date(2015, 3, 1)


def test_links_from_a_pharmacy_to_whole_lists_open(
    city_clerk: Client, here: Place, ratings: tuple[Rating, Rating]
) -> None:
    page = city_clerk.get(url("pharmacy", "change", here.pharmacy.pk)).content.decode()
    links = {unescape(link) for link in re.findall(r'href="(/admin/ratings/\w+/\?[^"]+)"', page)}
    assert len(links) == 8
    for link in links:
        answer = city_clerk.get(link)
        assert answer.status_code == 200, link
        assert answer.context["cl"].result_count == int(
            not re.search("publishedgrade|issueddocument", link)
        ), link
