"""Enterprises as credit subjects (信用主体), what the rule makes of them, and how they stand now."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from creditsys.guards import append_only, no_delete, references

#: GB 32100: a unified social credit code.
USCC = r"^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"


class CreditSubject(models.Model):
    """An enterprise about which credit information is brought together."""

    class Origin(models.TextChoices):
        REGISTRY = "REGISTRY", "定点药店登记"
        DEPARTMENT = "DEPARTMENT", "部门信用信息"

    uscc = models.CharField("统一社会信用代码", max_length=18, primary_key=True)
    name = models.CharField("企业名称", max_length=200)
    #: the name as it is compared, see matching.py
    name_key = models.CharField("比对用名称", max_length=200)
    #: pairs of characters of the name, for searching
    grams = ArrayField(models.IntegerField(), verbose_name="检索片段", default=list)
    #: GB/T 2260: where most of its pharmacies are; null = it has none
    district = models.IntegerField("区县代码", null=True)
    origin = models.CharField("来源", max_length=10, choices=Origin.choices)
    recorded_at = models.DateTimeField("登记时间", default=timezone.now)
    recorded_by = models.CharField("登记人", max_length=150)

    class Meta:
        verbose_name = verbose_name_plural = "企业信用查询"
        ordering = ("uscc",)
        default_permissions = ("view",)
        indexes = (
            GinIndex(fields=("grams",), name="creditsubject_grams"),
            models.Index(fields=("name_key",), name="creditsubject_name_key"),
        )
        constraints = (
            models.CheckConstraint(name="creditsubject_uscc_form", condition=Q(uscc__regex=USCC)),
            models.CheckConstraint(name="creditsubject_named", condition=~Q(name="") & ~Q(name_key="")),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return self.name


class Assessment(models.Model):
    """What a rule made of an enterprise's figures: one row whenever they change. For good, and recomputable.

    Bulk-written: references are checked once per statement.
    """

    subject = models.ForeignKey(
        CreditSubject,
        models.PROTECT,
        related_name="assessments",
        db_constraint=False,
        db_index=False,
        verbose_name="企业",
    )
    at = models.DateTimeField("时间", default=timezone.now)
    #: the day (Asia/Shanghai) that the figures hold for
    on = models.DateField("评定日")
    #: key@version of the enterprise rule
    rule = models.CharField("规则", max_length=60)
    #: last row of the published ledger about its pharmacies when the figures were counted, 0 = none
    ledger_seq = models.BigIntegerField("账本序号")
    #: of rules.figures.Figures
    figures = models.JSONField("数据")
    #: thousandths of a point; null = not rated
    score = models.BigIntegerField("企业信用分（千分之一分）", null=True)
    grade = models.CharField("企业信用等级", max_length=20, blank=True)
    label = models.CharField("等级名称", max_length=100, blank=True)
    position = models.SmallIntegerField("等级序号")
    reason = models.CharField("说明", max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "企业信用评定"
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (models.Index(fields=("subject", "-id"), name="assessment_subject"),)
        constraints = (
            models.CheckConstraint(
                name="assessment_whole",
                condition=Q(score=None, grade="", position=-1) & ~Q(reason="")
                | Q(score__isnull=False, position__gte=0) & ~Q(grade=""),
            ),
        )
        triggers = (*append_only(), references("subject_id", "enterprise_credit_creditsubject", "uscc"))

    def __str__(self) -> str:
        return f"{self.subject_id} {self.grade}"


class Standing(models.Model):
    """How an enterprise stands now: its newest assessment and its ranks; may be built anew at any time.

    Bulk-written, as assessments are. Its pages are filled to a third (see the migration), so that a row finds room
    for what a publication makes of it beside itself, and the indexes are left alone.
    """

    subject = models.OneToOneField(
        CreditSubject,
        models.PROTECT,
        primary_key=True,
        related_name="standing",
        db_constraint=False,
        verbose_name="企业",
    )
    assessment = models.ForeignKey(
        Assessment, models.PROTECT, db_constraint=False, db_index=False, verbose_name="评定"
    )
    #: as in the assessment, so that ranks are reckoned and lists read from here alone
    score = models.BigIntegerField("企业信用分（千分之一分）", null=True)
    grade = models.CharField("企业信用等级", max_length=20, blank=True)
    position = models.SmallIntegerField("等级序号")
    district = models.IntegerField("区县代码", null=True)
    stores = models.IntegerField("药店数")
    #: 1 = best, 0 = not ranked
    rank_city = models.IntegerField("全市排名", default=0)
    ranked_city = models.IntegerField("全市参评企业", default=0)
    rank_district = models.IntegerField("区县排名", default=0)
    ranked_district = models.IntegerField("区县参评企业", default=0)
    ranked_at = models.DateTimeField("排名时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "企业信用现状"
        default_permissions = ()
        indexes = (models.Index(fields=("grade",), name="standing_enterprise_grade"),)
        triggers = (
            references("subject_id", "enterprise_credit_creditsubject", "uscc"),
            references("assessment_id", "enterprise_credit_assessment"),
        )

    def __str__(self) -> str:
        return f"{self.subject_id} {self.grade}"
