"""Pages of our own inside the admin's frame."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse


def admin_page(
    site: AdminSite, request: HttpRequest, template: str, title: str, **context: Any
) -> TemplateResponse:
    """A page with the admin's menu and title; ``context`` is for the template."""
    request.current_app = site.name
    return TemplateResponse(request, template, {**site.each_context(request), "title": title, **context})
