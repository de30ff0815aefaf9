"""Organisations, the programs that they let sign in, and what these asked for.

Secrets and tokens are kept as hashes only. What was called is never deleted.
"""

from typing import Final

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from oauth2_provider.models import AbstractApplication

from creditsys.guards import append_only, changes_only, no_delete, once

SHA256: Final = "^[0-9a-f]{64}$"


class Organisation(models.Model):  # type: ignore[django-manager-missing]
    """A bank or a department: whoever is answerable for clients and for what they are given."""

    class Kind(models.TextChoices):
        BANK = "BANK", "银行"
        DEPARTMENT = "DEPARTMENT", "政府部门"

    key = models.SlugField("代码", max_length=40, unique=True, help_text="小写字母、数字和连字符；定后不改")
    name = models.CharField("名称", max_length=100, unique=True)
    kind = models.CharField("类别", max_length=10, choices=Kind.choices)

    class Meta:
        verbose_name = verbose_name_plural = "机构"
        ordering = ("kind", "key")
        # whom people work with: without either, no organisation, client or call is seen
        permissions = (
            ("view_bank_organisation", "范围包括银行"),
            ("view_department_organisation", "范围包括政府部门"),
        )
        constraints = (
            models.CheckConstraint(
                name="organisation_key_form",
                condition=Q(key__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                violation_error_message="机构代码由小写字母、数字组成，可用连字符连接。",
            ),
            models.CheckConstraint(
                name="organisation_name_given",
                condition=~Q(name=""),
                violation_error_message="须写明机构名称。",
            ),
            models.CheckConstraint(
                name="organisation_kind_known",
                condition=Q(kind__in=["BANK", "DEPARTMENT"]),
                violation_error_message="机构类别不在规定的范围内。",
            ),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="fixed_key",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("key", "kind"),
                func="RAISE EXCEPTION '机构的代码和类别不得修改' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Client(AbstractApplication):
    """A program of an organisation that signs in with client credentials (RFC 6749, 4.4).

    The fields of django-oauth-toolkit for other ways to sign in are not used; secrets are rows of
    :class:`ClientSecret`.
    """

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="clients", verbose_name="机构"
    )
    #: of applications.clients.oauth.SCOPES
    scopes = ArrayField(models.CharField(max_length=40), verbose_name="权限范围", default=list)
    #: CIDR; from anywhere where empty
    networks = ArrayField(
        models.CharField(max_length=43), verbose_name="限定来源网络", default=list, blank=True
    )
    #: SHA-256 of the DER of each client certificate that it may use, hexadecimal; none needed where empty
    certificates = ArrayField(
        models.CharField(max_length=64), verbose_name="限定客户端证书", default=list, blank=True
    )
    is_active = models.BooleanField("启用", default=True)

    class Meta(AbstractApplication.Meta):
        abstract = False
        verbose_name = verbose_name_plural = "接口客户端"
        ordering = ("organisation", "name")
        constraints = (
            models.CheckConstraint(
                name="client_name_given", condition=~Q(name=""), violation_error_message="须写明客户端名称。"
            ),
            models.CheckConstraint(
                name="client_credentials_only",
                condition=Q(client_type="confidential", authorization_grant_type="client-credentials"),
                violation_error_message="客户端只能用客户端凭证方式登录。",
            ),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="fixed_identity",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("client_id", "organisation"),
                func="RAISE EXCEPTION '客户端的标识和机构不得修改' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def is_usable(self, request: object) -> bool:
        """Whether it may sign in at all; asked by django-oauth-toolkit."""
        return self.is_active


class ClientSecret(models.Model):
    """A secret of a client: shown once when it is made, kept as a hash. Several may hold at a time."""

    client = models.ForeignKey(Client, models.PROTECT, related_name="secrets", verbose_name="客户端")
    #: of a random text of 256 bits, so that no slow hash is needed
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    #: its last four characters, by which people tell secrets apart
    hint = models.CharField("末四位", max_length=4)
    created_at = models.DateTimeField("生成时间", default=timezone.now)
    created_by = models.CharField("生成人", max_length=150)
    expires_at = models.DateTimeField("到期时间")
    revoked_at = models.DateTimeField("撤销时间", null=True, blank=True)
    revoked_by = models.CharField("撤销人", max_length=150, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "客户端密钥"
        ordering = ("client", "-created_at")
        constraints = (
            models.CheckConstraint(name="clientsecret_sha256", condition=Q(sha256__regex=SHA256)),
            models.CheckConstraint(
                name="clientsecret_expires",
                condition=Q(expires_at__gt=F("created_at")),
                violation_error_message="到期时间须晚于生成时间。",
            ),
            models.CheckConstraint(
                name="clientsecret_revoked_whole",
                condition=Q(revoked_at=None, revoked_by="") | Q(revoked_at__isnull=False) & ~Q(revoked_by=""),
                violation_error_message="撤销须写明时间和撤销人。",
            ),
        )
        triggers = (*changes_only(["revoked_at", "revoked_by"]), once("revoked_at"))

    def __str__(self) -> str:
        return f"……{self.hint}"


class TokenBinding(models.Model):
    """The client certificate that a token was asked for with: it serves with that one only (RFC 8705, 3)."""

    token = models.OneToOneField(
        "oauth2_provider.AccessToken", models.CASCADE, primary_key=True, related_name="binding"
    )
    certificate = models.CharField("证书指纹", max_length=64)

    class Meta:
        default_permissions = ()
        verbose_name = verbose_name_plural = "令牌绑定"
        constraints = (
            models.CheckConstraint(name="tokenbinding_certificate", condition=Q(certificate__regex=SHA256)),
        )

    def __str__(self) -> str:
        return self.certificate[:12]


class Call(models.Model):
    """One call of a client: what for, about what, and how many rows were given. For good."""

    at = models.DateTimeField("时间", default=timezone.now)
    client = models.ForeignKey(
        Client, models.PROTECT, related_name="calls", db_index=False, verbose_name="客户端"
    )
    address = models.GenericIPAddressField("来源地址", null=True, blank=True)
    #: of the API's description
    operation = models.CharField("操作", max_length=60)
    #: what it was about, such as a product's key
    subject = models.CharField("对象", max_length=120, blank=True, default="")
    purpose = models.CharField("用途", max_length=40, blank=True, default="")
    status = models.SmallIntegerField("状态码")
    #: that left: of a download that was cut off, those until then
    rows = models.IntegerField("给出行数", default=0)
    #: False: the client left before the end
    complete = models.BooleanField("给完", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "接口调用"
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("client", "at"), name="call_client"),
            models.Index(fields=("at",), name="call_at"),
        )
        constraints = (models.CheckConstraint(name="call_rows", condition=Q(rows__gte=0) & ~Q(operation="")),)
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.operation} {self.subject}"
