"""Signatures of publications: Ed25519, by the key of settings.SIGNING_KEY.

The key is replaced by setting another SIGNING_KEY and adding the old public key to TRUSTED_KEYS,
so that what it signed stays verifiable. No private key is ever stored, logged or put on record.
"""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from ratings.published.keys import pem, public_key, public_of, trusted_keys

__all__ = ["new_seed", "pem", "public_key", "public_of", "sign", "trusted_keys"]


def sign(statement: bytes) -> bytes:
    """The 64 bytes of the signature of a publication's statement."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.SIGNING_KEY)).sign(statement)


def new_seed() -> str:
    """64 hexadecimal digits for SIGNING_KEY."""
    return secrets.token_hex(32)
