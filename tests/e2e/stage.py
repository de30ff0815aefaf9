"""The city and who acts in it, each before a browser of their own."""

from dataclasses import dataclass
from pathlib import Path

from ratings.models import Pharmacy, PublishedGrade, RatingPeriod
from tests.e2e.people import Official, Visitor


@dataclass
class Stage:
    """The city, who acts in it, and where files lie."""

    shops: dict[str, Pharmacy]
    clerk: Official
    reviewer: Official
    approver: Official
    inspector: Official
    visitor: Visitor
    pharmacist: Visitor
    stranger: Visitor
    files: Path

    @property
    def people(self) -> list[Visitor]:
        return [
            self.clerk, self.reviewer, self.approver, self.inspector,
            self.visitor, self.pharmacist, self.stranger,
        ]  # fmt: skip

    @property
    def period(self) -> RatingPeriod:
        return RatingPeriod.objects.get(period="2025H2")

    def file(self, name: str, content: bytes) -> Path:
        path = self.files / name
        path.write_bytes(content)
        return path

    def grades(self, name: str) -> list[tuple[str, str]]:
        """What the ledger says of a pharmacy, oldest first: (event, grade)."""
        rows = PublishedGrade.objects.filter(pharmacy=self.shops[name]).order_by("seq")
        return list(rows.values_list("event", "grade"))
