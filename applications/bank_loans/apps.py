from django.apps import AppConfig


class BankLoansConfig(AppConfig):
    name = "applications.bank_loans"
    verbose_name = "药店信用贷款"
