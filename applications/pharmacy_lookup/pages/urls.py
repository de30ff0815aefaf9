"""Addresses of the pages, relative to the site's root and to ``/en/``."""

from django.urls import URLPattern, path

from applications.pharmacy_lookup.pages.display import display
from applications.pharmacy_lookup.pages.pharmacy import pharmacy
from applications.pharmacy_lookup.pages.search import search

app_name = "pharmacy_lookup"
urlpatterns: list[URLPattern] = [
    path("", search, name="search"),
    path("pharmacy/<str:code>/", pharmacy, name="pharmacy"),
    path("display/", display, name="display"),
]
