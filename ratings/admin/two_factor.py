"""Pages of the second factor: the code after the password, enrolment, and one's own device."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as remember_device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from creditsys.qr import qr_svg
from ratings.admin.on_record import refuse
from ratings.admin.pages import admin_page
from ratings.services import two_factor
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

# Devices are kept by their owners and reset on the user's page, never edited.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)


def _next(request: HttpRequest) -> str:
    """Where to go on to: a page of this site, else the start page."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    good = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if good else reverse("admin:index")


def _verified(request: HttpRequest, device: Any) -> None:
    """From now on this session has given the second factor; it gets a new key."""
    request.session.cycle_key()
    remember_device(request, device)


@sensitive_post_parameters("code")
def code_view(request: HttpRequest) -> HttpResponse:
    """Asks for the code after the password."""
    user: Any = request.user
    if user.is_verified() or not two_factor.has_device(user):
        return HttpResponseRedirect(_next(request))
    fault = ""
    if request.method == "POST":
        try:
            device = two_factor.check_code(user, request.POST.get("code", ""), by=Actor.of(request))
        except Refused as refused:
            fault = str(refused)  # on record by the service
        else:
            _verified(request, device)
            record("通过两步验证", user, by=Actor.of(request), device=device.name)
            left = two_factor.recovery_codes_left(user)
            if isinstance(device, StaticDevice):
                messages.warning(request, f"已用去一个恢复码，还剩 {left} 个。请尽快在“两步验证”页更换。")
            return HttpResponseRedirect(_next(request))
    return admin_page(
        admin.site,
        request,
        "ratings/admin/two_factor_code.html",
        "两步验证",
        fault=fault,
        next=_next(request),
    )


@sensitive_post_parameters("code")
def device_view(request: HttpRequest) -> HttpResponse:
    """One's own second factor: enrolment, or new recovery codes and switching it off."""
    user: Any = request.user
    return _manage(request, user) if two_factor.has_device(user) else _enrol(request, user)


def _enrol(request: HttpRequest, user: Any) -> HttpResponse:
    fault = ""
    if request.method == "POST":
        try:
            device, codes = two_factor.confirm_enrolment(
                user, request.POST.get("code", ""), by=Actor.of(request)
            )
        except Refused as refused:
            fault = str(refused)  # on record by the service
        else:
            _verified(request, device)
            return _show_codes(request, codes, "两步验证已启用")
    device = two_factor.enrolment(user)
    return admin_page(
        admin.site,
        request,
        "ratings/admin/two_factor_enrol.html",
        "启用两步验证",
        fault=fault,
        next=_next(request),
        demanded=settings.REQUIRE_TWO_FACTOR,
        is_nav_sidebar_enabled=not settings.REQUIRE_TWO_FACTOR,
        qr=qr_svg(device.config_url, "验证器二维码"),
        secret=two_factor.secret_text(device),
        issuer=settings.OTP_TOTP_ISSUER,
        account=user.get_username(),
    )


def _manage(request: HttpRequest, user: Any) -> HttpResponse:
    if request.method == "POST":
        code, by = request.POST.get("code", ""), Actor.of(request)
        try:
            if "renew" in request.POST:
                return _show_codes(request, two_factor.new_recovery_codes(user, code, by=by), "新的恢复码")
            if settings.REQUIRE_TWO_FACTOR:
                raise Refused("本系统要求两步验证，不能停用。更换手机时，请系统管理员重置。")
            two_factor.turn_off(user, code, by=by)
            messages.success(request, "已停用两步验证。今后登录只需密码。")
        except Refused as refused:
            refuse(request, refused)
        return HttpResponseRedirect(request.path)
    return admin_page(
        admin.site,
        request,
        "ratings/admin/two_factor.html",
        "两步验证",
        demanded=settings.REQUIRE_TWO_FACTOR,
        left=two_factor.recovery_codes_left(user),
    )


def _show_codes(request: HttpRequest, codes: list[str], title: str) -> HttpResponse:
    """The recovery codes; they are shown in this answer and never again (the admin says no-store)."""
    return admin_page(
        admin.site, request, "ratings/admin/recovery_codes.html", title, codes=codes, next=_next(request)
    )
