from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ClientsConfig(AppConfig):
    name = "applications.clients"
    verbose_name = "接口客户端"

    def ready(self) -> None:
        post_migrate.connect(_grant, sender=self, dispatch_uid="clients roles")


def _grant(**_: Any) -> None:
    """After every migration: what the shipped groups may do here."""
    from applications.clients.roles import grant_roles

    grant_roles()
