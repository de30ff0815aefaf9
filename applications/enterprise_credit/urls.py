"""Addresses of this application: its API; officials' pages lie in the admin."""

from django.urls import URLPattern, URLResolver, include, path

from applications.enterprise_credit.api import urls as api

urlpatterns: list[URLPattern | URLResolver] = [path("api/v1/department/", include(api))]
