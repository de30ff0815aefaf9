"""Rating cases: TOML files in ``tests/cases`` that a policy officer can read and add to.

One file a scheme. Each case is one pharmacy: given facts, expected grade, score and words of
the explanation. Words for kinds, gravities and so on are the Chinese labels. The format is
described in ``tests/cases/README.md``.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ratings.rules import Outcomes, Peers, Scheme, Signals, load_scheme, rate, shipped_schemes
from ratings.rules.document import PositionBands
from ratings.rules.fields import thousandths
from ratings.rules.indicators import GrowthIndicator
from ratings.rules.peers import Figure
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
    Vocabulary,
)
from tests.ratings.rules.building import Fact, Shop, build

FOLDER = Path(__file__).parents[2] / "cases"
#: What each pharmacy sold in each month of the year before, yuan.
MONTHLY = 10_000
_KEYS = {
    *("name", "designated_on", "signed_on", "status", "chain", "violations", "complaints"),
    *("growth", "measures", "cut_points", "expect"),
}
_EXPECT_KEYS = {"score", "grade", "caps", "not_rated", "why"}


@dataclass(frozen=True)
class Case:
    """One pharmacy of a case file."""

    scheme: str
    period: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def expect(self) -> dict[str, Any]:
        return dict(self.data["expect"])


def read_cases() -> list[Case]:
    """All cases of all files."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        file = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        found += [Case(file["scheme"], file["period"], data) for data in file["cases"]]
    for case in found:
        unknown = (set(case.data) - _KEYS) | (set(case.expect) - _EXPECT_KEYS)
        if unknown:
            raise ValueError(f"{case.scheme}“{case.name}”中有不认识的键：{'、'.join(sorted(unknown))}")
    return found


def _id_of(vocabulary: Vocabulary, label: str) -> str:
    for term in vocabulary:
        if label in (term.label, term.id):
            return term.id
    raise ValueError(f"没有名为“{label}”的{vocabulary.title}")


def _facts(entries: list[dict[str, Any]], complaint: bool) -> list[Fact]:
    facts = []
    for entry in entries:
        day: date = entry["decided_on"]
        if complaint:
            fact = Fact(_id_of(COMPLAINT_TOPICS, entry["topic"]), day)
        else:
            fact = Fact(
                kind=_id_of(VIOLATION_KINDS, entry["kind"]),
                decided_on=day,
                gravity=_id_of(GRAVITIES, entry.get("gravity", "轻微")),
                track=_id_of(TRACKS, entry.get("track", "协议处理")),
                amount_fen=int(Decimal(entry.get("amount_yuan", 0)) * 100),
            )
        facts += [fact] * int(entry.get("count", 1))
    return facts


def signals_of(case: Case) -> Signals:
    """The columns of the case's one pharmacy."""
    data = case.data
    growth = data.get("growth")
    designated = data.get("designated_on", date(2010, 1, 1))
    last_year: list[int | None] = []
    this_year: list[int | None] = []
    if growth is not None:
        now = MONTHLY * (100 + Decimal(growth["percent"])) / 100
        assert now == int(now), "增幅请写到百分数后两位"
        months = int(growth.get("months", 12))
        last_year = [MONTHLY] * months
        this_year = [int(now)] * months
    shop = Shop(
        chain=bool(data.get("chain", False)),
        status=_id_of(SERVICE_STATUSES, data.get("status", "正常")),
        designated_on=designated,
        opened_on=data.get("signed_on", designated),
        last_year=last_year,
        this_year=this_year,
        violations=_facts(data.get("violations", []), complaint=False),
        complaints=_facts(data.get("complaints", []), complaint=True),
        measures={key: thousandths(value) for key, value in data.get("measures", {}).items()},
    )
    return build([shop], case.period)


def peers_of(case: Case, scheme: Scheme) -> Peers:
    """The peer figures that the case states: the median of growth, and cut points."""
    median = case.data.get("growth", {}).get("median", 0)
    figure = Figure(100, True, (int(Decimal(median) * 100),))
    medians = {
        part.id: {"*": figure, "330602": figure}
        for part in scheme.indicators
        if isinstance(part, GrowthIndicator)
    }
    cuts: dict[str, Figure] = {}
    bands = scheme.document.bands
    if isinstance(bands, PositionBands):
        stated = case.data["cut_points"]
        values = tuple(thousandths(stated[row.grade]) for row in bands.rows[:-1])
        cuts = {"*": Figure(100, True, values)}
    return Peers(scheme.hash, {"*": 100, "330602": 100}, medians, cuts)


def scheme_of(case: Case) -> Scheme:
    return _shipped(case.scheme)


@cache
def _shipped(key: str) -> Scheme:
    return load_scheme(shipped_schemes()[key])


def rated(case: Case) -> tuple[Scheme, Signals, Peers, Outcomes]:
    """The case, rated."""
    scheme = scheme_of(case)
    signals, peers = signals_of(case), peers_of(case, scheme)
    return scheme, signals, peers, rate(scheme, signals, peers)
