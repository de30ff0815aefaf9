"""What this application is, and what it may show of a grade."""

from celery.schedules import crontab

from applications.base import Application, Audience


class EnterpriseCredit(Application):
    """Departments see every published grade of an enterprise's pharmacies, with scores and ranks."""

    key = "enterprise_credit"
    title = "企业信用信息查询"
    audience = Audience.DEPARTMENTS
    fields = frozenset(
        {
            *("seq", "code", "name", "district", "event", "period", "period_end", "scheme", "grade", "label"),
            *("position", "score", "rank_district", "rank_city", "valid_from", "valid_until", "reason"),
            "under_objection",
        }
    )
    urls = "applications.enterprise_credit.urls"
    demo = "applications.enterprise_credit.demo.furnish"
    # bring the standings of enterprises up to date; remove looks that have been kept long enough
    schedule = {
        "enterprise_credit.refresh": crontab(hour=0, minute=40),
        "enterprise_credit.forget_looks": crontab(day_of_month=1, hour=2, minute=0),
    }


APPLICATION = EnterpriseCredit()
