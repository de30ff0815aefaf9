"""Clients, secrets and tokens for tests."""

import base64
import functools
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, CertificateBuilder, Name, NameAttribute
from cryptography.x509.oid import NameOID
from django.test import Client as Browser

from applications.clients import services
from applications.clients.models import Client, Organisation
from applications.clients.oauth import scopes_of
from ratings.services.audit import SYSTEM

_serial = itertools.count(1)
TOKEN = "/api/v1/oauth/token"
REVOKE = "/api/v1/oauth/revoke"
FORM = "application/x-www-form-urlencoded"


def organisation(**values: Any) -> Organisation:
    number = next(_serial)
    given = {"key": f"bank-{number}", "name": f"某某银行{number}", "kind": "BANK", **values}
    return services.register_organisation(**given, by=SYSTEM)


def client(scopes: Iterable[str] = (), organisation_: Organisation | None = None, **values: Any) -> Client:
    """A client in use, with all scopes of its kind of organisation; ``values`` are networks and certificates."""
    of = organisation_ or organisation()
    return services.register_client(of, "核心系统", scopes or scopes_of(of.kind), **values, by=SYSTEM)


def secret(of: Client, **values: Any) -> str:
    """The plain text of a new secret."""
    return services.issue_secret(of, **values, by=SYSTEM)[1]


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header that a client signs in with at the token endpoint."""
    return {"authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def ask_token(of: Client, secret: str, data: dict[str, str] | None = None, **extra: Any) -> Any:
    """The answer of the token endpoint; ``extra`` goes to the test client (headers, REMOTE_ADDR)."""
    headers = basic(of.client_id, secret) | extra.pop("headers", {})
    form = "&".join(
        f"{key}={value}" for key, value in ({"grant_type": "client_credentials"} | (data or {})).items()
    )
    return Browser().post(TOKEN, form, content_type=FORM, headers=headers, **extra)


def bearer(of: Client, secret_: str = "", **extra: Any) -> dict[str, str]:
    """The headers of a call by a client, with a token got for it: ``Browser().get(url, headers=bearer(client))``."""
    answer = ask_token(of, secret_ or secret(of), **extra)
    assert answer.status_code == 200, answer.content
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


@functools.cache
def certificate(name: str = "bank") -> Certificate:
    """A client's certificate, signed by itself; the same for the same name."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        CertificateBuilder(subject, subject, key.public_key(), serial_number=1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, None)
    )


def pem(name: str = "bank") -> str:
    return certificate(name).public_bytes(Encoding.PEM).decode()


def thumbprint(name: str = "bank") -> str:
    return certificate(name).fingerprint(SHA256()).hex()


def rfc9440(name: str = "bank") -> str:
    """The certificate as RFC 9440 writes it into a header."""
    return f":{base64.b64encode(certificate(name).public_bytes(Encoding.DER)).decode()}:"


def nginx(name: str = "bank") -> str:
    """The certificate as nginx's ``$ssl_client_escaped_cert`` gives it."""
    return quote(pem(name))
