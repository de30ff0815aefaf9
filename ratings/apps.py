from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RatingsConfig(AppConfig):
    name = "ratings"
    verbose_name = "信用评价"

    def ready(self) -> None:
        from creditsys import checks  # noqa: F401 -- registers itself

        post_migrate.connect(_ship_roles, sender=self, dispatch_uid="ship roles")


def _ship_roles(**_: Any) -> None:
    """After every migration, when models and permissions are there: the groups as shipped."""
    from ratings.services.roles import ensure_roles  # models cannot be loaded with this module

    ensure_roles()
