"""The verification page of a document: whether it was issued, and whether what it says still holds."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Of one document, by its code."""
    raise NotImplementedError
