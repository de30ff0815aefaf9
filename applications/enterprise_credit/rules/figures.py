"""What is counted of an enterprise, from which everything about it follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """One enterprise on one day. Scores in thousandths of a point."""

    #: unified social credit code
    uscc: str
    #: its designated pharmacies that are designated on the day
    stores: int
    #: those with a published grade in force
    rated: int
    #: by name of the grade: how many of the rated
    grades: Mapping[str, int]
    #: of the rated: the lowest score, the sum of weights, the sum of score × weight; None / 0 without any
    lowest: int | None
    weight: int
    weighted: int
    #: stores whose grade is under objection
    under_objection: int
    #: for each :class:`~applications.enterprise_credit.rules.conditions.Records` that was asked for, how many
    #: records there are, in the order asked
    records: tuple[int, ...]
    #: the enterprise's own grade where it is known ("" = it has none); asked for by criteria and measures
    grade: str = ""
    #: of the rated, where the rule takes weights from records: how many have none (or none above 0). They weigh
    #: nothing; where that is all of them, each weighs 1
    unweighted: int = 0

    def stored(self) -> dict[str, Any]:
        """As an assessment keeps it: all but the enterprise's code and its own grade."""
        return {
            "stores": self.stores,
            "rated": self.rated,
            "grades": dict(self.grades),
            "lowest": self.lowest,
            "weight": self.weight,
            "weighted": self.weighted,
            "unweighted": self.unweighted,
            "under_objection": self.under_objection,
            "records": list(self.records),
        }


def restored(uscc: str, stored: Mapping[str, Any]) -> Figures:
    """The figures of an assessment, from what :meth:`Figures.stored` gave. Raises KeyError, TypeError for others."""
    return Figures(uscc=uscc, **{**stored, "records": tuple(stored["records"])})
