"""What pages share whose address is for few: nothing of them is kept, found by search engines, or passed on."""

from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


def guarded(response: HttpResponse) -> HttpResponse:
    """The answer with the headers of such pages."""
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """A page of ``templates/ratings/public/``, with what all of them say and those headers."""
    shared = {
        "city": settings.CITY_NAME,
        "office": settings.OFFICE_NAME,
        "demo": not settings.PRODUCTION,
        "contact": settings.OBJECTION_CONTACT,
    }
    return guarded(render(request, f"ratings/public/{template}.html", {**shared, **context}, status=status))


def body_size(request: HttpRequest) -> int:
    """What the request says of its body, before any of it is read; no size is too large."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 2**62
