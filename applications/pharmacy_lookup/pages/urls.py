"""Addresses of the pages, relative to the site's root and to ``/en/``."""

from django.urls import URLPattern

app_name = "pharmacy_lookup"
urlpatterns: list[URLPattern] = []
