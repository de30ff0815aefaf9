"""The registry: districts, enterprises, pharmacies, and what was known of them when."""

from typing import Any, Self

import pgtrigger
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import no_delete
from ratings import codes
from ratings.models.guards import not_behind_a_run, voidable_once


class District(models.Model):
    """A county-level division (县级行政区), numbered by GB/T 2260."""

    code = models.IntegerField("行政区划代码", primary_key=True, help_text="GB/T 2260，六位数字，如 330602")
    name = models.CharField("名称", max_length=40)

    class Meta:
        verbose_name = verbose_name_plural = "区县"
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(
                name="district_code_gbt2260",
                condition=Q(code__range=(110000, 829999)),
                violation_error_message="行政区划代码须为六位数字（GB/T 2260）。",
            ),
            models.CheckConstraint(
                name="district_name_given", condition=~Q(name=""), violation_error_message="须写明名称。"
            ),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return self.name


def validate_uscc(value: str) -> None:
    """Raises ValidationError unless ``value`` is a unified social credit code."""
    if problem := codes.uscc_problem(value):
        raise ValidationError(problem)


def validate_designated_code(value: str) -> None:
    """Raises ValidationError unless ``value`` is a pharmacy's designated code."""
    if problem := codes.designated_code_problem(value):
        raise ValidationError(problem)


class Enterprise(models.Model):
    """A company that runs one or more designated pharmacies."""

    uscc = models.CharField("统一社会信用代码", max_length=18, unique=True, validators=[validate_uscc])
    name = models.CharField("企业名称", max_length=200)
    recorded_at = models.DateTimeField("登记时间", default=timezone.now, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "企业"
        ordering = ("uscc",)
        constraints = (
            models.CheckConstraint(
                name="enterprise_uscc_form",
                condition=Q(uscc__regex=r"^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"),
                violation_error_message="统一社会信用代码的格式不对。",
            ),
            models.CheckConstraint(
                name="enterprise_name_given",
                condition=~Q(name=""),
                violation_error_message="须写明企业名称。",
            ),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return self.name


class Pharmacy(models.Model):
    """A designated retail pharmacy (定点零售药店) as it stands now.

    What a rating reads of it is kept with dates in :class:`PharmacyVersion`.
    """

    class Datum(models.TextChoices):
        WGS84 = "WGS-84", "WGS-84"
        CGCS2000 = "CGCS2000", "CGCS2000（国家大地坐标系）"
        GCJ02 = "GCJ-02", "GCJ-02（火星坐标）"
        BD09 = "BD-09", "BD-09（百度坐标）"

    code = models.CharField(
        "定点编码",
        max_length=12,
        unique=True,
        validators=[validate_designated_code],
        help_text="十二位：P＋六位行政区划代码＋五位顺序号，如 P33060200672",
    )
    name = models.CharField("名称", max_length=200)
    enterprise = models.ForeignKey(
        Enterprise, models.PROTECT, null=True, blank=True, related_name="pharmacies", verbose_name="所属企业"
    )
    is_chain = models.BooleanField("连锁门店", default=False)
    district = models.ForeignKey(District, models.PROTECT, related_name="pharmacies", verbose_name="区县")
    street = models.CharField("街道（乡镇）", max_length=60, blank=True)
    address = models.CharField("地址", max_length=300, blank=True)
    latitude = models.FloatField("纬度", null=True, blank=True, help_text="WGS-84，度")
    longitude = models.FloatField("经度", null=True, blank=True, help_text="WGS-84，度")
    source_datum = models.CharField("来源坐标系", max_length=8, choices=Datum.choices, blank=True)
    designated_on = models.DateField("定点起始日")
    designated_until = models.DateField("定点终止日", null=True, blank=True, help_text="不再定点的首日")
    contact = models.CharField("联系电话", max_length=60, blank=True)
    predecessor = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="successor",
        verbose_name="前身",
        help_text="重新登记前的定点药店：其历史由本店承继",
    )
    recorded_at = models.DateTimeField("登记时间", default=timezone.now, editable=False)

    #: that of the row as it was read; None for a new one
    former_enterprise_id: int | None = None

    class Meta:
        verbose_name = verbose_name_plural = "定点零售药店"
        ordering = ("code",)
        indexes = (
            models.Index(fields=("district", "code"), name="pharmacy_district_code"),
            models.Index(fields=("latitude", "longitude"), name="pharmacy_place"),
        )
        constraints = (
            models.CheckConstraint(
                name="pharmacy_code_form",
                condition=Q(code__regex=r"^P[1-8][0-9]{10}$"),
                violation_error_message="定点编码须为十二位：P＋六位行政区划代码＋五位顺序号。",
            ),
            models.CheckConstraint(
                name="pharmacy_name_given", condition=~Q(name=""), violation_error_message="须写明药店名称。"
            ),
            models.CheckConstraint(
                name="pharmacy_place_whole",
                condition=Q(latitude=None, longitude=None, source_datum="")
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(3, 54),
                    longitude__range=(73, 136),
                    source_datum__in=["WGS-84", "CGCS2000", "GCJ-02", "BD-09"],
                ),
                violation_error_message="经纬度须成对填写、注明坐标系，并位于中国境内。",
            ),
            models.CheckConstraint(
                name="pharmacy_designation_order",
                condition=Q(designated_until=None) | Q(designated_until__gt=F("designated_on")),
                violation_error_message="定点终止日须晚于定点起始日。",
            ),
            models.CheckConstraint(
                name="pharmacy_not_own_predecessor",
                condition=Q(predecessor=None) | ~Q(predecessor=F("id")),
                violation_error_message="药店不能是自己的前身。",
            ),
        )
        triggers = (
            *no_delete(),
            pgtrigger.Trigger(
                name="fixed_identity",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__id__df=pgtrigger.F("new__id"))
                | pgtrigger.Q(old__code__df=pgtrigger.F("new__code"))
                | pgtrigger.Q(old__recorded_at__df=pgtrigger.F("new__recorded_at")),
                func="RAISE EXCEPTION '定点编码与登记时间不得修改' USING ERRCODE = 'restrict_violation';",
            ),
            *(
                # Also makes a circle of predecessors impossible: each began before the next.
                pgtrigger.Trigger(
                    name=f"predecessor_ended_{operation}",
                    level=pgtrigger.Statement,
                    when=pgtrigger.After,
                    operation=when,
                    referencing=pgtrigger.Referencing(new="new_rows"),
                    func="""
                        IF EXISTS (
                            SELECT 1 FROM ratings_pharmacy heir JOIN ratings_pharmacy before ON before.id = heir.predecessor_id
                            WHERE (heir.id IN (SELECT id FROM new_rows) OR before.id IN (SELECT id FROM new_rows))
                              AND (before.designated_until IS NULL OR before.designated_until > heir.designated_on)
                        ) THEN
                            RAISE EXCEPTION '前身须在本店定点起始日或之前终止定点' USING ERRCODE = 'check_violation';
                        END IF;
                        RETURN NULL;
                    """,
                )
                for operation, when in (("insert", pgtrigger.Insert), ("update", pgtrigger.Update))
            ),
            pgtrigger.Trigger(
                name="version_insert",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    INSERT INTO ratings_pharmacyversion
                        (pharmacy_id, district_id, is_chain, designated_on, designated_until, predecessor_id, recorded_at)
                    SELECT id, district_id, is_chain, designated_on, designated_until, predecessor_id, recorded_at
                    FROM new_rows;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="version_update",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(new="new_rows", old="old_rows"),
                # The time of writing, not of the transaction's start: see services/moments.py.
                declare=[("moment", "timestamptz := clock_timestamp()")],
                func="""
                    UPDATE ratings_pharmacyversion v SET voided_at = moment
                    FROM new_rows n JOIN old_rows o USING (id)
                    WHERE v.pharmacy_id = n.id AND v.voided_at IS NULL
                      AND (n.district_id, n.is_chain, n.designated_on, n.designated_until, n.predecessor_id)
                          IS DISTINCT FROM
                          (o.district_id, o.is_chain, o.designated_on, o.designated_until, o.predecessor_id);
                    INSERT INTO ratings_pharmacyversion
                        (pharmacy_id, district_id, is_chain, designated_on, designated_until, predecessor_id, recorded_at)
                    SELECT n.id, n.district_id, n.is_chain, n.designated_on, n.designated_until, n.predecessor_id, moment
                    FROM new_rows n
                    WHERE NOT EXISTS (
                        SELECT 1 FROM ratings_pharmacyversion v
                        WHERE v.pharmacy_id = n.id AND v.voided_at IS NULL
                    );
                    RETURN NULL;
                """,
            ),
        )

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        """Remembers to which enterprise it belonged: who hears of a change hears of that one too."""
        loaded = super().from_db(*args, **kwargs)
        loaded.former_enterprise_id = loaded.__dict__.get("enterprise_id")
        return loaded

    def __str__(self) -> str:
        return f"{self.name}（{self.code}）"


class PharmacyVersion(models.Model):
    """What a rating reads of a pharmacy, as known from ``recorded_at`` until ``voided_at``.

    Written by the database whenever the pharmacy is; read by ``ratings/signals.py``.
    """

    pharmacy = models.ForeignKey(
        Pharmacy, models.PROTECT, related_name="versions", db_constraint=False, verbose_name="药店"
    )
    district = models.ForeignKey(District, models.PROTECT, db_constraint=False, verbose_name="区县")
    is_chain = models.BooleanField("连锁门店")
    designated_on = models.DateField("定点起始日")
    designated_until = models.DateField("定点终止日", null=True)
    predecessor = models.ForeignKey(
        Pharmacy, models.PROTECT, null=True, related_name="+", db_constraint=False, verbose_name="前身"
    )
    recorded_at = models.DateTimeField("登记时间")
    voided_at = models.DateTimeField("被取代时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "药店登记沿革"
        ordering = ("pharmacy", "recorded_at")
        constraints = (
            models.UniqueConstraint(
                fields=("pharmacy",), condition=Q(voided_at=None), name="pharmacyversion_one_current"
            ),
            models.CheckConstraint(
                name="pharmacyversion_order",
                condition=Q(voided_at=None) | Q(voided_at__gte=F("recorded_at")),
            ),
        )
        indexes = (models.Index(fields=("pharmacy",), name="pharmacyversion_pharmacy"),)
        triggers = (*voidable_once(["voided_at"]), not_behind_a_run())

    def __str__(self) -> str:
        return f"{self.pharmacy_id} {self.recorded_at:%Y-%m-%d}"
