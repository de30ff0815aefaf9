"""A small published city whose documents are kept in a passing folder."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import LazySettings

from ratings.models import Pharmacy, Rating, RatingPeriod
from ratings.services.documents import Stamp
from tests.ratings.services import regrading


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@dataclass
class City:
    """Shops rated C, B and A, and one that is too new to be rated; their period is in the ledger."""

    shops: list[Pharmacy]
    new: Pharmacy
    period: RatingPeriod

    def rating(self, shop: Pharmacy) -> Rating:
        return regrading.rating_of(shop, self.period)


@pytest.fixture
def city(db: None) -> City:
    shops, period = regrading.city_in("PUBLISHED")
    new = Pharmacy.objects.exclude(pk__in=[shop.pk for shop in shops]).get()
    return City(shops, new, period)


@pytest.fixture
def stamp() -> Stamp:
    return Stamp(
        "2026-0000012", "7KQ2-M4XN-9PTW-3FHC", "https://x.example/d/7KQ2M4XN9PTW3FHC/", regrading.AT, "某市"
    )


def renamed(shop: Pharmacy, name: str) -> Pharmacy:
    """The shop under another name, past the registry's service."""
    Pharmacy.objects.filter(pk=shop.pk).update(name=name)
    shop.refresh_from_db()
    return shop
