"""Scheme versions: rating schemes as documents, immutable once in force."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from creditsys.guards import document_in_force


class SchemeVersion(models.Model):
    """One version of a scheme: the exact document, its hash, and since when it is in force."""

    key = models.SlugField("键", max_length=60)
    version = models.PositiveIntegerField("版本")
    title = models.CharField("名称", max_length=200)
    effective_on = models.DateField("施行日期")
    document = models.TextField("文本（TOML）")
    sha256 = models.CharField("SHA-256", max_length=64)
    stored_by = models.CharField("存入人", max_length=150)
    stored_at = models.DateTimeField("存入时间", default=timezone.now)
    activated_by = models.CharField("启用人", max_length=150, blank=True, default="")
    activated_at = models.DateTimeField("启用时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "评价规则"
        ordering = ("key", "-effective_on", "-id")
        constraints = (
            models.UniqueConstraint(fields=("key", "version"), name="scheme_key_version"),
            models.UniqueConstraint(
                fields=("key", "effective_on"),
                condition=Q(activated_at__isnull=False),
                name="scheme_one_in_force_from",
            ),
            models.CheckConstraint(
                name="scheme_activated_whole",
                condition=Q(activated_at=None, activated_by="")
                | Q(activated_at__isnull=False) & ~Q(activated_by=""),
            ),
        )
        triggers = document_in_force("评价规则", "评价规则")

    def __str__(self) -> str:
        return f"{self.title}（第 {self.version} 版）"

    @property
    def in_force(self) -> bool:
        return self.activated_at is not None
