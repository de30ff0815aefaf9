"""Who works for which department."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from applications.clients.models import Organisation


class Membership(models.Model):
    """The department that a member of staff works for. Without one they look up nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="department", verbose_name="用户"
    )
    department = models.ForeignKey(
        Organisation,
        models.PROTECT,
        related_name="members",
        limit_choices_to={"kind": "DEPARTMENT"},
        verbose_name="部门",
    )
    #: GB/T 2260; the whole city where empty. Look-ups beyond are allowed, and marked
    districts = ArrayField(models.IntegerField(), verbose_name="所在区县", default=list, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "部门人员"
        ordering = ("department", "user")

    def __str__(self) -> str:
        return f"{self.user}（{self.department}）"
