from typing import Any

from celery import shared_task
from django.db.models import Max
from django.utils import timezone

from pharmacy_badges.application import APPLICATION
from pharmacy_badges.models import Badge
from ratings.published import codes_since, current, publication, publications


def on_announced(number: int, **_: Any) -> None:
    """Receiver of ``ratings.published.announced``."""
    award.delay(number)


@shared_task(name="pharmacy_badges.catch_up")
def catch_up() -> int:
    """What was announced while nobody listened."""
    last = Badge.objects.aggregate(last=Max("publication"))["last"] or 0
    return sum(award(told.number) for told in publications(last, 100))


@shared_task(name="pharmacy_badges.award")
def award(number: int) -> int:
    """Give badges to those of a publication that are good enough; how many are new."""
    told = publication(number)
    codes = codes_since(told.first_seq - 1, told.last_seq) if told else []
    grades = current(codes, timezone.localdate())
    good = [code for code, grade in grades.items() if APPLICATION.shown(grade)]
    made = Badge.objects.bulk_create(
        [Badge(code=code, publication=number) for code in good], ignore_conflicts=True
    )
    return len(made)
