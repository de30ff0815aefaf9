"""A rating period's life: from the computed run through review and public notice to the archive."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only, no_delete
from ratings.models.guards import moves_only
from ratings.models.registry import District
from ratings.models.runs import Rating, RatingRun
from ratings.rules.moves import PERIOD_MOVES, PERIOD_STATES
from ratings.rules.periods import Period

_OPEN = ("COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL")


def who_when(name: str, *pairs: str) -> tuple[models.CheckConstraint, ...]:
    """``<pair>_by`` and ``<pair>_at`` stand together or not at all."""
    return tuple(
        models.CheckConstraint(
            name=f"{name}_{pair}_whole",
            condition=Q(**{f"{pair}_by": "", f"{pair}_at": None})
            | ~Q(**{f"{pair}_by": ""}) & Q(**{f"{pair}_at__isnull": False}),
            violation_error_message="经办人与时间须同时写明。",
        )
        for pair in pairs
    )


class RatingPeriod(models.Model):
    """The life of one finished run; which moves are allowed stands in ``rules/moves.py``."""

    run = models.OneToOneField(RatingRun, models.PROTECT, related_name="life", verbose_name="评价批次")
    period = models.CharField("评价周期", max_length=7)
    period_end = models.DateField("周期末日")
    district = models.ForeignKey(
        District, models.PROTECT, null=True, blank=True, verbose_name="区县", help_text="空＝全市"
    )
    state = models.CharField("状态", max_length=13, choices=PERIOD_STATES.choices, default="COMPUTED")
    opened_by = models.CharField("建立人", max_length=150)
    opened_at = models.DateTimeField("建立时间", default=timezone.now)
    reviewed_by = models.CharField("开始审核人", max_length=150, blank=True, default="")
    reviewed_at = models.DateTimeField("开始审核时间", null=True, blank=True)
    noticed_by = models.CharField("开始公示人", max_length=150, blank=True, default="")
    noticed_at = models.DateTimeField("开始公示时间", null=True, blank=True)
    notice_from = models.DateField("公示起日", null=True, blank=True)
    notice_until = models.DateField("公示止日", null=True, blank=True, help_text="含当日")
    calendar_known = models.BooleanField(
        "节假日已知", default=True, help_text="否＝该年放假安排尚未公布，按周一至周五推算"
    )
    finalised_by = models.CharField("审定人", max_length=150, blank=True, default="")
    finalised_at = models.DateTimeField("审定时间", null=True, blank=True)
    published_by = models.CharField("发布人", max_length=150, blank=True, default="")
    published_at = models.DateTimeField("发布时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "评价周期"
        ordering = ("-period_end", "-id")
        default_permissions = ("view",)
        permissions = (
            ("review_ratingperiod", "审核评价周期"),
            ("approve_ratingperiod", "审批评价周期"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("period", "district"),
                condition=~Q(state="ABANDONED"),
                name="ratingperiod_one_live",
                nulls_distinct=False,
                violation_error_message="该评价周期、该范围已有一个未终止的办理过程。",
            ),
            *who_when("ratingperiod", "reviewed", "noticed", "finalised", "published"),
            models.CheckConstraint(
                name="ratingperiod_notice_not_by_reviewer",
                condition=Q(noticed_by="") | ~Q(noticed_by=F("reviewed_by")),
                violation_error_message="开始公示须由开始审核以外的人办理。",
            ),
            models.CheckConstraint(
                name="ratingperiod_publish_not_by_finaliser",
                condition=Q(published_by="") | ~Q(published_by=F("finalised_by")),
                violation_error_message="发布须由审定以外的人办理。",
            ),
            models.CheckConstraint(
                name="ratingperiod_notice_dates",
                condition=Q(notice_from=None, notice_until=None)
                | Q(
                    notice_from__isnull=False, notice_until__isnull=False, notice_until__gte=F("notice_from")
                ),
                violation_error_message="公示须有起止日，止日不早于起日。",
            ),
            models.CheckConstraint(
                name="ratingperiod_state_backed",
                condition=Q(state__in=["COMPUTED", "UNDER_REVIEW", "ABANDONED"])
                | Q(state="PUBLIC_NOTICE", noticed_at__isnull=False, notice_until__isnull=False)
                | Q(state="FINAL", finalised_at__isnull=False)
                | Q(state__in=["PUBLISHED", "CLOSED"], published_at__isnull=False),
                violation_error_message="状态与办理记录不符。",
            ),
        )
        triggers = (*no_delete(), *moves_only("COMPUTED", PERIOD_MOVES))

    def __str__(self) -> str:
        return f"{Period.parse(self.period).label}（{self.scope}）"

    @property
    def scope(self) -> str:
        """The name of the district that is rated, or 全市."""
        return self.district.name if self.district else "全市"

    @property
    def is_open(self) -> bool:
        """Not published yet, and not abandoned."""
        return self.state in _OPEN


class PeriodMove(models.Model):
    """One move of a period's life: who, when, why."""

    period = models.ForeignKey(RatingPeriod, models.PROTECT, related_name="moves", verbose_name="评价周期")
    name = models.CharField("动作", max_length=20)
    source = models.CharField("原状态", max_length=13)
    target = models.CharField("新状态", max_length=13)
    by = models.CharField("经办人", max_length=150)
    at = models.DateTimeField("时间", default=timezone.now)
    reason = models.CharField("理由", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "周期办理记录"
        ordering = ("id",)
        default_permissions = ()
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.name} {self.period_id}"


class ReviewItem(models.Model):
    """A rating that deserves a look before public notice, and whether somebody has looked."""

    class Remark(models.IntegerChoices):
        """Bits of ``remarks``."""

        CHANGED = 1, "等级变动较大"
        CAPPED = 2, "触发等级限制"
        NEAR = 4, "临近分数线"
        FIRST = 8, "首次评级"
        GROWTH = 16, "基金支付增幅大"

    period = models.ForeignKey(RatingPeriod, models.PROTECT, related_name="items", verbose_name="评价周期")
    rating = models.OneToOneField(Rating, models.PROTECT, related_name="item", verbose_name="评价结果")
    remarks = models.SmallIntegerField("审核要点")
    previous_grade = models.CharField("上次公布等级", max_length=20, blank=True, default="")
    confirmed_by = models.CharField("确认人", max_length=150, blank=True, default="")
    confirmed_at = models.DateTimeField("确认时间", null=True, blank=True)
    note = models.CharField("审核意见", max_length=300, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "审核事项"
        ordering = ("-remarks", "id")
        default_permissions = ("view",)
        indexes = (models.Index(fields=("period", "confirmed_at"), name="reviewitem_open"),)
        constraints = (
            *who_when("reviewitem", "confirmed"),
            models.CheckConstraint(
                name="reviewitem_remarks",
                condition=Q(remarks__range=(1, 31)),
                violation_error_message="审核事项须至少有一个审核要点。",
            ),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return f"{self.rating_id}"


class BulkConfirmation(models.Model):
    """The ratings of a district without any remark, confirmed together."""

    period = models.ForeignKey(
        RatingPeriod, models.PROTECT, related_name="bulk_confirmations", verbose_name="评价周期"
    )
    district = models.ForeignKey(District, models.PROTECT, verbose_name="区县")
    count = models.IntegerField("家数")
    by = models.CharField("确认人", max_length=150)
    at = models.DateTimeField("确认时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "批量确认"
        ordering = ("period", "district")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("period", "district"),
                name="bulkconfirmation_once",
                violation_error_message="该区县无审核要点的结果已经批量确认。",
            ),
            models.CheckConstraint(
                name="bulkconfirmation_count",
                condition=Q(count__gte=0),
                violation_error_message="家数不得为负。",
            ),
        )
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.period_id} {self.district_id}"
