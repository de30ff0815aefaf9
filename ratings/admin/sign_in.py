"""Sign-ins on record, good and failed, and the answer to somebody who is locked out."""

from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from creditsys.addresses import client_address
from ratings.admin.sessions import begin
from ratings.services.audit import Actor, record
from ratings.services.sign_in import locks_of


def _actor(name: object, request: HttpRequest | None) -> Actor:
    """Whoever gave this user name, which need not exist; never the password."""
    return Actor(str(name or "")[:150] or "（未填）", client_address(request) if request else None)


@receiver(user_logged_in, dispatch_uid="record sign-in")
def _signed_in(request: HttpRequest, user: Any, **_: Any) -> None:
    begin(request.session)
    record("登录", user, by=_actor(user.get_username(), request))


@receiver(user_logged_out, dispatch_uid="record sign-out")
def _signed_out(request: HttpRequest, user: Any, **_: Any) -> None:
    if user is not None:
        record("退出登录", user, by=_actor(user.get_username(), request))


@receiver(user_login_failed, dispatch_uid="record failed sign-in")
def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    locked = getattr(request, "axes_locked_out", False) and not _counted(request)
    name = credentials.get("username")
    record(
        "登录失败",
        "sign-in",
        by=_actor(name, request),
        reason="已锁定，没有核对密码" if locked else "用户名或密码不正确",
    )


@receiver(user_locked_out, dispatch_uid="record lock")
def _locked(request: HttpRequest, username: str, **_: Any) -> None:
    """A lock that begins now; django-axes sends this for every try under a lock as well."""
    if _counted(request):
        record(
            "登录锁定",
            "sign-in",
            by=_actor(username, request),
            reason=f"连续失败 {settings.SIGN_IN_FAILURES} 次",
            minutes=_minutes(),
        )


@sensitive_post_parameters()
def password_view(request: HttpRequest) -> HttpResponse:
    """One's own new password, by the admin's page; that it was changed goes on record."""
    with transaction.atomic():
        answer = admin.site.password_change(request)
        if request.method == "POST" and answer.status_code == 302:
            record("修改密码", f"user:{request.user.pk}", by=Actor.of(request))
    return answer


def _counted(request: HttpRequest | None) -> bool:
    """django-axes has counted this failure: the name was not locked before."""
    return getattr(request, "axes_failures_since_start", None) is not None


def _minutes() -> int:
    return int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The page for a user name that is locked at this address, whether such a user exists or not."""
    name = str((credentials or {}).get("username") or request.POST.get("username", ""))
    address = client_address(request)
    until = next((lock.until for lock in locks_of(name) if lock.address == address), None)
    context = {
        "name": name,
        "failures": settings.SIGN_IN_FAILURES,
        "minutes": _minutes(),
        "until": timezone.localtime(until) if until else None,
    }
    return render(request, "ratings/admin/locked.html", context, status=429)
