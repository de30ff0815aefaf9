"""Certificates that the reverse proxy passes on."""

from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from applications.clients.certificates import certificate_of
from tests.clients.building import nginx, pem, rfc9440, thumbprint


@pytest.fixture(autouse=True)
def proxy(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    settings.CLIENT_CERTIFICATE_HEADER = "Client-Cert"


def found(value: str, header: str = "client-cert") -> str:
    return certificate_of(RequestFactory().get("/", headers={header: value}))


@pytest.mark.parametrize("write", [rfc9440, nginx], ids=["RFC 9440", "nginx"])
def test_both_ways_of_writing(write: object) -> None:
    assert callable(write)
    assert found(write()) == thumbprint()
    assert found(write("other")) == thumbprint("other") != thumbprint()


def test_pem_whose_lines_a_proxy_has_joined() -> None:
    assert found(pem().replace("\n", " ")) == thumbprint()


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":",
        "::",
        ":AAAA:",
        ":!!:",
        ":é:",
        "%",
        "%zz",
        quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        rfc9440()[:-9] + ":",
        rfc9440()[1:],
        f"{rfc9440()}, {rfc9440('other')}",
        "x" * 10_000,
    ],
)
def test_what_cannot_be_read_is_none(value: str) -> None:
    assert found(value) == ""


def test_only_the_header_of_the_settings(settings: LazySettings) -> None:
    assert found(rfc9440(), "x-client-cert") == ""
    settings.CLIENT_CERTIFICATE_HEADER = "x-client-cert"
    assert found(rfc9440(), "x-client-cert") == thumbprint()


def test_a_header_is_believed_only_behind_a_proxy(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 0
    assert found(rfc9440()) == ""
    settings.TRUSTED_PROXIES, settings.CLIENT_CERTIFICATE_HEADER = 1, ""
    assert found(rfc9440()) == ""
