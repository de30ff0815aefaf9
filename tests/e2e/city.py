"""A small city for the procedure: thirteen pharmacies in two districts, one earlier period published."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.utils import timezone

from ratings.models import Pharmacy
from ratings.rules.periods import Period, months_of
from ratings.services.runs import start_run
from tests import desk, factories
from tests.ratings.services.regrading import publish
from tests.ratings.services.test_runs import BY, scheme_in_force

HERE, THERE = 330602, 330603
#: The pharmacies by their part in the story, and where they are.
NAMES: Final = {
    "城东大药房": HERE,  # penalised by the file that the clerk imports; its objection is upheld
    "城南大药房": HERE,  # its objection is rejected
    "城西大药房": HERE,  # near a bound; adjusted upward
    "城北大药房": HERE,  # near a bound; the adjustment is rejected
    "诚信大药房": HERE,
    "康宁大药房": HERE,
    "柯岩大药房": THERE,  # convicted of fraud after publication
    "安昌大药房": THERE,  # its penalty is repaired
    "平水大药房": THERE,
    "福全大药房": THERE,
    "钱清大药房": THERE,
    "湖塘大药房": THERE,  # grows fast
}
NEW: Final = "新开大药房"
#: When all this became known: long before anybody works on it.
_KNOWN = datetime(2025, 12, 20, tzinfo=UTC)


def build() -> dict[str, Pharmacy]:
    """The pharmacies by name, with the first half of 2025 published (all A) and the second to be rated."""
    factories.district()
    factories.district(THERE, "柯桥区")
    shops = {}
    for name, place in NAMES.items():
        shop = shops[name] = factories.pharmacy(name=name, district_id=place, designated_on=date(2015, 1, 1))
        for month in months_of(date(2024, 1, 1), 24):
            grows = name == "湖塘大药房" and month >= date(2025, 7, 1)
            factories.payment(shop, month, 2_000_000 if grows else 1_000_000, recorded_at=_KNOWN)
    shops[NEW] = factories.pharmacy(name=NEW, district_id=THERE, designated_on=date(2025, 12, 1))
    run = start_run(Period.parse("2025H1"), scheme_in_force(), cutoff=_KNOWN + timedelta(hours=1), by=BY)
    # A month ago, so that its grades are in force whenever the tests run.
    publish(desk.life(run), at=timezone.now() - timedelta(days=30))
    for name in ("城西大药房", "城北大药房"):
        factories.violation(shops[name], occurred_on=date(2025, 9, 1), decided_on=date(2025, 10, 1))
    factories.violation(shops["城南大药房"], occurred_on=date(2025, 11, 1), decided_on=date(2025, 12, 1))
    factories.violation(
        shops["安昌大药房"],
        kind="PRESCRIPTION_INVALID",
        document_no="绍医保罚〔2025〕77号",
        occurred_on=date(2025, 7, 1),
        decided_on=date(2025, 7, 15),
    )
    return shops
