"""Figures of a peer group that a rating depends on: medians of growth and cut points.

They are reckoned once per run, stored with it (:meth:`Peers.to_json`) and given back to
``rate()`` when one pharmacy is rated again, so that the others stay where they were.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np

from ratings.rules.columns import Bool, Int32, Int64
from ratings.rules.exact import Rounding, divide

#: Room for the values of one group in ``group_key``.
_GROUP: Final = 2**32

#: The group of all pharmacies of the run.
EVERYONE: Final = "*"
Grouping = Literal["none", "city", "district", "district_and_chain"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A peer group's figures.

    ``values``: for growth the median in basis points (one number, or None without a member);
    for bands the worst score, in thousandths, that reaches each grade but the last (None:
    nobody does).
    """

    #: members of the group itself
    size: int
    #: False where the group is too small and these are the figures of everyone
    own: bool
    values: tuple[int | None, ...]


@dataclass(frozen=True)
class Peers:
    """All peer figures of one run. Keys of groups: ``"*"``, ``"330602"``, ``"330602+chain"``."""

    #: hash of the scheme that they were reckoned with
    scheme: str
    #: rated pharmacies by district, and of all
    rated: Mapping[str, int] = field(default_factory=dict)
    #: indicator id, then group
    medians: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    #: group
    cuts: Mapping[str, Figure] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, whole numbers, no spaces."""
        return json.dumps(
            {
                "scheme": self.scheme,
                "rated": dict(self.rated),
                "medians": {name: _plain(groups) for name, groups in self.medians.items()},
                "cuts": _plain(self.cuts),
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> "Peers":
        """The peers that :meth:`to_json` wrote."""
        data = json.loads(text)
        return cls(
            scheme=data["scheme"],
            rated=data["rated"],
            medians={name: _figures(groups) for name, groups in data["medians"].items()},
            cuts=_figures(data["cuts"]),
        )


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {
        name: {"size": figure.size, "own": figure.own, "values": list(figure.values)}
        for name, figure in figures.items()
    }


def _figures(data: Mapping[str, Any]) -> dict[str, Figure]:
    return {name: Figure(entry["size"], entry["own"], tuple(entry["values"])) for name, entry in data.items()}


@dataclass(frozen=True, slots=True)
class Groups:
    """To which peer group each pharmacy belongs."""

    names: tuple[str, ...]
    #: place in ``names``, per pharmacy
    member: Int64


class Grouped(Protocol):
    """Pharmacies, as far as groups go: signals are, and so are :class:`Whereabouts`."""

    def __len__(self) -> int: ...
    @property
    def district(self) -> Int32: ...
    @property
    def chain(self) -> Bool: ...


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What groups ask of pharmacies, for a caller that has no signals."""

    #: GB/T 2260
    district: Int32
    chain: Bool

    def __len__(self) -> int:
        return len(self.district)


def group(pharmacies: Grouped, grouping: Grouping) -> Groups:
    """Divides the pharmacies into peer groups."""
    if grouping in ("none", "city"):
        return Groups((EVERYONE,), np.zeros(len(pharmacies), dtype=np.int64))
    keys = pharmacies.district.astype(np.int64) * 2
    if grouping == "district_and_chain":
        keys = keys + pharmacies.chain
    found, member = np.unique(keys, return_inverse=True)
    endings = ("+single", "+chain") if grouping == "district_and_chain" else ("", "")
    names = tuple(f"{int(key) // 2:06d}{endings[int(key) % 2]}" for key in found)
    return Groups(names, member.astype(np.int64))


def figures(
    groups: Groups,
    values: Int64,
    counted: Bool,
    min_group: int,
    reckon: Callable[[Int64], Sequence[int | None]],
) -> dict[str, Figure]:
    """``reckon`` over the ascending values of each group, and of everyone.

    Only ``counted`` pharmacies are members. A group with fewer than ``min_group`` members
    takes the figures of everyone.
    """
    kept = values[counted]
    everyone = Figure(len(kept), True, tuple(reckon(np.sort(kept))))
    ordered = np.sort(group_key(groups.member[counted], kept))
    edges = np.searchsorted(ordered, np.arange(len(groups.names) + 1) * _GROUP)
    kept = ordered % _GROUP - _GROUP // 2
    result = {EVERYONE: everyone}
    for number, name in enumerate(groups.names):
        own = kept[edges[number] : edges[number + 1]]
        if name == EVERYONE:
            continue
        if len(own) >= max(min_group, 1):
            result[name] = Figure(len(own), True, tuple(reckon(own)))
        else:
            result[name] = Figure(len(own), False, everyone.values)
    return result


def group_key(member: Int64, value: Int64) -> Int64:
    """One number that sorts by group, then by value: several times faster than sorting by two.

    Values (scores, growth) are within 10**9, well inside half a group's room.
    """
    return member * _GROUP + value + _GROUP // 2


def spread(groups: Groups, known: Mapping[str, Figure], place: int, absent: int) -> Int64:
    """Value number ``place`` of each pharmacy's group, ``absent`` where there is none.

    A group without figures (a district new since the run) takes those of everyone.
    """
    values = []
    for name in groups.names:
        figure = known.get(name) or known.get(EVERYONE)
        value = figure.values[place] if figure else None
        values.append(absent if value is None else value)
    return np.array(values, dtype=np.int64)[groups.member]


def median(ascending: Int64, of_even: str, rounding: Rounding) -> int | None:
    """The middle of ``ascending``; None of nothing."""
    size = len(ascending)
    if size == 0:
        return None
    low, high = int(ascending[(size - 1) // 2]), int(ascending[size // 2])
    if of_even == "lower":
        return low
    if of_even == "upper":
        return high
    return int(divide(low + high, 2, rounding))


def places(size: int, share: int, rounding: Rounding) -> int:
    """How many of ``size`` pharmacies a cumulative ``share`` (basis points) is."""
    return int(divide(size * share, 10_000, rounding))
