from django.apps import AppConfig


class BankLoansConfig(AppConfig):
    name = "applications.bank_loans"
    verbose_name = "药店信用贷款"

    def ready(self) -> None:
        from applications.bank_loans import tasks
        from ratings.published import announced, changed

        announced.connect(tasks.on_announced, dispatch_uid="bank_loans")
        changed.connect(tasks.on_change, dispatch_uid="bank_loans")
