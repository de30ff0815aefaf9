"""Organisations, clients and secrets: what is done, what is refused, and what is put on record."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from oauth2_provider.models import AccessToken

from applications.clients import services
from applications.clients.models import Client, ClientSecret, Organisation
from applications.clients.services import LIFE, LONGEST_LIFE, MOST_SECRETS
from applications.clients.tasks import clear_tokens
from ratings.models import AuditEvent
from ratings.services.audit import SYSTEM, Actor
from ratings.services.errors import Refused
from tests.clients import building

pytestmark = pytest.mark.django_db
BY = Actor("管理员甲", "203.0.113.9")


def event() -> AuditEvent:
    return AuditEvent.objects.latest("id")


def change(client: Client, **values: Any) -> Client:
    kept = {name: getattr(client, name) for name in ("name", "scopes", "networks", "certificates")}
    return services.change_client(client, **{**kept, "active": client.is_active, **values}, by=BY)


class TestOrganisations:
    def test_registered(self) -> None:
        made = services.register_organisation(" shaoxing-bank ", "绍兴某银行", "BANK", by=BY)
        assert (made.key, str(made)) == ("shaoxing-bank", "绍兴某银行")
        assert (event().action, event().actor, event().address) == ("登记机构", "管理员甲", "203.0.113.9")
        assert event().detail == {"key": "shaoxing-bank", "name": "绍兴某银行", "kind": "BANK"}

    @pytest.mark.parametrize(
        ("key", "name", "kind"),
        [
            ("", "某", "BANK"),
            ("A B", "某", "BANK"),
            ("a", "", "BANK"),
            ("a", "某", "X"),
            ("a-", "某", "BANK"),
        ],
    )
    def test_refused(self, key: str, name: str, kind: str) -> None:
        before = Organisation.objects.count(), AuditEvent.objects.count()
        with pytest.raises(Refused):
            services.register_organisation(key, name, kind, by=BY)
        assert (Organisation.objects.count(), AuditEvent.objects.count()) == before

    def test_renamed(self) -> None:
        made, other = building.organisation(), building.organisation()
        services.rename_organisation(made, "新名称", by=BY)
        assert Organisation.objects.get(pk=made.pk).name == "新名称"
        assert event().action == "变更机构名称" and event().detail["name"] == "新名称"
        with pytest.raises(Refused):
            services.rename_organisation(made, other.name, by=BY)

    def test_the_key_stays(self) -> None:
        made = building.organisation()
        with pytest.raises(IntegrityError, match="不得修改"), transaction.atomic():
            Organisation.objects.filter(pk=made.pk).update(key="other")
        with pytest.raises(IntegrityError, match="不得删除"), transaction.atomic():
            made.delete()


class TestClients:
    def test_registered(self) -> None:
        made = services.register_client(
            building.organisation(),
            " 核心系统 ",
            ["bank:check", "bank:read"],
            networks=["2001:DB8::/32", " 203.0.113.7 ", "", "203.0.113.7/32"],
            certificates=[":".join(["AB"] * 32), building.pem(), "ab" * 32],
            by=BY,
        )
        made.refresh_from_db()
        assert (made.name, made.scopes) == ("核心系统", ["bank:read", "bank:check"])
        assert made.networks == ["2001:db8::/32", "203.0.113.7/32"]
        assert made.certificates == sorted(["ab" * 32, building.thumbprint()])
        assert made.is_active and made.client_secret == "" and not made.secrets.exists()
        assert event().action == "登记接口客户端" and event().subject == f"client:{made.pk}"
        assert event().detail["client_id"] == made.client_id and len(made.client_id) >= 40

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"name": " "}, "名称"),
            ({"name": "某" * 101}, "100 字"),
            ({"scopes": []}, "至少一项"),
            ({"scopes": ["bank:all"]}, "bank:all"),
            ({"scopes": ["bank:read", "department:read"]}, "银行的客户端不能有权限范围 department:read"),
            ({"networks": ["0.0.0.0/0"]}, "所有地址"),
            ({"networks": ["::/0"]}, "所有地址"),
            ({"networks": ["203.0.113.7/24"]}, "网络位以后须为 0"),
            ({"networks": ["203.0.113"]}, "不是网络"),
            ({"networks": ["example.org"]}, "不是网络"),
            ({"networks": ["::ffff:203.0.113.0/120"]}, "IPv4"),
            ({"certificates": ["ab"]}, "64 位"),
            ({"certificates": ["zz" * 32]}, "64 位"),
            ({"certificates": ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]}, "PEM"),
        ],
    )
    def test_refused(self, values: dict[str, Any], text: str) -> None:
        client = building.client()
        with pytest.raises(Refused, match=text):
            change(client, **values)
        given = {"name": "某", "scopes": ["bank:read"], **values}
        with pytest.raises(Refused, match=text):
            services.register_client(
                client.organisation, given.pop("name"), given.pop("scopes"), **given, by=BY
            )

    def test_changed(self) -> None:
        client = building.client(["bank:read"])
        change(client, networks=["203.0.113.0/24"])
        client.refresh_from_db()
        assert client.networks == ["203.0.113.0/24"]
        assert event().detail == {"before": {"networks": []}, "after": {"networks": ["203.0.113.0/24"]}}

    def test_without_a_change_nothing_is_recorded(self) -> None:
        client = building.client()
        before = AuditEvent.objects.count()
        change(client)
        assert AuditEvent.objects.count() == before

    def test_out_of_use_its_tokens_end(self) -> None:
        client, other = building.client(), building.client()
        building.bearer(client), building.bearer(other)
        change(client, name="另名")
        assert AccessToken.objects.count() == 2
        change(client, name="另名", active=False)
        assert AccessToken.objects.get().application == other


class TestSecrets:
    def test_issued(self) -> None:
        client = building.client()
        secret, plain = services.issue_secret(client, by=BY)
        assert len(plain) >= 43 and secret.hint == plain[-4:] and str(secret) == f"……{plain[-4:]}"
        assert secret.expires_at - secret.created_at == LIFE and secret.created_by == "管理员甲"
        assert event().action == "生成客户端密钥" and event().subject == f"client:{client.pk}"
        assert set(event().detail) == {"secret", "expires"}

    def test_its_end(self) -> None:
        client, now = building.client(), timezone.now()
        services.issue_secret(client, now + LONGEST_LIFE, by=BY)
        for wrong in (now, now - LIFE, now + LONGEST_LIFE + timedelta(minutes=1)):
            with pytest.raises(Refused, match="两年"):
                services.issue_secret(client, wrong, by=BY)

    def test_so_many_at_a_time(self) -> None:
        client = building.client()
        made = [services.issue_secret(client, by=BY)[0] for _ in range(MOST_SECRETS)]
        with pytest.raises(Refused, match=f"最多 {MOST_SECRETS} 个"):
            services.issue_secret(client, by=BY)
        services.revoke_secret(made[0], by=BY)
        services.issue_secret(client, by=BY)

    def test_not_for_a_client_out_of_use(self) -> None:
        client = change(building.client(), active=False)
        with pytest.raises(Refused, match="停用"):
            services.issue_secret(client, by=BY)

    def test_revoked_with_the_tokens(self) -> None:
        client, other = building.client(), building.client()
        building.bearer(client), building.bearer(other)
        secret = client.secrets.get()
        services.revoke_secret(secret, by=BY)
        secret.refresh_from_db()
        assert secret.revoked_at is not None and secret.revoked_by == "管理员甲"
        assert AccessToken.objects.get().application == other
        assert event().action == "撤销客户端密钥" and event().detail == {"secret": secret.pk}
        with pytest.raises(Refused, match="已经撤销"):
            services.revoke_secret(secret, by=BY)

    def test_what_was_revoked_stays_so(self) -> None:
        client = building.client()
        secret, _plain = services.issue_secret(client, by=BY)
        services.revoke_secret(secret, by=BY)
        with pytest.raises(IntegrityError), transaction.atomic():
            ClientSecret.objects.filter(pk=secret.pk).update(revoked_at=None, revoked_by="")


def everything_stored() -> str:
    """The text of every row of every table."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        texts = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            texts += [row[0] for row in cursor]
    return "\n".join(texts)


def test_no_secret_or_token_is_stored_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not at DEBUG either: what the toolkit tells there the settings hold back."""
    caplog.set_level(logging.DEBUG)
    client = building.client()
    secrets = [building.secret(client), building.secret(client)]
    tokens = [building.bearer(client, one)["authorization"].split()[1] for one in secrets]
    building.ask_token(client, f"{secrets[0]}x")
    services.revoke_secret(client.secrets.first(), by=SYSTEM)
    stored = everything_stored()
    assert client.client_id in stored and secrets[0][-4:] in stored
    for plain in (*secrets, *tokens):
        assert plain not in stored and plain not in caplog.text


def test_expired_tokens_are_removed() -> None:
    building.bearer(building.client()), building.bearer(building.client())
    assert clear_tokens() == 0
    AccessToken.objects.filter(pk=AccessToken.objects.latest("pk").pk).update(expires=timezone.now())
    assert clear_tokens.delay().get() == 1
    assert AccessToken.objects.count() == 1
