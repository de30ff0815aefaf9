from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EnterpriseCreditConfig(AppConfig):
    name = "applications.enterprise_credit"
    verbose_name = "企业信用信息"

    def ready(self) -> None:
        from applications.clients.calls import entitle
        from applications.enterprise_credit import tasks
        from applications.enterprise_credit.api.checks import OPERATIONS as CHECK_OPERATIONS
        from applications.enterprise_credit.api.lookups import OPERATIONS as LOOKUP_OPERATIONS
        from applications.enterprise_credit.api.records import OPERATIONS as RECORD_OPERATIONS
        from ratings.published import announced, changed

        entitle(CHECK_OPERATIONS | LOOKUP_OPERATIONS | RECORD_OPERATIONS)
        announced.connect(tasks.on_announced, dispatch_uid="enterprise_credit")
        changed.connect(tasks.on_change, dispatch_uid="enterprise_credit")
        post_migrate.connect(_furnish, sender=self, dispatch_uid="enterprise_credit")


def _furnish(**_: Any) -> None:
    """After every migration: the shipped documents, and what the shipped groups may do here."""
    from applications.enterprise_credit.documents import ship
    from applications.enterprise_credit.roles import grant_roles

    grant_roles()
    ship()
