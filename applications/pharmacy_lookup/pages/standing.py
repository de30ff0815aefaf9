"""How a pharmacy stands: its grade as a mark, and in words why it has none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from applications.pharmacy_lookup.finder import Service
from applications.pharmacy_lookup.pages.words import SERVICES, day_words
from creditsys.marks import grade_badge
from ratings import published


@dataclass(frozen=True, slots=True)
class Standing:
    """A grade as it is shown. Names of grades and ``reason`` are Chinese, whatever the page speaks."""

    badge: SafeString
    #: whether there is a grade in the badge
    rated: bool
    #: why there is none: in the ledger's words, and in ours
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One grade of the legend."""

    badge: SafeString
    meaning: str


def standing(row: Mapping[str, Any]) -> Standing:
    """Today's standing of a row of the finder."""
    if row["seq"] is None:
        return Standing(_absent(gettext("尚未评级")), rated=False, note=gettext("还没有公布过信用等级。"))
    if row["position"] < 0 or row["holds"]:
        return published_standing(row)
    until = row["valid_until"]
    note = gettext("上次的等级 {grade} 到 {day} 期满，新的等级尚未公布。").format(
        grade=row["grade"], day=day_words(until) if until else ""
    )
    return Standing(_absent(gettext("有效期已满")), rated=False, note=note)


def published_standing(row: Mapping[str, Any]) -> Standing:
    """What one published grade says, whether or not it is still in force."""
    if row["position"] >= 0:
        return Standing(_badge(row["position"], row["scheme"]), rated=True)
    withdrawn = row["event"] == "WITHDRAWAL"
    absent = _absent(gettext("等级已撤回") if withdrawn else gettext("不予评级"))
    return Standing(absent, rated=False, reason=row["reason"])


def meaning(row: Mapping[str, Any]) -> str:
    """What the grade of a row means in plain words, Chinese; "" where it has none."""
    return published.scale(row["scheme"])[row["position"]].meaning if row["position"] >= 0 else ""


def legend(schemes: Iterable[str]) -> list[list[Meaning]]:
    """What the grades mean, one list for each scheme (key@version), best grade first."""
    return [
        [Meaning(_badge(place, scheme), step.meaning) for place, step in enumerate(published.scale(scheme))]
        for scheme in sorted(set(schemes))
    ]


def service_words(row: Mapping[str, Any]) -> str:
    """What is unusual about its service, "" in service."""
    service = Service(row["service"])
    if service is Service.IN_SERVICE:
        return ""
    if service is Service.NOT_YET:
        return gettext("自{day}起定点").format(day=day_words(row["designated_on"]))
    return str(SERVICES[service])


def _badge(position: int, scheme: str) -> SafeString:
    return grade_badge(position, [(step.name, step.label) for step in published.scale(scheme)])


def _absent(text: str) -> SafeString:
    return grade_badge(-1, (), absent=text)
