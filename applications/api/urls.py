"""Addresses under ``/api/`` that belong to no single application; after those of the applications."""

from django.urls import path

from applications.api.views import SchemaView, UnknownView

app_name = "api"
urlpatterns = [
    path("v1/schema/", SchemaView.as_view(), name="schema"),
    path("<path:path>", UnknownView.as_view(), name="unknown"),
    path("", UnknownView.as_view(), {"path": ""}),
]
