"""System checks: that documents can be signed, where a key for that is configured."""

from datetime import timedelta
from typing import Any, Final

from django.core.checks import CheckMessage, Warning, register
from django.utils import timezone

from creditsys import pdf_signing

#: How long before it ends a certificate is told of; a new one from a CA takes weeks.
_AHEAD: Final = timedelta(days=30)


@register
def check_pdf_signing(**_: Any) -> list[CheckMessage]:
    """One warning for a key that cannot sign now, or soon no more.

    No error: that would stop every command, those that publish grades too.
    """
    if not pdf_signing.configured():
        return []
    now = timezone.now()
    try:
        key = pdf_signing.key()
        key.check(now)
    except pdf_signing.Unsignable as unsignable:
        return [_warning(1, str(unsignable), "Until then no document can be issued.")]
    until = key.certificate.not_valid_after_utc
    if until - now < _AHEAD:
        told = f"电子签名的证书将于 {timezone.localtime(until):%Y-%m-%d %H:%M} 到期"
        return [_warning(2, told, "Ask the CA for the next one: from then on no document can be issued.")]
    return []


def _warning(number: int, fault: str, hint: str) -> Warning:
    return Warning(f"PDF_SIGNING_FILE: {fault}", hint=hint, id=f"creditsys.W{number:03}")
