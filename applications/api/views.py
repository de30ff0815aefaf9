"""What all APIs have in common, what all public ones have; the address that describes them, and unknown ones."""

from hashlib import sha256
from typing import Any, ClassVar, Final

from django.http import HttpResponse, HttpResponseNotModified, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from applications.api.negotiation import Json, Negotiation
from applications.api.problems import Problem
from applications.api.schema import SchemaJson, SchemaYaml
from applications.api.throttle import Budget, PerAddress

#: Reading from pages of any other site (CORS); there is nothing that a cookie would change.
_CROSS_ORIGIN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, RateLimit, RateLimit-Policy, Retry-After",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


class ApiView(APIView):
    """What every API has: formats, problems, conditional requests, a budget of requests; no session is looked at.

    A view gives plain dicts to :meth:`answer`, and raises :class:`Problem` for what is wrong.
    """

    parser_classes: tuple[type[BaseParser], ...] = ()
    renderer_classes: tuple[type[BaseRenderer], ...] = (Json,)
    content_negotiation_class = Negotiation

    #: how long who may keep a good answer (Cache-Control)
    caching: ClassVar[str]
    #: what the asker has left; None where that is not counted
    budget: Budget | None = None

    def answer(self, data: Any, status: int = 200) -> HttpResponse:
        """The answer in the format that was asked for; of a GET, 304 where the asker has it already."""
        renderer = self.request.accepted_renderer
        body = renderer.render(data)
        response = HttpResponse(body, content_type=renderer.media_type, status=status)
        if self.request.method not in {"GET", "HEAD"}:
            return response
        # Weak, as it also stands for the compressed answer.
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        known = {
            one.removeprefix("W/") for one in parse_etags(self.request.META.get("HTTP_IF_NONE_MATCH", ""))
        }
        if known & {tag, "*"}:
            response = HttpResponseNotModified()
        response["ETag"] = f"W/{tag}"
        response["Cache-Control"] = self.caching
        return response

    def throttled(self, request: Request, wait: int) -> None:
        text = _("每分钟最多 {limit} 次；请在 {seconds} 秒后再试。")
        limit = self.budget.limit if self.budget else 0
        raise Problem(429, format_lazy(text, limit=limit, seconds=wait))

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Adds what every answer carries, errors too."""
        response["Allow"] = ", ".join(self.allowed_methods)
        for name, value in (self.budget.headers() if self.budget else {}).items():
            response[name] = value
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ("Accept", "Accept-Encoding"))
        return response


class PublicView(ApiView):
    """What anyone may read without sign-in, also from pages of other sites; nothing is written."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (PerAddress,)
    http_method_names = ["get", "head", "options"]
    caching = "public, max-age=60"

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What may be asked, for browsers that ask before they ask (CORS)."""
        return HttpResponse(status=204, headers=_PREFLIGHT)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        for name, value in _CROSS_ORIGIN.items():
            response[name] = value
        return super().finalize_response(request, response, *args, **kwargs)


class SchemaView(PublicView):
    """The description of all public APIs (OpenAPI 3.1), as JSON or YAML."""

    schema = None
    renderer_classes = (SchemaJson, SchemaYaml)

    def get(self, request: Request) -> HttpResponse:
        return self.answer(None)


class UnknownView(PublicView):
    """Every other address under ``/api/``: without its last slash it leads to the right one, else 404."""

    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Nothing here is given in a format of one's choice."""
        return Json(), Json.media_type

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Problem(404)

    def get(self, request: Request, path: str) -> HttpResponse:
        if _is_known(f"{request.path_info}/"):
            query = request.META.get("QUERY_STRING", "")
            return HttpResponsePermanentRedirect(f"{request.path}/{'?' if query else ''}{query}")
        raise Problem(404)


def _is_known(path: str) -> bool:
    try:
        found = resolve(path)
    except Resolver404:
        return False
    return getattr(found.func, "cls", None) is not UnknownView
