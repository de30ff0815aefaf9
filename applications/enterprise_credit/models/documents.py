"""Versions of the catalogue and of the enterprise rule: documents, immutable once in force."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import no_delete


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
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="immutable_in_force",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__activated_at__isnull=False),
                func="RAISE EXCEPTION '已启用的目录和规则不得修改：请另存新版本' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="hash_of_document",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF NEW.sha256 <> encode(sha256(convert_to(NEW.document, 'UTF8')), 'hex') THEN
                        RAISE EXCEPTION '目录或规则的 SHA-256 与文本不符' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.title}（第 {self.version} 版）"
