"""Import batches: which file brought which facts, checked by whom, accepted when."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from creditsys.guards import no_delete


class ImportBatch(models.Model):
    """One file: uploaded and checked (a dry run), then accepted whole or dropped.

    Nothing of it is written to the facts before it is accepted.
    """

    class State(models.TextChoices):
        CHECKED = "CHECKED", "已试算，待确认"
        ACCEPTED = "ACCEPTED", "已入库"
        DROPPED = "DROPPED", "已放弃"

    kind = models.CharField("数据种类", max_length=20)
    file_name = models.CharField("文件名", max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField("大小（字节）")
    stored_file = models.CharField("存放位置", max_length=255, blank=True, default="")
    mapping = models.JSONField("列对应", default=dict, blank=True)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.CHECKED)
    added = models.IntegerField("新增", default=0)
    changed = models.IntegerField("更新", default=0)
    unchanged = models.IntegerField("未变", default=0)
    refused = models.IntegerField("拒收", default=0)
    problems = models.JSONField("拒收明细", default=list, blank=True)
    uploaded_by = models.CharField("上传人", max_length=150)
    uploaded_at = models.DateTimeField("上传时间", default=timezone.now)
    accepted_by = models.CharField("确认人", max_length=150, blank=True, default="")
    accepted_at = models.DateTimeField("确认时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "导入批次"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="importbatch_sha256_form", condition=Q(sha256__regex=r"^[0-9a-f]{64}$")
            ),
            models.CheckConstraint(
                name="importbatch_accepted_whole",
                condition=Q(state="ACCEPTED", accepted_at__isnull=False) & ~Q(accepted_by="")
                | ~Q(state="ACCEPTED") & Q(accepted_at=None, accepted_by=""),
            ),
            models.CheckConstraint(
                name="importbatch_counts",
                condition=Q(added__gte=0, changed__gte=0, unchanged__gte=0, refused__gte=0, size__gte=0),
            ),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="immutable_when_closed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__state="CHECKED"),
                func="RAISE EXCEPTION '已入库或已放弃的批次不得修改' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.file_name}"
