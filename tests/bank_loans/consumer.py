"""A bank's program that keeps its own copy of a list by reading the feed of changes, and is strict about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from applications.bank_loans import reading
from applications.bank_loans.models import LoanProduct


@dataclass
class Consumer:
    """Reads on from where it stands; ``kept`` is its copy, by designated code."""

    since: int = 0
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: those that changes say are on the list
    listed: set[str] = field(default_factory=set)

    def read(self, product: LoanProduct, limit: int) -> bool:
        """Take in one page; whether there are more."""
        page = reading.changes_page(product, self.since, limit)
        assert len(page.rows) <= limit
        assert not page.more or len(page.rows) == limit
        for row in page.rows:
            self._take(row)
        assert page.more or self.since == page.position
        return page.more

    def _take(self, row: dict[str, Any]) -> None:
        assert row["number"] == self.since + 1, "numbers follow each other"
        self.since, code = row["number"], row["code"]
        assert row["old"] == ("eligible" if code in self.listed else "not_eligible")
        assert (
            row["kind"]
            == {
                ("not_eligible", "eligible"): "added",
                ("eligible", "eligible"): "changed",
                ("eligible", "not_eligible"): "removed",
            }[row["old"], row["new"]]
        )
        assert bool(row["reasons"]) == (row["kind"] == "removed")
        (self.listed.add if row["new"] == "eligible" else self.listed.discard)(code)
        self.kept.pop(code, None)
        if row["pharmacy"]:
            assert row["pharmacy"]["number"] >= row["number"]
            self.kept[code] = row["pharmacy"]

    def read_all(self, product: LoanProduct, limit: Callable[[], int] = lambda: 1_000) -> None:
        while self.read(product, limit()):
            pass


def whole(product: LoanProduct, limit: Callable[[], int] = lambda: 1_000) -> dict[str, dict[str, Any]]:
    """The list by designated code, page by page."""
    found: dict[str, dict[str, Any]] = {}
    after, more = "", True
    while more:
        page = reading.eligible_page(product, after, limit())
        codes = [row["code"] for row in page.rows]
        assert codes == sorted(codes)
        assert all(code > after for code in codes)
        found |= {row["code"]: row for row in page.rows}
        more = page.more
        after = codes[-1] if codes else after
    return found
