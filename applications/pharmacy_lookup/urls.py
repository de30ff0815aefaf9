"""Addresses of this application: pages at the root and, in English, under ``en/``; the API."""

from django.urls import URLPattern, URLResolver, include, path

from applications.pharmacy_lookup.api import urls as api
from applications.pharmacy_lookup.pages import urls as pages
from applications.pharmacy_lookup.pages.shell import ENGLISH

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(pages)),
    path("api/v1/pharmacies/", include(api)),
    path("en/", include(pages, namespace=ENGLISH)),
]
