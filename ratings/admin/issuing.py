"""Pages that issue a document: they ask (GET), issue (POST) and lead to the document's own page."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from ratings.admin import show
from ratings.admin.asking import ask
from ratings.admin.base import ScopedAdmin
from ratings.models import IssuedDocument
from ratings.services.audit import Actor

#: What issues: (cleaned values of the form, who issues, this site's address) -> the document.
Issue = Callable[[dict[str, Any], Actor, str], IssuedDocument]


def may_issue(request: HttpRequest) -> bool:
    """Whether the user may issue documents about what they may see."""
    return bool(request.user.has_perm("ratings.add_issueddocument"))


def check_may_issue(request: HttpRequest) -> None:
    """Raises PermissionDenied for those who may not issue documents."""
    if not may_issue(request):
        raise PermissionDenied("文书由经办员、审核员或审批员签发。")


def issue_page(
    request: HttpRequest,
    admin: ScopedAdmin,
    title: str,
    issue: Issue,
    *,
    back: str,
    summary: Sequence[tuple[str, Any]] = (),
    note: str = "",
    form: type[forms.Form] = forms.Form,
    initial: dict[str, Any] | None = None,
    refusal: str = "",
) -> HttpResponse:
    """Ask whether to issue one document, with the fields of ``form``; then issue it.

    Whoever calls has seen to it that what the document is about lies in the user's scope. ``refusal``
    says beforehand why it cannot be issued; what ``issue`` refuses stands over the form, and on record,
    and what was typed stays. Raises PermissionDenied for those who may not issue.
    """
    check_may_issue(request)

    def do(values: dict[str, Any]) -> tuple[str, str]:
        document = issue(values, Actor.of(request), request.build_absolute_uri("/"))
        return show.change_url(document), f"已签发：{document}。"

    # There is nothing to ask then; a refused POST goes through ``ask`` as any other.
    faults: dict[str, Any] = (
        {"faults": [refusal], "closed": True} if refusal and request.method != "POST" else {}
    )
    return ask(
        admin, request, title, form, do,
        back=back, initial=initial, button="签发", summary=summary, note=note, **faults,
    )  # fmt: skip
