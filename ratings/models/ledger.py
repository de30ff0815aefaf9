"""The ledger of published grades: append-only, numbered without gaps, chained and signed.

Every change of a pharmacy's public grade is one more row. A publication and its rows are
written together: the publication first, then all its rows in one statement, in one transaction.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from creditsys.guards import append_only, references
from ratings.models.adjustments import SHA256, Adjustment
from ratings.models.periods import RatingPeriod
from ratings.models.registry import Pharmacy


class Event(models.TextChoices):
    """Why a grade was published."""

    PERIODIC = "PERIODIC", "定期评价"
    INTERIM = "INTERIM", "期间变动"
    CORRECTION = "CORRECTION", "更正"
    REPAIR = "REPAIR", "信用修复"
    WITHDRAWAL = "WITHDRAWAL", "撤回"


class Publication(models.Model):
    """One act of publishing: its rows' Merkle root, chained to the one before, and signed."""

    number = models.BigIntegerField("发布号", primary_key=True)
    event = models.CharField("种类", max_length=10, choices=Event.choices)
    period = models.ForeignKey(
        RatingPeriod, models.PROTECT, related_name="publications", verbose_name="评价周期"
    )
    adjustment = models.OneToOneField(
        Adjustment, models.PROTECT, null=True, blank=True, related_name="publication", verbose_name="等级调整"
    )
    at = models.DateTimeField("发布时间", default=timezone.now)
    published_by = models.CharField("发布人", max_length=150)
    first_seq = models.BigIntegerField("起始序号")
    last_seq = models.BigIntegerField("终止序号")
    rows = models.IntegerField("行数")
    merkle_root = models.CharField("默克尔根", max_length=64)
    previous = models.CharField("上一发布的指纹", max_length=64, blank=True, default="")
    #: canonical JSON, the bytes that are signed
    statement = models.TextField("发布声明")
    statement_sha256 = models.CharField("声明指纹", max_length=64)
    #: the first 8 bytes of each row's leaf hash, in the order of seq
    fingerprints = models.BinaryField("各行指纹")
    signature = models.CharField("签名", max_length=128)
    public_key = models.CharField("公钥", max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = "发布"
        ordering = ("-number",)
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                name="publication_rows",
                condition=Q(number__gte=1, rows__gte=1, first_seq__gte=1)
                & Q(last_seq=F("first_seq") + F("rows") - 1),
                violation_error_message="行数与起止序号不符。",
            ),
            models.CheckConstraint(
                name="publication_fingerprints",
                condition=Q(merkle_root__regex=SHA256, statement_sha256__regex=SHA256)
                & Q(public_key__regex=SHA256, signature__regex="^[0-9a-f]{128}$")
                & (Q(number=1, previous="") | Q(number__gt=1, previous__regex=SHA256)),
                violation_error_message="发布须有默克尔根、上一发布的指纹和签名。",
            ),
            models.CheckConstraint(
                name="publication_periodic_or_adjusted",
                condition=Q(event="PERIODIC", adjustment=None)
                | ~Q(event="PERIODIC") & Q(adjustment__isnull=False, rows=1),
                violation_error_message="定期发布之外，每次发布须出自一件已批准的调整。",
            ),
            models.UniqueConstraint(
                fields=("period",),
                condition=Q(event="PERIODIC"),
                name="publication_periodic_once",
                violation_error_message="该评价周期已经定期发布。",
            ),
        )
        triggers = (
            *append_only(),
            pgtrigger.Trigger(
                name="follows_the_last",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("last", "ratings_publication%ROWTYPE")],
                func="""
                    SELECT * INTO last FROM ratings_publication ORDER BY number DESC LIMIT 1;
                    IF (NEW.number, NEW.first_seq, NEW.previous) IS DISTINCT FROM
                       (coalesce(last.number, 0) + 1, coalesce(last.last_seq, 0) + 1,
                        coalesce(last.statement_sha256, '')) THEN
                        RAISE EXCEPTION '发布须紧接上一发布：序号连续，并含其指纹'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.at < last.at THEN
                        RAISE EXCEPTION '发布时间不得早于上一发布' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="has_its_rows",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF (SELECT count(*) FROM ratings_publishedgrade
                        WHERE seq BETWEEN NEW.first_seq AND NEW.last_seq
                          AND publication_id = NEW.number) <> NEW.rows THEN
                        RAISE EXCEPTION '发布 % 的行不全', NEW.number USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"发布 {self.number}"


class PublishedGrade(models.Model):
    """One row of the ledger: the public grade of one pharmacy from ``valid_from`` on, until the next row.

    Bulk-written: references are checked once per statement.
    """

    seq = models.BigIntegerField("序号", primary_key=True)
    publication = models.ForeignKey(
        Publication,
        models.PROTECT,
        related_name="grades",
        db_constraint=False,
        db_index=False,
        verbose_name="发布",
    )
    pharmacy = models.ForeignKey(
        Pharmacy,
        models.PROTECT,
        related_name="published_grades",
        db_constraint=False,
        db_index=False,
        verbose_name="药店",
    )
    code = models.CharField("定点编码", max_length=12)
    name = models.CharField("名称", max_length=200)
    district = models.IntegerField("区县代码")
    event = models.CharField("种类", max_length=10, choices=Event.choices)
    period = models.CharField("评价周期", max_length=7)
    scheme = models.CharField("评价规则", max_length=60, help_text="代码@版本")
    run = models.BigIntegerField("评价批次")
    #: "" = no grade: not rated, or withdrawn; ``reason`` says why
    grade = models.CharField("等级", max_length=20, blank=True, default="")
    grade_label = models.CharField("等级名称", max_length=100, blank=True, default="")
    #: 0 = best, -1 = no grade
    position = models.SmallIntegerField("等级序号")
    #: thousandths of a point
    score = models.BigIntegerField("信用分（千分之一分）", null=True, blank=True)
    rank_district = models.IntegerField("区县排名", help_text="0＝不排名")
    rank_city = models.IntegerField("全市排名", help_text="0＝不排名")
    valid_from = models.DateField("生效日")
    #: the first day on which it holds no more; null = until the next row
    valid_until = models.DateField("失效日", null=True, blank=True)
    #: a title and a clause, or what was adjusted and its clause
    reason = models.CharField("说明", max_length=1000, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "公布等级"
        ordering = ("-seq",)
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("pharmacy", "seq"), name="publishedgrade_history"),
            models.Index(fields=("district", "seq"), name="publishedgrade_district"),
            # few among the many periodic ones
            models.Index(
                fields=("event", "seq"), condition=~Q(event="PERIODIC"), name="publishedgrade_change"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("pharmacy", "period"),
                condition=Q(event="PERIODIC"),
                name="publishedgrade_once_a_period",
                violation_error_message="该药店该周期的等级已经定期发布。",
            ),
            models.CheckConstraint(
                name="publishedgrade_grade_whole",
                condition=Q(position=-1, grade="", grade_label="", score=None, rank_district=0, rank_city=0)
                & ~Q(reason="")
                | Q(position__gte=0, score__isnull=False) & ~Q(grade="") & ~Q(grade_label=""),
                violation_error_message="有等级的须写全等级和信用分；无等级的须说明原因。",
            ),
            models.CheckConstraint(
                name="publishedgrade_valid_order",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="失效日须晚于生效日。",
            ),
            models.CheckConstraint(
                name="publishedgrade_event_known",
                condition=Q(event__in=Event.values),
                violation_error_message="发布种类不在规定的范围内。",
            ),
        )
        triggers = (
            *append_only(),
            references("pharmacy_id", "ratings_pharmacy"),
            pgtrigger.Trigger(
                name="all_of_a_publication",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    IF EXISTS (
                        SELECT 1
                        FROM (SELECT publication_id, count(*) AS rows, min(seq) AS first, max(seq) AS last
                              FROM new_rows GROUP BY publication_id) AS written
                        LEFT JOIN ratings_publication p ON p.number = written.publication_id
                        WHERE (written.rows, written.first, written.last)
                              IS DISTINCT FROM (p.rows::bigint, p.first_seq, p.last_seq)
                    ) THEN
                        RAISE EXCEPTION '公布等级只能随其发布一次写全' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"#{self.seq} {self.code} {self.grade or '无等级'}"
