"""Electronic signatures of PDF documents, by the key of settings.PDF_SIGNING_FILE.

They are PAdES signatures of the baseline level B-B (ETSI EN 319 142-1): any PDF reader tells whether a byte of the
file has changed since, and by whose certificate it was signed. Nothing is asked of a network.
"""

import functools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import Certificate, ExtensionNotFound, KeyUsage
from django.conf import settings
from django.utils import timezone

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Unsignable(ValueError):
    """The key cannot sign; why and what to do, in Chinese."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"电子签名的密钥不能使用：{why}。请系统管理员核对 PDF_SIGNING_FILE 和 PDF_SIGNING_PASSWORD。"
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A private key with its certificate and those between it and the root."""

    private: PrivateKey
    certificate: Certificate
    chain: tuple[Certificate, ...]

    def check(self, at: datetime) -> None:
        """Raises Unsignable unless the certificate is valid at that moment."""
        first, last = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if at < first:
            raise Unsignable(f"证书自 {_moment(first)} 起才有效")
        if at > last:
            raise Unsignable(f"证书已于 {_moment(last)} 到期")


def configured() -> bool:
    """Whether there is a key to sign with."""
    return bool(settings.PDF_SIGNING_FILE)


def key() -> Key:
    """The key that signs. Raises Unsignable for a file without a usable one; of its validity, see ``Key.check``."""
    path = Path(settings.PDF_SIGNING_FILE)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise Unsignable("文件不存在或不可读") from None
    return _loaded(path, changed, settings.PDF_SIGNING_PASSWORD)


def signed(content: bytes, *, at: datetime, reason: str) -> bytes:
    """The document with a signature over all of it; ``reason`` and ``at`` stand in it.

    It certifies the document (ISO 32000-1, 12.8.2.2): readers tell of any later change that it was not allowed.
    Raises Unsignable where the key is none, or its certificate is not valid at that moment.
    """
    # Where it is needed only: pyHanko takes half a second to load, and most processes never sign.
    from creditsys import pades

    found = key()
    found.check(at)
    return pades.certified(content, found.private, found.certificate, found.chain, at=at, reason=reason)


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, changed: int, password: str) -> Key:
    """Read once a process, and again when the file has changed."""
    try:
        store = pkcs12.load_pkcs12(path.read_bytes(), password.encode() or None)
    except OSError:
        raise Unsignable("文件不存在或不可读") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unsignable("密码不符，或文件不是 PKCS #12 格式（.p12、.pfx），或其算法不受支持") from None
    if store.key is None or store.cert is None:
        raise Unsignable("文件中没有私钥，或没有与它相配的证书")
    private, certificate = store.key, store.cert.certificate
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unsignable("密钥须为 RSA 或 ECDSA")
    if not _may_sign(certificate):
        raise Unsignable("证书的密钥用途中没有“数字签名”（digitalSignature）或“不可否认”（nonRepudiation）")
    return Key(private, certificate, tuple(each.certificate for each in store.additional_certs))


def _may_sign(certificate: Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return False
    return usage.digital_signature or usage.content_commitment


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
