"""What the search reads: one row a pharmacy, with its place and its newest published grade.

Everything here is copied from behind ``ratings.published`` by ``refresh.py`` and may be built anew at any
time. Nothing depends on the day on which it was copied: what begins or ends on a date is kept as that date.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q


class Place(models.Model):
    """A pharmacy as the public finds it."""

    code = models.CharField("定点编码", max_length=12, primary_key=True)
    name = models.CharField("名称", max_length=200)
    district = models.IntegerField("区县代码")
    district_name = models.CharField("区县", max_length=40)
    street = models.CharField("街道（乡镇）", max_length=60)
    address = models.CharField("地址", max_length=300)
    latitude = models.FloatField("纬度（WGS-84）", null=True)
    longitude = models.FloatField("经度（WGS-84）", null=True)
    designated_on = models.DateField("定点起始日")
    designated_until = models.DateField("定点终止日", null=True)
    #: [[first day, status], …] in the order of days; null = in service ever since
    statuses = models.JSONField("服务状态沿革", null=True)
    #: what follows is ``PharmacyLookup.fields``; null = never rated
    seq = models.BigIntegerField("序号", null=True)
    event = models.CharField("种类", max_length=10, null=True)
    period = models.CharField("评价周期", max_length=7, null=True)
    scheme = models.CharField("评价规则", max_length=60, null=True)
    grade = models.CharField("等级", max_length=20, null=True)
    label = models.CharField("等级名称", max_length=100, null=True)
    position = models.SmallIntegerField("等级序号", null=True)
    score = models.BigIntegerField("信用分（千分之一分）", null=True)
    valid_from = models.DateField("生效日", null=True)
    valid_until = models.DateField("失效日", null=True)
    reason = models.CharField("说明", max_length=1000, null=True)
    under_objection = models.BooleanField("异议处理中", null=True)
    #: see ``creditsys/spelling.py``
    text = models.TextField("名称和地址")
    spelled = models.TextField("拼音和首字母")
    grams = ArrayField(models.IntegerField(), verbose_name="检索片段")

    class Meta:
        verbose_name = verbose_name_plural = "可查询的药店"
        default_permissions = ()
        # One for each condition that may fit few (``finder.py``).
        indexes = (
            models.Index(fields=("latitude", "longitude"), name="place_latitude_longitude"),
            models.Index(fields=("district",), name="place_district"),
            models.Index(fields=("grade",), name="place_grade"),
            models.Index(fields=("valid_until",), name="place_valid_until"),
            models.Index(fields=("designated_on",), name="place_designated_on"),
            models.Index(
                fields=("designated_until",),
                condition=Q(designated_until__isnull=False),
                name="place_designated_until",
            ),
            models.Index(fields=("code",), condition=Q(statuses__isnull=False), name="place_statuses"),
            GinIndex(fields=("grams",), name="place_grams"),
        )

    def __str__(self) -> str:
        return f"{self.name}（{self.code}）"


class Directory(models.Model):
    """What the page offers to choose from; one row, written with the places."""

    id = models.SmallAutoField(primary_key=True)
    #: [{code, name, streets: [name, …], south, north, west, east}, …]; bounds in WGS-84, or null
    districts = models.JSONField("区县和街道")
    #: [{grade, label, scheme}, …] that are published, best first
    grades = models.JSONField("等级")
    refreshed_at = models.DateTimeField("更新时间")

    class Meta:
        verbose_name = verbose_name_plural = "查询目录"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.refreshed_at:%Y-%m-%d %H:%M}"
