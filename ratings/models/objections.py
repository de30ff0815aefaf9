"""Objections to a grade: taken in, clocked, decided by another person, reviewed by a third."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only, no_delete
from ratings.models.facts import Complaint, Violation
from ratings.models.guards import moves_only
from ratings.models.periods import RatingPeriod, who_when
from ratings.models.runs import Rating
from ratings.rules.moves import OBJECTION_MOVES, OBJECTION_STATES, OPEN_OBJECTION


class Objection(models.Model):
    """One objection (异议): marked at once, answered within the legal terms (rules/terms.toml)."""

    class Channel(models.TextChoices):
        CLERK = "CLERK", "窗口受理"
        LINK = "LINK", "告知链接"

    class Against(models.TextChoices):
        NOTICE = "NOTICE", "公示的预评等级"
        PUBLISHED = "PUBLISHED", "已发布的等级"

    class Ground(models.TextChoices):
        """Zhejiang's regulation on public credit information, articles 30 and 31."""

        FACT = "FACT", "事实有误"
        TEXT = "TEXT", "文字有误"
        OMISSION = "OMISSION", "遗漏"
        EXPIRED = "EXPIRED", "已过期限"
        WRONG_SUBJECT = "WRONG_SUBJECT", "列入错误"

    class Remedy(models.TextChoices):
        VOID_FACTS = "VOID_FACTS", "作废所列事实并复评"
        RERATE = "RERATE", "事实已更正，复评"
        RECORD_ONLY = "RECORD_ONLY", "更正资料，不影响等级"

    period = models.ForeignKey(
        RatingPeriod, models.PROTECT, related_name="objections", verbose_name="评价周期"
    )
    rating = models.ForeignKey(Rating, models.PROTECT, related_name="objections", verbose_name="评价结果")
    channel = models.CharField("途径", max_length=5, choices=Channel.choices)
    against = models.CharField("异议对象", max_length=9, choices=Against.choices)
    ground = models.CharField("理由类别", max_length=13, choices=Ground.choices)
    statement = models.TextField("异议内容", max_length=2000)
    contact = models.CharField("联系人和电话", max_length=100, blank=True, default="")
    received_by = models.CharField("受理人", max_length=150)
    received_at = models.DateTimeField("收到时间", default=timezone.now)
    #: What the party did in time counts, not when the office entered it; the clocks run from here.
    handed_in_on = models.DateField("递交日期", default=timezone.localdate)
    due_on = models.DateField("答复期限")
    last_due_on = models.DateField("最长期限")
    calendar_known = models.BooleanField("节假日已知", default=True)
    state = models.CharField("状态", max_length=16, choices=OBJECTION_STATES.choices, default="OPEN")
    extended_by = models.CharField("延长人", max_length=150, blank=True, default="")
    extended_at = models.DateTimeField("延长时间", null=True, blank=True)
    extension_reason = models.CharField("延长理由", max_length=300, blank=True, default="")
    #: "UPHELD" or "REJECTED"
    proposed_outcome = models.CharField("拟处理意见", max_length=8, blank=True, default="")
    remedy = models.CharField("处理方式", max_length=11, choices=Remedy.choices, blank=True, default="")
    proposed_text = models.CharField("拟处理理由", max_length=500, blank=True, default="")
    proposed_by = models.CharField("提出人", max_length=150, blank=True, default="")
    proposed_at = models.DateTimeField("提出时间", null=True, blank=True)
    decided_by = models.CharField("决定人", max_length=150, blank=True, default="")
    decided_at = models.DateTimeField("决定时间", null=True, blank=True)
    decision_text = models.CharField("决定理由", max_length=500, blank=True, default="")
    served_on = models.DateField("送达日期", null=True, blank=True)
    served_by = models.CharField("登记送达的人", max_length=150, blank=True, default="")
    served_at = models.DateTimeField("登记送达的时间", null=True, blank=True)
    review_statement = models.CharField("复核申请", max_length=500, blank=True, default="")
    review_requested_by = models.CharField("登记复核申请的人", max_length=150, blank=True, default="")
    review_requested_at = models.DateTimeField("申请复核时间", null=True, blank=True)
    #: "UPHELD" or "REJECTED"
    review_outcome = models.CharField("拟复核意见", max_length=8, blank=True, default="")
    review_remedy = models.CharField(
        "复核处理方式", max_length=11, choices=Remedy.choices, blank=True, default=""
    )
    review_proposed_text = models.CharField("拟复核理由", max_length=500, blank=True, default="")
    review_proposed_by = models.CharField("复核意见提出人", max_length=150, blank=True, default="")
    review_proposed_at = models.DateTimeField("复核意见提出时间", null=True, blank=True)
    reviewed_by = models.CharField("复核人", max_length=150, blank=True, default="")
    reviewed_at = models.DateTimeField("复核时间", null=True, blank=True)
    review_text = models.CharField("复核意见", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "异议"
        ordering = ("-id",)
        default_permissions = ("view", "add", "change")
        permissions = (("decide_objection", "决定异议"),)
        indexes = (models.Index(fields=("state", "due_on"), name="objection_due"),)
        constraints = (
            models.UniqueConstraint(
                fields=("rating",),
                condition=Q(state__in=list(OPEN_OBJECTION)),
                name="objection_one_open",
                violation_error_message="该药店已有一件办理中的异议，请并入该件。",
            ),
            *who_when("objection", "extended", "proposed", "decided", "served"),
            *who_when("objection", "review_requested", "review_proposed", "reviewed"),
            models.CheckConstraint(
                name="objection_given",
                condition=~Q(statement="") & ~Q(received_by=""),
                violation_error_message="须写明异议内容和受理人。",
            ),
            models.CheckConstraint(
                name="objection_due_order",
                condition=Q(last_due_on__gte=F("due_on")),
                violation_error_message="最长期限不得早于答复期限。",
            ),
            models.CheckConstraint(
                name="objection_not_decided_by_proposer",
                condition=Q(decided_by="") | ~Q(decided_by=F("proposed_by")),
                violation_error_message="异议须由提出处理意见以外的人决定。",
            ),
            models.CheckConstraint(
                name="objection_not_reviewed_by_decider",
                condition=Q(reviewed_by="") | ~Q(reviewed_by=F("decided_by")),
                violation_error_message="复核须由原决定人以外的人办理。",
            ),
            models.CheckConstraint(
                name="objection_not_reviewed_by_party",
                condition=Q(reviewed_by="")
                | ~Q(reviewed_by=F("proposed_by"))
                & ~Q(reviewed_by=F("review_requested_by"))
                & ~Q(reviewed_by=F("review_proposed_by")),
                violation_error_message="复核须由登记复核申请、提出原处理意见和复核意见以外的人决定。",
            ),
            models.CheckConstraint(
                name="objection_review_not_proposed_by_decider",
                condition=Q(review_proposed_by="") | ~Q(review_proposed_by=F("decided_by")),
                violation_error_message="复核意见须由原决定人以外的人提出。",
            ),
            models.CheckConstraint(
                name="objection_handed_in_before_entry",
                condition=Q(received_at__date__gte=F("handed_in_on")),
                violation_error_message="递交日期不得晚于收到之日。",
            ),
            models.CheckConstraint(
                name="objection_served_after_decision",
                condition=Q(served_on=None, served_at=None)
                | Q(
                    served_on__isnull=False,
                    decided_at__isnull=False,
                    decided_at__date__lte=F("served_on"),
                    served_at__isnull=False,
                    served_at__date__gte=F("served_on"),
                ),
                violation_error_message="送达日期须在决定之日以后、登记之日以前（均含当日）。",
            ),
            models.CheckConstraint(
                name="objection_state_backed",
                condition=Q(state__in=["OPEN", "WITHDRAWN"])
                | Q(state="PROPOSED", proposed_at__isnull=False)
                | Q(state__in=["UPHELD", "REJECTED", "REVIEW_REQUESTED"], decided_at__isnull=False)
                | Q(state="REVIEW_PROPOSED", review_proposed_at__isnull=False)
                | Q(
                    state__in=["REVIEW_UPHELD", "REVIEW_REJECTED"],
                    review_proposed_at__isnull=False,
                    reviewed_at__isnull=False,
                ),
                violation_error_message="状态与办理记录不符。",
            ),
        )
        triggers = (*no_delete(), *moves_only("OPEN", OBJECTION_MOVES))

    def __str__(self) -> str:
        return f"异议 #{self.pk}"

    @property
    def is_open(self) -> bool:
        """Still to be decided or reviewed; the grade is marked so long."""
        return self.state in OPEN_OBJECTION


class ObjectionFact(models.Model):
    """A fact that an objection is about; upholding it may void the fact."""

    objection = models.ForeignKey(Objection, models.PROTECT, related_name="facts", verbose_name="异议")
    violation = models.ForeignKey(
        Violation, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="违法违规"
    )
    complaint = models.ForeignKey(
        Complaint, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="举报投诉"
    )

    class Meta:
        verbose_name = verbose_name_plural = "异议所涉事实"
        ordering = ("id",)
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                name="objectionfact_one",
                condition=Q(violation__isnull=False, complaint=None)
                | Q(violation=None, complaint__isnull=False),
                violation_error_message="须指明一件违法违规或一件举报投诉。",
            ),
            models.UniqueConstraint(
                fields=("objection", "violation", "complaint"),
                name="objectionfact_once",
                nulls_distinct=False,
                violation_error_message="同一事实只列一次。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.violation or self.complaint)
