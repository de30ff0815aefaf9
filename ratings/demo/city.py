"""The whole demo city, generated in memory: the same seed gives the same rows everywhere."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from ratings.demo import cases, complaints, measures, payments, shops

#: The seed of the shipped demo city.
SEED = 3306


@dataclass(frozen=True, slots=True)
class City:
    """Rows by natural keys; nothing here knows of the database."""

    enterprises: list[shops.Enterprise]
    shops: list[shops.Shop]
    violations: list[cases.Violation]
    statuses: list[cases.Status]
    complaints: list[complaints.Complaint]
    payments: list[payments.Payment]
    measures: list[measures.MeasureValue]

    def digest(self) -> str:
        """SHA-256 over every row."""
        total = hashlib.sha256()
        for name in self.__slots__:
            for row in _plain(getattr(self, name)):
                total.update(f"{name} {row}\n".encode())
        return total.hexdigest()


def _plain(rows: list[Any]) -> Iterator[str]:
    """Each row's values as text. Rows of one list are all of one class."""
    if rows and is_dataclass(rows[0]):
        names = [column.name for column in fields(rows[0])]
        return ("|".join(str(getattr(row, name)) for name in names) for row in rows)
    return ("|".join(map(str, row)) for row in rows)


def generate(seed: int = SEED) -> City:
    """The city of this seed. Takes about a second."""
    enterprises, drafted = shops.build(seed)
    found = cases.build(seed, drafted)
    final = [
        shops.terminated(shop, found.terminated[shop.code]) if shop.code in found.terminated else shop
        for shop in drafted
    ]
    return City(
        enterprises=enterprises,
        shops=final,
        violations=found.violations,
        statuses=found.statuses,
        complaints=complaints.build(seed, final, found.violations),
        payments=payments.build(seed, final, found.suspensions),
        measures=measures.build(seed, final, found.violations),
    )
