"""Addresses of this application: pages at the root and, in English, under ``en/``; the API."""

from django.urls import URLPattern, URLResolver, include, path

from applications.pharmacy_lookup.pages import urls as pages
from applications.pharmacy_lookup.pages.shell import ENGLISH

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(pages)),
    path("en/", include(pages, namespace=ENGLISH)),
]
