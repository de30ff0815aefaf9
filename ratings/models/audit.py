"""The record of what people did. Rows outlive their subjects: no foreign keys."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from ratings.models.guards import append_only


class AuditEvent(models.Model):
    """One act: who did what to what, when, from where and why."""

    at = models.DateTimeField("时间", default=timezone.now)
    actor = models.CharField("经办人", max_length=150)
    action = models.CharField("操作", max_length=60)
    subject = models.CharField("对象", max_length=120)
    reason = models.CharField("理由", max_length=500, blank=True, default="")
    address = models.GenericIPAddressField("来源地址", null=True, blank=True)
    detail = models.JSONField("详情", default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name = verbose_name_plural = "操作记录"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="audit_who_what", condition=~Q(actor="") & ~Q(action="") & ~Q(subject="")
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
