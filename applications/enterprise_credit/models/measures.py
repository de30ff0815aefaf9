"""Cases of joint reward and punishment (联合奖惩): a measure, an enterprise that it applies to, what was done."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit.models.subjects import Assessment, CreditSubject
from creditsys.guards import changes_only


class MeasureCase(models.Model):
    """One measure of one department for one enterprise, from when its condition held."""

    class State(models.TextChoices):
        OPEN = "OPEN", "待办理"
        APPLIED = "APPLIED", "已实施"
        DECLINED = "DECLINED", "未实施"
        ENDED = "ENDED", "条件已消失"

    #: key of the catalogue, and what it was called then
    measure = models.CharField("措施代码", max_length=40)
    measure_title = models.CharField("措施", max_length=200)
    clause = models.CharField("依据", max_length=500)
    direction = models.CharField("方向", max_length=10)
    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name="实施部门")
    subject = models.ForeignKey(
        CreditSubject, models.PROTECT, related_name="measure_cases", db_index=False, verbose_name="企业"
    )
    opened_at = models.DateTimeField("产生时间", default=timezone.now)
    #: why: the grade then, or the records
    basis = models.CharField("事由", max_length=500)
    assessment = models.ForeignKey(
        Assessment, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name="评定"
    )
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.OPEN)
    document_no = models.CharField("文书号", max_length=120, blank=True, default="")
    done_on = models.DateField("办理日期", null=True, blank=True)
    note = models.CharField("办理情况", max_length=1000, blank=True, default="")
    handled_by = models.CharField("办理人", max_length=150, blank=True, default="")
    handled_at = models.DateTimeField("登记时间", null=True, blank=True)
    #: when the condition held no more
    ended_at = models.DateTimeField("终止时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "联合奖惩"
        ordering = ("-id",)
        default_permissions = ("view", "change")
        indexes = (
            # as the lists are ordered: open work first, which comes last by the alphabet
            models.Index(fields=("department", "-state", "-id"), name="measurecase_department"),
            models.Index(fields=("-state", "-id"), name="measurecase_state"),
            models.Index(fields=("subject", "-id"), name="measurecase_subject"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("measure", "subject"), condition=Q(ended_at=None), name="measurecase_one_live"
            ),
            models.CheckConstraint(
                name="measurecase_direction", condition=Q(direction__in=["INCENTIVE", "SANCTION"])
            ),
            models.CheckConstraint(
                name="measurecase_handled_whole",
                condition=Q(handled_at=None, handled_by="", done_on=None, note="")
                | Q(handled_at__isnull=False, done_on__isnull=False) & ~Q(handled_by="") & ~Q(note=""),
            ),
            models.CheckConstraint(
                name="measurecase_state",
                condition=Q(state="OPEN", handled_at=None, ended_at=None)
                | Q(state__in=["APPLIED", "DECLINED"], handled_at__isnull=False)
                | Q(state="ENDED", handled_at=None, ended_at__isnull=False),
            ),
        )
        triggers = changes_only(
            ["state", "document_no", "done_on", "note", "handled_by", "handled_at", "ended_at"]
        )

    def __str__(self) -> str:
        return f"{self.measure_title} {self.subject_id}"
