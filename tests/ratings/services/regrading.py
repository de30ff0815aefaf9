"""A small city whose ratings are on the desk, for tests of what changes single grades."""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connections

from ratings.models import Pharmacy, Rating, RatingPeriod, RatingRun, ServiceStatus, Violation
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import record_fact
from ratings.services.publication import publish_period
from tests import desk
from tests.ratings.services.test_runs import rate_now, small_city

CLERK, REVIEWER, APPROVER, OTHER = (
    Actor(name) for name in (desk.CLERK, desk.REVIEWER, desk.APPROVER, desk.OTHER)
)
#: A day after publication: 5 February 2026 in Shanghai.
AT = desk.NOW + timedelta(days=1)
A, B, C, D = range(4)
#: Shops of ``small_city``: C for a serious violation, B for growth, A.
PENALISED, GROWN, GOOD = 0, 1, 2


def enter(run: RatingRun, state: str) -> RatingPeriod:
    """The life of a run in ``state``; its grades are in the ledger where that state says so."""
    if state not in {"PUBLISHED", "CLOSED"}:
        return desk.life(run, state)
    period = publish(desk.life(run, "FINAL"))
    if state == "CLOSED":
        RatingPeriod.objects.filter(pk=period.pk).update(state=state)
    period.refresh_from_db()
    return period


def publish(period: RatingPeriod, at: datetime = desk.NOW) -> RatingPeriod:
    """Publish a period under review or later, past its moves."""
    desk.walk(period, "FINAL")
    publish_period(period, by=APPROVER, at=at)
    RatingPeriod.objects.filter(pk=period.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=at
    )
    period.refresh_from_db()
    return period


def city_in(state: str, **options: Any) -> tuple[list[Pharmacy], RatingPeriod]:
    """Six rated shops and a new one, their period in ``state``."""
    shops = small_city()
    return shops, enter(rate_now(**options), state)


def rating_of(shop: Pharmacy, period: RatingPeriod) -> Rating:
    return Rating.objects.select_related("run__scheme", "pharmacy").get(run=period.run_id, pharmacy=shop)


def convict(shop: Pharmacy, **values: Any) -> Violation:
    """A penalty for fraud that became final after the period, known from now on."""
    return record_fact(
        Violation,
        by=CLERK,
        **{
            "pharmacy": shop,
            "kind": "CARD_FOR_GOODS",
            "gravity": "SERIOUS",
            "track": "PENALTY",
            "body": "某市医疗保障局",
            "document_no": f"某医保罚〔2026〕{shop.pk}号",
            "occurred_on": date(2026, 1, 10),
            "decided_on": date(2026, 2, 1),
            **values,
        },
    )


def end_agreement(shop: Pharmacy, on: date = date(2026, 2, 2), status: str = "TERMINATED") -> ServiceStatus:
    return record_fact(
        ServiceStatus, by=CLERK, pharmacy=shop, status=status, occurred_on=on, decided_on=date(2026, 2, 1)
    )


def shanghai(day: date) -> datetime:
    """Noon of a day in Shanghai."""
    return datetime.fromisoformat(f"{day}T12:00:00+08:00")


def at_the_same_moment(*acts: Callable[[], object]) -> list[str]:
    """Run acts in threads of their own; "done" or the refusal of each, in order."""
    told = [""] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(place: int) -> None:
        ready.wait(20)
        try:
            acts[place]()
            told[place] = "done"
        except Refused as refused:
            told[place] = str(refused)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told
