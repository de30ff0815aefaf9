"""Signatures of publications: Ed25519, by the key of settings.SIGNING_KEY.

The key is replaced by setting another SIGNING_KEY and adding the old public key to TRUSTED_KEYS,
so that what it signed stays verifiable. No private key is ever stored, logged or put on record.
"""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def public_key() -> bytes:
    """The 32 bytes of the public key that verifies what is signed now."""
    return public_of(settings.SIGNING_KEY)


def trusted_keys() -> list[bytes]:
    """The public keys that verification trusts: today's, then those that signed before it."""
    return [public_key(), *(bytes.fromhex(key) for key in settings.TRUSTED_KEYS)]


def sign(statement: bytes) -> bytes:
    """The 64 bytes of the signature of a publication's statement."""
    return _private(settings.SIGNING_KEY).sign(statement)


def new_seed() -> str:
    """64 hexadecimal digits for SIGNING_KEY."""
    return secrets.token_hex(32)


def public_of(seed: str) -> bytes:
    """The public key of a seed of 64 hexadecimal digits."""
    return _private(seed).public_key().public_bytes_raw()


def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def pem(key: bytes) -> str:
    """A public key as PEM, the way it is handed to third parties."""
    loaded = Ed25519PublicKey.from_public_bytes(key)
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
