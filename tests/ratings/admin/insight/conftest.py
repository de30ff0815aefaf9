"""A small city at work, and people of every role."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from ratings.models import Pharmacy
from tests import desk as rows
from tests import factories
from tests.ratings.admin.desk.conftest import Desk, client_of, desk
from tests.ratings.admin.desk.conftest import _files as _files

__all__ = ["desk"]


@pytest.fixture
def worked(desk: Desk) -> Desk:
    """Published, with an objection, a repair, an adjustment and a complaint, all of the first district."""
    desk.to("PUBLISHED")
    for number, shop in enumerate(desk.shops):
        Pharmacy.objects.filter(pk=shop.pk).update(
            latitude=30 + number / 50, longitude=120.5, source_datum="WGS-84"
        )
    rows.objection(desk.period, desk.rating(0))
    rows.decided(rows.adjustment(desk.period, desk.rating(2)))
    factories.complaint(desk.shops[0], recorded_at=timezone.now())
    rows.repair(factories.violation(desk.shops[2], recorded_at=timezone.now()))
    return desk


@pytest.fixture
def of(db: None) -> Callable[..., Client]:
    """Somebody in a role, of these districts or of the whole city."""

    def made(role: str, *districts: int) -> Client:
        return client_of(f"{role}{districts}", role, *districts)

    return made
