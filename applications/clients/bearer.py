"""Bearer tokens at the API (RFC 6750): which one a request brings, whether it serves, and for what."""

import re
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from applications.api.problems import Problem
from applications.api.throttle import Budget, PerAddress, spend_of
from applications.clients.certificates import certificate_of
from applications.clients.models import TokenBinding
from applications.clients.oauth import SCOPES, barred

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_REALM: Final = 'Bearer realm="creditsys"'
_INVALID: Final = _("访问令牌无效或已过期，或不是从登记的网络、用登记的证书发来；请重新申请。")


class BearerToken(BaseAuthentication):
    """Whose token it is; whether it still serves says :func:`demand_serving`. Raises Problem (401)."""

    def authenticate(self, request: Request) -> tuple[None, Any]:
        """The token with its client, organisation and binding, in one query."""
        scheme, _space, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(401, headers={"WWW-Authenticate": _REALM})
        value = value.strip()
        found = (
            AccessToken.objects.select_related("application__organisation", "binding")
            .filter(token_checksum=sha256(value.encode()).hexdigest())
            .first()
            if _TOKEN.fullmatch(value)
            else None
        )
        if found is None:
            raise _invalid()
        return None, found


def demand_serving(token: Any, request: HttpRequest) -> None:
    """Raises Problem (401) for a token that has expired, is bound to another certificate, or whose client is
    barred today."""
    certificate = certificate_of(request)
    try:
        bound_to = token.binding.certificate
    except TokenBinding.DoesNotExist:
        bound_to = ""
    if (
        token.expires <= timezone.now()
        or (bound_to and not constant_time_compare(bound_to, certificate))
        or barred(token.application, request, certificate)
    ):
        raise _invalid()


def _invalid() -> Problem:
    challenge = f'{_REALM}, error="invalid_token", error_description="The access token is not valid here."'
    return Problem(401, _INVALID, headers={"WWW-Authenticate": challenge})


class HasScope(BasePermission):
    """The token, and its client today, has the view's scope. Raises Problem (403)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = view.scope
        if scope in request.auth.scope.split() and scope in request.auth.application.scopes:
            return True
        text = format_lazy(
            _("令牌没有权限范围 {scope}；请在申请令牌时写明，或请我们为客户端开通。"), scope=scope
        )
        challenge = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
        raise Problem(403, text, headers={"WWW-Authenticate": challenge})


class PerClient(PerAddress):
    """Of one client's request, wherever it comes from."""

    def spend(self, request: Request, view: APIView) -> Budget | None:
        who = f"client:{request.auth.application_id}"
        return spend_of(who, settings.CLIENT_REQUESTS_A_MINUTE, "client")


class BearerTokenScheme(OpenApiAuthenticationExtension):
    """As the description of the API names it."""

    target_class = BearerToken
    name = "oauth2"

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {self.name: [auto_schema.view.scope]}

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        flow = {
            "tokenUrl": f"{settings.SITE_URL}/api/v1/oauth/token",
            "scopes": {name: _in_both(meaning) for name, meaning in SCOPES.items()},
        }
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}


def _in_both(text: str | Promise) -> str:
    with translation.override("zh-hans"):
        chinese = str(text)
    with translation.override("en"):
        return f"{chinese} {text}"
