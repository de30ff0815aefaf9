"""Facts about pharmacies: append-only, dated twice, voidable once with a reason.

"As of a cutoff" is a filter: ``recorded_at <= cutoff AND (voided_at IS NULL OR voided_at >
cutoff)``. A changed fact is a new row with the same key; the old one is voided at the moment
the new one is recorded, so at most one version of a key is live at any cutoff.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import references
from ratings.models.guards import fact_guards, known_after
from ratings.models.imports import ImportBatch
from ratings.models.registry import Pharmacy
from ratings.rules.columns import POINT
from ratings.rules.slices import LARGEST_AMOUNT, LARGEST_MEASURE
from ratings.rules.vocabulary import (
    COMPLAINT_FINDINGS,
    COMPLAINT_STATES,
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
    Vocabulary,
)

#: The most that one amount may be, fen: 100 billion yuan.
MAX_AMOUNT_FEN = LARGEST_AMOUNT
#: The most that a measured value may be, either way.
MAX_MEASURE = LARGEST_MEASURE // POINT


class Fact(models.Model):
    """What every fact has: whose, from where, known since when, voided or not."""

    #: columns that name a fact; one version of it is live at a time
    KEY: tuple[str, ...] = ()

    pharmacy = models.ForeignKey(Pharmacy, models.PROTECT, verbose_name="药店")
    batch = models.ForeignKey(
        ImportBatch, models.PROTECT, null=True, blank=True, editable=False, verbose_name="导入批次"
    )
    row = models.IntegerField("文件行号", null=True, blank=True, editable=False)
    recorded_by = models.CharField("记录人", max_length=150, editable=False)
    recorded_at = models.DateTimeField("记录时间", default=timezone.now, editable=False)
    voided_at = models.DateTimeField("作废时间", null=True, blank=True, editable=False)
    void_reason = models.CharField("作废原因", max_length=300, blank=True, default="", editable=False)
    voided_by = models.CharField("作废人", max_length=150, blank=True, default="", editable=False)

    class Meta:
        abstract = True

    @property
    def is_live(self) -> bool:
        return self.voided_at is None


def fact_constraints(name: str, key: tuple[str, ...]) -> tuple[models.BaseConstraint, ...]:
    """What holds for every fact table: one live version a key, whole and ordered voiding."""
    return (
        models.UniqueConstraint(fields=key, condition=Q(voided_at=None), name=f"{name}_one_live"),
        models.CheckConstraint(
            name=f"{name}_void_whole",
            condition=Q(voided_at=None, void_reason="", voided_by="")
            | (
                Q(voided_at__isnull=False, voided_at__gte=F("recorded_at"))
                & ~Q(void_reason="")
                & ~Q(voided_by="")
            ),
            violation_error_message="作废须同时写明时间、原因和经办人。",
        ),
        models.CheckConstraint(
            name=f"{name}_recorded_by_given",
            condition=~Q(recorded_by=""),
            violation_error_message="须写明记录人。",
        ),
        models.CheckConstraint(
            name=f"{name}_batch_row",
            condition=Q(batch=None, row=None) | Q(batch__isnull=False, row__isnull=False, row__gte=1),
            violation_error_message="导入的记录须同时写明批次和行号。",
        ),
    )


def one_of(field: str, vocabulary: Vocabulary, name: str) -> models.CheckConstraint:
    """The column holds an id of the vocabulary."""
    return models.CheckConstraint(
        name=name,
        condition=Q(**{f"{field}__in": list(vocabulary.ids)}),
        violation_error_message=f"{vocabulary.title}不在规定的范围内。",
    )


class Violation(Fact):
    """A final decision on a violation: an administrative penalty or an agreement measure.

    Leads and cases still open are not facts of this kind; they never score.
    """

    KEY = ("pharmacy", "document_no", "kind")

    kind = models.CharField("违法违规类型", max_length=30, choices=VIOLATION_KINDS.choices)
    gravity = models.CharField("情节", max_length=10, choices=GRAVITIES.choices)
    track = models.CharField(
        "处理性质",
        max_length=10,
        choices=TRACKS.choices,
        help_text="行政处罚与协议处理是不同机关的不同行为，分别记录",
    )
    body = models.CharField("作出机关", max_length=100)
    document_no = models.CharField("文书号", max_length=100)
    amount_fen = models.BigIntegerField("涉及基金（分）", default=0)
    occurred_on = models.DateField("发生日期")
    decided_on = models.DateField("决定日期")
    measures = models.CharField(
        "处理措施",
        max_length=200,
        blank=True,
        default="",
        help_text="如：约谈、限期整改、暂停结算、追回、解除协议",
    )
    personnel_points = models.SmallIntegerField(
        "支付资格记分", default=0, help_text="对相关人员的记分，0 至 12 分"
    )

    class Meta:
        verbose_name = verbose_name_plural = "违法违规"
        ordering = ("-decided_on", "-id")
        indexes = (models.Index(fields=("decided_on",), name="violation_decided_on"),)
        constraints = (
            *fact_constraints("violation", ("pharmacy", "document_no", "kind")),
            one_of("kind", VIOLATION_KINDS, "violation_kind_known"),
            one_of("gravity", GRAVITIES, "violation_gravity_known"),
            one_of("track", TRACKS, "violation_track_known"),
            models.CheckConstraint(
                name="violation_amount_bounds",
                condition=Q(amount_fen__range=(0, MAX_AMOUNT_FEN)),
                violation_error_message="涉及基金须在 0 至 1000 亿元之间。",
            ),
            models.CheckConstraint(
                name="violation_date_order",
                condition=Q(decided_on__gte=F("occurred_on")),
                violation_error_message="决定日期不得早于发生日期。",
            ),
            models.CheckConstraint(
                name="violation_known_after_decision",
                condition=Q(recorded_at__date__gte=F("decided_on")),
                violation_error_message="决定日期不得晚于记录日期。",
            ),
            models.CheckConstraint(
                name="violation_personnel_points",
                condition=Q(personnel_points__range=(0, 12)),
                violation_error_message="支付资格记分须为 0 至 12 分。",
            ),
            models.CheckConstraint(
                name="violation_document_given",
                condition=~Q(document_no="") & ~Q(body=""),
                violation_error_message="须写明作出机关和文书号。",
            ),
        )
        triggers = fact_guards()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}（{self.document_no}）"


class Complaint(Fact):
    """A report or complaint and how far it has come. The reporter is not kept here (条例第三十五条)."""

    KEY = ("reference_no",)

    reference_no = models.CharField("受理编号", max_length=60)
    topic = models.CharField("内容", max_length=10, choices=COMPLAINT_TOPICS.choices)
    state = models.CharField("状态", max_length=12, choices=COMPLAINT_STATES.choices)
    finding = models.CharField(
        "查实结论", max_length=10, choices=COMPLAINT_FINDINGS.choices, default="PENDING"
    )
    occurred_on = models.DateField("收到日期")
    decided_on = models.DateField("结论日期", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "举报投诉"
        ordering = ("-occurred_on", "-id")
        constraints = (
            *fact_constraints("complaint", ("reference_no",)),
            one_of("topic", COMPLAINT_TOPICS, "complaint_topic_known"),
            one_of("state", COMPLAINT_STATES, "complaint_state_known"),
            one_of("finding", COMPLAINT_FINDINGS, "complaint_finding_known"),
            models.CheckConstraint(
                name="complaint_finding_dated",
                condition=Q(finding="PENDING", decided_on=None)
                | (~Q(finding="PENDING") & Q(decided_on__isnull=False, decided_on__gte=F("occurred_on"))),
                violation_error_message="有查实结论须有结论日期（不早于收到日期）；尚无结论则不填。",
            ),
            models.CheckConstraint(
                name="complaint_verified_was_accepted",
                condition=~Q(finding="VERIFIED", state__in=["RECEIVED", "NOT_ACCEPTED"]),
                violation_error_message="未受理的举报投诉不能有“查证属实”的结论。",
            ),
            models.CheckConstraint(
                name="complaint_known_after_receipt",
                condition=Q(recorded_at__date__gte=F("occurred_on"))
                & (Q(decided_on=None) | Q(recorded_at__date__gte=F("decided_on"))),
                violation_error_message="收到日期、结论日期不得晚于记录日期。",
            ),
            models.CheckConstraint(
                name="complaint_reference_given",
                condition=~Q(reference_no=""),
                violation_error_message="须写明受理编号。",
            ),
        )
        triggers = fact_guards()

    def __str__(self) -> str:
        return self.reference_no


class FundPayment(Fact):
    """What the fund paid to a pharmacy in one month. Bulk-written: references are checked per statement."""

    KEY = ("pharmacy", "month")

    pharmacy = models.ForeignKey(
        Pharmacy, models.PROTECT, db_constraint=False, db_index=False, verbose_name="药店"
    )
    batch = models.ForeignKey(
        ImportBatch,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        verbose_name="导入批次",
    )
    month = models.DateField("月份", help_text="该月第一日")
    amount_fen = models.BigIntegerField("基金支付（分）", help_text="冲正多于支付的月份为负")
    settlements = models.IntegerField("结算人次")

    class Meta:
        verbose_name = verbose_name_plural = "月度基金支付"
        ordering = ("-month", "pharmacy")
        indexes = (
            models.Index(
                fields=("pharmacy", "month"), condition=Q(voided_at__isnull=False), name="fundpayment_voided"
            ),
            # Payments come in month by month, so a few bytes tell where a month lies, or that it is not there.
            BrinIndex(fields=("month",), pages_per_range=32, autosummarize=True, name="fundpayment_month"),
        )
        constraints = (
            *fact_constraints("fundpayment", ("pharmacy", "month")),
            models.CheckConstraint(
                name="fundpayment_month_first_day",
                condition=Q(month__day=1),
                violation_error_message="月份须为该月第一日。",
            ),
            models.CheckConstraint(
                name="fundpayment_amount_bounds",
                condition=Q(amount_fen__range=(-MAX_AMOUNT_FEN, MAX_AMOUNT_FEN)),
                violation_error_message="基金支付的绝对值不得超过 1000 亿元。",
            ),
            models.CheckConstraint(
                name="fundpayment_settlements",
                condition=Q(settlements__gte=0),
                violation_error_message="结算人次不得为负。",
            ),
        )
        triggers = (
            *fact_guards(),
            references("pharmacy_id", "ratings_pharmacy"),
            references("batch_id", "ratings_importbatch"),
            known_after("month", "月份不得晚于记录日期。"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class MeasureValue(Fact):
    """A value reckoned elsewhere and imported for one period, for example a year-end assessment."""

    KEY = ("pharmacy", "key", "period")

    key = models.CharField(
        "指标键", max_length=40, help_text="小写字母、数字、下划线，如 year_end_assessment"
    )
    period = models.CharField("评价周期", max_length=7, help_text="如 2025、2025H1、2025Q3、2025-07")
    value = models.DecimalField("值", max_digits=18, decimal_places=3)

    class Meta:
        verbose_name = verbose_name_plural = "外部指标值"
        ordering = ("-period", "key", "pharmacy")
        indexes = (models.Index(fields=("period", "key"), name="measurevalue_period_key"),)
        constraints = (
            *fact_constraints("measurevalue", ("pharmacy", "key", "period")),
            models.CheckConstraint(
                name="measurevalue_key_form",
                condition=Q(key__regex=r"^[a-z][a-z0-9_]{0,39}$"),
                violation_error_message="指标键须以小写字母开头，只含小写字母、数字、下划线。",
            ),
            models.CheckConstraint(
                name="measurevalue_period_form",
                condition=Q(period__regex=r"^20[0-9]{2}(H[12]|Q[1-4]|-(0[1-9]|1[0-2]))?$"),
                violation_error_message="评价周期须写成 2025、2025H1、2025Q3 或 2025-07。",
            ),
            models.CheckConstraint(
                name="measurevalue_value_bounds",
                condition=Q(value__range=(-MAX_MEASURE, MAX_MEASURE)),
                violation_error_message="值的绝对值不得超过 100 万。",
            ),
        )
        triggers = fact_guards()

    def __str__(self) -> str:
        return f"{self.key} {self.period}"


class ServiceStatus(Fact):
    """From ``occurred_on`` on, the pharmacy's agreement is in force, suspended or terminated."""

    KEY = ("pharmacy", "occurred_on")

    status = models.CharField("服务状态", max_length=12, choices=SERVICE_STATUSES.choices)
    occurred_on = models.DateField("起始日")
    decided_on = models.DateField("决定日期")
    document_no = models.CharField("文书号", max_length=100, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "服务状态"
        ordering = ("-occurred_on", "-id")
        constraints = (
            *fact_constraints("servicestatus", ("pharmacy", "occurred_on")),
            one_of("status", SERVICE_STATUSES, "servicestatus_status_known"),
            models.CheckConstraint(
                name="servicestatus_known_after_decision",
                condition=Q(recorded_at__date__gte=F("decided_on")),
                violation_error_message="决定日期不得晚于记录日期。",
            ),
        )
        triggers = fact_guards()

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.occurred_on:%Y-%m-%d}"


FACT_MODELS: tuple[type[Fact], ...] = (Violation, Complaint, FundPayment, MeasureValue, ServiceStatus)
