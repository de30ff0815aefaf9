"""Documents that people upload: checked by content, kept under random names, gone when their transaction fails."""

import hashlib
import io
import re
import unicodedata
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final, TypeAlias

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models.fields.files import FieldFile
from PIL import Image

#: A file as a form gives it.
Upload: TypeAlias = "UploadedFile[bytes]"
#: Larger pictures are refused before they are unpacked; a phone's have 12 to 50 million.
MAX_PIXELS: Final = 50_000_000
_NAME_LENGTH: Final = 200
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


class Unfit(ValueError):
    """A file that is not taken, or no longer what was kept; why, in Chinese."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that has been checked."""

    #: content type
    kind: str
    content: bytes
    #: as people see it
    name: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def checked(upload: Upload) -> Document:
    """The file, if it may serve as a document: PDF, JPEG or PNG of at most ``settings.EVIDENCE_MAX_MB``.

    Judged by content, which the name's ending must fit. Raises Unfit, in words for the person who
    uploads, when it is empty, too large, of another type, damaged, or two things at once (an archive
    behind a picture).
    """
    name = clean_name(upload.name or "")
    most = settings.EVIDENCE_MAX_MB * 1024 * 1024
    upload.seek(0)
    content = upload.read(most + 1)
    if not content:
        raise Unfit(f"文件“{name}”是空的，请重新选择文件。")
    if len(content) > most:
        raise Unfit(f"文件“{name}”超过 {settings.EVIDENCE_MAX_MB} MB。请压缩，或分成几个文件后再上传。")
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if kind is None:
        raise Unfit(f"文件“{name}”不是 PDF、JPEG 或 PNG。请转成其中一种再上传，只改扩展名不行。")
    if PurePosixPath(name).suffix.lower() not in _ENDINGS[kind]:
        wanted = "或".join(_ENDINGS[kind])
        raise Unfit(f"文件“{name}”的扩展名与内容不符：内容是 {KIND_LABELS[kind]}，扩展名应为 {wanted}。")
    if zipfile.is_zipfile(io.BytesIO(content)):
        raise Unfit(f"文件“{name}”里夹带了压缩包，不能收存。请只上传{KIND_LABELS[kind]}本身。")
    fault = _FAULTS[kind](content)
    if fault:
        raise Unfit(f"文件“{name}”{fault}。请重新导出或拍摄后再上传。")
    return Document(kind, content, name)


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


def keep(document: Document, storage: Storage, folder: str) -> str:
    """Write the file under a random name in ``folder``; the name. It stays only if the transaction commits."""
    stored = storage.save(
        f"{folder}/{uuid.uuid4().hex}{_ENDINGS[document.kind][0]}", ContentFile(document.content)
    )
    return stay_if_committed(storage, stored)


def stay_if_committed(storage: Storage, name: str) -> str:
    """Deletes a file just written unless the transaction around commits; its name."""
    transaction.on_commit(_Written(storage, name).keep)
    return name


def opened(stored: FieldFile, sha256: str) -> BinaryIO:
    """The content of a kept file, ready to be read. Raises Unfit where it is gone or not what was kept."""
    try:
        with stored.storage.open(str(stored.name)) as file:
            content = file.read()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unfit("与上传时的指纹不符，或文件已丢失。请勿使用，并请系统管理员从备份中恢复。")
    return io.BytesIO(content)


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
