"""What all pages share: language by address, size of print by cookie, headers, and who may see them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_http_methods, require_safe

#: Instance namespace of the English pages; ``{% url %}`` stays in the language of the page at hand.
ENGLISH: Final = "pharmacy_lookup_en"
LARGE: Final = "large_print"
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:{tiles}; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

View = Callable[..., HttpResponse]


def public_page(view: View) -> View:
    """A page that anyone may see, without sign-in, by GET, in the language of its address."""
    return require_safe(_shown(view))


def public_form(view: View) -> View:
    """A page like these that takes something in, too, by POST."""
    return require_http_methods(["GET", "HEAD", "POST"])(_shown(view))


def _shown(view: View) -> View:
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override("en" if is_english(request) else "zh-hans"):
            response = view(request, *args, **kwargs)
        tiles = f" {settings.MAP_TILES_ORIGIN}" if settings.MAP_TILES_ORIGIN else ""
        response.setdefault("Content-Security-Policy", _POLICY.format(tiles=tiles))
        return response

    return shown


def is_english(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and ENGLISH in match.namespaces


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200, seconds: int = 60
) -> HttpResponse:
    """A page of ``templates/pharmacy_lookup``; browsers may keep it for some seconds."""
    request.current_app = _instance(is_english(request))
    shared = {
        "city": settings.CITY_NAME,
        "demo": not settings.PRODUCTION,
        "english": is_english(request),
        "large": request.COOKIES.get(LARGE) == "1",
        "other_language": _other_language(request),
    }
    response = render(request, f"pharmacy_lookup/{template}", {**shared, **context}, status=status)
    patch_cache_control(response, private=True, max_age=seconds if status == 200 else 0)
    patch_vary_headers(response, ["Cookie"])
    return response


def home(request: HttpRequest) -> str:
    """The address of the search, in the language of the page at hand."""
    return reverse("pharmacy_lookup:search", current_app=_instance(is_english(request)))


def _instance(english: bool) -> str:
    return ENGLISH if english else "pharmacy_lookup"


def _other_language(request: HttpRequest) -> str:
    """The address of the same page, asked the same, in the other language."""
    match = request.resolver_match or resolve(request.path_info)
    path = reverse(
        f"pharmacy_lookup:{match.url_name}",
        args=match.args,
        kwargs=match.kwargs,
        current_app=_instance(not is_english(request)),
    )
    asked = request.META.get("QUERY_STRING", "")
    return f"{path}?{asked}" if asked else path
