"""Signatures of answers to programs: HTTP Message Signatures (RFC 9421) with Ed25519, content digests (RFC 9530).

The key is settings.API_SIGNING_KEY; its public half and those before and after it are handed out as a JWK set
(RFC 7517, 8037), where a key's id is its thumbprint (RFC 7638).
"""

import base64
import functools
import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


def sign_bytes(content: bytes) -> tuple[str, str]:
    """The id of today's key, and its signature of ``content`` in base64."""
    signature = _private_key(settings.API_SIGNING_KEY).sign(content)
    return key_id(_public_key(settings.API_SIGNING_KEY)), base64.b64encode(signature).decode()


def jwks() -> dict[str, Any]:
    """The public keys that sign answers: today's, then those of settings.API_TRUSTED_KEYS."""
    keys = [_public_key(settings.API_SIGNING_KEY), *map(bytes.fromhex, settings.API_TRUSTED_KEYS)]
    return {"keys": [{**_jwk(key), "kid": key_id(key), "alg": "EdDSA", "use": "sig"} for key in keys]}


def key_id(public_key: bytes) -> str:
    """The thumbprint of a public key of 32 bytes (RFC 7638)."""
    canonical = json.dumps(_jwk(public_key), sort_keys=True, separators=(",", ":"))
    return _base64url(sha256(canonical.encode()).digest())


def finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer compressed where that was asked for, with its digest and signature."""
    return response


def _jwk(public_key: bytes) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public_key)}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@functools.lru_cache(maxsize=4)
def _private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


@functools.lru_cache(maxsize=4)
def _public_key(seed: str) -> bytes:
    return _private_key(seed).public_key().public_bytes_raw()
