"""The verification page: whether a pharmacy's grade, a document, a fingerprint or a file is genuine and current."""

import hashlib
import re
import unicodedata
from http import HTTPStatus
from typing import Any, BinaryIO, Final, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from applications.api.throttle import spend
from applications.pharmacy_lookup.finder import get_place
from applications.pharmacy_lookup.open_data.checking import (
    UNKNOWN,
    Currency,
    Finding,
    Verdict,
    check_code,
    check_file,
    check_signature,
    currency,
)
from applications.pharmacy_lookup.open_data.claims import Unreadable
from applications.pharmacy_lookup.open_data.fields import FIELDS
from applications.pharmacy_lookup.open_data.formats import FORMATS
from applications.pharmacy_lookup.pages.open_data import change, summary
from applications.pharmacy_lookup.pages.shell import page, public_form
from applications.pharmacy_lookup.pages.words import EVENTS, day_words, period_words, validity_words
from applications.pharmacy_lookup.query import CODE
from creditsys.marks import grade_badge
from ratings.published import issued_document, publications_signed, read_code, scale

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{12,64}")
_SIZE: Final = 1024 * 1024
#: Within so many bytes a PDF says that it is one.
_PDF_HEAD: Final = 1024
#: Files that one address may have checked in a minute: a large one takes seconds.
UPLOADS_A_MINUTE: Final = 10
#: Values that are shown of a row that was altered.
_VALUES: Final = 6
#: What is wrong with the proof that a file bears.
_PROOF_FAULTS: Final = {
    "line": gettext_lazy("文件不完整：有一行过长或缺失。"),
    "key": gettext_lazy("文件中的公钥不是我们的：签名的是别人。"),
    "signature": gettext_lazy("签名不符：发布声明或签名被改动。"),
    "statement": gettext_lazy("发布声明不合格式。"),
    "fingerprints": gettext_lazy("各行指纹被改动。"),
    "columns": gettext_lazy("列名一行被改动。"),
    "root": gettext_lazy("各行的默克尔根与发布声明不符。"),
    UNKNOWN: gettext_lazy("签名有效，但我们的公布记录中没有这份声明。请把文件交给发布机构查明。"),
}
_ROW_FAULTS: Final = {
    "altered": gettext_lazy("被改动"),
    "missing": gettext_lazy("缺失"),
    "moved": gettext_lazy("不在原位"),
    "added": gettext_lazy("是添加的"),
}


@csrf_exempt  # until the size is known: the check would read the whole of it
@public_form
def verify(request: HttpRequest) -> HttpResponse:
    """The forms, and what became of that which was asked or uploaded; nothing uploaded is kept."""
    if request.method == "POST":
        if _content_length(request) > settings.VERIFY_MAX_MB * _SIZE:
            wrong = gettext("文件超过 {limit} MB，没有接收。请用核验程序离线核验。").format(
                limit=settings.VERIFY_MAX_MB
            )
            return _answer(request, {"file_wrong": wrong}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        budget = spend(request, "verify", UPLOADS_A_MINUTE)
        if budget is not None and budget.spent:
            wrong = gettext("一分钟内最多核验 {limit} 份文件；请过一会儿再试，或用核验程序离线核验。").format(
                limit=UPLOADS_A_MINUTE
            )
            response = _answer(request, {"file_wrong": wrong}, HTTPStatus.TOO_MANY_REQUESTS)
            response["Retry-After"] = str(budget.resets_in)
            return response
        return _uploaded(request)
    return _asked(request)


def _asked(request: HttpRequest) -> HttpResponse:
    typed = request.GET.get("code", "")[:200]
    if not typed.strip():
        return _answer(request, {})
    plain = re.sub(r"[\s:：-]", "", unicodedata.normalize("NFKC", typed))
    if CODE.fullmatch(plain.upper()):
        return _answer(request, {"typed": typed, **_of_code(plain.upper())})
    # Sixteen digits may be the beginning of a fingerprint as well.
    if (code := read_code(typed)) and not publications_signed(plain.lower()):
        return HttpResponseRedirect(reverse("public:document", args=(code,)))
    if _FINGERPRINT.fullmatch(plain.lower()):
        if issued := issued_document(plain.lower()):
            return HttpResponseRedirect(reverse("public:document", args=(issued,)))
        return _answer(request, {"typed": typed, **_of_fingerprint(plain.lower())})
    wrong = gettext(
        "请输入 12 位定点编码（P 加 11 位数字）、文书上的 16 位验证码，或指纹的前 12 至 64 位（数字和字母 a 至 f）。"
    )
    return _answer(request, {"typed": typed, "code_wrong": wrong}, HTTPStatus.BAD_REQUEST)


@csrf_protect
def _uploaded(request: HttpRequest) -> HttpResponse:
    upload = request.FILES.get("file")
    if not isinstance(upload, UploadedFile):
        return _answer(request, {"file_wrong": gettext("请先选择文件。")}, HTTPStatus.UNPROCESSABLE_ENTITY)
    name, file = (upload.name or "")[:100], cast(BinaryIO, upload.file)
    if _is_pdf(file):
        fingerprint = hashlib.sha256()
        for chunk in upload.chunks():
            fingerprint.update(chunk)
        issued = issued_document(fingerprint.hexdigest())
        return _answer(request, {"file_name": name, "paper": {"code": issued}})
    try:
        finding = check_file(file)
    except Unreadable as error:
        wrong = gettext("{why}{remedy}").format(why=error.why, remedy=error.remedy)
        return _answer(request, {"file_wrong": wrong, "file_name": name}, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _answer(request, {"file_name": name, "finding": _told(finding)})


def _is_pdf(file: BinaryIO) -> bool:
    """By its first bytes; the file stands at its beginning again."""
    head = file.read(_PDF_HEAD)
    file.seek(0)
    return b"%PDF-" in head


def _answer(request: HttpRequest, context: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    shared = {"title": gettext("核验真伪"), "max_mb": settings.VERIFY_MAX_MB}
    return page(request, "verify.html", {**shared, **context}, status=status, seconds=0)


def _content_length(request: HttpRequest) -> int:
    """What the request says of its body, before any of it is read; no size is too large."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 2**62


def _of_code(code: str) -> dict[str, Any]:
    today = timezone.localdate()
    found = check_code(code, today)
    if found is None:
        return {"unknown_code": code, "place": get_place(code, today)}
    grade = found.grade
    return {
        "standing": {
            "grade": grade,
            "badge": grade_badge(grade.position, [(step.name, step.label) for step in scale(grade.scheme)]),
            "current": found.current and grade.position >= 0,
            "period": period_words(grade.period),
            "event": EVENTS[grade.event],
            "validity": validity_words(grade.valid_from, grade.valid_until),
            "ended": day_words(grade.valid_until) if grade.valid_until and not found.current else "",
            "of": summary(found.of),
            "proof": found.proof,
            "place": found.proof.index + 1,
            "leaf": found.proof.leaf.hex(),
            "path": [step.hex() for step in found.proof.path],
            "root": found.proof.root.hex(),
        }
    }


def _of_fingerprint(fingerprint: str) -> dict[str, Any]:
    found = publications_signed(fingerprint)
    if len(found) != 1:
        return {"fingerprint": fingerprint, "several": [summary(of) for of in found]}
    return {
        "fingerprint": fingerprint,
        "signed": {
            "of": summary(found[0]),
            "genuine": check_signature(found[0]),
            **_since(currency(found[0])),
        },
    }


def _since(now: Currency) -> dict[str, Any]:
    """What came after a publication, for the page."""
    return {
        "current": now.newer is None and not now.changed,
        "newer": summary(now.newer) if now.newer else None,
        "changed": now.changed,
        "events": [(EVENTS[event], count) for event, count in now.counts.items()],
        "changes": [change(row) for row in now.changes],
    }


def _told(finding: Finding) -> dict[str, Any]:
    titles = {field.name: field.title for field in FIELDS}
    rows = [
        {
            "kind": _ROW_FAULTS[one.kind],
            "one": one,
            "values": [(titles.get(name, name), ours, theirs) for name, ours, theirs in one.values[:_VALUES]],
            "more_values": max(0, len(one.values) - _VALUES),
        }
        for one in finding.differences
    ]
    return {
        "genuine": finding.verdict is Verdict.GENUINE,
        "foreign": finding.verdict is Verdict.FOREIGN,
        "kind": FORMATS[finding.kind].title,
        "of": summary(finding.of) if finding.of else None,
        "proof_faults": [_PROOF_FAULTS[kind] for kind in finding.proof_faults],
        "missing_columns": finding.missing_columns,
        "extra_columns": finding.extra_columns,
        "rows": rows,
        "counts": [(_ROW_FAULTS[kind], count) for kind, count in finding.counts.items()],
        "more": sum(finding.counts.values()) > len(rows),
        "only_moved": set(finding.counts) == {"moved"} and not finding.proof_faults,
        **(_since(finding.currency) if finding.currency else {}),
    }
