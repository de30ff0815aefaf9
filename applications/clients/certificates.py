"""The certificate that a client has shown to the reverse proxy, which passes it on in a header (RFC 8705, RFC 9440).

The header is ``settings.CLIENT_CERTIFICATE_HEADER``. Only where there is a proxy is it believed: from anyone else
it is a mere claim.
"""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificate
from django.conf import settings
from django.http import HttpRequest


def certificate_of(request: HttpRequest) -> str:
    """The thumbprint of the certificate that a request came with; "" without a readable one."""
    if not settings.CLIENT_CERTIFICATE_HEADER or settings.TRUSTED_PROXIES < 1:
        return ""
    name = settings.CLIENT_CERTIFICATE_HEADER.upper().replace("-", "_")
    value = request.META.get(f"HTTP_{name}", "")
    if not value:
        return ""
    try:
        return thumbprint(_of_header(value))
    except ValueError:
        return ""


def thumbprint(certificate: Certificate) -> str:
    """SHA-256 of its DER, 64 lower-case hexadecimal digits."""
    return certificate.fingerprint(SHA256()).hex()


def _of_header(value: str) -> Certificate:
    """RFC 9440 (``:base64 of DER:``) or URL-encoded PEM (nginx: ``$ssl_client_escaped_cert``)."""
    if value.startswith(":") and value.endswith(":"):
        try:
            return load_der_x509_certificate(base64.b64decode(value[1:-1], validate=True))
        except binascii.Error:
            raise ValueError("no base64") from None
    return load_pem_x509_certificate(unquote_to_bytes(value))
