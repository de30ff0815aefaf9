from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PharmacyLookupConfig(AppConfig):
    name = "applications.pharmacy_lookup"
    verbose_name = "药店信用查询"

    def ready(self) -> None:
        from applications.pharmacy_lookup import tasks
        from ratings.published import announced, changed

        announced.connect(tasks.on_announced, dispatch_uid="pharmacy_lookup")
        changed.connect(tasks.on_change, dispatch_uid="pharmacy_lookup")
        post_migrate.connect(_fill, sender=self, dispatch_uid="pharmacy_lookup")


def _fill(**_: Any) -> None:
    """After the migration that makes the table: everything published so far."""
    from applications.pharmacy_lookup.models import Place
    from applications.pharmacy_lookup.refresh import refresh_places

    if not Place.objects.exists():
        refresh_places()
