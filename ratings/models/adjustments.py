"""How a pharmacy's grade comes to differ from the computed one: re-ratings and adjustments."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only
from ratings.models.guards import decided_once
from ratings.models.objections import Objection
from ratings.models.periods import RatingPeriod, who_when
from ratings.models.repairs import CreditRepair
from ratings.models.runs import Rating

SHA256 = "^[0-9a-f]{64}$"


class Rerating(models.Model):
    """One pharmacy reckoned again, with the scheme and the peers of its run, on the facts of now."""

    rating = models.ForeignKey(Rating, models.PROTECT, related_name="reratings", verbose_name="原评价结果")
    cutoff = models.DateTimeField("数据截止时间")
    #: as in Rating
    state = models.SmallIntegerField("不予评级规则")
    score = models.BigIntegerField("信用分（千分之一分）")
    grade = models.SmallIntegerField("等级序号")
    grade_before_caps = models.SmallIntegerField("限制前等级序号")
    caps = models.BigIntegerField("触发的限制")
    trace = ArrayField(models.BigIntegerField(), verbose_name="计算过程")
    #: worst position that the caps marked at_once demand today; -1 = none
    limit = models.SmallIntegerField("即时限制等级序号", default=-1)
    #: id of the cap that demands it, "" = none
    limit_rule = models.CharField("即时限制", max_length=40, blank=True, default="")
    #: id of the eligibility rule marked at_once that holds today, "" = none
    withdrawn_rule = models.CharField("撤回等级的规则", max_length=40, blank=True, default="")
    inputs_sha256 = models.CharField("输入指纹", max_length=64)
    outcomes_sha256 = models.CharField("结果指纹", max_length=64)
    reckoned_by = models.CharField("发起人", max_length=150)
    reckoned_at = models.DateTimeField("计算时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "复评"
        ordering = ("-id",)
        default_permissions = ()
        #: the guards of facts ask for the newest cutoff at every write
        indexes = (models.Index(fields=("cutoff",), name="rerating_cutoff"),)
        constraints = (
            models.CheckConstraint(
                name="rerating_grade_or_reason",
                condition=Q(state=0, grade__gte=0) | Q(state__gt=0, grade=-1),
                violation_error_message="复评结果须有等级，或有不予评级的理由。",
            ),
            models.CheckConstraint(
                name="rerating_fingerprints",
                condition=Q(inputs_sha256__regex=SHA256, outcomes_sha256__regex=SHA256),
                violation_error_message="复评须有输入和结果的指纹。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"复评 #{self.pk}"

    @property
    def position(self) -> int:
        """The grade's position that follows: the worse of the reckoned one and today's limit."""
        if self.withdrawn_rule or self.grade < 0:
            return -1
        return max(self.grade, self.limit)


class Adjustment(models.Model):
    """A proposed or decided change of one pharmacy's grade in one period."""

    class Cause(models.TextChoices):
        JUDGEMENT = "JUDGEMENT", "依规调整"
        OBJECTION = "OBJECTION", "异议成立"
        CORRECTION = "CORRECTION", "更正"
        REPAIR = "REPAIR", "信用修复"
        INTERIM = "INTERIM", "期间变动"
        WITHDRAWAL = "WITHDRAWAL", "撤回等级"

    class State(models.TextChoices):
        PROPOSED = "PROPOSED", "待审批"
        APPROVED = "APPROVED", "已批准"
        REJECTED = "REJECTED", "未批准"
        CANCELLED = "CANCELLED", "已撤销"

    period = models.ForeignKey(
        RatingPeriod, models.PROTECT, related_name="adjustments", verbose_name="评价周期"
    )
    rating = models.ForeignKey(Rating, models.PROTECT, related_name="adjustments", verbose_name="评价结果")
    cause = models.CharField("事由", max_length=10, choices=Cause.choices)
    #: positions in the run's scheme; -1 = no grade
    from_grade = models.SmallIntegerField("原等级序号")
    to_grade = models.SmallIntegerField("新等级序号")
    reason_code = models.CharField("理由代码", max_length=40, blank=True, default="")
    clause = models.CharField("条款", max_length=500)
    text = models.CharField("理由", max_length=500)
    rerating = models.ForeignKey(
        Rerating, models.PROTECT, null=True, blank=True, related_name="adjustments", verbose_name="复评"
    )
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", verbose_name="撤销的调整"
    )
    objection = models.ForeignKey(
        Objection, models.PROTECT, null=True, blank=True, related_name="adjustments", verbose_name="异议"
    )
    repair = models.ForeignKey(
        CreditRepair,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="adjustments",
        verbose_name="信用修复",
    )
    due_on = models.DateField("法定期限", null=True, blank=True)
    state = models.CharField("状态", max_length=9, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.CharField("提出人", max_length=150)
    proposed_at = models.DateTimeField("提出时间", default=timezone.now)
    decided_by = models.CharField("审批人", max_length=150, blank=True, default="")
    decided_at = models.DateTimeField("审批时间", null=True, blank=True)
    decision_text = models.CharField("审批意见", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "等级调整"
        ordering = ("-id",)
        default_permissions = ("view", "add")
        permissions = (("decide_adjustment", "审批等级调整"),)
        indexes = (models.Index(fields=("rating", "decided_at"), name="adjustment_effective"),)
        constraints = (
            models.UniqueConstraint(
                fields=("rating",),
                condition=Q(state="PROPOSED"),
                name="adjustment_one_open",
                violation_error_message="该药店已有一件待审批的调整，请先处理。",
            ),
            models.UniqueConstraint(
                fields=("reverses",),
                condition=Q(state__in=["PROPOSED", "APPROVED"]),
                name="adjustment_reversed_once",
                violation_error_message="该调整的撤销已在办理或已生效。",
            ),
            *who_when("adjustment", "decided"),
            models.CheckConstraint(
                name="adjustment_decided_when_not_open",
                condition=Q(state="PROPOSED", decided_at=None)
                | ~Q(state="PROPOSED") & Q(decided_at__isnull=False),
                violation_error_message="待审批的调整没有审批人；已办结的须写明审批人和时间。",
            ),
            models.CheckConstraint(
                name="adjustment_not_decided_by_proposer",
                condition=Q(state__in=["PROPOSED", "CANCELLED"]) | ~Q(decided_by=F("proposed_by")),
                violation_error_message="调整须由提出人以外的人审批。",
            ),
            models.CheckConstraint(
                name="adjustment_changes",
                condition=~Q(from_grade=F("to_grade")) | ~Q(cause="JUDGEMENT"),
                violation_error_message="调整前后等级相同。",
            ),
            models.CheckConstraint(
                name="adjustment_reckoned_or_reasoned",
                condition=Q(cause="JUDGEMENT", rerating=None) & ~Q(reason_code="")
                | ~Q(cause="JUDGEMENT") & Q(rerating__isnull=False)
                | Q(reverses__isnull=False),
                violation_error_message="依规调整须有规则中的理由；其他事由须有复评。",
            ),
            models.CheckConstraint(
                name="adjustment_source",
                condition=(Q(cause="OBJECTION", objection__isnull=False) | ~Q(cause="OBJECTION"))
                & (Q(cause="REPAIR", repair__isnull=False) | ~Q(cause="REPAIR")),
                violation_error_message="因异议或信用修复的调整须注明出处。",
            ),
            models.CheckConstraint(
                name="adjustment_text_given",
                condition=~Q(text="") & ~Q(clause="") & ~Q(proposed_by=""),
                violation_error_message="调整须写明理由、条款和提出人。",
            ),
        )
        triggers = decided_once("PROPOSED", ("state", "decided_by", "decided_at", "decision_text"))

    def __str__(self) -> str:
        return f"等级调整 #{self.pk}"
