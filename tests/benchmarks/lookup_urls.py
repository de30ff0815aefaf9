"""Addresses of the site, and of a bare view: the same SQL and the same bytes, by nothing but Django."""

from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path, resolve

from creditsys.urls import urlpatterns as site
from tests.benchmarks.lookup import Statement, noted

#: By query: the statements that the API sends, and its answer.
_known: dict[str, tuple[list[Statement], bytes, str]] = {}


def learn(host: str, address: str, queries: list[str]) -> None:
    """See what the API at this host and address does for each query."""
    view = resolve(address).func
    for query in queries:
        request = RequestFactory(HTTP_HOST=host).get(f"{address}?{query}")
        with noted() as statements:
            response = view(request)
        _known[query] = (statements, response.content, response["Content-Type"])


def bare(request: HttpRequest) -> HttpResponse:
    statements, body, content_type = _known[request.META["QUERY_STRING"]]
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(*statement)
            cursor.fetchall()
    return HttpResponse(body, content_type=content_type)


urlpatterns: list[Any] = [path("bare/", bare), *site]
