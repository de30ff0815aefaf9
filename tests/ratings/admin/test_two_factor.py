"""No page before the second factor; enrolment, recovery and reset in the browser's way."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from ratings.models import AuditEvent
from ratings.services import two_factor
from ratings.services.audit import Actor
from tests.ratings.services.test_two_factor import code_of, patience, wrong_for

from .conftest import client_of, staff

pytestmark = pytest.mark.django_db
CODE, DEVICE = "/admin/two-factor/code/", "/admin/two-factor/"


@pytest.fixture
def wang() -> User:
    return staff("wang", whole_city=True)


@pytest.fixture
def enrolled(wang: User) -> TOTPDevice:
    """The device of a user who has enrolled, and lost no code yet but this moment's."""
    waiting = two_factor.enrolment(wang)
    two_factor.confirm_enrolment(wang, code_of(waiting), by=Actor("wang"))
    return TOTPDevice.objects.get(user=wang)


def addresses(patterns: list[Any] | None = None, before: str = "/") -> set[str]:
    """Every address of the site, with 1 for each part that varies."""
    found = set()
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = before + re.sub(r"<[^>]+>", "1", str(entry.pattern))
        if isinstance(entry, URLResolver):
            found |= addresses(entry.url_patterns, route)
        elif isinstance(entry, URLPattern) and "(?P" not in route:
            found.add(route)
    return found


def reached(client: Client, door: str) -> list[str]:
    """The addresses that answer with anything but the way to ``door``."""
    assert len(addresses()) > 80
    answers = [
        (address, answer)
        for address in sorted(addresses() - {door, "/admin/logout/"})
        for answer in (client.get(address), client.post(address))
    ]
    return [address for address, answer in answers if not answer.get("Location", "").startswith(door)]


def test_every_address_leads_to_the_code_first(enrolled: TOTPDevice, wang: User) -> None:
    assert reached(client_of(wang), CODE) == []


def test_every_address_leads_to_enrolment_where_that_is_demanded(wang: User, settings: LazySettings) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    assert reached(client_of(wang), DEVICE) == []


def test_without_the_setting_it_is_offered(wang: User) -> None:
    client = client_of(wang)
    assert DEVICE in client.get("/admin/").content.decode()
    assert client.get(CODE).status_code == 302


def test_enrolment(wang: User, settings: LazySettings) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    client = client_of(wang)
    page = client.get("/admin/", follow=True).content.decode()
    device = TOTPDevice.objects.get(user=wang)
    assert two_factor.secret_text(device) in page
    assert "<svg" in page
    assert "otpauth" not in page
    answer = client.post(DEVICE, {"code": wrong_for(device), "next": "/admin/"})
    assert "验证码不正确" in answer.content.decode()
    patience(device)
    answer = client.post(DEVICE, {"code": code_of(device), "next": "/admin/ratings/rating/"})
    codes = re.findall(r"<code>([a-z2-7]{4}-[a-z2-7]{4})</code>", answer.content.decode())
    assert len(codes) == 10
    assert "no-store" in answer["Cache-Control"]
    assert 'href="/admin/ratings/rating/"' in answer.content.decode()
    assert client.get("/admin/").status_code == 200
    assert codes[0] not in client.get(DEVICE).content.decode()
    events = str(list(AuditEvent.objects.values()))
    assert codes[0] not in events
    assert codes[0].replace("-", "") not in events


def test_the_code_opens_this_session_only(enrolled: TOTPDevice, wang: User) -> None:
    client, other = client_of(wang), client_of(wang)
    answer = client.get("/admin/ratings/rating/?q=a")
    assert answer["Location"] == f"{CODE}?next=%2Fadmin%2Fratings%2Frating%2F%3Fq%3Da"
    before = client.session.session_key
    form = {"code": code_of(enrolled, 1), "next": "/admin/ratings/rating/?q=a"}
    answer = client.post(CODE, form)
    assert answer["Location"] == "/admin/ratings/rating/?q=a"
    assert client.session.session_key != before
    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302
    assert other.post(CODE, form).status_code == 200, "the same code again"
    assert AuditEvent.objects.get(action="通过两步验证").actor == "wang"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_code_leads_nowhere_else(enrolled: TOTPDevice, wang: User, wanted: str) -> None:
    answer = client_of(wang).post(CODE, {"code": code_of(enrolled, 1), "next": wanted})
    assert answer["Location"] == "/admin/"


def test_a_wrong_code_is_refused_on_record(enrolled: TOTPDevice, wang: User) -> None:
    client = client_of(wang)
    answer = client.post(CODE, {"code": wrong_for(enrolled)})
    assert "验证码不正确" in answer.content.decode()
    assert client.get("/admin/").status_code == 302
    assert AuditEvent.objects.filter(action="两步验证失败", actor="wang").count() == 1


def test_a_recovery_code_opens_and_warns(enrolled: TOTPDevice, wang: User) -> None:
    codes = two_factor.new_recovery_codes(wang, code_of(enrolled, 1), by=Actor("wang"))
    client = client_of(wang)
    page = client.post(CODE, {"code": codes[3]}, follow=True).content.decode()
    assert "还剩 9 个" in page
    assert client_of(wang).post(CODE, {"code": codes[3]}).status_code == 200


def entered(wang: User, device: TOTPDevice) -> Client:
    client = client_of(wang)
    client.post(CODE, {"code": code_of(device)})
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    return client


def test_the_own_device_page(enrolled: TOTPDevice, wang: User, settings: LazySettings) -> None:
    TOTPDevice.objects.update(last_t=-1)
    client = entered(wang, enrolled)
    page = client.post(DEVICE, {"code": code_of(enrolled), "renew": "1"}).content.decode()
    assert len(re.findall(r"<code>", page)) == 10
    settings.REQUIRE_TWO_FACTOR = True
    TOTPDevice.objects.update(last_t=-1)
    page = client.post(DEVICE, {"code": code_of(enrolled), "off": "1"}, follow=True).content.decode()
    assert "不能停用" in page
    settings.REQUIRE_TWO_FACTOR = False
    client.post(DEVICE, {"code": wrong_for(enrolled), "off": "1"})
    assert two_factor.has_device(wang)
    patience(enrolled)
    client.post(DEVICE, {"code": code_of(enrolled), "off": "1"})
    assert not two_factor.has_device(wang)
    assert client.get("/admin/").status_code == 200


def test_a_superuser_resets_a_colleagues_device(enrolled: TOTPDevice, wang: User, root: Client) -> None:
    TOTPDevice.objects.update(last_t=-1)
    theirs = entered(wang, enrolled)
    button = reverse("admin:auth_user_reset_two_factor", args=(wang.pk,))
    page = root.get(reverse("admin:auth_user_change", args=(wang.pk,))).content.decode()
    assert button in page
    assert "已启用" in root.get(reverse("admin:auth_user_changelist")).content.decode()
    root.post(button, {"reason": "手机遗失，已当面核实"})
    assert not two_factor.has_device(wang)
    event = AuditEvent.objects.get(action="重置两步验证")
    assert (event.actor, event.reason) == ("root", "手机遗失，已当面核实")
    assert button not in root.get(reverse("admin:auth_user_change", args=(wang.pk,))).content.decode()
    assert theirs.get("/admin/").status_code == 200, "where it is not demanded"


def test_only_superusers_reset(enrolled: TOTPDevice, wang: User, city_clerk: Client) -> None:
    for page in ("reset_two_factor", "unlock"):
        address = reverse(f"admin:auth_user_{page}", args=(wang.pk,))
        assert city_clerk.get(address).status_code == 403
        assert city_clerk.post(address, {"reason": "x"}).status_code == 403
    assert two_factor.has_device(wang)
