"""What this application is, and what it may show of a grade."""

from celery.schedules import crontab

from applications.base import Application, Audience


class BankLoans(Application):
    """Banks get no scores and no ranks: for a loan the grade decides, and no grade below B leaves here."""

    key = "bank_loans"
    title = "药店信用贷款"
    audience = Audience.BANKS
    minimum_grade = "B"
    fields = frozenset(
        {"seq", "period", "scheme", "grade", "label", "valid_from", "valid_until", "under_objection"}
    )
    urls = "applications.bank_loans.urls"
    demo = "applications.bank_loans.demo.furnish"
    # bring the lists up to date; send what is due to banks
    schedule = {"bank_loans.reckon": crontab(minute=5), "bank_loans.deliver": crontab()}


APPLICATION = BankLoans()
