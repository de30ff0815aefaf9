"""Who of the staff sees what: the whole city, or some districts."""

from django.conf import settings
from django.db import models

from ratings.models.registry import District


class StaffScope(models.Model):
    """The districts that a member of staff works for. Without one they see nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="scope", verbose_name="用户"
    )
    whole_city = models.BooleanField("全市", default=False)
    districts = models.ManyToManyField(District, blank=True, verbose_name="区县")

    class Meta:
        verbose_name = verbose_name_plural = "管辖范围"

    def __str__(self) -> str:
        return str(self.user)
