"""Issuing documents: a number and a code nobody guesses, the file kept encrypted, its fingerprint on record."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from creditsys import documents, pdf, pdf_signing
from creditsys.sealing import seal_bytes, unseal_bytes
from ratings.models import District, IssuedDocument, Pharmacy
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Of a verification code: 80 bits.
_LENGTH: Final = 16
_FOLDER: Final = "documents"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a document bears to be told from others and verified."""

    #: as the document shows it: ``2026-0000012``
    number: str
    #: in groups of four
    code: str
    #: where anybody can verify it; what the QR code says
    address: str
    at: datetime
    #: who issues it: the city's office
    office: str


@dataclass(frozen=True, slots=True)
class About:
    """What a document is, for the register."""

    kind: IssuedDocument.Kind
    title: str
    pharmacy: Pharmacy | None = None
    district: District | None = None
    period: str = ""
    #: row of the ledger whose grade it states
    seq: int | None = None
    #: for whom and what for, as the document says it
    purpose: str = ""


def issue(
    about: About,
    draw: Callable[[Stamp], bytes],
    *,
    by: Actor,
    site: str,
    at: datetime | None = None,
    on_record: bool = True,
) -> IssuedDocument:
    """Draw, sign where a key is configured, keep and register one document.

    ``draw`` makes the PDF from its stamp; ``site`` is this site's address as it was asked for
    (settings.SITE_URL goes before it). Raises Refused when the font lacks characters of the
    document, or the configured key cannot sign. ``on_record=False`` is for those who put many on
    record at once.
    """
    moment = at or timezone.now()
    number, code = _next_number(), "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    row = IssuedDocument(
        number=number,
        code=code,
        kind=about.kind,
        title=about.title,
        pharmacy=about.pharmacy,
        district=about.district,
        period=about.period,
        seq=about.seq,
        purpose=about.purpose,
        issued_by=by.name,
        issued_at=moment,
    )
    local = timezone.localtime(moment)
    with pdf.noting_gaps() as gaps:
        content = draw(
            Stamp(row.shown_number, grouped(code), address(code, site), local, settings.OFFICE_NAME)
        )
    if gaps:
        raise Refused(gaps_told(gaps))
    row.signed = pdf_signing.configured()
    if row.signed:
        content = _signed(content, local, about.title)
    row.sha256, row.size = hashlib.sha256(content).hexdigest(), len(content)
    with transaction.atomic():
        row.file = _keep(content, local.year, number)
        row.save(force_insert=True)
        if on_record:
            record(
                "签发文书",
                row,
                by=by,
                reason=about.purpose,
                kind=about.kind,
                title=about.title,
                sha256=row.sha256,
                pharmacy=about.pharmacy.code if about.pharmacy else None,
            )
    return row


def content(document: IssuedDocument) -> bytes:
    """The PDF as it was issued. Raises Refused where the file is gone or is not what was issued."""
    try:
        with document.file.storage.open(str(document.file.name)) as file:
            found = unseal_bytes(file.read())
    except (FileNotFoundError, ValueError):
        found = b""
    if hashlib.sha256(found).hexdigest() != document.sha256:
        raise Refused(
            f"文书 {document.shown_number} 的文件已丢失或与签发时的指纹不符，请系统管理员从备份中恢复，"
            "并核对 SECRET_KEY 与 SECRET_KEY_FALLBACKS。"
        )
    return found


def address(code: str, site: str) -> str:
    """Where anybody can verify a document; ``site`` as for :func:`issue`."""
    return f"{settings.SITE_URL or site.rstrip('/')}{reverse('public:document', args=(code,))}"


def gaps_told(gaps: dict[str, Any]) -> str:
    """What to do about characters that the font lacks."""
    named = "、".join(f"U+{ord(one):04X}（{one}）" for one in gaps)
    return f"字体中没有以下字符，没有签发：{named}。请核对是否录入有误；确有此字的，请系统管理员用 PDF_FONT 换用收字更全的字体。"


def grouped(code: str) -> str:
    """A code in groups of four, as people read it."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def check_signing(at: datetime) -> None:
    """Raises Refused where documents are to be signed and the key cannot: then none can be issued."""
    if not pdf_signing.configured():
        return
    try:
        pdf_signing.key().check(at)
    except pdf_signing.Unsignable as unsignable:
        raise Refused(f"没有签发：{unsignable}") from unsignable


def _signed(content: bytes, at: datetime, title: str) -> bytes:
    try:
        return pdf_signing.signed(content, at=at, reason=title)
    except pdf_signing.Unsignable as unsignable:
        raise Refused(f"没有签发：{unsignable}") from unsignable


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('ratings_issueddocument', 'number'))")
        return int(cursor.fetchone()[0])


def _keep(content: bytes, year: int, number: int) -> str:
    """Write the encrypted file; its name. It stays only if the transaction commits."""
    storage = IssuedDocument._meta.get_field("file").storage
    name = f"{_FOLDER}/{year}/{number:07d}.pdf.sealed"
    return documents.stay_if_committed(storage, storage.save(name, ContentFile(seal_bytes(content))))
