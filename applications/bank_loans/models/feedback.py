"""What banks report of their loans: append-only; a mistake is corrected by one more event."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from applications.bank_loans.models.products import LoanProduct
from applications.clients.models import SHA256, Client
from creditsys.guards import append_only


class FeedbackBatch(models.Model):
    """One report of a bank's program, taken in as a whole or not at all."""

    product = models.ForeignKey(LoanProduct, models.PROTECT, related_name="feedback", verbose_name="贷款产品")
    client = models.ForeignKey(Client, models.PROTECT, related_name="feedback", verbose_name="客户端")
    idempotency_key = models.CharField("幂等键", max_length=100)
    #: of what was sent: the same key with another content is refused
    content_sha256 = models.CharField("内容 SHA-256", max_length=64)
    at = models.DateTimeField("时间", default=timezone.now)
    rows = models.IntegerField("行数")
    #: of all amounts, the bank's control total
    total_fen = models.BigIntegerField("金额合计（分）")

    class Meta:
        verbose_name = verbose_name_plural = "贷款反馈"
        ordering = ("-id",)
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("client", "idempotency_key"), name="feedbackbatch_once"),
            models.CheckConstraint(
                name="feedbackbatch_whole",
                condition=Q(rows__gte=1, total_fen__gte=0, content_sha256__regex=SHA256)
                & ~Q(idempotency_key=""),
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.product} {self.at:%Y-%m-%d}"


class LoanEvent(models.Model):
    """What happened to a loan on a day. Bulk-written."""

    class Kind(models.TextChoices):
        GRANTED = "granted", "授信"
        DRAWN = "drawn", "用信"
        REPAID = "repaid", "还款"
        #: the amount that is overdue as of the day; 0 = none any more
        OVERDUE = "overdue", "逾期余额"
        #: takes back what another event of the loan says
        REVERSED = "reversed", "冲正"

    batch = models.ForeignKey(FeedbackBatch, models.PROTECT, related_name="events", verbose_name="反馈")
    product = models.ForeignKey(
        LoanProduct, models.PROTECT, related_name="loan_events", verbose_name="贷款产品"
    )
    line = models.IntegerField("行号")
    #: the bank's own number of the loan, and of this event
    loan_no = models.CharField("贷款编号", max_length=60)
    event_no = models.CharField("事项编号", max_length=60)
    kind = models.CharField("种类", max_length=10, choices=Kind.choices)
    code = models.CharField("定点编码", max_length=12)
    on = models.DateField("日期")
    amount_fen = models.BigIntegerField("金额（分）")
    #: event_no of what a reversal takes back
    reverses = models.CharField("冲正事项", max_length=60, blank=True, default="")
    #: of a grant: the pharmacy's public grade on that day, and where; "" = none
    grade = models.CharField("授信时等级", max_length=20, blank=True, default="")
    #: 0 = best, -1 = none
    grade_position = models.SmallIntegerField("授信时等级序号", default=-1)
    district = models.IntegerField("区县代码", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "贷款事项"
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (models.Index(fields=("product", "loan_no"), name="loanevent_loan"),)
        constraints = (
            models.UniqueConstraint(fields=("batch", "line"), name="loanevent_line_once"),
            models.UniqueConstraint(fields=("product", "event_no"), name="loanevent_once"),
            models.CheckConstraint(
                name="loanevent_amount",
                condition=Q(kind="overdue", amount_fen__gte=0) | ~Q(kind="overdue") & Q(amount_fen__gt=0),
                violation_error_message="金额须大于零；逾期余额可以为零。",
            ),
            models.CheckConstraint(
                name="loanevent_whole",
                condition=~Q(loan_no="")
                & ~Q(event_no="")
                & (Q(kind="reversed") & ~Q(reverses="") | ~Q(kind="reversed") & Q(reverses="")),
                violation_error_message="须写明贷款编号和事项编号；冲正须写明所冲事项。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.loan_no} {self.kind}"
