"""The public keys by which anyone verifies what was published (Ed25519).

That of today follows from settings.SIGNING_KEY; those that signed before it stand in TRUSTED_KEYS.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def public_key() -> bytes:
    """The 32 bytes of the public key that verifies what is signed now."""
    return public_of(settings.SIGNING_KEY)


def public_of(seed: str) -> bytes:
    """The public key of a seed of 64 hexadecimal digits."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()


def trusted_keys() -> list[bytes]:
    """The public keys that verification trusts: today's, then those that signed before it."""
    return [public_key(), *(bytes.fromhex(key) for key in settings.TRUSTED_KEYS)]


def pem(key: bytes) -> str:
    """A public key as PEM, the way it is handed to third parties."""
    loaded = Ed25519PublicKey.from_public_bytes(key)
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def is_signed(statement: str, public_key: str, signature: str) -> bool:
    """Whether one of the trusted keys signed these very characters (key and signature hexadecimal)."""
    try:
        key = bytes.fromhex(public_key)
        if key not in trusted_keys():
            return False
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), statement.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
