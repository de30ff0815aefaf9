"""Documents issued on paper or as files: what was issued, to whom, with which fingerprint; letters by the batch."""

from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only, changes_only, once, references
from ratings.models.adjustments import SHA256
from ratings.models.evidence import private_files
from ratings.models.periods import RatingPeriod
from ratings.models.registry import District, Pharmacy
from ratings.models.runs import Rating

#: Of a verification code: 16 digits and letters, without those that are mistaken for others.
CODE: Final = r"^[0-9A-HJKMNP-TV-Z]{16}$"


class IssuedDocument(models.Model):
    """One document (PDF) as it was issued. Never changed; the file is kept encrypted outside the web root.

    Whoever holds the document finds it by ``code``, which nobody guesses.
    """

    class Kind(models.TextChoices):
        LETTER = "LETTER", "告知书"
        REPORT = "REPORT", "信用报告"
        CERTIFICATE = "CERTIFICATE", "等级证书"
        NOTICE_LIST = "NOTICE_LIST", "公示名单"
        QUARTERLY = "QUARTERLY", "季度统计表"
        PERIOD_REPORT = "PERIOD_REPORT", "评价周期报告"

    number = models.BigAutoField("编号", primary_key=True)
    code = models.CharField("验证码", max_length=16, unique=True)
    kind = models.CharField("种类", max_length=13, choices=Kind.choices)
    title = models.CharField("标题", max_length=300)
    #: whom it is about; empty for lists and tables
    pharmacy = models.ForeignKey(
        Pharmacy, models.PROTECT, null=True, blank=True, related_name="documents", verbose_name="药店"
    )
    #: of which district, empty = of the whole city
    district = models.ForeignKey(District, models.PROTECT, null=True, blank=True, verbose_name="区县")
    period = models.CharField("评价周期", max_length=7, blank=True, default="")
    #: row of the ledger whose grade the document states; empty where it states no published grade
    seq = models.BigIntegerField("公布等级序号", null=True, blank=True)
    #: for whom and what for, as the document says it; empty where it is for anybody
    purpose = models.CharField("用途", max_length=220, blank=True, default="")
    issued_by = models.CharField("签发人", max_length=150)
    issued_at = models.DateTimeField("签发时间", default=timezone.now)
    sha256 = models.CharField("SHA-256", max_length=64, db_index=True)
    size = models.IntegerField("字节数")
    signed = models.BooleanField("电子签名", help_text="文件带有 PAdES 电子签名")
    file = models.FileField("文件", upload_to="documents", storage=private_files, max_length=120)

    class Meta:
        verbose_name = verbose_name_plural = "签发的文书"
        ordering = ("-number",)
        default_permissions = ("view", "add")
        indexes = (models.Index(fields=("pharmacy", "-number"), name="issueddocument_pharmacy"),)
        constraints = (
            models.CheckConstraint(
                name="issueddocument_code",
                condition=Q(code__regex=CODE),
                violation_error_message="验证码须为 16 位数字和字母。",
            ),
            models.CheckConstraint(
                name="issueddocument_fingerprint",
                condition=Q(sha256__regex=SHA256, size__gt=0) & ~Q(file=""),
                violation_error_message="文书须有文件和指纹。",
            ),
            models.CheckConstraint(
                name="issueddocument_of_one",
                condition=Q(kind__in=("LETTER", "REPORT", "CERTIFICATE"), pharmacy__isnull=False)
                | Q(kind__in=("NOTICE_LIST", "QUARTERLY", "PERIOD_REPORT"), pharmacy=None, seq=None),
                violation_error_message="告知书、信用报告和等级证书属于一家药店，其他文书不属于任何一家。",
            ),
            models.CheckConstraint(
                name="issueddocument_certified_grade",
                condition=~Q(kind="CERTIFICATE") | Q(seq__isnull=False),
                violation_error_message="等级证书须写明公布的等级。",
            ),
        )
        triggers = (*append_only(), references("seq", "ratings_publishedgrade", key="seq"))

    def __str__(self) -> str:
        return f"{self.shown_number} {self.title}"

    @property
    def shown_number(self) -> str:
        """The number as the document bears it: the year of issue and the number."""
        return f"{timezone.localtime(self.issued_at).year}-{self.number:07d}"


class LetterBatch(models.Model):
    """Letters to all pharmacies of a period, or of one of its districts, asked for at once."""

    period = models.ForeignKey(
        RatingPeriod, models.PROTECT, related_name="letter_batches", verbose_name="评价周期"
    )
    district = models.ForeignKey(
        District, models.PROTECT, null=True, blank=True, verbose_name="区县", help_text="空＝该周期的全部区县"
    )
    #: with a one-time link (告知链接) in each letter
    with_links = models.BooleanField("附告知链接")
    #: where the addresses in the letters lead
    site = models.URLField("网站地址", max_length=200)
    asked_by = models.CharField("发起人", max_length=150)
    asked_at = models.DateTimeField("发起时间", default=timezone.now)
    #: when every letter was issued; letters with a fault keep it open
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "告知书批次"
        ordering = ("-id",)
        default_permissions = ("view", "add")
        constraints = (
            models.CheckConstraint(
                name="letterbatch_finished_after",
                condition=Q(finished_at=None) | Q(finished_at__gte=F("asked_at")),
                violation_error_message="完成时间不得早于发起时间。",
            ),
        )
        triggers = (*changes_only(["finished_at"]), once("finished_at"))

    def __str__(self) -> str:
        return f"告知书批次 #{self.pk}"

    @property
    def scope(self) -> str:
        """The name of the district, or of the period's own scope."""
        return self.district.name if self.district else self.period.scope


class Letter(models.Model):
    """One letter of a batch: to be written, issued (``document``), or kept back by a fault."""

    batch = models.ForeignKey(LetterBatch, models.PROTECT, related_name="letters", verbose_name="批次")
    rating = models.ForeignKey(Rating, models.PROTECT, related_name="letters", verbose_name="评价结果")
    document = models.OneToOneField(
        IssuedDocument, models.PROTECT, null=True, blank=True, related_name="letter", verbose_name="文书"
    )
    #: why it could not be written and what to do; empty = no fault
    fault = models.CharField("未签发的原因", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "告知书"
        ordering = ("batch", "id")
        default_permissions = ()
        indexes = (models.Index(fields=("batch", "id"), condition=Q(document=None), name="letter_to_write"),)
        constraints = (
            models.UniqueConstraint(
                fields=("batch", "rating"),
                name="letter_one_a_rating",
                violation_error_message="同一批次中，每家药店只有一份告知书。",
            ),
            models.CheckConstraint(
                name="letter_issued_or_fault",
                condition=Q(document=None) | Q(fault=""),
                violation_error_message="已签发的告知书没有未签发的原因。",
            ),
        )
        triggers = (*changes_only(["document", "fault"]), once("document"))

    def __str__(self) -> str:
        return f"{self.batch_id} {self.rating_id}"
