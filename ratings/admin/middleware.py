"""What holds for every page that staff ask for: refusals on record, sessions that end, two factors."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ratings.admin.on_record import noted_refusals
from ratings.admin.sessions import ended
from ratings.services.audit import Actor, record
from ratings.services.two_factor import has_device

Respond = Callable[[HttpRequest], HttpResponse]


def _is_staff(request: HttpRequest) -> bool:
    """Whether staff ask. Without a session's cookie nothing is looked up."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and getattr(request.user, "is_staff", False)


class OnRecord:
    """Writes to the audit record what staff were not let do.

    After the view, so that its transaction is over: a rollback does not take the event along.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not _is_staff(request):
            return response
        if response.status_code == 403:
            self._record("无权操作", request, getattr(request, "_denied", ""))
        for text in noted_refusals(request):
            self._record("未获准", request, text)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Keeps why a page was denied; the answer stays Django's."""
        if isinstance(exception, PermissionDenied):
            request._denied = str(exception)  # type: ignore[attr-defined]

    @staticmethod
    def _record(action: str, request: HttpRequest, message: str) -> None:
        record(
            action,
            request.path[:120],
            by=Actor.of(request),
            reason=message[:500],
            method=request.method,
            query=request.META.get("QUERY_STRING", "")[:500],
        )


class SessionsEnd:
    """Signs staff out after idle minutes and after the longest time, and says so at the next sign-in."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_staff(request):
            why = ended(request.session)
            if why:
                record("登录到期", f"user:{request.user.pk}", by=Actor.of(request), reason=why)
                logout(request)
                messages.warning(request, f"登录已结束：{why}。请重新登录。")
        elif _had_session(request):
            # Django has dropped it: password changed, user made inactive, or long forgotten.
            request.session.flush()
            messages.warning(request, "登录已结束：登录已过期，或密码、账号已变更。请重新登录。")
        return self.get_response(request)


def _had_session(request: HttpRequest) -> bool:
    """An admin page is asked for with the cookie of a session that signs nobody in any more."""
    return (
        settings.SESSION_COOKIE_NAME in request.COOKIES
        and not request.user.is_authenticated
        and request.path.startswith(reverse("admin:index"))
    )


class TwoFactor:
    """Lets staff reach a page only after the second factor, where they have one or must have one."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Leads to the page for the code, or for enrolment; None lets the request through."""
        user: Any = request.user
        if not _is_staff(request) or user.is_verified():
            return None
        enrolled = has_device(user)
        if not enrolled and not settings.REQUIRE_TWO_FACTOR:
            return None
        wanted = "two_factor_code" if enrolled else "two_factor"
        match = request.resolver_match
        if match is not None and match.view_name in {wanted, "admin:logout"}:
            return None
        query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
        return HttpResponseRedirect(f"{reverse(wanted)}?{query}" if query else reverse(wanted))
