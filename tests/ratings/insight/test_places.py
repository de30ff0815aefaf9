"""Places and grades in force: as the door outward gives them, one by one."""

from datetime import date

import numpy as np
import pytest
from django.utils import timezone

from ratings.insight import places
from ratings.models import Pharmacy
from ratings.published import current
from ratings.services.publication import publish_adjustment
from tests import desk, factories
from tests.ratings.services.lives import APPROVER

from .conftest import HERE, THERE, City


def positions(on: date, districts: frozenset[int] | None = None) -> dict[int, int]:
    found = places.places(on, districts)
    return dict(zip(found.pharmacy.tolist(), found.position.tolist(), strict=True))


def one_by_one(on: date) -> dict[int, int]:
    """The same by the door that residents' pages use."""
    public = current([shop.code for shop in Pharmacy.objects.all()], on)
    shops = Pharmacy.objects.filter(designated_on__lte=on).exclude(designated_until__lte=on)
    return {
        shop.pk: public[shop.code].position if shop.code in public else places.NOT_IN_FORCE for shop in shops
    }


def test_grades_are_those_of_the_door_outward(city: City) -> None:
    today = timezone.localdate()
    assert positions(today) == one_by_one(today)
    # kept since: what is published later is seen all the same
    rating = city.second.run.ratings.get(pharmacy=city.shops[0])
    publish_adjustment(desk.decided(desk.adjustment(city.second, rating, to_grade=2)), by=APPROVER)
    assert positions(today)[city.shops[0].pk] == 2
    assert positions(today) == one_by_one(today)
    Pharmacy.objects.filter(pk=city.shops[3].pk).update(designated_until=today)
    later = date(today.year + 5, 1, 1)  # all have run out
    for day in (today, later, date(2015, 3, 1), date(2000, 1, 1)):
        assert positions(day) == one_by_one(day), day
    assert set(positions(later).values()) == {places.NOT_IN_FORCE}


def test_scope_narrows_by_district(city: City) -> None:
    today = timezone.localdate()
    assert set(positions(today, frozenset({HERE}))) == {shop.pk for shop in city.shops[::2]}
    assert positions(today, frozenset()) == {}


def test_places_are_as_registered(city: City) -> None:
    nowhere = factories.pharmacy(district_id=THERE, recorded_at=timezone.now())
    found = places.places(timezone.localdate())
    assert len(found) == 9
    for shop in city.shops:
        at = int(np.flatnonzero(found.pharmacy == shop.pk)[0])
        assert found.latitude[at] == pytest.approx(shop.latitude, abs=1e-6)
        assert found.district[at] == shop.district_id
        assert found.schemes[found.scheme[at]] == "shaoxing-style@1" or found.scheme[at] == -1
    assert not found.placed[found.pharmacy == nowhere.pk].any()
    centre = {one.district: one for one in places.centres(found)}
    mine = [shop.latitude for shop in city.shops[1::2]]
    assert centre[THERE].latitude == pytest.approx(sum(mine) / len(mine), abs=1e-6)  # type: ignore[arg-type]
    assert centre[THERE].pharmacies == 4


def test_nothing_is_published_yet(db: None) -> None:
    shop = factories.pharmacy()
    assert positions(timezone.localdate()) == {shop.pk: places.NOT_IN_FORCE}
    assert places.centres(places.places(timezone.localdate())) == []
