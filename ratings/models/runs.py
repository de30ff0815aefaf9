"""Rating runs and the ratings they reckoned. Computed, never edited."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only, no_delete, references
from ratings.models.registry import District, Pharmacy
from ratings.models.schemes import SchemeVersion


class RatingRun(models.Model):
    """One reckoning: a period, a scheme version, a cutoff; all that is needed to repeat it."""

    class State(models.TextChoices):
        WAITING = "WAITING", "等待开始"
        RUNNING = "RUNNING", "评价中"
        DONE = "DONE", "已完成"
        FAILED = "FAILED", "失败"

    period = models.CharField("评价周期", max_length=7)
    period_end = models.DateField("周期末日")
    scheme = models.ForeignKey(SchemeVersion, models.PROTECT, related_name="runs", verbose_name="评价规则")
    scheme_sha256 = models.CharField("规则 SHA-256", max_length=64)
    cutoff = models.DateTimeField("数据截止时间", help_text="此刻及以前记录且未作废的事实计入")
    district = models.ForeignKey(
        District, models.PROTECT, null=True, blank=True, verbose_name="区县", help_text="空＝全市"
    )
    state = models.CharField("状态", max_length=8, choices=State.choices, default=State.WAITING)
    stage = models.CharField("进度", max_length=100, blank=True, default="")
    started_by = models.CharField("发起人", max_length=150)
    started_at = models.DateTimeField("开始时间", default=timezone.now)
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)
    pharmacies = models.IntegerField("药店数", default=0)
    rated = models.IntegerField("已评级", default=0)
    grade_counts = models.JSONField("等级分布", default=dict)
    peers = models.JSONField("同组参照值", default=dict, help_text="区县中位数、分位点等，随本次评价保存")
    trace_columns = ArrayField(models.CharField(max_length=80), default=list, verbose_name="过程列")
    inputs_sha256 = models.CharField("输入指纹", max_length=64, blank=True, default="")
    outcomes_sha256 = models.CharField("结果指纹", max_length=64, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "评价批次"
        ordering = ("-period_end", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("period", "scheme", "cutoff", "district"),
                name="run_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="run_done_whole",
                condition=~Q(state="DONE")
                | Q(finished_at__isnull=False, inputs_sha256__regex="^[0-9a-f]{64}$")
                & Q(outcomes_sha256__regex="^[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(name="run_counts", condition=Q(rated__gte=0, pharmacies__gte=F("rated"))),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="immutable_when_done",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="DONE"),
                func="RAISE EXCEPTION '已完成的评价批次不得修改' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def __str__(self) -> str:
        scope = self.district.name if self.district else "全市"
        return f"{self.period} {scope} #{self.pk}"


class Rating(models.Model):
    """One pharmacy's outcome in one run. ``trace`` has the columns that the run names.

    Bulk-written by COPY: references are checked once per statement.
    """

    run = models.ForeignKey(
        RatingRun,
        models.PROTECT,
        related_name="ratings",
        db_constraint=False,
        db_index=False,
        verbose_name="评价批次",
    )
    pharmacy = models.ForeignKey(
        Pharmacy,
        models.PROTECT,
        related_name="ratings",
        db_constraint=False,
        db_index=False,
        verbose_name="药店",
    )
    district = models.ForeignKey(
        District,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        verbose_name="区县",
        help_text="评价时所属",
    )
    #: 0 = rated; otherwise 1 + position of the scheme's eligibility rule that excluded it
    state = models.SmallIntegerField("不予评级规则", default=0)
    #: thousandths of a point
    score = models.BigIntegerField("信用分（千分之一分）")
    #: position in the scheme's grades, 0 = best, -1 = not rated
    grade = models.SmallIntegerField("等级序号")
    grade_before_caps = models.SmallIntegerField("限制前等级序号")
    #: bit i = the scheme's cap i struck
    caps = models.BigIntegerField("触发的限制")
    rank_district = models.IntegerField("区县排名", help_text="0＝不排名")
    rank_city = models.IntegerField("全市排名", help_text="0＝不排名，如只评一个区县时")
    trace = ArrayField(models.BigIntegerField(), verbose_name="计算过程")

    class Meta:
        verbose_name = verbose_name_plural = "评价结果"
        ordering = ("run", "rank_city", "pharmacy")
        constraints = (
            models.UniqueConstraint(fields=("run", "pharmacy"), name="rating_once_a_run"),
            models.CheckConstraint(
                name="rating_grade_or_reason",
                condition=Q(state=0, grade__gte=0) | Q(state__gt=0, grade=-1),
            ),
            models.CheckConstraint(
                name="rating_cap_never_raises", condition=Q(grade__gte=F("grade_before_caps"))
            ),
        )
        triggers = (
            *append_only(),
            references("pharmacy_id", "ratings_pharmacy"),
            references("run_id", "ratings_ratingrun"),
            pgtrigger.Trigger(
                name="run_not_done",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM (SELECT DISTINCT run_id FROM new_rows) used
                        JOIN ratings_ratingrun run ON run.id = used.run_id WHERE run.state = 'DONE'
                    ) THEN
                        RAISE EXCEPTION '已完成的评价批次不得增加结果' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.pharmacy_id} @ {self.run_id}"
