"""PKCS #12 files to sign documents with, made for a test."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)
from django.utils import timezone

PASSWORD = "口令 pass"
DAY = timedelta(days=1)
KEYS: dict[str, Any] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "ECDSA P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ECDSA P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
#: The bits of a certificate's key usage, in their order.
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _certificate(
    key: Any,
    common: str,
    issuer: tuple[str, Any],
    valid: tuple[datetime, datetime],
    usages: tuple[str, ...] | None,
    *,
    authority: bool = False,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=_name(issuer[0]),
        subject_name=_name(common),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=valid[0],
        not_valid_after=valid[1],
    )
    if usages is not None:
        bits = x509.KeyUsage(*(usage in usages for usage in _USAGES))
        builder = builder.add_extension(bits, critical=True)
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(issuer[1], SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def key_file(
    folder: Path,
    kind: str = "ECDSA P-256",
    *,
    begins: datetime | None = None,
    ends: datetime | None = None,
    usages: tuple[str, ...] | None = ("digital_signature",),
    certified: bool = True,
    password: str = PASSWORD,
) -> Path:
    """A key with its certificate and that of the CA that issued it; the root that stands above is ``root.pem`` beside it.

    Valid for a year around now. ``certified=False``: without the key's own certificate.
    """
    now = timezone.now()
    valid = (begins or now - 200 * DAY, ends or now + 200 * DAY)
    root, between, own = KEYS["ECDSA P-256"](), KEYS["ECDSA P-256"](), KEYS[kind]()
    above = _certificate(root, "某市根 CA", ("某市根 CA", root), valid, ("key_cert_sign",), authority=True)
    issuer = _certificate(
        between, "某市政务 CA", ("某市根 CA", root), valid, ("key_cert_sign",), authority=True
    )
    found = _certificate(own, "某市医保局（测试）", ("某市政务 CA", between), valid, usages)
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    path = folder / "signing.p12"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"key", own, found if certified else None, [issuer], lock)
    )
    (folder / "root.pem").write_bytes(above.public_bytes(Encoding.PEM))
    return path


def use(settings: Any, path: Path, password: str = PASSWORD) -> None:
    """Sign by this file."""
    settings.PDF_SIGNING_FILE, settings.PDF_SIGNING_PASSWORD = str(path), password
