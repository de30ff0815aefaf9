"""The verification page of a document: whether it was issued, and whether what it states still holds.

Whoever holds the document may read it, by the code on it (80 bits, so that nobody guesses one); it tells no more
than the document does. A preliminary grade is not told: it was public for its notice only.
"""

import hashlib
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from creditsys.marks import grade_badge
from ratings.models import IssuedDocument
from ratings.public.shell import answer, body_size, guarded
from ratings.published import EVENTS, Grade, changes_since, issued_document, read_code, scale
from ratings.reports.reading import entry_of, out_of_service
from ratings.rules.periods import Period
from ratings.services.documents import grouped
from ratings.services.steps import shown_day

#: The largest file that is compared; documents have some hundred KB.
MAX_MB: Final = 20
_MB: Final = 1024 * 1024
#: Characters that are shown of what was typed.
_TYPED: Final = 40


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """The form for the code that a printed document bears."""
    typed = request.GET.get("code", "")
    if not typed.strip():
        return answer(request, "document/find", {"title": "文书核验"})
    if code := read_code(typed):
        return guarded(HttpResponseRedirect(reverse("public:document", args=(code,))))
    return _unknown(request, typed)


@csrf_exempt  # it changes nothing, and nobody is signed in here
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Of one document, by its code; by POST, whether a file is that document. The file is not kept."""
    document = (
        IssuedDocument.objects.select_related("pharmacy", "district").filter(code=read_code(code)).first()
    )
    if document is None:
        return _unknown(request, code)
    if request.method != "POST":
        return _shown(request, document)
    if body_size(request) > MAX_MB * _MB:
        wrong = f"文件超过 {MAX_MB} MB，没有接收：我们签发的文书没有这么大，请核对是否选错了文件。"
        return _shown(request, document, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, wrong=wrong)
    upload = request.FILES.get("file")
    if not isinstance(upload, UploadedFile) or not upload.size:
        return _shown(
            request, document, HTTPStatus.UNPROCESSABLE_ENTITY, wrong="请先选择文件；空文件不能比对。"
        )
    return _shown(request, document, **_compared(document, upload))


def _compared(document: IssuedDocument, upload: UploadedFile) -> dict[str, Any]:
    """What an uploaded file is: the document (``same``), with something behind it (``longer``), another
    document of ours (``other``), no PDF (``no_pdf``), or different from what was issued (``different``)."""
    whole, start, left, head = hashlib.sha256(), hashlib.sha256(), document.size, b""
    for chunk in upload.chunks():
        head = head or chunk[:_MB]
        whole.update(chunk)
        start.update(chunk[:left])
        left -= min(left, len(chunk))
    fingerprint = whole.hexdigest()
    told = {"fingerprint": fingerprint}
    if fingerprint == document.sha256:
        return {**told, "compared": "same"}
    if start.hexdigest() == document.sha256:
        return {**told, "compared": "longer"}
    if other := issued_document(fingerprint):
        return {**told, "compared": "other", "other": other}
    # Readers take a PDF that has something before its beginning.
    return {**told, "compared": "different" if b"%PDF-" in head[:1024] else "no_pdf"}


def _shown(
    request: HttpRequest, document: IssuedDocument, status: int = HTTPStatus.OK, **told: Any
) -> HttpResponse:
    now = timezone.localtime()
    context = {
        "title": "文书核验",
        "document": document,
        "code": grouped(document.code),
        "period": Period.parse(document.period).label if document.period else "",
        "issued": shown_day(timezone.localdate(document.issued_at)),
        "fingerprint_start": grouped(document.sha256[:12]),
        "fingerprint_rest": document.sha256[12:],
        "standing": _standing(document, document.seq, now.date()) if document.seq is not None else None,
        "looked": now,
        "max_mb": MAX_MB,
    }
    return answer(request, "document/page", {**context, **told}, status)


def _standing(document: IssuedDocument, seq: int, today: date) -> dict[str, Any]:
    """The published grade that a document states, what is published today, and whether the pharmacy serves."""
    (stated,) = changes_since(seq - 1, limit=1)
    entry = entry_of(document.pharmacy.code if document.pharmacy else stated.code, today)
    now = entry.grade if entry.grade and entry.grade.holds(today) else None
    return {
        "stated": _told(stated),
        "now": _told(now) if now else None,
        "state": _state(stated, now, today),
        "under_objection": (now or stated).under_objection,
        "out_of_service": out_of_service(entry, today),
    }


def _same(one: Grade, other: Grade) -> bool:
    """Whether two rows say the same of a pharmacy, of whatever period they are."""
    return (one.scheme, one.position, one.reason) == (other.scheme, other.position, other.reason)


def _state(stated: Grade, now: Grade | None, today: date) -> str:
    """Whether the row ``holds``, is still ``ahead``, ran out (``ended``), was ``renewed`` by one that says
    the same, or ``replaced`` by another."""
    if now is not None and now.seq == stated.seq:
        return "holds"
    if stated.valid_from > today:
        return "ahead"
    if now is None:
        return "ended"
    return "renewed" if _same(stated, now) else "replaced"


def _told(grade: Grade) -> dict[str, Any]:
    return {
        "badge": _badge(grade),
        "rated": grade.position >= 0,
        "name": grade.name,
        "reason": grade.reason,
        "period": Period.parse(grade.period).label,
        "event": EVENTS[grade.event],
        "since": shown_day(grade.valid_from),
        "until": shown_day(grade.valid_until - timedelta(days=1)) if grade.valid_until else "",
    }


def _badge(grade: Grade) -> SafeString:
    return grade_badge(
        grade.position, [(step.name, step.label) for step in scale(grade.scheme)], absent="没有等级"
    )


def _unknown(request: HttpRequest, typed: str) -> HttpResponse:
    """404: no document bears this code, or it is none; the form, and what to do."""
    code = read_code(typed)
    context = {
        "title": "没有查到这份文书",
        "typed": (grouped(code) or typed)[:_TYPED],
        "is_code": bool(code),
    }
    return answer(request, "document/find", {**context, "unknown": True}, HTTPStatus.NOT_FOUND)
