"""Small and large columns of signals for tests, without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from ratings.rules import Events, Measure, Period, Signals
from ratings.rules.columns import MISSING
from ratings.rules.days import day_number
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
)


@dataclass(frozen=True)
class Fact:
    """A violation (``kind``) or a verified complaint (``topic`` as kind)."""

    kind: str
    decided_on: date
    gravity: str = "MINOR"
    track: str = "PENALTY"
    occurred_on: date | None = None
    amount_fen: int = 0
    fact_id: int = 0


@dataclass(frozen=True)
class Shop:
    """One pharmacy; months are yuan, None where no record is known."""

    district: int = 330602
    chain: bool = False
    status: str = "IN_SERVICE"
    designated_on: date = date(2010, 1, 1)
    opened_on: date | None = None
    last_year: Sequence[int | None] = ()
    this_year: Sequence[int | None] = ()
    #: places in the 2 * months payment columns where it was not in service all month
    out_of_service: Sequence[int] = ()
    violations: Sequence[Fact] = ()
    complaints: Sequence[Fact] = ()
    #: thousandths
    measures: Mapping[str, int] = field(default_factory=dict)


def _events(shops: Sequence[Shop], name: str) -> Events:
    rows = [
        (owner, number, fact)
        for owner, shop in enumerate(shops)
        for number, fact in sorted(
            enumerate(getattr(shop, name)), key=lambda pair: (pair[1].fact_id, pair[0])
        )
    ]
    kinds = VIOLATION_KINDS if name == "violations" else COMPLAINT_TOPICS
    violation = name == "violations"

    def column(values: list[int], dtype: type = np.int32) -> np.ndarray:
        return np.array(values, dtype=dtype)

    return Events(
        owner=column([owner for owner, _, _ in rows]),
        fact_id=column([fact.fact_id or 1000 + place for place, (_, _, fact) in enumerate(rows)], np.int64),
        kind=column([kinds.number(fact.kind) for _, _, fact in rows]),
        gravity=column([GRAVITIES.number(fact.gravity) if violation else 0 for _, _, fact in rows]),
        track=column([TRACKS.number(fact.track) if violation else 0 for _, _, fact in rows]),
        occurred_on=column([day_number(fact.occurred_on or fact.decided_on) for _, _, fact in rows]),
        decided_on=column([day_number(fact.decided_on) for _, _, fact in rows]),
        amount_fen=column([fact.amount_fen for _, _, fact in rows], np.int64),
    )


def build(shops: Sequence[Shop], period: str = "2025") -> Signals:
    """Columns for ``shops``, coded in their order."""
    parsed = Period.parse(period)
    months = parsed.months
    payments = np.full((len(shops), 2 * months), MISSING, dtype=np.int64)
    in_service = np.ones((len(shops), 2 * months), dtype=np.bool_)
    for row, shop in enumerate(shops):
        for start, amounts in ((0, shop.last_year), (months, shop.this_year)):
            for month, amount in enumerate(amounts):
                if amount is not None:
                    payments[row, start + month] = amount * 100
        in_service[row, list(shop.out_of_service)] = False
    keys = sorted({key for shop in shops for key in shop.measures})
    return Signals(
        period=parsed,
        pharmacy_id=np.arange(len(shops), dtype=np.int64) + 1,
        code=np.array([f"P330602{row:05d}".encode() for row in range(len(shops))], dtype="S12"),
        district=np.array([shop.district for shop in shops], dtype=np.int32),
        chain=np.array([shop.chain for shop in shops], dtype=np.bool_),
        status=np.array([SERVICE_STATUSES.number(shop.status) for shop in shops], dtype=np.int32),
        opened_on=np.array(
            [day_number(shop.opened_on or shop.designated_on) for shop in shops], dtype=np.int32
        ),
        designated_on=np.array([day_number(shop.designated_on) for shop in shops], dtype=np.int32),
        payments=payments,
        in_service=in_service,
        violations=_events(shops, "violations"),
        complaints=_events(shops, "complaints"),
        measures={
            key: Measure(
                np.array([shop.measures.get(key, 0) for shop in shops], dtype=np.int64),
                np.array([key in shop.measures for shop in shops], dtype=np.bool_),
            )
            for key in keys
        },
    )


def nation(count: int, seed: int = 1, period: str = "2025") -> Signals:
    """``count`` random pharmacies in 2,800 districts with facts in proportion."""
    rng = np.random.default_rng(seed)
    parsed = Period.parse(period)
    last = day_number(parsed.last)
    opened = last - rng.integers(30, 5000, count, dtype=np.int32)
    months = parsed.months
    base = rng.integers(2_000_000, 20_000_000, (count, 1))
    payments = (base * rng.integers(80, 130, (count, 2 * months)) // 100).astype(np.int64)
    payments[rng.random(payments.shape) < 0.02] = MISSING

    def events(number: int, kinds: int, violation: bool) -> Events:
        decided = last - rng.integers(0, 1500, number, dtype=np.int32)
        return Events(
            owner=np.sort(rng.integers(0, count, number)).astype(np.int32),
            fact_id=np.arange(number, dtype=np.int64),
            kind=rng.integers(0, kinds, number, dtype=np.int32),
            gravity=rng.integers(0, 3 if violation else 1, number, dtype=np.int32),
            track=rng.integers(0, 2 if violation else 1, number, dtype=np.int32),
            occurred_on=(decided - rng.integers(0, 90, number)).astype(np.int32),
            decided_on=decided,
            amount_fen=rng.integers(0, 5_000_000, number, dtype=np.int64),
        )

    return Signals(
        period=parsed,
        pharmacy_id=np.arange(count, dtype=np.int64) + 1,
        code=np.array([f"P{row:011d}" for row in range(count)], dtype="S12"),
        district=(110000 + rng.integers(0, 2800, count)).astype(np.int32),
        chain=rng.random(count) < 0.55,
        status=np.where(rng.random(count) < 0.01, 1, 0).astype(np.int32),
        opened_on=opened,
        designated_on=opened,
        payments=payments,
        in_service=np.ones(payments.shape, dtype=np.bool_),
        violations=events(int(count * 0.35), len(VIOLATION_KINDS), True),
        complaints=events(int(count * 0.02), len(COMPLAINT_TOPICS), False),
        measures={},
    )


def days_before(day: date, days: int) -> date:
    return day - timedelta(days=days)
