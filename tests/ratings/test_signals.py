"""The set-based signals equal a slow, obvious reckoning in Python, on random cities."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ratings.models import (
    Complaint,
    FundPayment,
    MeasureValue,
    Pharmacy,
    PharmacyVersion,
    ServiceStatus,
    Violation,
)
from ratings.rules.columns import MISSING, Signals
from ratings.rules.periods import Period, add_months, months_of
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
)
from ratings.signals import days, read_signals
from tests import factories

pytestmark = pytest.mark.django_db
DISTRICTS = {330602: "越城区", 330603: "柯桥区", 330604: "上虞区"}
CUTOFF = datetime(2025, 7, 15, 16, tzinfo=UTC)


def random_city(random: Random) -> None:
    """A dozen shops with every awkward history: gaps, heirs, suspensions, late and voided facts."""
    for code, name in DISTRICTS.items():
        factories.district(code, name)
    shops: list[Pharmacy] = []
    free: list[Pharmacy] = []
    for _ in range(random.randint(1, 12)):
        start = date(2022, 1, 1) + timedelta(days=random.randint(0, 1500))
        end = start + timedelta(days=random.randint(1, 1500)) if random.random() < 0.4 else None
        older = [other for other in free if other.designated_until and other.designated_until <= start]
        predecessor = random.choice(older) if older and random.random() < 0.6 else None
        shop = factories.pharmacy(
            district_id=random.choice(list(DISTRICTS)),
            is_chain=random.random() < 0.5,
            designated_on=start,
            designated_until=end,
            predecessor=predecessor,
            recorded_at=moment(random),
        )
        shops.append(shop)
        free.append(shop)
        if predecessor:
            free.remove(predecessor)
    for shop in random.sample(shops, len(shops) // 3):
        shop.district_id = random.choice(list(DISTRICTS))
        shop.is_chain = not shop.is_chain
        shop.save()
    payments: list[FundPayment] = []
    for shop in shops:
        for offset in range(random.randint(0, 30)):
            recorded_at = moment(random)
            month = add_months(date(2023, 6, 1), offset)
            if random.random() < 0.8 and recorded_at.date() >= month:
                payments.append(
                    FundPayment(
                        pharmacy=shop,
                        month=month,
                        amount_fen=random.choice([0, -500, random.randint(1, 10**9)]),
                        settlements=1,
                        recorded_by="测试",
                        **voiding(random, recorded_at),
                    )
                )
        for _ in range(random.randint(0, 3)):
            recorded_at = moment(random)
            decided = recorded_at.date() - timedelta(days=random.randint(0, 500))
            factories.violation(
                shop,
                kind=random.choice(VIOLATION_KINDS.ids),
                gravity=random.choice(GRAVITIES.ids),
                track=random.choice(TRACKS.ids),
                occurred_on=decided - timedelta(days=random.randint(0, 90)),
                decided_on=decided,
                **voiding(random, recorded_at),
            )
            finding = random.choice(["VERIFIED", "VERIFIED", "UNFOUNDED", "PENDING"])
            factories.complaint(
                shop,
                topic=random.choice(COMPLAINT_TOPICS.ids),
                finding=finding,
                occurred_on=decided - timedelta(days=10),
                decided_on=None if finding == "PENDING" else decided,
                **voiding(random, recorded_at),
            )
        for start in sorted({random.randint(0, 900) for _ in range(random.randint(0, 3))}):
            factories.service_status(
                shop,
                status=random.choice(SERVICE_STATUSES.ids),
                occurred_on=date(2023, 3, 1) + timedelta(days=start),
                decided_on=date(2023, 1, 1),
                **voiding(random, moment(random)),
            )
        if random.random() < 0.6:
            factories.measure(
                shop,
                key=random.choice(["routine", "flag"]),
                period=random.choice(["2025H1", "2024H2"]),
                value=f"{random.randint(-5000, 5000) / 8:.3f}",
                **voiding(random, moment(random)),
            )
    FundPayment.objects.bulk_create(payments)


def moment(random: Random) -> datetime:
    """Mostly before the cutoff, now and then exactly at it or after it."""
    if random.random() < 0.1:
        return CUTOFF
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randint(0, 300 * 24 * 60))


def voiding(random: Random, recorded_at: datetime) -> dict[str, Any]:
    """When the fact became known, and for one in five when it was voided."""
    if random.random() < 0.2:
        voided_at = max(recorded_at, moment(random))
        return {"recorded_at": recorded_at, "voided_at": voided_at, "void_reason": "录错", "voided_by": "甲"}
    return {"recorded_at": recorded_at}


def known(model: Any) -> list[Any]:
    rows = model.objects.order_by("id")
    return [
        row for row in rows if row.recorded_at <= CUTOFF and (row.voided_at is None or row.voided_at > CUTOFF)
    ]


def slow_reckoning(period: Period, district: int | None) -> dict[str, Any]:
    """The same as read_signals(), a pharmacy at a time, with nothing clever."""
    versions = {version.pharmacy_id: version for version in known(PharmacyVersion)}
    codes = dict(Pharmacy.objects.values_list("id", "code"))
    payments = {(row.pharmacy_id, row.month): row.amount_fen for row in known(FundPayment)}
    statuses = sorted(known(ServiceStatus), key=lambda row: row.occurred_on)
    months = [*months_of(period.previous_year.first, period.months), *months_of(period.first, period.months)]

    def status_on(shop: int, day: date) -> str:
        current = "IN_SERVICE"
        for row in statuses:
            if row.pharmacy_id == shop and row.occurred_on <= day:
                current = row.status
        return current

    def served(line: list[int], day: date) -> bool:
        """Somebody of the line held the designation that day, and was not suspended."""
        for place, shop in enumerate(line):
            version = versions[shop]
            taken_over = versions[line[place - 1]].designated_on if place else date.max
            if version.designated_on <= day < min(version.designated_until or date.max, taken_over):
                return status_on(shop, day) == "IN_SERVICE"
        return False

    rows = []
    for shop, version in versions.items():
        if district is not None and version.district_id != district:
            continue
        if version.designated_on > period.last:
            continue
        if version.designated_until and version.designated_until <= period.last:
            continue
        line = [shop]
        while (older := versions[line[-1]].predecessor_id) is not None and older in versions:
            line.append(older)
        amounts = []
        for month in months:
            given = [payments[member, month] for member in line if (member, month) in payments]
            amounts.append(sum(given) if given else MISSING)
        rows.append(
            {
                "code": codes[shop].encode(),
                "district": version.district_id,
                "chain": version.is_chain,
                "status": SERVICE_STATUSES.number(status_on(shop, period.last)),
                "opened_on": days(version.designated_on),
                "designated_on": min(days(versions[member].designated_on) for member in line),
                "payments": amounts,
                "line": line,
                "violations": sorted(
                    (
                        row.id,
                        VIOLATION_KINDS.number(row.kind),
                        GRAVITIES.number(row.gravity),
                        TRACKS.number(row.track),
                        days(row.occurred_on),
                        days(row.decided_on),
                        row.amount_fen,
                    )
                    for row in known(Violation)
                    if row.pharmacy_id in line and row.decided_on <= period.last
                ),
                "complaints": sorted(
                    (
                        row.id,
                        COMPLAINT_TOPICS.number(row.topic),
                        0,
                        0,
                        days(row.occurred_on),
                        days(row.decided_on),
                        0,
                    )
                    for row in known(Complaint)
                    if row.pharmacy_id in line and row.finding == "VERIFIED" and row.decided_on <= period.last
                ),
                "measures": {
                    key: next(
                        (
                            int(row.value * 1000)
                            for member in line
                            for row in known(MeasureValue)
                            if (row.pharmacy_id, row.key, row.period) == (member, key, period.code)
                        ),
                        None,
                    )
                    for key in ("routine", "flag")
                },
                "in_service": [
                    all(
                        served(line, month + timedelta(days=offset))
                        for offset in range((add_months(month, 1) - month).days)
                    )
                    for month in months
                ],
            }
        )
    return {"rows": sorted(rows, key=lambda row: row["code"])}


def events_of(signals: Signals, name: str, row: int) -> list[tuple[int, ...]]:
    events = getattr(signals, name)
    return [
        (
            int(events.fact_id[at]),
            int(events.kind[at]),
            int(events.gravity[at]),
            int(events.track[at]),
            int(events.occurred_on[at]),
            int(events.decided_on[at]),
            int(events.amount_fen[at]),
        )
        for at in np.flatnonzero(events.owner == row)
    ]


def compare(period: Period, district: int | None) -> None:
    expected = slow_reckoning(period, district)["rows"]
    signals = read_signals(period, CUTOFF, measures=["routine", "flag"], district=district)
    assert signals.code.tolist() == [row["code"] for row in expected]
    for number, row in enumerate(expected):
        for name in ("district", "chain", "status", "opened_on", "designated_on"):
            assert getattr(signals, name)[number] == row[name], (name, row)
        assert signals.payments[number].tolist() == row["payments"], row
        assert signals.in_service[number].tolist() == row["in_service"], row
        for name in ("violations", "complaints"):
            assert events_of(signals, name, number) == row[name], (name, row)
        for key, value in row["measures"].items():
            measure = signals.measures[key]
            assert (int(measure.value[number]) if measure.present[number] else None) == value
        alone = read_signals(
            period, CUTOFF, measures=["routine", "flag"], pharmacies=[int(signals.pharmacy_id[number])]
        )
        assert alone.payments.tolist() == [row["payments"]]
        assert alone.in_service.tolist() == [row["in_service"]]
        assert events_of(alone, "violations", 0) == row["violations"]


# A seed has no smaller form, so there is nothing to shrink.
@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    seed=st.integers(0, 2**32),
    code=st.sampled_from(["2025H1", "2025Q1", "2025-03", "2024"]),
    district=st.sampled_from([None, None, 330602]),
)
def test_equal_to_the_slow_reckoning(seed: int, code: str, district: int | None) -> None:
    with transaction.atomic():
        random_city(Random(seed))
        compare(Period.parse(code), district)
        transaction.set_rollback(True)


def test_an_empty_city() -> None:
    signals = read_signals(Period.parse("2025H1"), CUTOFF, measures=["routine"])
    assert len(signals) == 0
    assert signals.payments.shape == (0, 12)
    assert len(signals.violations.owner) == 0


def test_heir_of_two_generations_with_a_gap() -> None:
    """Grandparent to parent without a gap, parent to child with a gap of one day in May."""
    known_at = datetime(2025, 1, 1, tzinfo=UTC)
    grandparent = factories.pharmacy(
        designated_on=date(2020, 1, 1), designated_until=date(2024, 2, 10), recorded_at=known_at
    )
    parent = factories.pharmacy(
        designated_on=date(2024, 2, 10),
        designated_until=date(2024, 5, 10),
        predecessor=grandparent,
        recorded_at=known_at,
    )
    factories.pharmacy(designated_on=date(2024, 5, 11), predecessor=parent, recorded_at=known_at)
    factories.payment(grandparent, date(2024, 2, 1), 100, recorded_at=known_at)
    factories.payment(parent, date(2024, 2, 1), 20, recorded_at=known_at)
    signals = read_signals(Period.parse("2025H1"), CUTOFF)
    assert signals.designated_on.tolist() == [days(date(2020, 1, 1))]
    assert signals.payments[0, :6].tolist() == [MISSING, 120, MISSING, MISSING, MISSING, MISSING]
    assert signals.in_service[0].tolist() == [True] * 4 + [False] + [True] * 7


def test_a_single_day_has_what_is_known_of_it_and_no_months() -> None:
    shop = factories.pharmacy()
    factories.payment(shop, date(2025, 3, 1))
    factories.violation(shop, decided_on=date(2025, 6, 1))
    factories.service_status(shop, status="SUSPENDED", occurred_on=date(2025, 6, 2))
    for day, violations, status in (
        (date(2025, 5, 31), 0, 0),
        (date(2025, 6, 1), 1, 0),
        (date(2025, 6, 2), 1, 1),
    ):
        signals = read_signals(Period.day(day), factories.KNOWN)
        assert signals.payments.shape == signals.in_service.shape == (1, 0)
        assert (len(signals.violations.owner), signals.status.tolist()) == (violations, [status])


def test_several_pharmacies_are_read_as_each_alone() -> None:
    shops = [factories.pharmacy() for _ in range(3)]
    for shop in shops:
        factories.violation(shop)
    wanted = [shops[2].pk, shops[0].pk]
    signals = read_signals(Period.parse("2025H1"), factories.KNOWN, pharmacies=wanted)
    assert sorted(signals.pharmacy_id.tolist()) == sorted(wanted)
    assert len(signals.violations.owner) == 2
    assert len(read_signals(Period.parse("2025H1"), factories.KNOWN, pharmacies=[])) == 0


def test_query_count_is_constant() -> None:
    factories.pharmacy()
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            read_signals(Period.parse("2025H1"), CUTOFF)
        counts.append(len(queries))
        for _ in range(2):
            factories.violation(factories.pharmacy(), recorded_at=CUTOFF)
    assert counts[0] == counts[1]
