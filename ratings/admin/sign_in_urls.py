"""Addresses of the second factor. They lie beside the admin's own, under the same rules."""

from django.contrib import admin
from django.urls import path

from ratings.admin.two_factor import code_view, device_view

urlpatterns = [
    path("", admin.site.admin_view(device_view), name="two_factor"),
    path("code/", admin.site.admin_view(code_view), name="two_factor_code"),
]
