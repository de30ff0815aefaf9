"""Peer figures: medians, small groups, cut points, ties, and their storage."""

import numpy as np
import pytest

from ratings.rules import Outcomes, Peers, Scheme, parse_scheme, rate, take
from ratings.rules.peers import EVERYONE, Figure, group, median, places
from tests.ratings.rules.building import Shop, build
from tests.ratings.rules.strategies import DOCUMENTS, all_schemes

HEAD = (DOCUMENTS / "small.toml").read_text(encoding="utf-8")


def positions(**changes: str) -> Scheme:
    """A scheme that takes its score from a measure and grades by position, A 30 %, B 70 %."""
    settings = {"group": "district", "min_group": "1", "ties": "better", "count_rounding": "half_up"}
    settings |= changes
    start, _, rest = HEAD.partition("[[indicators]]")
    direction = settings.pop("direction", "higher_is_better")
    start = start.replace('"higher_is_better"', f'"{direction}"').replace(
        "base_score = 100", "base_score = 0"
    )
    body = (
        start.replace("max = 10\n", "max = 100\n")
        + f"""
[[indicators]]
id = "review"
component = "credit"
kind = "measure"
title = "考核"
clause = "第八条"
measure = "review"
if_missing = "not_rated"
points_per_unit = 1

[bands]
by = "position"
group = "{settings["group"]}"
min_group = {settings["min_group"]}
ties = "{settings["ties"]}"
count_rounding = "{settings["count_rounding"]}"
clause = "第十一条"
[[bands.rows]]
grade = "A"
share = 30
clause = "第十一条"
[[bands.rows]]
grade = "B"
share = 70
clause = "第十一条"
"""
    )
    assert rest
    return parse_scheme(body)


def city(scores: list[int], district: int = 330602, chain: bool = False) -> list[Shop]:
    return [Shop(district=district, chain=chain, measures={"review": score * 1000}) for score in scores]


def grades(scheme: Scheme, outcomes: Outcomes) -> str:
    return "".join(scheme.grades[grade].name for grade in outcomes.grade)


@pytest.mark.parametrize(
    ("values", "of_even", "expected"),
    [
        ([], "lower", None),
        ([7], "upper", 7),
        ([1, 2, 9], "mean", 2),
        ([1, 2, 5, 9], "lower", 2),
        ([1, 2, 5, 9], "upper", 5),
        ([1, 2, 5, 9], "mean", 4),
        ([-5, -2], "mean", -4),
    ],
)
def test_median(values: list[int], of_even: str, expected: int | None) -> None:
    assert median(np.array(values, dtype=np.int64), of_even, "half_up") == expected


@pytest.mark.parametrize(
    ("size", "share", "mode", "count"),
    [
        (10, 1000, "half_up", 1),
        (14, 1000, "half_up", 1),
        (15, 1000, "half_up", 2),
        (15, 1000, "down", 1),
        (15, 1000, "half_even", 2),
        (25, 1000, "half_even", 2),
        (11, 1000, "up", 2),
        (4, 1000, "half_up", 0),
    ],
)
def test_places(size: int, share: int, mode: str, count: int) -> None:
    assert places(size, share, mode) == count


@pytest.mark.parametrize(
    ("ties", "scores", "expected", "cut"),
    [
        # Three of ten have a place.
        ("better", [99, 98, 97, 96, 90, 80, 70, 60, 50, 40], "AAABBBBBBB", 97),
        ("worse", [99, 98, 97, 96, 90, 80, 70, 60, 50, 40], "AAABBBBBBB", 97),
        # Two are level at the third place.
        ("better", [99, 98, 97, 97, 90, 80, 70, 60, 50, 40], "AAAABBBBBB", 97),
        ("worse", [99, 98, 97, 97, 90, 80, 70, 60, 50, 40], "AABBBBBBBB", 98),
        # All are level.
        ("better", [80] * 10, "A" * 10, 80),
        ("worse", [80] * 10, "B" * 10, 81),
        # A single one: 0.3 of a place is none.
        ("better", [80], "B", None),
        ("worse", [80], "B", None),
        # Two: 0.6 of a place is one.
        ("better", [70, 80], "BA", 80),
        ("worse", [70, 80], "BA", 71),
    ],
)
def test_ties_at_the_cut(ties: str, scores: list[int], expected: str, cut: int | None) -> None:
    scheme = positions(ties=ties)
    outcomes = rate(scheme, build(city(scores)))
    assert grades(scheme, outcomes) == expected
    value = None if cut is None else cut * 1000
    assert outcomes.peers.cuts["330602"] == Figure(len(scores), True, (value,))


def test_cut_points_where_fewer_points_are_better() -> None:
    scheme = positions(direction="lower_is_better")
    outcomes = rate(scheme, build(city([1, 2, 3, 3, 10, 20, 30, 40, 50, 60])))
    assert grades(scheme, outcomes) == "AAAABBBBBB"
    assert outcomes.peers.cuts["330602"].values == (3000,)
    strict = positions(direction="lower_is_better", ties="worse")
    outcomes = rate(strict, build(city([1, 2, 3, 3, 10, 20, 30, 40, 50, 60])))
    assert grades(strict, outcomes) == "AABBBBBBBB"
    assert outcomes.peers.cuts["330602"].values == (2000,)


@pytest.mark.parametrize(("size", "own"), [(3, False), (4, True), (5, True)])
def test_a_small_group_takes_the_cut_points_of_all(size: int, own: bool) -> None:
    scheme = positions(min_group="4")
    small = [60 + place for place in range(size)]
    outcomes = rate(scheme, build(city([91, 92, 93, 94, 95, 96]) + city(small, district=330604)))
    figure = outcomes.peers.cuts["330604"]
    assert (figure.size, figure.own) == (size, own)
    best = scheme.grades[outcomes.grade[-1]].name
    assert best == ("A" if own else "B")
    assert (figure.values == outcomes.peers.cuts[EVERYONE].values) is not own


def test_groups_by_district_and_chain() -> None:
    scheme = positions(group="district_and_chain")
    shops = city([50, 51, 52, 53]) + city([90, 91, 92, 93], chain=True) + city([10, 20], district=330604)
    outcomes = rate(scheme, build(shops))
    assert grades(scheme, outcomes) == "BBBA" + "BBBA" + "BA"
    assert set(outcomes.peers.cuts) == {"*", "330602+single", "330602+chain", "330604+single"}


def test_one_group_of_all() -> None:
    scheme = positions(group="city")
    outcomes = rate(scheme, build(city([50, 51, 52, 53]) + city([90, 91, 92], district=330604)))
    assert grades(scheme, outcomes) == "BBBB" + "BAA"
    assert set(outcomes.peers.cuts) == {"*"}


def test_only_rated_pharmacies_are_peers() -> None:
    scheme = positions()
    shops = [*city([10, 20, 30]), Shop(), Shop(measures={})]
    outcomes = rate(scheme, build(shops))
    assert outcomes.peers.cuts["330602"].size == 3
    assert outcomes.size_city.tolist() == [3] * 5
    assert outcomes.rank_city.tolist() == [3, 2, 1, 0, 0]


def test_a_district_new_since_the_run_takes_the_figures_of_all() -> None:
    scheme = positions()
    run = rate(scheme, build(city([10, 20, 30, 40])))
    moved = rate(scheme, build(city([40], district=330699)), run.peers)
    assert grades(scheme, moved) == "A"
    assert moved.size_district.tolist() == [0]


def test_competition_ranks() -> None:
    scheme = positions()
    shops = city([50, 70, 70, 90]) + city([70, 60], district=330604)
    outcomes = rate(scheme, build(shops))
    assert outcomes.rank_city.tolist() == [6, 2, 2, 1, 2, 5]
    assert outcomes.rank_district.tolist() == [4, 2, 2, 1, 1, 2]
    assert outcomes.size_district.tolist() == [4, 4, 4, 4, 2, 2]
    lower = positions(direction="lower_is_better")
    assert rate(lower, build(shops)).rank_city.tolist() == [1, 3, 3, 6, 3, 2]


@pytest.mark.parametrize(("key", "limit"), [("shaoxing-style", 10), ("curve", 10), ("stars", 4)])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_small_district_takes_the_median_of_all(key: str, limit: int, off: int) -> None:
    small = [Shop(district=330604, last_year=[100] * 12, this_year=[150] * 12)] * (limit + off)
    large = [Shop(last_year=[100] * 12, this_year=[110] * 12)] * 40
    outcomes = rate(all_schemes()[key], build(small + large))
    figure = outcomes.peers.medians["growth"]["330604"]
    assert figure == Figure(limit + off, off >= 0, (5000,) if off >= 0 else (1000,))
    assert outcomes.traced("indicator.growth.median_bp")[0] == figure.values[0]


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_small_district_of_the_curve_takes_the_cut_points_of_all(off: int) -> None:
    outcomes = rate(
        all_schemes()["curve"], build([Shop(district=330604)] * (20 + off) + [Shop(status="SUSPENDED")] * 30)
    )
    assert outcomes.peers.cuts["330604"].own is (off >= 0)


def test_groups_are_named_by_district() -> None:
    groups = group(build([Shop(district=330604), Shop(), Shop(district=110101, chain=True)]), "district")
    assert groups.names == ("110101", "330602", "330604")
    assert groups.member.tolist() == [2, 1, 0]


def test_json_is_canonical_and_whole() -> None:
    peers = Peers(
        "ab",
        {"*": 2, "330602": 2},
        {"growth": {"*": Figure(0, True, (None,)), "330602": Figure(0, False, (None,))}},
        {"*": Figure(2, True, (90_500, None))},
    )
    text = peers.to_json()
    assert text == (
        '{"cuts":{"*":{"own":true,"size":2,"values":[90500,null]}},"medians":{"growth":{"*":'
        '{"own":true,"size":0,"values":[null]},"330602":{"own":false,"size":0,"values":[null]}}},'
        '"rated":{"*":2,"330602":2},"scheme":"ab"}'
    )
    assert Peers.from_json(text) == peers


def test_re_rating_one_moves_no_other() -> None:
    scheme = positions()
    before = build(city([10, 20, 30, 40, 50, 60, 70, 80, 90, 95]))
    run = rate(scheme, before)
    corrected = build(city([10, 20, 30, 40, 50, 60, 85, 80, 90, 95]))
    alone = rate(scheme, take(corrected, [6]), run.peers)
    assert grades(scheme, alone) == "A"
    assert grades(scheme, rate(scheme, take(corrected, [7]), run.peers)) == "A"
