"""Addresses of this application: its API; officials' pages lie in the admin."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
