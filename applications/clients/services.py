"""What people do with organisations, their clients and secrets: each a transaction with its audit event.

No event, message or log names a secret: its plain text is given to whoever issued it, once.
"""

import ipaddress
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.x509 import load_pem_x509_certificate
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import AccessToken

from applications.clients.certificates import thumbprint
from applications.clients.models import SHA256, Client, ClientSecret, Organisation
from applications.clients.oauth import SCOPES, scopes_of
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: How long a secret holds unless said otherwise, and at most.
LIFE: Final = timedelta(days=365)
LONGEST_LIFE: Final = timedelta(days=731)
#: So many secrets of a client may hold at a time: the old, the new, and one by mistake.
MOST_SECRETS: Final = 3
_SECRET_BYTES: Final = 32


@transaction.atomic
def register_organisation(key: str, name: str, kind: str, *, by: Actor) -> Organisation:
    """A new organisation; its key and kind stay. Raises Refused for what cannot be."""
    organisation = Organisation(key=key.strip(), name=name.strip(), kind=kind)
    _save_checked(organisation)
    record("登记机构", organisation, by=by, key=organisation.key, name=organisation.name, kind=kind)
    return organisation


@transaction.atomic
def rename_organisation(organisation: Organisation, name: str, *, by: Actor) -> None:
    """Give an organisation the name that it has now. Raises Refused for an empty name or another's."""
    before = Organisation.objects.select_for_update().get(pk=organisation.pk).name
    organisation.name = name.strip()
    _save_checked(organisation)
    record("变更机构名称", organisation, by=by, before=before, name=organisation.name)


@transaction.atomic
def register_client(
    organisation: Organisation,
    name: str,
    scopes: Iterable[str],
    *,
    networks: Iterable[str] = (),
    certificates: Iterable[str] = (),
    by: Actor,
) -> Client:
    """A new client, in use at once, without a secret. Raises Refused for what cannot be.

    ``networks`` are CIDR; ``certificates`` are SHA-256 thumbprints or PEM.
    """
    client = Client(
        organisation=organisation,
        name=_name(name),
        client_type=Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
        # The toolkit's own secret is not used, and a hash of one would take long.
        client_secret="",
        hash_client_secret=False,
        scopes=_checked_scopes(scopes, organisation),
        networks=checked_networks(networks),
        certificates=checked_certificates(certificates),
    )
    client.save()
    record("登记接口客户端", client, by=by, client_id=client.client_id, **_state(client))
    return client


@transaction.atomic
def change_client(
    client: Client,
    *,
    name: str,
    scopes: Iterable[str],
    networks: Iterable[str],
    certificates: Iterable[str],
    active: bool,
    by: Actor,
) -> Client:
    """Change what a client may do and from where; it holds from its next call on. Raises Refused.

    What its tokens were given for is asked anew at each call; of a client that is put out of use all tokens are
    deleted.
    """
    client = Client.objects.select_for_update().get(pk=client.pk)
    before = _state(client)
    client.name = _name(name)
    client.scopes = _checked_scopes(scopes, client.organisation)
    client.networks = checked_networks(networks)
    client.certificates = checked_certificates(certificates)
    client.is_active = active
    after = _state(client)
    changed = {key: value for key, value in after.items() if value != before[key]}
    if not changed:
        return client
    client.save()
    if not active:
        _delete_tokens(client)
    record("变更接口客户端", client, by=by, before={key: before[key] for key in changed}, after=changed)
    return client


@transaction.atomic
def issue_secret(client: Client, expires: datetime | None = None, *, by: Actor) -> tuple[ClientSecret, str]:
    """A new secret of a client, beside those that hold, and its plain text, which is kept nowhere.

    Raises Refused for a client out of use, one with secrets enough, and an end that is past or too far off.
    """
    # The row's lock keeps two at a time from both being the last one allowed.
    client = Client.objects.select_for_update().get(pk=client.pk)
    now = timezone.now()
    expires = expires or now + LIFE
    if not client.is_active:
        raise Refused("客户端已停用，不能生成密钥。")
    if not now < expires <= now + LONGEST_LIFE:
        raise Refused("密钥的到期时间须在今后两年之内。")
    if live_secrets(client).count() >= MOST_SECRETS:
        raise Refused(f"有效的密钥最多 {MOST_SECRETS} 个；请先撤销不用的。")
    plain = secrets.token_urlsafe(_SECRET_BYTES)
    secret = ClientSecret.objects.create(
        client=client,
        sha256=sha256(plain.encode()).hexdigest(),
        hint=plain[-4:],
        created_at=now,
        created_by=by.name,
        expires_at=expires,
    )
    record("生成客户端密钥", client, by=by, secret=secret.pk, expires=expires.isoformat())
    return secret, plain


@transaction.atomic
def revoke_secret(secret: ClientSecret, *, by: Actor) -> None:
    """End a secret. The client's tokens, whichever secret they were asked for with, are deleted at once.

    Raises Refused for one that is revoked already.
    """
    secret = ClientSecret.objects.select_for_update().get(pk=secret.pk)
    if secret.revoked_at:
        raise Refused("这个密钥已经撤销。")
    secret.revoked_at, secret.revoked_by = timezone.now(), by.name
    secret.save(update_fields=["revoked_at", "revoked_by"])
    _delete_tokens(secret.client)
    record("撤销客户端密钥", secret.client, by=by, secret=secret.pk)


def live_secrets(client: Client) -> Any:
    """The secrets of a client that hold now."""
    return ClientSecret.objects.filter(client=client, revoked_at=None, expires_at__gt=timezone.now())


def _delete_tokens(client: Client) -> None:
    AccessToken.objects.filter(application=client).delete()


def _state(client: Client) -> dict[str, Any]:
    """What people decide about a client, for the record."""
    return {
        "name": client.name,
        "scopes": client.scopes,
        "networks": client.networks,
        "certificates": client.certificates,
        "active": client.is_active,
    }


def _save_checked(organisation: Organisation) -> None:
    try:
        organisation.full_clean()
    except ValidationError as error:
        raise Refused("".join(error.messages)) from None
    organisation.save()


def _name(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= 100:
        raise Refused("须写明客户端名称，不超过 100 字。")
    return name


def _checked_scopes(wanted: Iterable[str], organisation: Organisation) -> list[str]:
    given = set(wanted)
    if unknown := sorted(given - set(SCOPES)):
        raise Refused(f"没有权限范围 {unknown[0]}。")
    if others := sorted(given - set(scopes_of(organisation.kind))):
        raise Refused(f"{organisation.get_kind_display()}的客户端不能有权限范围 {others[0]}。")
    if not given:
        raise Refused("须给客户端至少一项权限范围。")
    return [scope for scope in SCOPES if scope in given]


def checked_networks(texts: Iterable[str]) -> list[str]:
    """Networks in CIDR as they are stored; a single address is a network too. Raises Refused."""
    return sorted({_network(text) for text in texts if text.strip()})


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError:
        raise Refused(
            f"“{text.strip()[:50]}”不是网络；请写成 203.0.113.0/24、2001:db8::/48 或单个地址，网络位以后须为 0。"
        ) from None
    if network.prefixlen == 0:
        raise Refused(f"“{network}”包括所有地址；不限定来源网络请留空。")
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise Refused(f"“{network}”是 IPv4 映射地址；请直接写 IPv4 网络。")
    return str(network)


def checked_certificates(texts: Iterable[str]) -> list[str]:
    """Thumbprints as they are stored, of thumbprints or PEM. Raises Refused."""
    return sorted({_thumbprint(text) for text in texts if text.strip()})


def _thumbprint(text: str) -> str:
    """Of a pasted certificate (PEM), or a thumbprint with or without colons."""
    text = text.strip()
    if text.startswith("-----BEGIN CERTIFICATE-----"):
        try:
            return thumbprint(load_pem_x509_certificate(text.encode()))
        except ValueError:
            raise Refused("粘贴的证书（PEM）无法读取。") from None
    digits = re.sub(r"[\s:]", "", text).lower()
    if not re.fullmatch(SHA256, digits):
        raise Refused(f"“{text[:50]}”不是 SHA-256 证书指纹；请写 64 位十六进制数字，或粘贴证书（PEM）。")
    return digits
