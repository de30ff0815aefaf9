"""Pharmacies as residents see them, for tests: places in the registry, grades in the ledger, both copied over."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any, Final

from django.utils import timezone

from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import Pharmacy, RatingPeriod, SchemeVersion, Violation
from tests import desk, factories
from tests.ratings.services.lives import Result, run_of
from tests.ratings.services.regrading import publish
from tests.ratings.services.test_runs import scheme_in_force

#: In the middle of the city, and a metre north of it in degrees.
LATITUDE, LONGITUDE = 30.0, 120.58
METRE: Final = 1 / 110_852
NEAR: Final = f"{LONGITUDE},{LATITUDE}"


def shop(metres: float = 100, **values: Any) -> Pharmacy:
    """A pharmacy so many metres north of the middle, within a thousandth."""
    return factories.pharmacy(
        **{
            "latitude": LATITUDE + metres * METRE,
            "longitude": LONGITUDE,
            "source_datum": "WGS-84",
            "recorded_at": timezone.now(),
            "street": "府山街道",
            "address": "府山街道解放北路1号",
            **values,
        }
    )


def scheme() -> SchemeVersion:
    return SchemeVersion.objects.first() or scheme_in_force()


def ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def published(*results: Result, period: str = "2025H1", days: int = 30) -> RatingPeriod:
    """A period with these results, published so many days ago, and copied over."""
    life = publish(desk.life(run_of(scheme(), *results, period=period)), at=ago(days))
    refresh_places()
    return life


def penalty(one: Pharmacy, **values: Any) -> Violation:
    """One that was decided today."""
    today = timezone.localdate()
    return factories.violation(
        one, **{"occurred_on": today, "decided_on": today, "recorded_at": timezone.now(), **values}
    )


class Page(HTMLParser):
    """A page's words with the language that they are marked with, and its links."""

    _ALONE: Final = {"meta", "link", "input", "br", "path", "rect", "circle"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[tuple[str, str]] = []
        self.links: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag not in self._ALONE:
            inherited = self._open[-1][1] if self._open else ""
            self._open.append((tag, given.get("lang") or inherited))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._ALONE:
            assert self._open.pop()[0] == tag, f"{tag} closes what is not open"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.words.append((self._open[-1][1], data.strip()))

    @property
    def unmarked(self) -> list[str]:
        """Chinese words that are not marked as Chinese."""
        return [
            words for lang, words in self.words if not lang.startswith("zh") and re.search("[一-鿿]", words)
        ]
