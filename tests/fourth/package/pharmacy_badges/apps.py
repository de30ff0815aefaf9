from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PharmacyBadgesConfig(AppConfig):
    name = "pharmacy_badges"
    verbose_name = "药店徽章"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from pharmacy_badges import tasks
        from ratings.published import announced

        announced.connect(tasks.on_announced, dispatch_uid="pharmacy_badges")
        post_migrate.connect(_grant, sender=self, dispatch_uid="pharmacy_badges")


def _grant(**_: Any) -> None:
    from applications.roles import grant

    grant("徽章管理员", "pharmacy_badges", {"view_badge"})
