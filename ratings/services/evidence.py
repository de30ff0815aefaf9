"""Evidence files: checked by content, kept outside the web root under random names, never changed."""

import hashlib
import io
import re
import unicodedata
import uuid
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, Final, TypeAlias

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from PIL import Image

from ratings.models import Adjustment, CreditRepair, Evidence, Objection
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: What evidence can belong to.
Subject = Adjustment | Objection | CreditRepair
#: A file as a form gives it.
Upload: TypeAlias = "UploadedFile[bytes]"

#: How many files one adjustment, objection or repair may have.
MAX_FILES: Final = 20
#: Larger pictures are refused before they are unpacked; a phone's have 12 to 50 million.
MAX_PIXELS: Final = 50_000_000
_NAME_LENGTH: Final = 200
_FOLDER: Final = "evidence"
#: No transaction lasts that long.
_STRAY_AFTER: Final = timedelta(days=1)
#: File name endings of each content type; the first is the one that is stored.
_ENDINGS: Final = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
}
#: Each content type for people.
KIND_LABELS: Final = {"application/pdf": "PDF", "image/jpeg": "JPEG 图片", "image/png": "PNG 图片"}
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
#: Some phones put data of their own behind a photo and end it with this mark.
_PHONE_TRAILER: Final = b"SEFT"
#: What a PDF may have behind its last %%EOF: blanks, and the NULs with which some scanners pad.
_PDF_TAIL: Final = re.compile(rb"%%EOF[\s\0]*\Z")


def check_upload(upload: Upload) -> str:
    """The content type of an upload that may serve as evidence: PDF, JPEG or PNG.

    Judged by content, which the name's ending must fit. Raises Refused, in words for the
    person who uploads, when it is empty, too large, of another type, damaged, or two things
    at once (an archive behind a picture).
    """
    return _checked(upload)[0]


def _checked(upload: Upload) -> tuple[str, bytes, str]:
    """Content type, content and cleaned name."""
    name = clean_name(upload.name or "")
    most = settings.EVIDENCE_MAX_MB * 1024 * 1024
    upload.seek(0)
    content = upload.read(most + 1)
    if not content:
        raise Refused(f"文件“{name}”是空的，请重新选择文件。")
    if len(content) > most:
        raise Refused(f"文件“{name}”超过 {settings.EVIDENCE_MAX_MB} MB。请压缩，或分成几个文件后再上传。")
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if kind is None:
        raise Refused(f"文件“{name}”不是 PDF、JPEG 或 PNG。请转成其中一种再上传，只改扩展名不行。")
    if PurePosixPath(name).suffix.lower() not in _ENDINGS[kind]:
        wanted = "或".join(_ENDINGS[kind])
        raise Refused(f"文件“{name}”的扩展名与内容不符：内容是 {KIND_LABELS[kind]}，扩展名应为 {wanted}。")
    if zipfile.is_zipfile(io.BytesIO(content)):
        raise Refused(f"文件“{name}”里夹带了压缩包，不能作为证据材料。请只上传{KIND_LABELS[kind]}本身。")
    fault = _FAULTS[kind](content)
    if fault:
        raise Refused(f"文件“{name}”{fault}。请重新导出或拍摄后再上传。")
    return kind, content, name


def _pdf_fault(content: bytes) -> str:
    return "" if _PDF_TAIL.search(content[-4096:]) else "不完整，或结尾之后另有内容（PDF 应以 %%EOF 结束）"


def _jpeg_fault(content: bytes) -> str:
    tail = content[content.rfind(b"\xff\xd9") + 2 :].rstrip(b"\0\r\n")
    if tail and not tail.endswith(_PHONE_TRAILER):
        return "不完整，或图片之后另有内容"
    return _picture_fault(content, "JPEG")


def _png_fault(content: bytes) -> str:
    if not content.endswith(_PNG_END):
        return "不完整，或图片之后另有内容"
    return _picture_fault(content, "PNG")


def _picture_fault(content: bytes, form: str) -> str:
    """Unpack the whole picture once; a JPEG at an eighth of its size, to spare memory."""
    try:
        with Image.open(io.BytesIO(content), formats=(form,)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return f"超过 {MAX_PIXELS // 1_000_000:,} 百万像素，请缩小"
            picture.verify()
        with Image.open(io.BytesIO(content), formats=(form,)) as picture:
            picture.draft("L", (1, 1))
            picture.load()
    except Exception:  # Pillow raises whatever a damaged file makes its decoders raise
        return "已损坏，无法打开"
    return ""


_FAULTS: Final[dict[str, Callable[[bytes], str]]] = {
    "application/pdf": _pdf_fault,
    "image/jpeg": _jpeg_fault,
    "image/png": _png_fault,
}


def clean_name(name: str) -> str:
    """A file name for people: no folders, no control or direction marks, at most 200 characters."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(" " if mark.isspace() else mark for mark in name)
    name = "".join(mark for mark in name if unicodedata.category(mark)[0] != "C")
    name = re.sub(r" +", " ", name).strip(" .") or "未命名"
    ending = PurePosixPath(name).suffix[:10]
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - len(ending)] + ending


class _Written:
    """A file on disk that stays only if its transaction commits.

    The callback on commit holds the one reference to it; a rollback, of this transaction or of
    any around it, drops the callback, and so the file. (A process killed in between leaves a
    file that no row names: ``stray_files``.)
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage, self._name, self._kept = storage, name, False

    def keep(self) -> None:
        self._kept = True

    def __del__(self) -> None:
        if not self._kept:
            self._storage.delete(self._name)


@transaction.atomic
def add_evidence(subject: Subject, upload: Upload, *, by: Actor, at: datetime | None = None) -> Evidence:
    """Keep an upload as evidence of an adjustment, an objection or a repair that is still open.

    Raises Refused for what ``check_upload`` refuses, when the subject is decided already, has
    this very file, or has too many.
    """
    kind, content, name = _checked(upload)
    current = type(subject)._default_manager.select_for_update(no_key=True).get(pk=subject.pk)
    if not _is_open(current):
        raise Refused(f"{current} 已办结，不能再添加证据材料。")
    digest = hashlib.sha256(content).hexdigest()
    present = list(current.evidence.values_list("sha256", flat=True))
    if digest in present:
        raise Refused(f"文件“{name}”已经上传过。")
    if len(present) >= MAX_FILES:
        raise Refused(f"{current} 已有 {MAX_FILES} 个证据材料，不能再添加。请合并成一个 PDF。")
    storage = _storage()
    stored = storage.save(f"{_FOLDER}/{uuid.uuid4().hex}{_ENDINGS[kind][0]}", ContentFile(content))
    transaction.on_commit(_Written(storage, stored).keep)
    row = Evidence.objects.create(
        file=stored,
        name=name,
        sha256=digest,
        size=len(content),
        content_type=kind,
        uploaded_by=by.name,
        uploaded_at=at or timezone.now(),
        **{_OWNERS[type(subject)]: current},
    )
    record("添加证据材料", row, by=by, owner=str(current), name=name, sha256=digest, size=len(content))
    return row


_OWNERS: Final[dict[type[Subject], str]] = {
    Adjustment: "adjustment",
    Objection: "objection",
    CreditRepair: "repair",
}


def _storage() -> Storage:
    return Evidence._meta.get_field("file").storage


def _is_open(subject: Subject) -> bool:
    if isinstance(subject, Adjustment):
        return subject.state == Adjustment.State.PROPOSED
    return subject.is_open


def open_evidence(evidence: Evidence) -> BinaryIO:
    """The file's content, ready to be read, after its SHA-256 has been checked.

    Raises Refused when the file is gone or is no longer what was uploaded. Who may see it,
    and putting the look on record, is the caller's matter.
    """
    try:
        with evidence.file.storage.open(str(evidence.file.name)) as stored:
            content = stored.read()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != evidence.sha256:
        raise Refused(
            f"证据材料 #{evidence.pk}“{evidence.name}”与上传时的指纹不符，或文件已丢失。"
            "请勿使用，并请系统管理员从备份中恢复。"
        )
    return io.BytesIO(content)


def stray_files(*, at: datetime | None = None) -> list[str]:
    """Names of evidence files older than a day that no row names: their transaction never ended well."""
    storage = _storage()
    if not storage.exists(_FOLDER):
        return []
    before = (at or timezone.now()) - _STRAY_AFTER
    # Files first, rows after: whatever was kept by now is named.
    present = [f"{_FOLDER}/{name}" for name in sorted(storage.listdir(_FOLDER)[1])]
    named = set(Evidence.objects.values_list("file", flat=True))
    return [name for name in present if name not in named and storage.get_modified_time(name) < before]


@transaction.atomic
def delete_stray_files(*, by: Actor, at: datetime | None = None) -> list[str]:
    """Delete ``stray_files`` once that is on record; their names."""
    names = stray_files(at=at)
    if names:
        record("清理无主文件", "evidence", by=by, files=names)
    for name in names:
        transaction.on_commit(partial(_storage().delete, name))
    return names
