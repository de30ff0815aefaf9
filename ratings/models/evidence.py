"""Evidence files, and the links that tell pharmacies their results."""

from django.core.files.storage import FileSystemStorage
from django.db import models
from django.db.models import Q
from django.utils import timezone

from creditsys.guards import append_only, no_delete
from ratings.models.adjustments import SHA256, Adjustment
from ratings.models.objections import Objection
from ratings.models.repairs import CreditRepair
from ratings.models.runs import Rating


def private_files() -> FileSystemStorage:
    """Under MEDIA_ROOT, which is outside the web root: no address of the site leads there."""
    return FileSystemStorage(file_permissions_mode=0o600)


class Evidence(models.Model):
    """A file that supports an adjustment, an objection or a credit repair. Never changed or deleted."""

    file = models.FileField("文件", upload_to="evidence", storage=private_files, max_length=120)
    name = models.CharField("文件名", max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.IntegerField("字节数")
    content_type = models.CharField("类型", max_length=40)
    adjustment = models.ForeignKey(
        Adjustment, models.PROTECT, null=True, blank=True, related_name="evidence", verbose_name="等级调整"
    )
    objection = models.ForeignKey(
        Objection, models.PROTECT, null=True, blank=True, related_name="evidence", verbose_name="异议"
    )
    repair = models.ForeignKey(
        CreditRepair, models.PROTECT, null=True, blank=True, related_name="evidence", verbose_name="信用修复"
    )
    uploaded_by = models.CharField("上传人", max_length=150)
    uploaded_at = models.DateTimeField("上传时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "证据材料"
        ordering = ("id",)
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                name="evidence_of_one",
                condition=Q(adjustment__isnull=False, objection=None, repair=None)
                | Q(adjustment=None, objection__isnull=False, repair=None)
                | Q(adjustment=None, objection=None, repair__isnull=False),
                violation_error_message="证据材料须属于一件调整、异议或信用修复。",
            ),
            models.CheckConstraint(
                name="evidence_fingerprint",
                condition=Q(sha256__regex=SHA256, size__gt=0),
                violation_error_message="证据材料须有内容和指纹。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return self.name


class NoticeLink(models.Model):
    """A one-time link that tells one pharmacy its result. Only the token's hash is kept."""

    rating = models.ForeignKey(Rating, models.PROTECT, related_name="links", verbose_name="评价结果")
    token_sha256 = models.CharField("令牌指纹", max_length=64, unique=True)
    issued_by = models.CharField("签发人", max_length=150)
    issued_at = models.DateTimeField("签发时间", default=timezone.now)
    expires_at = models.DateTimeField("失效时间")
    opened_at = models.DateTimeField("打开时间", null=True, blank=True)
    opened_from = models.GenericIPAddressField("打开地址", null=True, blank=True)
    #: of the number that the browser which opened it keeps in a cookie
    opened_by_sha256 = models.CharField("打开的浏览器的指纹", max_length=64, blank=True, default="")
    revoked_at = models.DateTimeField("收回时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "告知链接"
        ordering = ("-id",)
        default_permissions = ("view", "add")
        constraints = (
            models.UniqueConstraint(
                fields=("rating",),
                condition=Q(revoked_at=None),
                name="noticelink_one_live",
                violation_error_message="该药店已有一个有效的告知链接。",
            ),
            models.CheckConstraint(
                name="noticelink_hash",
                condition=Q(token_sha256__regex=SHA256),
                violation_error_message="令牌须以 SHA-256 保存。",
            ),
            models.CheckConstraint(
                name="noticelink_opened_whole",
                condition=Q(opened_at=None, opened_by_sha256="")
                | Q(opened_at__isnull=False, opened_by_sha256__regex=SHA256),
                violation_error_message="打开时间与打开的浏览器的指纹须同时写明。",
            ),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return f"告知链接 #{self.pk}"
