"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from applications import registry as applications

urlpatterns = [
    path("admin/", include("ratings.admin.sign_in_urls")),
    path("admin/insight/", include("ratings.admin.insight.urls")),
    path("admin/", admin.site.urls),
    path("", include("ratings.public.urls")),
    *applications.urlpatterns(),
    # Where no application lies at the root.
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
