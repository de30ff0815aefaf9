from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BankLoansConfig(AppConfig):
    name = "applications.bank_loans"
    verbose_name = "药店信用贷款"

    def ready(self) -> None:
        from applications.bank_loans import tasks
        from applications.bank_loans.api.asking import OPERATIONS, Purpose
        from applications.clients.calls import entitle
        from ratings.published import announced, changed

        entitle(OPERATIONS | {purpose.value: str(purpose.label) for purpose in Purpose})
        announced.connect(tasks.on_announced, dispatch_uid="bank_loans")
        changed.connect(tasks.on_change, dispatch_uid="bank_loans")
        post_migrate.connect(_grant, sender=self, dispatch_uid="bank_loans roles")


def _grant(**_: Any) -> None:
    """After every migration: what the shipped groups may do here."""
    from applications.bank_loans.roles import grant_roles

    grant_roles()
