"""Two districts with one pharmacy each and every sort of record, and staff of several scopes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from ratings import schemes
from ratings.models import (
    Complaint,
    District,
    Enterprise,
    FundPayment,
    ImportBatch,
    MeasureValue,
    Pharmacy,
    Rating,
    RatingRun,
    SchemeVersion,
    ServiceStatus,
    StaffScope,
    Violation,
)
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM
from ratings.services.runs import start_run
from ratings.services.schemes import activate_scheme, store_scheme
from tests import factories

#: Everything in these rows of the other district; it must never reach the wrong eyes.
SECRET = "柯桥秘密"
CUTOFF = datetime(2026, 1, 20, tzinfo=UTC)


@dataclass
class Place:
    """A district, its one pharmacy and the facts about it."""

    district: District
    enterprise: Enterprise
    pharmacy: Pharmacy
    violation: Violation
    complaint: Complaint
    payment: FundPayment
    measure: MeasureValue
    status: ServiceStatus


def furnish(code: int, name: str, mark: str, **known: datetime) -> Place:
    """A pharmacy with one fact of each sort; ``recorded_at`` says since when they are known."""
    district = factories.district(code, name)
    enterprise = factories.enterprise(name=f"{mark}公司")
    shop = factories.pharmacy(district=district, name=f"{mark}药房", enterprise=enterprise, **known)
    return Place(
        district,
        enterprise,
        shop,
        factories.violation(shop, document_no=f"{mark}〔2025〕{code}号", **known),
        factories.complaint(shop, reference_no=f"{mark}{code}", **known),
        factories.payment(shop, date(2025, 6, 1), 123_456_789, **known),
        factories.measure(shop, **known),
        factories.service_status(shop, **known),
    )


@pytest.fixture
def here(db: None) -> Place:
    """Yuecheng, where the district's staff works."""
    return furnish(330602, "越城区", "越城")


@pytest.fixture
def there(db: None) -> Place:
    """Keqiao, which the staff of Yuecheng must not see."""
    return furnish(330603, "柯桥区", SECRET)


@pytest.fixture
def scheme(db: None) -> SchemeVersion:
    """The default scheme, in force."""
    text = (Path(schemes.__file__).parent / "shaoxing-style.toml").read_text()
    return activate_scheme(store_scheme(text, by=SYSTEM), by=SYSTEM)


@pytest.fixture
def run(here: Place, there: Place, scheme: SchemeVersion) -> RatingRun:
    """The year 2025 of the whole city, rated."""
    return start_run(Period.parse("2025"), scheme, cutoff=CUTOFF, by=SYSTEM)


@pytest.fixture
def ratings(run: RatingRun, here: Place, there: Place) -> tuple[Rating, Rating]:
    """The ratings of the pharmacy here and of the one there."""
    found = {rating.pharmacy_id: rating for rating in run.ratings.all()}
    return found[here.pharmacy.pk], found[there.pharmacy.pk]


def staff(
    name: str, *, whole_city: bool = False, districts: tuple[int, ...] = (), scope: bool = True
) -> User:
    """A member of staff with all permissions on ratings and this scope."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="ratings"))
    if scope:
        StaffScope.objects.create(user=user, whole_city=whole_city).districts.set(districts)
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root(db: None) -> Client:
    return client_of(User.objects.create_superuser("root"))


@pytest.fixture
def city_clerk(db: None) -> Client:
    return client_of(staff("city", whole_city=True))


@pytest.fixture
def clerk(here: Place) -> Client:
    """Staff of Yuecheng."""
    return client_of(staff("yuecheng", districts=(here.district.code,)))


@pytest.fixture
def stray(db: None) -> Client:
    """Staff with every permission and no scope."""
    return client_of(staff("stray", scope=False))


@pytest.fixture
def powerless(here: Place) -> Client:
    """Staff of the whole city without any permission."""
    user = User.objects.create_user("powerless", is_staff=True)
    StaffScope.objects.create(user=user, whole_city=True)
    return client_of(user)


def batch_of(user: str, **values: object) -> ImportBatch:
    """A checked batch."""
    defaults = {
        "kind": "violations",
        "file_name": f"{SECRET}.csv",
        "sha256": "0" * 64,
        "size": 12,
        "uploaded_by": user,
    }
    return ImportBatch.objects.create(**{**defaults, **values})


@pytest.fixture(autouse=True)
def _no_cache() -> None:
    """What an earlier test looked up is forgotten."""
    cache.clear()
