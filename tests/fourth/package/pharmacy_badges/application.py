"""What this application is, and what it may show of a grade."""

from celery.schedules import crontab

from applications.base import Application, Audience


class PharmacyBadges(Application):
    key = "pharmacy_badges"
    title = "药店徽章"
    audience = Audience.RESIDENTS
    minimum_grade = "B"
    fields = frozenset({"code", "name", "grade", "label", "valid_until"})
    urls = "pharmacy_badges.urls"
    schedule = {"pharmacy_badges.catch_up": crontab(hour=5, minute=0)}


APPLICATION = PharmacyBadges()
