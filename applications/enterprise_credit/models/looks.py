"""The record of looks (查询记录): who looked at which enterprise, when, why, and what was shown. Ten years."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from applications.clients.models import Client, Organisation


class Look(models.Model):
    """One look at one enterprise; cannot be changed, nor deleted within ten years (浙江省公共信用信息管理条例)."""

    class Form(models.TextChoices):
        PAGE = "PAGE", "网页"
        PDF = "PDF", "PDF 报告"
        EXPORT = "EXPORT", "导出"
        API = "API", "接口"
        CHECK = "CHECK", "名单核查"

    at = models.DateTimeField("时间", default=timezone.now)
    department = models.ForeignKey(
        Organisation, models.PROTECT, related_name="+", db_index=False, verbose_name="部门"
    )
    #: user name, or the client's
    by = models.CharField("查询人", max_length=150)
    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name="客户端"
    )
    address = models.GenericIPAddressField("来源地址", null=True, blank=True)
    form = models.CharField("方式", max_length=6, choices=Form.choices)
    #: key of the catalogue, and its title then
    purpose = models.CharField("用途代码", max_length=40)
    purpose_title = models.CharField("用途", max_length=200)
    case_no = models.CharField("案号或项目号", max_length=100, blank=True, default="")
    #: no foreign key: also of what was asked for and not found
    uscc = models.CharField("统一社会信用代码", max_length=18)
    name = models.CharField("企业名称", max_length=200, blank=True, default="")
    found = models.BooleanField("有此企业")
    #: the enterprise has no pharmacy in the districts of whoever looked
    outside = models.BooleanField("本区县以外", default=False)
    #: in the hours that the catalogue calls night
    at_night = models.BooleanField("夜间", default=False)
    #: {assessment: id, stores: [last seq …], records: {type: [ids]}}: what was shown
    shown = models.JSONField("展示内容", default=dict)
    #: of a batch check
    check_id = models.BigIntegerField("名单核查批次", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "查询记录"
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("uscc", "-id"), name="look_uscc"),
            models.Index(fields=("at",), name="look_at"),
            models.Index(fields=("department", "at"), name="look_department"),
        )
        constraints = (
            models.CheckConstraint(
                name="look_purpose",
                condition=~Q(purpose="") & ~Q(purpose_title="") & ~Q(by=""),
                violation_error_message="查询须写明用途。",
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="no_update",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="RAISE EXCEPTION '查询记录不得修改' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="kept_ten_years",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func="""
                    IF OLD.at > now() - interval '10 years' THEN
                        RAISE EXCEPTION '查询记录保存十年，期内不得删除' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN OLD;
                """,
            ),
            pgtrigger.Trigger(
                name="no_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION '查询记录不得清空' USING ERRCODE = 'restrict_violation';",
            ),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.by} {self.uscc}"
