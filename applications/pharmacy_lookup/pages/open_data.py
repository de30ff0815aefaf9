"""Published lists for everybody: the page that lists them, a page for each publication, and the files."""

import gzip
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from applications.pharmacy_lookup.open_data import about, store
from applications.pharmacy_lookup.open_data.checking import check_signature
from applications.pharmacy_lookup.open_data.fields import FIELDS
from applications.pharmacy_lookup.open_data.formats import FORMATS, write_fields
from applications.pharmacy_lookup.pages.shell import page, public_page
from applications.pharmacy_lookup.pages.words import EVENTS, day_words, period_words, validity_words
from applications.pharmacy_lookup.tasks import write_open_data
from ratings.published import (
    VERIFIER,
    Grade,
    Statement,
    count_changes,
    later_changes,
    newer_list,
    pem,
    period_lists,
    public_key,
    publication,
    publications,
    trusted_keys,
)

_log: Final = logging.getLogger(__name__)
#: Lists, and changes, on a page; publications in an answer of the index.
LISTS, CHANGES, INDEXED = 10, 50, 100
_DAY: Final = 24 * 3600
_BLOCK: Final = 1 << 16


@public_page
def open_data(request: HttpRequest) -> HttpResponse:
    """The lists of all periods, how to verify and read them, and on which terms they may be used."""
    found = period_lists(_number(request.GET.get("before")), LISTS + 1)
    shown = found[:LISTS]
    counts = count_changes([of.number for of in shown])
    context = {
        "title": gettext("开放数据"),
        "lists": [summary(of, counts[of.number], files=True) for of in shown],
        "older": shown[-1].number if len(found) > LISTS else None,
        "later_pages": "before" in request.GET,
        "fields": FIELDS,
        "licence": about.licence(),
        "key": public_key().hex(),
        "script": reverse("pharmacy_lookup:open_data_verifier"),
        "pem": reverse("pharmacy_lookup:open_data_keys"),
        "table": reverse("pharmacy_lookup:open_data_fields"),
        "site": _site(request),
        "requests": settings.API_REQUESTS_A_MINUTE,
    }
    return page(request, "open_data.html", context)


@public_page
def one_publication(request: HttpRequest, number: int) -> HttpResponse:
    """One publication: its proof, its files, and what was changed of it since."""
    of = _publication(number)
    found = later_changes(of.number, _number(request.GET.get("before")), CHANGES + 1)
    newer = newer_list(of)
    context = {
        "title": _title(of),
        "of": summary(of, count_changes([of.number])[of.number], files=True),
        "genuine": check_signature(of),
        "newer": summary(newer) if newer else None,
        "changes": [change(row) for row in found[:CHANGES]],
        "older": found[CHANGES - 1].seq if len(found) > CHANGES else None,
        "merkle_root": of.told["merkle_root"],
        "previous": of.told["previous"],
        "licence": about.licence(),
    }
    return page(request, "open_data_publication.html", context)


@require_safe
def download(request: HttpRequest, number: int, ending: str) -> HttpResponseBase:
    """A file of a publication. It never changes, so caches may keep it; 503 while it is being written."""
    of = _publication(number)
    if ending not in FORMATS:
        raise Http404(ending)
    # Packed or not, its content is the same: hence a weak one.
    etag = f'W/"{store.version(of)}-{ending}"'
    answer = get_conditional_response(request, etag=etag) or _file(request, of, ending)
    if answer is None:
        return _wait()
    answer["ETag"] = etag
    patch_vary_headers(answer, ["Accept-Encoding"])
    return _for_everybody(answer)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All publications as JSON, in the order of their numbers; ``after`` a number for the next page."""
    found = publications(_number(request.GET.get("after")) or 0, INDEXED + 1)
    here = _site(request)
    told = [
        {
            "publication": of.number,
            "event": of.event,
            "period": of.period,
            "district": of.district,
            "published_at": timezone.localtime(of.at).isoformat(),
            "rows": of.rows,
            "statement_sha256": of.sha256,
            "files": {ending: here + _address(of, ending) for ending in FORMATS},
        }
        for of in found[:INDEXED]
    ]
    following = (
        f"{here}{reverse('pharmacy_lookup:open_data_index')}?after={found[INDEXED - 1].number}"
        if len(found) > INDEXED
        else None
    )
    answer = JsonResponse(
        {
            "demo": not settings.PRODUCTION,
            "note": "" if settings.PRODUCTION else about.DEMO,
            "licence": about.licence(),
            "public_keys": [key.hex() for key in trusted_keys()],
            "publications": told,
            "next": following,
        },
        json_dumps_params={"ensure_ascii": False},
    )
    answer["Access-Control-Allow-Origin"] = "*"
    patch_cache_control(answer, public=True, max_age=60)
    return answer


@require_safe
def verifier_script(request: HttpRequest) -> HttpResponseBase:
    """The program with which anyone verifies, as it is."""
    return _attached(VERIFIER.read_bytes(), "text/x-python; charset=utf-8", VERIFIER.name)


@require_safe
def keys(request: HttpRequest) -> HttpResponseBase:
    """The public keys, today's first, as the program reads them."""
    return _attached("".join(map(pem, trusted_keys())).encode(), "application/x-pem-file", "public-key.pem")


@require_safe
def fields_table(request: HttpRequest) -> HttpResponseBase:
    """The field descriptions that go with the CSV."""
    out = io.BytesIO()
    write_fields(out)
    return _attached(out.getvalue(), "text/csv; charset=utf-8", "fields.csv")


# What pages say of a publication


def summary(of: Statement, counts: dict[str, int] | None = None, *, files: bool = False) -> dict[str, Any]:
    """A publication for a page, with how many rows were changed since, and its files."""
    counts = counts or {}
    return {
        "number": of.number,
        "title": _title(of),
        "is_list": of.is_list,
        "event": EVENTS[of.event],
        "period": period_words(of.period),
        "place": of.district_name or settings.CITY_NAME,
        "day": day_words(timezone.localtime(of.at).date()),
        "rows": of.rows,
        "sha256": of.sha256,
        "public_key": of.public_key,
        "signature": of.signature,
        "statement": of.statement,
        "changed": sum(counts.values()),
        "counts": [(EVENTS[event], count) for event, count in counts.items()],
        "files": [(ending, one.title, _size(of, ending)) for ending, one in FORMATS.items()] if files else [],
    }


def change(row: Grade) -> dict[str, Any]:
    """A later row for a page."""
    return {
        "row": row,
        "event": EVENTS[row.event],
        "day": day_words(row.valid_from),
        "validity": validity_words(row.valid_from, row.valid_until),
    }


def _title(of: Statement) -> str:
    place = of.district_name or settings.CITY_NAME
    return gettext("{place}，{period}，{event}").format(
        place=place, period=period_words(of.period), event=EVENTS[of.event]
    )


def _size(of: Statement, ending: str) -> int | None:
    """Bytes that a download takes; None while the file is not written."""
    path = store.packed_file(of, ending)
    return path.stat().st_size if path else None


# Files


def _file(request: HttpRequest, of: Statement, ending: str) -> HttpResponseBase | None:
    """The file, packed where the browser takes it so; None while it is being written."""
    path = store.packed_file(of, ending)
    if path is None:
        if of.rows <= store.WHILE_WAITING:
            store.build(of)
        else:
            try:
                write_open_data.delay(of.number)
            except OperationalError:
                _log.exception(
                    "nobody was told to write publication %s: whoever asks next tries again", of.number
                )
        path = store.packed_file(of, ending)
    if path is None:
        return None
    name = _file_name(of, ending)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        answer = FileResponse(path.open("rb"), content_type=FORMATS[ending].content_type)
        answer["Content-Encoding"] = "gzip"
    else:
        answer = FileResponse(_unpacked(path), content_type=FORMATS[ending].content_type)
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


def _unpacked(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _file_name(of: Statement, ending: str) -> str:
    parts: Sequence[str] = (
        *(() if settings.PRODUCTION else ("演示数据",)),
        of.district_name or settings.CITY_NAME,
        "定点零售药店信用等级",
        of.period,
        f"发布{of.number}",
    )
    return f"{'_'.join(parts)}.{ending}"


def _wait() -> HttpResponse:
    text = gettext("文件正在准备，请过一分钟再下载。")
    answer = HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")
    answer["Retry-After"] = "60"
    answer["Cache-Control"] = "no-store"
    return answer


def _attached(content: bytes, content_type: str, name: str) -> HttpResponseBase:
    answer = HttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return _for_everybody(answer)


def _for_everybody(answer: HttpResponseBase) -> HttpResponseBase:
    answer["Access-Control-Allow-Origin"] = "*"
    patch_cache_control(answer, public=True, max_age=_DAY)
    return answer


def _site(request: HttpRequest) -> str:
    """The site's own address, without a slash at its end."""
    return settings.SITE_URL or request.build_absolute_uri("/").rstrip("/")


def _address(of: Statement, ending: str) -> str:
    return reverse("pharmacy_lookup:open_data_file", args=(of.number, ending))


def _publication(number: int) -> Statement:
    found = publication(number)
    if found is None:
        raise Http404(f"no publication {number}")
    return found


def _number(text: str | None) -> int | None:
    """A number of a row or publication from an address; anything else counts for nothing."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
