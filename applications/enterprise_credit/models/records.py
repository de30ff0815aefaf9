"""Credit records (信用信息) of departments: append-only, corrected by a new record, withdrawn with a reason."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from applications.clients.models import SHA256, Client, Organisation
from applications.enterprise_credit.models.subjects import CreditSubject
from creditsys.guards import changes_only, no_delete, once, references


class RecordBatch(models.Model):
    """One intake of records of a type: a call, or a file that was checked first and then accepted or dropped."""

    class Source(models.TextChoices):
        API = "API", "接口"
        FILE = "FILE", "文件"
        FORM = "FORM", "填报"

    class State(models.TextChoices):
        CHECKED = "CHECKED", "已试算，待确认"
        ACCEPTED = "ACCEPTED", "已入库"
        DROPPED = "DROPPED", "已放弃"

    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name="提供部门")
    #: key of the catalogue
    record_type = models.CharField("信用信息类型", max_length=40)
    source = models.CharField("来源", max_length=4, choices=Source.choices)
    state = models.CharField("状态", max_length=10, choices=State.choices)
    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="客户端"
    )
    #: of a call: what makes sending it again harmless
    idempotency_key = models.CharField("幂等键", max_length=80, blank=True, default="")
    file_name = models.CharField("文件名", max_length=255, blank=True, default="")
    #: of the file, or of the body of the call
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField("大小（字节）")
    stored_file = models.CharField("存放位置", max_length=255, blank=True, default="")
    #: how a file was read
    mapping = models.JSONField("列对应", default=dict, blank=True)
    accepted = models.IntegerField("新增", default=0)
    corrected = models.IntegerField("更正", default=0)
    withdrawn = models.IntegerField("撤销", default=0)
    unchanged = models.IntegerField("未变", default=0)
    #: taken in, too, and not among those: without a known enterprise, or under another name
    unmatched = models.IntegerField("待匹配", default=0)
    refused = models.IntegerField("拒收", default=0)
    problems = models.JSONField("拒收明细", default=list, blank=True)
    #: of a call: the answer that was given
    answer = models.JSONField("答复", null=True, blank=True)
    uploaded_by = models.CharField("提交人", max_length=150)
    uploaded_at = models.DateTimeField("提交时间", default=timezone.now)
    accepted_by = models.CharField("确认人", max_length=150, blank=True, default="")
    accepted_at = models.DateTimeField("确认时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "信用信息批次"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("client", "idempotency_key"),
                condition=~Q(idempotency_key=""),
                name="recordbatch_once",
            ),
            models.CheckConstraint(name="recordbatch_sha256", condition=Q(sha256__regex=SHA256)),
            models.CheckConstraint(
                name="recordbatch_accepted_whole",
                condition=Q(state="ACCEPTED", accepted_at__isnull=False) & ~Q(accepted_by="")
                | ~Q(state="ACCEPTED") & Q(accepted_at=None, accepted_by=""),
            ),
            models.CheckConstraint(
                name="recordbatch_counts",
                condition=Q(
                    accepted__gte=0, corrected__gte=0, withdrawn__gte=0, unchanged__gte=0, refused__gte=0
                ),
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
        return f"#{self.pk} {self.record_type}"


class CreditRecord(models.Model):
    """One record of a department about an enterprise.

    ``record_no`` is the supplier's own number: of a type, one version of it is live at a time. A correction is a
    new version; the old one is voided at that moment. Only matched records are shown and count. Bulk-written:
    references are checked once per statement.
    """

    class Match(models.TextChoices):
        MATCHED = "MATCHED", "已匹配"
        NO_SUBJECT = "NO_SUBJECT", "查无此企业"
        NAME_DIFFERS = "NAME_DIFFERS", "名称与代码不符"

    class Ending(models.TextChoices):
        CORRECTED = "CORRECTED", "已更正"
        WITHDRAWN = "WITHDRAWN", "已撤销"

    record_type = models.CharField("信用信息类型", max_length=40)
    record_no = models.CharField("记录编号", max_length=80)
    uscc = models.CharField("统一社会信用代码", max_length=18)
    name = models.CharField("企业名称", max_length=200)
    match = models.CharField("匹配", max_length=12, choices=Match.choices)
    #: null unless matched
    subject = models.ForeignKey(
        CreditSubject,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="records",
        db_constraint=False,
        db_index=False,
        verbose_name="企业",
    )
    document_no = models.CharField("文书号", max_length=120, blank=True, default="")
    decided_on = models.DateField("认定日期")
    valid_from = models.DateField("生效日")
    #: the first day on which it holds no more
    valid_until = models.DateField("失效日", null=True, blank=True)
    #: by the fields of the type; amounts in fen, dates as 2026-01-31
    data = models.JSONField("内容", default=dict)
    #: an objection of the enterprise is being heard (异议标注)
    objected_on = models.DateField("异议标注日", null=True, blank=True)
    objection = models.CharField("异议说明", max_length=500, blank=True, default="")
    batch = models.ForeignKey(
        RecordBatch,
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name="批次",
    )
    row = models.IntegerField("行号")
    recorded_by = models.CharField("记录人", max_length=150)
    recorded_at = models.DateTimeField("记录时间", default=timezone.now)
    voided_at = models.DateTimeField("终止时间", null=True, blank=True)
    ending = models.CharField("终止方式", max_length=10, choices=Ending.choices, blank=True, default="")
    void_reason = models.CharField("终止原因", max_length=300, blank=True, default="")
    voided_by = models.CharField("终止人", max_length=150, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "信用信息"
        ordering = ("-id",)
        permissions = (("match_creditrecord", "Can match 信用信息"),)
        indexes = (
            models.Index(
                fields=("subject", "record_type"),
                condition=Q(voided_at=None, subject__isnull=False),
                name="creditrecord_subject",
            ),
            models.Index(
                fields=("record_type", "id"),
                condition=Q(voided_at=None) & ~Q(match="MATCHED"),
                name="creditrecord_unmatched",
            ),
            models.Index(
                fields=("uscc",),
                condition=Q(voided_at=None) & ~Q(match="MATCHED"),
                name="creditrecord_waiting",
            ),
            models.Index(
                fields=("record_type", "record_no"),
                condition=Q(voided_at__isnull=False),
                name="creditrecord_voided",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("record_type", "record_no"), condition=Q(voided_at=None), name="creditrecord_one_live"
            ),
            models.CheckConstraint(
                name="creditrecord_match_whole",
                condition=Q(match="MATCHED", subject__isnull=False)
                | Q(match__in=["NO_SUBJECT", "NAME_DIFFERS"], subject=None),
            ),
            models.CheckConstraint(
                name="creditrecord_dates",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="失效日须晚于生效日。",
            ),
            models.CheckConstraint(
                name="creditrecord_objection_whole",
                condition=Q(objected_on=None, objection="") | Q(objected_on__isnull=False) & ~Q(objection=""),
            ),
            models.CheckConstraint(
                name="creditrecord_void_whole",
                condition=Q(voided_at=None, void_reason="", voided_by="", ending="")
                | Q(voided_at__isnull=False, ending__in=["CORRECTED", "WITHDRAWN"])
                & ~Q(void_reason="")
                & ~Q(voided_by=""),
            ),
        )
        triggers = (
            *changes_only(
                [
                    *("match", "subject", "objected_on", "objection"),
                    *("voided_at", "ending", "void_reason", "voided_by"),
                ]
            ),
            once("voided_at"),
            references("subject_id", "enterprise_credit_creditsubject", "uscc"),
            references("batch_id", "enterprise_credit_recordbatch"),
        )

    def __str__(self) -> str:
        return f"{self.record_type} {self.record_no}"
