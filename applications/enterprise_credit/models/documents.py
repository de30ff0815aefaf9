"""Versions of the catalogue and of the enterprise rule: documents, immutable once in force."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import document_in_force


class RuleDocument(models.Model):
    """One version: the exact document, its hash, who stored it, and who put it in force (another person)."""

    class Kind(models.TextChoices):
        CATALOGUE = "CATALOGUE", "信用信息目录"
        ENTERPRISE_RULE = "ENTERPRISE_RULE", "企业评定规则"

    kind = models.CharField("种类", max_length=20, choices=Kind.choices)
    key = models.SlugField("代码", max_length=40)
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
        verbose_name = verbose_name_plural = "信用信息目录和评定规则"
        ordering = ("kind", "-effective_on", "-id")
        constraints = (
            models.UniqueConstraint(fields=("kind", "key", "version"), name="ruledocument_version"),
            models.UniqueConstraint(
                fields=("kind", "effective_on"),
                condition=Q(activated_at__isnull=False),
                name="ruledocument_one_in_force_from",
            ),
            models.CheckConstraint(
                name="ruledocument_kind_known", condition=Q(kind__in=["CATALOGUE", "ENTERPRISE_RULE"])
            ),
            models.CheckConstraint(
                name="ruledocument_activated_whole",
                condition=Q(activated_at=None, activated_by="")
                | Q(activated_at__isnull=False) & ~Q(activated_by=""),
            ),
            models.CheckConstraint(
                name="ruledocument_two_persons",
                condition=~Q(activated_by=F("stored_by")),
                violation_error_message="存入和启用不能是同一人。",
            ),
        )
        triggers = document_in_force("目录和规则", "目录或规则")

    def __str__(self) -> str:
        return f"{self.title}（第 {self.version} 版）"
