"""Batch checks (名单核查): lists of enterprises held against the criteria of a purpose, and what came of it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from applications.clients.models import SHA256, Client, Organisation
from creditsys.guards import append_only, changes_only


class BatchCheck(models.Model):
    """One list that was checked, by the criteria of the catalogue then in force."""

    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name="部门")
    by = models.CharField("核查人", max_length=150)
    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="客户端"
    )
    at = models.DateTimeField("时间", default=timezone.now)
    #: the day (Asia/Shanghai) that the verdicts hold for
    on = models.DateField("核查日")
    purpose = models.CharField("用途代码", max_length=40)
    purpose_title = models.CharField("用途", max_length=200)
    case_no = models.CharField("案号或项目号", max_length=100, blank=True, default="")
    title = models.CharField("名单名称", max_length=200)
    #: key@version of the catalogue
    catalogue = models.CharField("目录", max_length=60)
    file_name = models.CharField("文件名", max_length=255, blank=True, default="")
    sha256 = models.CharField("SHA-256", max_length=64)
    #: of a call: what makes sending it again harmless
    idempotency_key = models.CharField("幂等键", max_length=100, blank=True, default="")
    #: what was not looked at, because its records are not for this department: [{id, title, whole, text}]
    left_out = models.JSONField("未核查的条件", default=list)
    passed = models.IntegerField("通过", default=0)
    attention = models.IntegerField("需关注", default=0)
    rejected = models.IntegerField("不通过", default=0)
    unknown = models.IntegerField("查无此企业", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "名单核查"
        ordering = ("-id",)
        default_permissions = ("view", "add", "change")
        indexes = (models.Index(fields=("department", "-id"), name="batchcheck_department"),)
        constraints = (
            models.UniqueConstraint(
                fields=("client", "idempotency_key"),
                condition=~Q(idempotency_key=""),
                name="batchcheck_once",
            ),
            models.CheckConstraint(
                name="batchcheck_purpose", condition=~Q(purpose="") & ~Q(title="") & Q(sha256__regex=SHA256)
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return self.title


class CheckLine(models.Model):
    """One enterprise of a list: the verdict with its reasons, and the outcome that was reported back."""

    class Outcome(models.TextChoices):
        GRANTED = "GRANTED", "已给予"
        REFUSED = "REFUSED", "未给予"
        OTHER = "OTHER", "其他处理"

    batch_check = models.ForeignKey(
        BatchCheck, models.PROTECT, related_name="lines", db_index=False, verbose_name="名单核查"
    )
    row = models.IntegerField("序号")
    #: as given
    uscc = models.CharField("统一社会信用代码", max_length=40)
    given_name = models.CharField("名单上的名称", max_length=200, blank=True, default="")
    #: as registered
    name = models.CharField("企业名称", max_length=200, blank=True, default="")
    verdict = models.CharField("结论", max_length=10)
    #: [{id, title, text, clause, then}] that hold
    reasons = models.JSONField("理由", default=list)
    grade = models.CharField("企业信用等级", max_length=20, blank=True, default="")
    #: thousandths of a point
    score = models.BigIntegerField("企业信用分（千分之一分）", null=True)
    outcome = models.CharField("结果反馈", max_length=10, choices=Outcome.choices, blank=True, default="")
    #: fen
    amount_fen = models.BigIntegerField("金额（分）", null=True, blank=True)
    outcome_note = models.CharField("反馈说明", max_length=500, blank=True, default="")
    outcome_by = models.CharField("反馈人", max_length=150, blank=True, default="")
    outcome_at = models.DateTimeField("反馈时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "名单核查结果"
        ordering = ("batch_check", "row")
        default_permissions = ()
        indexes = (
            models.Index(fields=("uscc",), name="checkline_uscc"),
            models.Index(fields=("batch_check",), condition=~Q(outcome=""), name="checkline_reported"),
        )
        constraints = (
            models.UniqueConstraint(fields=("batch_check", "row"), name="checkline_row"),
            models.CheckConstraint(
                name="checkline_verdict", condition=Q(verdict__in=["PASS", "ATTENTION", "REJECT", "UNKNOWN"])
            ),
            models.CheckConstraint(
                name="checkline_outcome_whole",
                condition=Q(outcome="", outcome_at=None, outcome_by="")
                | Q(outcome__in=["GRANTED", "REFUSED", "OTHER"], outcome_at__isnull=False)
                & ~Q(outcome_by=""),
            ),
        )
        triggers = changes_only(["outcome", "amount_fen", "outcome_note", "outcome_by", "outcome_at"])

    def __str__(self) -> str:
        return f"{self.uscc} {self.verdict}"
