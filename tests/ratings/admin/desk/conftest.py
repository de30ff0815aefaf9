"""A small rated city in the hands of people in their roles."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ratings.models import Pharmacy, Rating, RatingPeriod, RatingRun, StaffScope, Violation
from ratings.services import roles
from ratings.services.audit import Actor
from ratings.services.periods import move, open_period
from ratings.services.review import confirm_items, confirm_rest, unconfirmed_districts
from tests.ratings.services.test_runs import rate_now, small_city

REVIEWER, OTHER_REVIEWER, APPROVER, OTHER_APPROVER = (
    Actor(name) for name in ("reviewer", "reviewer2", "approver", "approver2")
)
HERE, THERE = 330602, 330603
_ROLES = {
    "clerk": roles.CLERK,
    "reviewer": roles.REVIEWER,
    "reviewer2": roles.REVIEWER,
    "approver": roles.APPROVER,
    "approver2": roles.APPROVER,
    "inspector": roles.INSPECTOR,
}


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    cache.clear()


def client_of(name: str, role: str, *districts: int) -> Client:
    """Somebody in a role; for the whole city, unless districts are named."""
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    scope = StaffScope.objects.create(user=user, whole_city=not districts)
    scope.districts.set(districts)
    client = Client()
    client.force_login(user)
    return client


@dataclass
class Desk:
    """The city's run, its period once it has one, and who works on it."""

    shops: list[Pharmacy]
    run: RatingRun
    people: dict[str, Client]

    def __getitem__(self, name: str) -> Client:
        return self.people[name]

    @property
    def period(self) -> RatingPeriod:
        return RatingPeriod.objects.select_related("run__scheme", "district").get(run=self.run)

    @property
    def violation(self) -> Violation:
        """The one that cost the first pharmacy its grade."""
        return self.shops[0].violation_set.get()

    def rating(self, shop: int = 0) -> Rating:
        return Rating.objects.select_related("run__scheme", "pharmacy").get(
            run=self.run, pharmacy=self.shops[shop]
        )

    def local(self, district: int, role: str = roles.REVIEWER) -> Client:
        """Somebody of one district."""
        return client_of(f"of{district}{list(roles.ROLES).index(role)}", role, district)

    def to(self, state: str) -> RatingPeriod:
        """Take the period there through the services, as the people in their roles would."""
        if not RatingPeriod.objects.filter(run=self.run).exists():
            open_period(self.run, by=REVIEWER)
        steps: dict[str, Callable[[], object]] = {
            "COMPUTED": lambda: move(self.period, "review", by=REVIEWER),
            "UNDER_REVIEW": self._give_notice,
            "PUBLIC_NOTICE": self._finalise,
            "FINAL": lambda: move(self.period, "publish", by=APPROVER),
        }
        while self.period.state != state:
            steps[self.period.state]()
        return self.period

    def _give_notice(self) -> None:
        period = self.period
        waiting = list(period.items.filter(confirmed_at=None).values_list("pk", flat=True))
        if waiting:
            confirm_items(waiting, by=REVIEWER)
        for district in unconfirmed_districts(period):
            confirm_rest(period, district, by=REVIEWER)
        move(period, "give_notice", by=APPROVER)

    def _finalise(self) -> None:
        yesterday = timezone.localdate() - timedelta(days=1)
        RatingPeriod.objects.filter(pk=self.period.pk).update(notice_from=yesterday, notice_until=yesterday)
        move(self.period, "finalise", by=REVIEWER)


@pytest.fixture
def desk(db: None) -> Desk:
    """Six pharmacies in two districts, and a seventh that is too new to be rated."""
    roles.ensure_roles()
    shops = small_city()
    return Desk(shops, rate_now(), {name: client_of(name, role) for name, role in _ROLES.items()})


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:ratings_{model}_{page}", args=args)


def page_of(row: Model) -> str:
    return url(str(row._meta.model_name), "change", row.pk)


def act(row: Model, name: str) -> str:
    return url(str(row._meta.model_name), "act", row.pk, name)


def text_of(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200, (answer.status_code, address)
    return answer.content.decode()


def said(client: Client, address: str, form: dict[str, object] | None = None) -> str:
    """The page after a POST, redirects followed."""
    return client.post(address, form or {}, follow=True).content.decode()
