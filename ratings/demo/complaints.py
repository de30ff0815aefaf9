"""Complaints: the register of the demo city begins in 2019.

Published of Shaoxing: complaints about pharmacies' fraud fell from 12 (2019) to 1 (2020).
All of those are verified here; complaints on other topics come on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ratings.demo.cases import Violation
from ratings.demo.dice import Dice
from ratings.demo.shops import LAST, Shop

#: Published: complaints about fraud, by year.
FRAUD = {2019: 12, 2020: 1}
_OTHERS = {2019: {"SERVICE": 150, "OTHER": 60}, 2020: {"SERVICE": 110, "OTHER": 45}}
#: The last day on which findings are made.
_FINDINGS_UNTIL = LAST + timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Complaint:
    pharmacy: str
    reference_no: str
    topic: str
    state: str
    finding: str
    occurred_on: date
    decided_on: date | None
    recorded_at: datetime
    voided_at: datetime | None = None
    void_reason: str = ""


def build(seed: int, shops: Sequence[Shop], violations: Sequence[Violation]) -> list[Complaint]:
    """Every version of every complaint: as received or accepted, then as found."""
    dice = Dice(seed, "complaints")
    suspects = {case.pharmacy for case in violations if case.gravity == "SERIOUS"}
    rows: list[Complaint] = []
    for year in FRAUD:
        drafts = [("FRAUD", dice.day(date(year, 1, 10), date(year, 9, 30))) for _ in range(FRAUD[year])]
        for topic, count in _OTHERS[year].items():
            drafts += [(topic, dice.day(date(year, 1, 2), date(year, 12, 31))) for _ in range(count)]
        for number, (topic, day) in enumerate(sorted(drafts, key=lambda draft: (draft[1], draft[0])), 1):
            there = [shop for shop in shops if shop.designated_all(day - timedelta(days=20), day)]
            if topic == "FRAUD":
                there = [shop for shop in there if shop.code in suspects]
            rows += _history(dice, dice.pick(there).code, f"绍演举〔{year}〕{number:03d}号", topic, day)
    return rows


def _history(dice: Dice, pharmacy: str, reference_no: str, topic: str, day: date) -> list[Complaint]:
    """The versions of one complaint; each but the last is superseded by the next."""
    received = dice.office_hour(day + timedelta(days=dice.whole(0, 3)))
    state, finding = _outcome(dice, topic)
    found_on = day + timedelta(days=dice.whole(12, 45))
    first = Complaint(pharmacy, reference_no, topic, "ACCEPTED", "PENDING", day, None, received)
    if finding == "PENDING" or found_on > _FINDINGS_UNTIL:
        still = state if finding == "PENDING" else dice.pick(("RECEIVED", "ACCEPTED", "VERIFYING"))
        return [replace(first, state=still)]
    found_at = dice.office_hour(found_on + timedelta(days=dice.whole(1, 4)))
    return [
        replace(first, voided_at=found_at, void_reason="状态更新（演示）"),
        replace(first, state=state, finding=finding, decided_on=found_on, recorded_at=found_at),
    ]


def _outcome(dice: Dice, topic: str) -> tuple[str, str]:
    """How it ended: state and finding."""
    if topic == "FRAUD":
        return dice.pick(("FILED", "CLOSED")), "VERIFIED"
    return dice.weighted(
        (
            (("CLOSED", "VERIFIED"), 34),
            (("CLOSED", "UNFOUNDED"), 34),
            (("NOT_FILED", "UNFOUNDED"), 16),
            (("NOT_ACCEPTED", "PENDING"), 8),
            (("TRANSFERRED", "PENDING"), 4),
            (("VERIFYING", "PENDING"), 4),
        )
    )
