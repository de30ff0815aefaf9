"""What this application is, and what it may show of a grade."""

from celery.schedules import crontab

from applications.base import Application, Audience


class PharmacyLookup(Application):
    """Pages and API show no ranks: a grade says how far a pharmacy can be trusted, not who is first.

    The lists of open data are another matter: they are the ledger's own rows, whole, as they were signed.
    """

    key = "pharmacy_lookup"
    title = "药店信用查询"
    audience = Audience.RESIDENTS
    fields = frozenset(
        {
            *("seq", "event", "period", "scheme", "grade", "label", "position", "score"),
            *("valid_from", "valid_until", "reason", "under_objection"),
        }
    )
    urls = "applications.pharmacy_lookup.urls"
    # bring the places that residents find up to date
    schedule = {"pharmacy_lookup.refresh": crontab(hour=0, minute=10)}


APPLICATION = PharmacyLookup()
