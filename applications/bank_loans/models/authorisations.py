"""A pharmacy's authorisation (授权) to tell a bank that it is eligible for a product."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from applications.bank_loans.models.products import LoanProduct
from applications.clients.models import SHA256
from creditsys.guards import changes_only, once


class Authorisation(models.Model):
    """On record with its document; ends by itself or is withdrawn, and is never deleted."""

    product = models.ForeignKey(
        LoanProduct, models.PROTECT, related_name="authorisations", verbose_name="贷款产品"
    )
    code = models.CharField("定点编码", max_length=12)
    valid_from = models.DateField("起始日")
    #: the first day on which it holds no more
    valid_until = models.DateField("失效日", null=True, blank=True, help_text="授权失效的首日；空＝至撤回")
    #: below settings.MEDIA_ROOT; served only by a view with rights
    document = models.FileField("授权书", upload_to="bank_loans/authorisations/%Y/%m", max_length=200)
    document_name = models.CharField("文件名", max_length=200)
    document_sha256 = models.CharField("文件 SHA-256", max_length=64)
    recorded_at = models.DateTimeField("登记时间", default=timezone.now)
    recorded_by = models.CharField("登记人", max_length=150)
    #: from this day on it holds no more
    withdrawn_on = models.DateField("撤回日", null=True, blank=True)
    withdrawn_by = models.CharField("撤回登记人", max_length=150, blank=True, default="")
    withdrawal_reason = models.CharField("撤回原因", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "药店授权"
        ordering = ("-id",)
        indexes = (models.Index(fields=("product", "code"), name="authorisation_code"),)
        constraints = (
            models.CheckConstraint(
                name="authorisation_code_form",
                condition=Q(code__regex=r"^P[1-9][0-9]{10}$"),
                violation_error_message="定点编码须为十二位：P＋六位行政区划代码＋五位顺序号。",
            ),
            models.CheckConstraint(
                name="authorisation_dates",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="失效日须晚于起始日。",
            ),
            models.CheckConstraint(
                name="authorisation_document",
                condition=~Q(document="") & ~Q(document_name="") & Q(document_sha256__regex=SHA256),
                violation_error_message="须附授权书。",
            ),
            models.CheckConstraint(
                name="authorisation_withdrawn_whole",
                condition=Q(withdrawn_on=None, withdrawn_by="", withdrawal_reason="")
                | Q(withdrawn_on__isnull=False) & ~Q(withdrawn_by="") & ~Q(withdrawal_reason=""),
                violation_error_message="撤回须写明日期、登记人和原因。",
            ),
        )
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *changes_only(["withdrawn_on", "withdrawn_by", "withdrawal_reason"]),
            once("withdrawn_on"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.product}"
