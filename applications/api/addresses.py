"""Addresses of this site, for links in answers."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest


def absolute(request: HttpRequest, path: str) -> str:
    """An address of this site: as it calls itself, else as it was asked for."""
    return f"{settings.SITE_URL or f'{request.scheme}://{request.get_host()}'}{path}"


def again_with(request: HttpRequest, **changed: Any) -> str:
    """The address that was asked for, with some parameters given another value."""
    given = [(name, values) for name, values in request.GET.lists() if name not in changed]
    return f"{absolute(request, request.path)}?{urlencode([*given, *changed.items()], doseq=True)}"
