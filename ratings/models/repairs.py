"""Credit repair (信用修复): a decision stops counting once its conditions are met and it is granted."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import no_delete
from ratings.models.facts import Violation
from ratings.models.guards import moves_only
from ratings.models.periods import who_when
from ratings.rules.moves import OPEN_REPAIR, REPAIR_MOVES, REPAIR_STATES


class CreditRepair(models.Model):
    """One application to repair the credit harmed by one violation. Terms: rules/terms.toml."""

    violation = models.ForeignKey(Violation, models.PROTECT, related_name="repairs", verbose_name="违法违规")
    applied_on = models.DateField("申请日期")
    contact = models.CharField("联系人和电话", max_length=100, blank=True, default="")
    commitment = models.TextField("信用承诺", max_length=2000)
    correction = models.TextField("整改情况", max_length=2000)
    #: the first day on which the minimum time since the decision has passed
    earliest_on = models.DateField("最早可修复日")
    received_by = models.CharField("收件人", max_length=150)
    received_at = models.DateTimeField("收件时间", default=timezone.now)
    accept_due_on = models.DateField("受理期限")
    accepted_by = models.CharField("受理人", max_length=150, blank=True, default="")
    accepted_at = models.DateTimeField("受理时间", null=True, blank=True)
    accept_text = models.CharField("受理意见", max_length=500, blank=True, default="")
    decide_due_on = models.DateField("决定期限", null=True, blank=True)
    extended_by = models.CharField("延长人", max_length=150, blank=True, default="")
    extended_at = models.DateTimeField("延长时间", null=True, blank=True)
    extension_reason = models.CharField("延长理由", max_length=300, blank=True, default="")
    state = models.CharField("状态", max_length=12, choices=REPAIR_STATES.choices, default="APPLIED")
    #: "GRANTED" or "REFUSED"
    proposed_outcome = models.CharField("拟处理意见", max_length=7, blank=True, default="")
    proposed_text = models.CharField("拟处理理由", max_length=500, blank=True, default="")
    proposed_by = models.CharField("提出人", max_length=150, blank=True, default="")
    proposed_at = models.DateTimeField("提出时间", null=True, blank=True)
    decision_no = models.CharField("决定文书号", max_length=100, blank=True, default="")
    decided_by = models.CharField("决定人", max_length=150, blank=True, default="")
    decided_at = models.DateTimeField("决定时间", null=True, blank=True)
    decision_text = models.CharField("决定理由", max_length=500, blank=True, default="")
    reply_due_on = models.DateField("答复期限", null=True, blank=True)
    replied_on = models.DateField("答复日期", null=True, blank=True)
    calendar_known = models.BooleanField("节假日已知", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "信用修复"
        ordering = ("-id",)
        default_permissions = ("view", "add", "change")
        permissions = (("decide_creditrepair", "决定信用修复"),)
        constraints = (
            models.UniqueConstraint(
                fields=("violation",),
                condition=Q(state__in=list(OPEN_REPAIR)),
                name="creditrepair_one_open",
                violation_error_message="该违法违规已有一件办理中的信用修复申请。",
            ),
            *who_when("creditrepair", "accepted", "extended", "proposed", "decided"),
            models.CheckConstraint(
                name="creditrepair_given",
                condition=~Q(commitment="") & ~Q(correction="") & ~Q(received_by=""),
                violation_error_message="须写明信用承诺、整改情况和收件人。",
            ),
            models.CheckConstraint(
                name="creditrepair_not_decided_by_proposer",
                condition=Q(decided_by="") | ~Q(decided_by=F("proposed_by")),
                violation_error_message="信用修复须由提出处理意见以外的人决定。",
            ),
            models.CheckConstraint(
                name="creditrepair_state_backed",
                condition=Q(state__in=["APPLIED", "WITHDRAWN"])
                | Q(state__in=["ACCEPTED", "NOT_ACCEPTED"], accepted_at__isnull=False)
                | Q(state="PROPOSED", proposed_at__isnull=False, decide_due_on__isnull=False)
                | Q(state="REFUSED", decided_at__isnull=False)
                | Q(state="GRANTED", decided_at__isnull=False) & ~Q(decision_no=""),
                violation_error_message="状态与办理记录不符。",
            ),
        )
        triggers = (*no_delete(), *moves_only("APPLIED", REPAIR_MOVES))

    def __str__(self) -> str:
        return f"信用修复 #{self.pk}"

    @property
    def is_open(self) -> bool:
        """Still to be decided."""
        return self.state in OPEN_REPAIR
