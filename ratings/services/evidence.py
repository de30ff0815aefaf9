"""Evidence files: checked by content, kept outside the web root under random names, never changed."""

from datetime import datetime
from typing import BinaryIO, Final

from django.core.files.storage import Storage
from django.db import transaction
from django.utils import timezone

from creditsys import documents
from creditsys.documents import KIND_LABELS as KIND_LABELS
from creditsys.documents import Upload as Upload
from ratings.models import Adjustment, CreditRepair, Evidence, Objection
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: What evidence can belong to.
Subject = Adjustment | Objection | CreditRepair

#: How many files one adjustment, objection or repair may have.
MAX_FILES: Final = 20
_FOLDER: Final = "evidence"


def check_upload(upload: Upload) -> str:
    """The content type of an upload that may serve as evidence. Raises Refused as ``documents.checked`` has it."""
    return _checked(upload).kind


def _checked(upload: Upload) -> documents.Document:
    try:
        return documents.checked(upload)
    except documents.Unfit as unfit:
        raise Refused(str(unfit)) from unfit


@transaction.atomic
def add_evidence(subject: Subject, upload: Upload, *, by: Actor, at: datetime | None = None) -> Evidence:
    """Keep an upload as evidence of an adjustment, an objection or a repair that is still open.

    Raises Refused for what ``check_upload`` refuses, when the subject is decided already, has
    this very file, or has too many.
    """
    document = _checked(upload)
    current = type(subject)._default_manager.select_for_update(no_key=True).get(pk=subject.pk)
    if not _is_open(current):
        raise Refused(f"{current} 已办结，不能再添加证据材料。")
    digest = document.sha256
    present = list(current.evidence.values_list("sha256", flat=True))
    if digest in present:
        raise Refused(f"文件“{document.name}”已经上传过。")
    if len(present) >= MAX_FILES:
        raise Refused(f"{current} 已有 {MAX_FILES} 个证据材料，不能再添加。请合并成一个 PDF。")
    name, size = document.name, len(document.content)
    row = Evidence.objects.create(
        file=documents.keep(document, _storage(), _FOLDER),
        name=name,
        sha256=digest,
        size=size,
        content_type=document.kind,
        uploaded_by=by.name,
        uploaded_at=at or timezone.now(),
        **{_OWNERS[type(subject)]: current},
    )
    record("添加证据材料", row, by=by, owner=str(current), name=name, sha256=digest, size=size)
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
        return documents.opened(evidence.file, evidence.sha256)
    except documents.Unfit as unfit:
        raise Refused(f"证据材料 #{evidence.pk}“{evidence.name}”{unfit}") from unfit
