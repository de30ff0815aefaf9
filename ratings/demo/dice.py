"""Seeded chance that gives the same draws on every machine.

Only ``Random.random()`` is used, whose sequence Python guarantees, and only arithmetic that
IEEE 754 fixes to the last bit: no logarithm, no trigonometry, no hash order.
"""

import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
SHANGHAI = ZoneInfo("Asia/Shanghai")


class Dice:
    """One stream of draws, named so that one part of the city can change without the others."""

    def __init__(self, seed: int, name: str) -> None:
        self._next = random.Random(f"{seed}/{name}").random  # noqa: S311 - no secret

    def real(self, low: float = 0.0, high: float = 1.0) -> float:
        """Evenly between ``low`` and ``high``."""
        return low + (high - low) * self._next()

    def whole(self, low: int, high: int) -> int:
        """One of ``low`` to ``high``, both included."""
        return low + int(self._next() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self._next() < probability

    def pick(self, items: Sequence[T]) -> T:
        return items[self.whole(0, len(items) - 1)]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """One of the (item, weight) pairs, by weight."""
        left = self._next() * sum(weight for _, weight in items)
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]

    def bell(self, mean: float, spread: float) -> float:
        """About normal, within three spreads of the mean (the sum of twelve even draws)."""
        total = sum(self._next() for _ in range(12)) - 6.0
        return mean + spread * max(-3.0, min(3.0, total))

    def shuffled(self, items: Sequence[T]) -> list[T]:
        rest = list(items)
        for last in range(len(rest) - 1, 0, -1):
            other = self.whole(0, last)
            rest[last], rest[other] = rest[other], rest[last]
        return rest

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        return self.shuffled(items)[:count]

    def day(self, first: date, last: date) -> date:
        """A weekday between the two (the Friday before, where a weekend is drawn)."""
        day = first + timedelta(days=self.whole(0, (last - first).days))
        return max(first, day - timedelta(days=max(0, day.weekday() - 4)))

    def office_hour(self, day: date) -> datetime:
        """A moment of that day between 9:00 and 17:00 in Shaoxing."""
        seconds = self.whole(0, 8 * 3600 - 1)
        return datetime.combine(day, time(9), SHANGHAI) + timedelta(seconds=seconds)
