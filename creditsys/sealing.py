"""Keys that follow from another, and texts and files that are kept encrypted (Fernet, by a key that follows from SECRET_KEY)."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def derived_key(purpose: str, secret: str) -> str:
    """A key for one purpose that follows from a secret, 64 hexadecimal digits (HKDF-SHA-256)."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"creditsys {purpose}".encode())
    return derive.derive(secret.encode()).hex()


def seal(text: str) -> str:
    """A text encrypted, so that it can be stored."""
    return seal_bytes(text.encode()).decode()


def seal_bytes(content: bytes) -> bytes:
    """The same of a file's content."""
    return _box().encrypt(content)


def unseal(sealed: str) -> str:
    """What was sealed with today's SECRET_KEY or one of SECRET_KEY_FALLBACKS; ValueError for anything else."""
    return unseal_bytes(sealed.encode()).decode()


def unseal_bytes(sealed: bytes) -> bytes:
    """The same of a file's content."""
    try:
        return _box().decrypt(sealed)
    except InvalidToken:
        raise ValueError("sealed with another SECRET_KEY") from None


def _box() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (bytes.fromhex(derived_key("sealing", str(secret))) for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
