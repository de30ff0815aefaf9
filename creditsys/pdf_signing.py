"""Electronic signatures of PDF documents (PAdES), by the key of settings.PDF_SIGNING_FILE."""

from datetime import datetime

from django.conf import settings


def configured() -> bool:
    """Whether there is a key to sign with."""
    return bool(settings.PDF_SIGNING_FILE)


def signed(content: bytes, *, at: datetime, reason: str) -> bytes:
    """The document with a signature over all of it; ``reason`` and ``at`` stand in it."""
    raise NotImplementedError
