"""The list of each product: who is on it, why others are not, and every change of it, numbered.

Written set-based by ``eligibility`` alone, under a lock on the product: numbers have no gaps, no row ever
comes in behind one that was read, and the list is what all changes together leave.
"""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from applications.bank_loans.models.products import LoanProduct
from creditsys.guards import append_only


class Reason(models.TextChoices):
    """Why a pharmacy is not on a list; the classes that banks are told."""

    PRODUCT_CLOSED = "product_closed", "产品不在适用期内"
    NOT_AUTHORISED = "not_authorised", "没有有效的药店授权"
    NOT_DESIGNATED = "not_designated", "不是现时的定点药店"
    OTHER_DISTRICT = "other_district", "不在适用区县"
    GRADE_WITHDRAWN = "grade_withdrawn", "等级已撤回"
    GRADE_EXPIRED = "grade_expired", "等级已过有效期"
    NOT_GRADED = "not_graded", "没有已公布的等级"
    BELOW_MINIMUM = "below_minimum", "等级低于最低等级"
    TOO_NEW = "too_new", "定点时间不足"
    TOO_FEW_PERIODS = "too_few_periods", "连续达标期数不足"


#: What is on a list of a pharmacy beside its codes; kept while it is eligible only.
SHOWN: Final = (
    "name",
    "district",
    "district_name",
    "designated_on",
    "seq",
    "period",
    "scheme",
    "grade",
    "label",
    "valid_from",
    "valid_until",
    "under_objection",
)
_NOTHING_SHOWN: Final = {
    "name": "", "district": None, "district_name": "", "designated_on": None, "seq": None, "period": "",
    "scheme": "", "grade": "", "label": "", "valid_from": None, "valid_until": None, "under_objection": False,
}  # fmt: skip


class Standing(models.Model):
    """One pharmacy and one product: whether it is on the list, and if not, why.

    Of those that are not, nothing but codes and reasons is kept here. Bulk-written.
    """

    product = models.ForeignKey(
        LoanProduct, models.PROTECT, related_name="standings", db_constraint=False, db_index=False
    )
    code = models.CharField("定点编码", max_length=12)
    #: of the enterprise; "" = not known
    social_credit_code = models.CharField("统一社会信用代码", max_length=18, blank=True, default="")
    #: of Reason, in its order; none = eligible
    reasons = ArrayField(models.CharField(max_length=20), verbose_name="不符合的原因", default=list)
    eligible = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(reasons=[]), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name="符合条件",
    )
    #: of its last change; 0 = it never was on the list
    number = models.BigIntegerField("名单序号", default=0)
    #: the next day on which its standing may change of itself; null = none
    turns_on = models.DateField("复核日", null=True)

    name = models.CharField("名称", max_length=200, blank=True, default="")
    district = models.IntegerField("区县代码", null=True)
    district_name = models.CharField("区县", max_length=60, blank=True, default="")
    designated_on = models.DateField("定点起始日", null=True)
    seq = models.BigIntegerField("账本序号", null=True)
    period = models.CharField("评价周期", max_length=7, blank=True, default="")
    scheme = models.CharField("评价规则", max_length=60, blank=True, default="")
    grade = models.CharField("等级", max_length=20, blank=True, default="")
    label = models.CharField("等级名称", max_length=100, blank=True, default="")
    valid_from = models.DateField("生效日", null=True)
    valid_until = models.DateField("失效日", null=True)
    under_objection = models.BooleanField("异议处理中", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "贷款资格"
        ordering = ("product", "code")
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("product", "code"), condition=Q(reasons=[]), name="standing_eligible"),
            models.Index(fields=("product", "social_credit_code"), name="standing_enterprise"),
            models.Index(
                fields=("product", "turns_on"), condition=Q(turns_on__isnull=False), name="standing_turns"
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("product", "code"), name="standing_once"),
            models.CheckConstraint(
                name="standing_shown_while_eligible",
                condition=Q(reasons=[], number__gt=0, seq__isnull=False) & ~Q(grade="")
                | ~Q(reasons=[]) & Q(**_NOTHING_SHOWN),
                violation_error_message="只有符合条件的药店才列出名称和等级。",
            ),
        )

    def __str__(self) -> str:
        return self.code


class Change(models.Model):
    """One change of a product's list. What is shown of the pharmacy stands in :class:`Standing`."""

    class Kind(models.TextChoices):
        ADDED = "added", "列入"
        CHANGED = "changed", "变更"
        REMOVED = "removed", "移出"

    class Cause(models.TextChoices):
        """What brought it about."""

        GRADE = "grade", "公布的等级"
        AUTHORISATION = "authorisation", "药店授权"
        PRODUCT = "product", "产品条件"
        REGISTER = "register", "登记事项"
        DATE = "date", "日期"

    product = models.ForeignKey(
        LoanProduct, models.PROTECT, related_name="changes", db_constraint=False, db_index=False
    )
    #: 1, 2, 3 … within the product
    number = models.BigIntegerField("名单序号")
    code = models.CharField("定点编码", max_length=12)
    social_credit_code = models.CharField("统一社会信用代码", max_length=18, blank=True, default="")
    kind = models.CharField("变动", max_length=10, choices=Kind.choices)
    cause = models.CharField("起因", max_length=15, choices=Cause.choices)
    #: of Reason; of a removal only
    reasons = ArrayField(models.CharField(max_length=20), verbose_name="原因", default=list)
    #: the last row of the published ledger that it takes account of
    ledger_seq = models.BigIntegerField("账本序号")
    at = models.DateTimeField("时间")
    #: it had been on the list before this
    listed_before = models.BooleanField("曾列入", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "名单变动"
        ordering = ("product", "-number")
        default_permissions = ("view",)
        indexes = (models.Index(fields=("product", "code", "number"), name="change_code"),)
        constraints = (
            models.UniqueConstraint(fields=("product", "number"), name="change_number_once"),
            models.CheckConstraint(
                name="change_whole",
                condition=Q(number__gte=1)
                & (Q(kind="removed") & ~Q(reasons=[]) | Q(kind__in=["added", "changed"], reasons=[])),
                violation_error_message="移出须写明原因；列入和变更没有原因。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.product_id} #{self.number}"
