"""How clients sign in (django-oauth-toolkit): by secrets that overlap and expire, with the scopes that they have."""

import base64
import ipaddress
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote_plus

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes

from applications.clients.certificates import certificate_of
from applications.clients.models import Client, TokenBinding
from creditsys.addresses import client_address

#: What a client may be allowed to do: id, which begins with the kind of its organisation, and what it means,
#: translatable.
SCOPES: Final[dict[str, str | Promise]] = {
    "bank:read": _("读取贷款产品的名单及其变动"),
    "bank:check": _("按编码核查贷款资格"),
    "bank:feedback": _("报送贷款情况"),
    "department:read": _("查询企业信用"),
    "department:check": _("核查企业名单并反馈结果"),
    "department:supply": _("报送信用信息"),
}


def scopes_of(kind: str) -> tuple[str, ...]:
    """What clients of a kind of organisation (BANK, DEPARTMENT) may be allowed to do."""
    return tuple(scope for scope in SCOPES if scope.startswith(f"{kind.lower()}:"))


#: What client ids, secrets and tokens are made of (RFC 6749, appendix A).
VISIBLE: Final = re.compile(r"[\x20-\x7e]*")


class Scopes(BaseScopes):
    """A client has the scopes that it was registered with."""

    def get_all_scopes(self) -> dict[str, str | Promise]:
        return SCOPES

    def get_available_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return list(application.scopes) if application else list(SCOPES)

    def get_default_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return self.get_available_scopes(application)


class Validator(OAuth2Validator):
    """Lets a client in with any secret that holds now, from where it may come; made for each request.

    Afterwards ``client`` is the one that was named, if there is such, and ``refusal`` says why it was not let in.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.http_request = request
        self.certificate = certificate_of(request)
        self.client: Client | None = None
        self.refusal = ""

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Nobody signs in without a secret."""
        return False

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        given = _credentials(request)
        if given is None:
            return False
        client_id, secret = given
        self.client = Client.objects.filter(client_id=client_id).first()
        if self.client is None:
            return False
        if not _holds(self.client, secret):
            self.refusal = "密钥不对或已失效"
            return False
        self.refusal = barred(self.client, self.http_request, self.certificate)
        if self.refusal:
            return False
        request.client = self.client
        return True

    def _create_access_token(self, expires: Any, request: Any, token: Any, **kwargs: Any) -> Any:
        """The token, bound to the certificate that it was asked for with; in the toolkit's transaction."""
        access_token = super()._create_access_token(expires, request, token, **kwargs)
        if self.certificate:
            TokenBinding.objects.create(token=access_token, certificate=self.certificate)
        return access_token


def barred(client: Client, request: HttpRequest, certificate: str) -> str:
    """Why a client may not come in this way, Chinese, for our own record; "" where it may."""
    if not client.is_active:
        return "客户端已停用"
    if not _within(client_address(request), client.networks):
        return "来源网络不符"
    if client.certificates and certificate not in client.certificates:
        return "客户端证书不符"
    return ""


def _within(address: str | None, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    if address is None:
        return False
    found = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(network) for network in networks)


def _holds(client: Client, secret: str) -> bool:
    given = sha256(secret.encode()).hexdigest()
    # Locked, so that no token is made while a secret is being revoked, and outlives that.
    locked = client.secrets.select_for_update(no_key=True)
    secrets = locked.filter(revoked_at=None, expires_at__gt=timezone.now())
    return any(constant_time_compare(given, kept) for kept in secrets.values_list("sha256", flat=True))


def _credentials(request: Any) -> tuple[str, str] | None:
    """Client id and secret by HTTP Basic, else from the body (RFC 6749, 2.3.1); None without both."""
    scheme, _space, value = request.headers.get("Authorization", "").partition(" ")
    in_body = request.client_id or "", getattr(request, "client_secret", None) or ""
    if scheme.lower() != "basic":
        return in_body if all(in_body) else None
    try:
        pair = base64.b64decode(value.strip(), validate=True).decode()
    except ValueError:
        return None
    client_id, _colon, secret = pair.partition(":")
    given = unquote_plus(client_id), unquote_plus(secret)
    if not all(given) or not all(map(VISIBLE.fullmatch, given)) or in_body[0] not in {"", given[0]}:
        return None
    return given
