from django.db import models

from creditsys.guards import changes_only


class Badge(models.Model):
    """A pharmacy that has a badge, and since which publication."""

    code = models.CharField("定点编码", max_length=12, unique=True)
    publication = models.IntegerField("发布")

    class Meta:
        verbose_name = verbose_name_plural = "徽章"
        default_permissions = ("view",)
        triggers = changes_only(["publication"])

    def __str__(self) -> str:
        return self.code
