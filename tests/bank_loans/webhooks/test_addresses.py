"""Where messages may go."""

import ipaddress
import socket
import time
from typing import Any

import pytest
from django.conf import LazySettings

from applications.bank_loans.webhooks import addresses
from applications.bank_loans.webhooks.addresses import Target, is_allowed, resolve, target
from ratings.services.errors import Refused


@pytest.fixture(autouse=True)
def _public_only(_here_and_soon: None, settings: LazySettings) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://hooks.bank.example/a?b=c", ("https", "hooks.bank.example", 443, "/a?b=c")),
        ("https://hooks.bank.example", ("https", "hooks.bank.example", 443, "/")),
        ("https://hooks.bank.example:443/", ("https", "hooks.bank.example", 443, "/")),
        ("https://hooks.bank.example:1024/", ("https", "hooks.bank.example", 1024, "/")),
        ("HTTPS://Hooks.Bank.Example//x", ("https", "hooks.bank.example", 443, "//x")),
        ("https://xn--fiq228c.example/", ("https", "xn--fiq228c.example", 443, "/")),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]/", ("https", "2606:4700::1111", 443, "/")),
    ],
)
def test_a_target(url: str, found: tuple[str, str, int, str]) -> None:
    assert target(url) == Target(*found)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.bank.example/",
        "ftp://hooks.bank.example/",
        "hooks.bank.example",
        "https:///x",
        "https://user@hooks.bank.example/",
        "https://user:word@hooks.bank.example/",
        "https://hooks.bank.example/#x",
        "https://hooks.bank.example:80/",
        "https://hooks.bank.example:22/",
        "https://hooks.bank.example:1023/",
        "https://hooks.bank.example:0/",
        "https://hooks.bank.example:99999/",
        "https://hooks.bank.example:x/",
        "https://[::1/",
        "https://银行.example/",
        "https://hooks.bank.example/a b",
        "https://hooks.bank.example\\@evil.example/",
        "https://hooks.bank.example/\r\nX: y",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:8.8.8.8]/",
        "",
    ],
)
def test_no_target(url: str) -> None:
    with pytest.raises(Refused):
        target(url)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True),
        ("114.114.114.114", True),
        ("2606:4700::1111", True),
        ("2400:3200::1", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("100.127.255.255", False),
        ("100.128.0.1", True),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("172.31.255.255", False),
        ("172.32.0.1", True),
        ("192.0.0.8", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("192.168.0.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("239.255.255.255", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", False),
        ("64:ff9b:1::1", False),
        ("100::1", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("2002:7f00:1::", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("fc00::1", False),
        ("fd12:3456::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_only_global_addresses(address: str, allowed: bool) -> None:
    assert is_allowed(ipaddress.ip_address(address)) is allowed


def test_a_setting_lets_private_networks_in(settings: LazySettings) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["10.0.0.0/8", "fd00::/8"]
    allowed = {
        address: is_allowed(ipaddress.ip_address(address)) for address in ("10.9.9.9", "fd00::1", "127.0.0.1")
    }
    assert allowed == {"10.9.9.9": True, "fd00::1": True, "127.0.0.1": False}
    assert target("http://10.9.9.9:8000/").scheme == "http"
    with pytest.raises(Refused, match="https"):
        target("http://8.8.8.8:8000/")


def names(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Every name resolves to these."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: rows)


@pytest.mark.parametrize("bad", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_name_with_one_bad_address(bad: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["8.8.8.8"]
    found.insert(place, bad)
    names(monkeypatch, *found)
    with pytest.raises(Refused, match="不是公网地址"):
        resolve(target("https://hooks.bank.example/"))


def test_a_name_with_good_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "8.8.8.8", "2606:4700::1111", "8.8.8.8")
    assert resolve(target("https://hooks.bank.example/")) == ("8.8.8.8", "2606:4700::1111")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
def test_numbers_that_resolvers_take_for_addresses(host: str) -> None:
    with pytest.raises(Refused):
        resolve(target(f"https://{host}/"))


def test_http_is_for_private_networks_alone(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["10.0.0.0/8"]
    names(monkeypatch, "8.8.8.8")
    with pytest.raises(Refused, match="https"):
        resolve(target("http://hooks.bank.example/"))


def test_names_that_do_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Refused, match="无法解析"):
        resolve(target("https://hooks.bank.example/"))
    monkeypatch.setattr(addresses, "RESOLVING", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(0.3) or [])
    with pytest.raises(Refused, match="没有解析出来"):
        resolve(target("https://hooks.bank.example/"))
