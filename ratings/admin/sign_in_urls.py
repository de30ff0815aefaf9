"""Addresses of signing in beside the admin's own, under the same rules; they come before those."""

from django.contrib import admin
from django.urls import path

from ratings.admin.sign_in import password_view
from ratings.admin.two_factor import code_view, device_view

urlpatterns = [
    path("two-factor/", admin.site.admin_view(device_view), name="two_factor"),
    path("two-factor/code/", admin.site.admin_view(code_view), name="two_factor_code"),
    path("password_change/", admin.site.admin_view(password_view), name="password"),
]
