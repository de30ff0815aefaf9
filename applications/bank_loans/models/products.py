"""Loan products: what a bank lends, and to which pharmacies."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from applications.clients.models import Organisation
from creditsys.guards import no_delete


class LoanProduct(models.Model):
    """A product of a bank, and the terms from which eligibility is derived.

    Below the terms: how far its list has been brought, written by ``eligibility`` alone.
    """

    key = models.SlugField("代码", max_length=40, unique=True, help_text="用于接口地址；定后不改")
    bank = models.ForeignKey(
        Organisation,
        models.PROTECT,
        related_name="products",
        limit_choices_to={"kind": "BANK"},
        verbose_name="银行",
    )
    name = models.CharField("名称", max_length=100)
    minimum_grade = models.CharField("最低等级", max_length=20, default="B")
    credit_line_fen = models.BigIntegerField("授信额度（分）", validators=[MinValueValidator(1)])
    loan_limit_fen = models.BigIntegerField("信用额度（分）", validators=[MinValueValidator(1)])
    #: GB/T 2260; the whole city where empty
    districts = ArrayField(models.IntegerField(), verbose_name="适用区县", default=list, blank=True)
    minimum_months = models.PositiveSmallIntegerField("最短定点月数", default=0)
    #: newest published periods in a row with the minimum grade or better
    minimum_periods = models.PositiveSmallIntegerField("连续达标期数", default=1)
    authorisation_required = models.BooleanField("须经药店授权", default=True)
    valid_from = models.DateField("起始日")
    #: the first day on which it is offered no more
    valid_until = models.DateField("失效日", null=True, blank=True, help_text="不再适用的首日")
    #: fixed answers for integrators, see sandbox.py
    is_sandbox = models.BooleanField("联调用", default=False, editable=False)

    #: number of the last change of its list
    position = models.BigIntegerField("名单序号", default=0, editable=False)
    #: last row of the published ledger that is in its list
    ledger_seq = models.BigIntegerField("账本序号", default=0, editable=False)
    #: the day (Asia/Shanghai) that its list holds for; null = must be derived anew
    reckoned_on = models.DateField("名单日期", null=True, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "贷款产品"
        ordering = ("bank", "key")
        constraints = (
            models.CheckConstraint(
                name="loanproduct_key_form",
                condition=Q(key__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                violation_error_message="产品代码由小写字母、数字组成，可用连字符连接。",
            ),
            models.CheckConstraint(
                name="loanproduct_named",
                condition=~Q(name="") & ~Q(minimum_grade=""),
                violation_error_message="须写明产品名称和最低等级。",
            ),
            models.CheckConstraint(
                name="loanproduct_amounts",
                condition=Q(loan_limit_fen__gt=0, credit_line_fen__gte=F("loan_limit_fen")),
                violation_error_message="额度须大于零，信用额度不得高于授信额度。",
            ),
            models.CheckConstraint(
                name="loanproduct_periods",
                condition=Q(minimum_periods__range=(1, 20), minimum_months__lte=600),
                violation_error_message="连续达标期数为 1 至 20，最短定点月数不超过 600。",
            ),
            models.CheckConstraint(
                name="loanproduct_dates",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="失效日须晚于起始日。",
            ),
            models.CheckConstraint(
                name="loanproduct_position", condition=Q(position__gte=0, ledger_seq__gte=0)
            ),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="fixed_identity",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("key", "bank", "is_sandbox"),
                func="RAISE EXCEPTION '贷款产品的代码和银行不得修改' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="position_grows",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__position__lt=pgtrigger.F("old__position")),
                func="RAISE EXCEPTION '名单序号只增不减' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def __str__(self) -> str:
        return self.name
