"""What a draft of the enterprise rule would do: run over all enterprises, and nothing stored."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import connection, transaction

from applications.enterprise_credit.counting import COUNTED, STORES, count, pages, stage_stores
from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.rules.assessment import EnterpriseRule, Result, results, slots
from applications.enterprise_credit.rules.figures import restored

#: How many of those that move a page lists.
LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Move:
    """An enterprise that would have another grade; "" = none. Scores in thousandths, None = not rated."""

    uscc: str
    name: str
    district: int | None
    before: str
    score_before: int | None
    after: str
    score_after: int | None
    #: 1 = up, -1 = down, 0 = it gains or loses its grade
    way: int
    reason: str


@dataclass
class Effect:
    """The whole effect of a draft."""

    #: (grade now, grade by the draft) to how many enterprises
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: by way
    ways: Counter[int] = field(default_factory=Counter)
    moves: list[Move] = field(default_factory=list)

    @property
    def enterprises(self) -> int:
        """How many there are in all."""
        return self.matrix.total()

    @property
    def moved(self) -> int:
        """How many would have another grade."""
        return self.ways.total()


def effect(rule: EnterpriseRule, on: date, listed: int = LISTED) -> Effect:
    """The effect of a rule on a day (Asia/Shanghai) against grades as they stand; ``listed`` of those that move.

    Raises NoDocument where no catalogue is in force.
    """
    found = Effect()
    with transaction.atomic():
        for grades, moves in _run(rule, on):
            found.matrix.update(grades)
            found.ways.update(move.way for move in moves)
            found.moves += moves[: listed - len(found.moves)]
    return found


def _run(rule: EnterpriseRule, on: date) -> Iterator[tuple[list[tuple[str, str]], list[Move]]]:
    """A page of enterprises at a time: grades now and by the rule, and the moves. Inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
    stage_stores(on, None)
    count(None, slots(rule), on, weight=rule.stores.weight)
    for page in pages(COUNTED, "figures, grade"):
        figures = (restored(uscc, json.loads(stored)) for uscc, stored, _ in page)
        after = list(results(rule, figures))
        grades = [(row[2], one.grade) for row, one in zip(page, after, strict=True)]
        yield (
            grades,
            _moves(rule, {row[0]: one for row, one in zip(page, after, strict=True) if row[2] != one.grade}),
        )
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE pg_temp.{COUNTED}, pg_temp.{STORES}")


def _moves(rule: EnterpriseRule, after: dict[str, Result]) -> list[Move]:
    places = {grade.name: place for place, grade in enumerate(rule.grades)}
    rows = CreditSubject.objects.filter(pk__in=after).order_by("uscc")
    moves = []
    for uscc, name, district, before, score, position in rows.values_list(
        *("uscc", "name", "district", "standing__grade", "standing__score", "standing__position")
    ):
        one = after[uscc]
        # A grade that both rules have is compared by its place in the new one.
        was = places.get(before, position) if before else -1
        way = 0 if was < 0 or one.position < 0 else (was > one.position) - (was < one.position)
        moves.append(Move(uscc, name, district, before or "", score, one.grade, one.score, way, one.reason))
    return moves
