"""A pharmacy's page: its grade in plain words, what was published of it, and what one can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.finder import Service, get_place
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Place
from applications.pharmacy_lookup.pages.shell import page, public_page
from applications.pharmacy_lookup.pages.standing import (
    Standing,
    meaning,
    published_standing,
    service_words,
    standing,
)
from applications.pharmacy_lookup.pages.ways import Way, ways
from applications.pharmacy_lookup.pages.words import (
    EVENTS,
    last_day_words,
    period_words,
    score_words,
    validity_words,
)
from applications.pharmacy_lookup.query import MOST_TYPED
from creditsys.qr import qr_svg
from ratings import published


@dataclass(frozen=True, slots=True)
class Past:
    """One row of the ledger as the page shows it."""

    period: str
    event: str
    standing: Standing
    validity: str
    reason: str
    under_objection: bool
    #: it is what is said of the pharmacy today
    in_force: bool


@public_page
def pharmacy(request: HttpRequest, code: str) -> HttpResponse:
    """What is public of one pharmacy; 404 with ways on for a code that there is not."""
    today = timezone.localdate()
    row = get_place(code, today) if code.isascii() and code.isalnum() else None
    if row is None:
        missing = {"title": gettext("没有找到这家药店"), "code": code[:MOST_TYPED]}
        return page(request, "not_found.html", missing, status=404)
    rated = row["seq"] is not None
    ended, since = row["service"] == Service.ENDED, _since(row, today)
    context = {
        "title": row["name"],
        "shop": row,
        "standing": standing(row),
        "meaning": meaning(row) if rated and row["holds"] else "",
        "period": period_words(row["period"]) if rated else "",
        "score": score_words(row["score"]) if rated and row["score"] is not None else "",
        "validity": validity_words(row["valid_from"], row["valid_until"]) if rated else "",
        "service": service_words(row),
        "since": since,
        "ended": ended,
        "designation": validity_words(row["designated_on"], since if ended else None),
        "history": _history(row),
        "penalties": [
            (penalty, last_day_words(penalty.shown_until)) for penalty in published.penalties(code, today)
        ],
        "ways": _ways(row),
        "objection_contact": settings.OBJECTION_CONTACT,
        "complaint_contact": settings.COMPLAINT_CONTACT,
        "qr": qr_svg(_absolute(request), gettext("本页地址的二维码")),
    }
    return page(request, "pharmacy.html", context)


def _since(row: Mapping[str, Any], today: date) -> date | None:
    """Since when its service is what it is today, None in service."""
    if row["service"] in {Service.IN_SERVICE, Service.NOT_YET}:
        return None
    ended: date | None = row["designated_until"]
    if ended is not None and ended <= today:
        return ended
    days = Place.objects.values_list("statuses", flat=True).get(code=row["code"]) or []
    begun = [date.fromisoformat(day) for day, _ in days]
    return max((day for day in begun if day <= today), default=None)


def _history(row: Mapping[str, Any]) -> list[Past]:
    """What was published, newest first; all of a grade that may be shown comes from ``shown``."""
    found = []
    for grade in reversed(published.history(row["code"])):
        shown = APPLICATION.shown(grade)
        if shown is None:
            continue
        stands = published_standing(shown)
        found.append(
            Past(
                period=period_words(shown["period"]),
                event=str(EVENTS[shown["event"]]),
                standing=stands,
                validity=validity_words(shown["valid_from"], shown["valid_until"]),
                reason=shown["reason"],
                under_objection=shown["under_objection"],
                in_force=shown["seq"] == row["seq"] and (row["holds"] or not stands.rated),
            )
        )
    return found


def _ways(row: Mapping[str, Any]) -> list[Way]:
    if row["latitude"] is None:
        return []
    return ways(row["name"], row["address"], Point(row["latitude"], row["longitude"]))


def _absolute(request: HttpRequest) -> str:
    """The page's address for those who are elsewhere."""
    if settings.SITE_URL:
        return f"{settings.SITE_URL}{request.path}"
    return request.build_absolute_uri(request.path)
