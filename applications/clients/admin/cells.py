"""How clients and their secrets look in tables."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from applications.clients.models import Client, ClientSecret
from applications.clients.oauth import SCOPES
from ratings.admin import show

#: How long before its end people are reminded of a secret.
SOON: Final = timedelta(days=30)


def in_use(client: Client) -> SafeString:
    return show.badge("good", "启用") if client.is_active else show.badge("plain", "停用")


def scopes(client: Client) -> SafeString:
    """What it may do, a line each."""
    return format_html_join(mark_safe("<br>"), "{}", ((SCOPES.get(scope, scope),) for scope in client.scopes))


def last_day(expires_at: datetime) -> str:
    """The last day on which a secret holds: people choose days."""
    return show.day(timezone.localdate(expires_at - timedelta(microseconds=1)))


def standing(secret: ClientSecret) -> SafeString:
    now = timezone.now()
    if secret.revoked_at:
        return show.badge("bad", f"已撤销：{secret.revoked_by}，{show.moment(secret.revoked_at)}")
    if secret.expires_at <= now:
        return show.badge("plain", "已到期")
    return show.badge("warn", "即将到期") if secret.expires_at <= now + SOON else show.badge("good", "有效")


def secrets_table(client: Client, *, may_change: bool) -> dict[str, Any]:
    now = timezone.now()
    rows = [
        (
            secret.hint,
            f"{secret.created_by}，{show.moment(secret.created_at)}",
            last_day(secret.expires_at),
            standing(secret),
            show.link(reverse("admin:clients_client_revoke", args=(client.pk, secret.pk)), "撤销")
            if may_change and not secret.revoked_at and secret.expires_at > now
            else "",
        )
        for secret in client.secrets.all()
    ]
    note = "更换密钥：先生成新的，程序改用以后再撤销旧的。密钥原文只在生成时显示一次，系统里没有。"
    return show.table("密钥", ("末四位", "生成", "有效至", "状态", ""), rows, note=note)
