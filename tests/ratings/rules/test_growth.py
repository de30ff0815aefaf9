"""The hard cases of growth, each as the scheme settles it."""

from datetime import date

import pytest

from ratings.rules import Outcomes, Scheme, parse_scheme, rate
from tests.ratings.rules.building import Shop, build
from tests.ratings.rules.strategies import DOCUMENTS

SMALL = (DOCUMENTS / "small.toml").read_text(encoding="utf-8").replace('peer = "district"', 'peer = "none"')


def scheme(**changes: str) -> Scheme:
    text = SMALL.replace(
        'measure = "review"\nif_missing = "not_rated"',
        'measure = "review"\nif_missing = "points"\nmissing_points = 0',
    )
    for key, value in changes.items():
        start = text.index(f"\n{key} = ", text.index('kind = "growth"')) + 1
        text = text[:start] + f"{key} = {value}" + text[text.index("\n", start) :]
    return parse_scheme(text)


def growth(shop: Shop, period: str = "2025Q4", **changes: str) -> tuple[int, int, int, int]:
    """(months compared, basis, growth in basis points, points in thousandths)."""
    outcomes: Outcomes = rate(scheme(**changes), build([shop], period))
    names = ("months", "basis", "growth_bp", "points")
    return tuple(int(outcomes.traced(f"indicator.growth.{name}")[0]) for name in names)


def test_plain_growth() -> None:
    assert growth(Shop(last_year=[100, 100, 100], this_year=[120, 130, 140])) == (3, 0, 3000, -10_000)


def test_months_are_paired_not_sums_compared() -> None:
    # October is not known a year before: it counts in neither sum.
    shop = Shop(last_year=[None, 100, 100], this_year=[900, 110, 110])
    assert growth(shop, min_months="2") == (2, 0, 1000, 0)


def test_a_month_missing_now() -> None:
    assert growth(Shop(last_year=[900, 100, 100], this_year=[None, 110, 110]), min_months="2") == (
        2,
        0,
        1000,
        0,
    )


def test_no_base_year() -> None:
    shop = Shop(last_year=[None] * 3, this_year=[100] * 3)
    assert growth(shop) == (0, 1, 0, 0)
    assert growth(shop, no_base_points="-2.5") == (0, 1, 0, -2500)


@pytest.mark.parametrize(("months", "basis"), [(1, 1), (2, 0), (3, 0)])
def test_fewer_months_than_asked_for(months: int, basis: int) -> None:
    shop = Shop(last_year=[100] * months, this_year=[150] * months)
    found = growth(shop, min_months="2")
    assert found[:2] == (months, basis)
    assert found[2] == (5000 if basis == 0 else 0)


def test_a_short_period_asks_for_no_more_months_than_it_has() -> None:
    shop = Shop(last_year=[100], this_year=[150])
    assert growth(shop, "2025-12", min_months="3") == (1, 0, 5000, -20_000)


def test_zero_months_skipped_or_kept() -> None:
    now = Shop(last_year=[100, 100, 100], this_year=[0, 120, 120])
    assert growth(now, zero_months='"skip"', min_months="1")[:3] == (2, 0, 2000)
    assert growth(now, zero_months='"keep"')[:3] == (3, 0, -2000)
    before = Shop(last_year=[0, 100, 100], this_year=[60, 120, 120])
    assert growth(before, zero_months='"skip"', min_months="1")[:3] == (2, 0, 2000)
    assert growth(before, zero_months='"keep"')[:3] == (3, 0, 5000)


def test_negative_months_skipped_or_kept() -> None:
    shop = Shop(last_year=[-50, 100, 100], this_year=[100, 120, 120])
    assert growth(shop, negative_months='"skip"', min_months="1")[:3] == (2, 0, 2000)
    # (340 - 150) / 150 = 126.67 %
    assert growth(shop, negative_months='"keep"')[:3] == (3, 0, 12_667)


def test_a_base_that_is_not_positive() -> None:
    refunds = Shop(last_year=[-200, 100, 100], this_year=[100] * 3)
    assert growth(refunds, negative_months='"keep"') == (3, 2, 0, 0)
    nothing = Shop(last_year=[0, 0, 0], this_year=[100] * 3)
    assert growth(nothing, zero_months='"keep"') == (3, 2, 0, 0)


def test_months_not_wholly_in_service_are_left_out_of_both_years() -> None:
    # Suspended in November now (place 3 + 1); designated in the middle of October a year before.
    shop = Shop(last_year=[50, 100, 100], this_year=[100, 20, 130], out_of_service=[0, 4])
    assert growth(shop, min_months="1")[:3] == (1, 0, 3000)


def test_a_shop_opened_in_between() -> None:
    shop = Shop(
        designated_on=date(2024, 11, 15),
        last_year=[None, 40, 100],
        this_year=[100, 100, 110],
        out_of_service=[0, 1],
    )
    assert growth(shop, min_months="1")[:3] == (1, 0, 1000)
    assert growth(shop, min_months="2")[1] == 1


def test_growth_is_rounded_to_a_basis_point() -> None:
    # 1/3 = 33.333 %, 2/3 = 66.667 %: half up, away from zero.
    assert growth(Shop(last_year=[3] * 3, this_year=[4] * 3))[2] == 3333
    assert growth(Shop(last_year=[3] * 3, this_year=[5] * 3))[2] == 6667
    assert growth(Shop(last_year=[3] * 3, this_year=[1] * 3))[2] == -6667


def test_growth_beyond_any_sense_is_held_and_does_not_overflow() -> None:
    shop = Shop(last_year=[1, 0, 0], this_year=[10**11 // 2] * 3)
    found = growth(shop, zero_months='"keep"', points_per_percent="-1000000")
    assert found[2] == 10**9
    assert found[3] < -(10**15)


@pytest.mark.parametrize(
    ("percent", "points"),
    [(9, 0), (10, 0), (11, -500), (12, -1000), (-40, 0)],
)
def test_points_per_percent_beyond_the_free_part(percent: int, points: int) -> None:
    assert growth(Shop(last_year=[100] * 3, this_year=[100 + percent] * 3))[3] == points


def test_peers_shift_with_the_market() -> None:
    """A swing of the whole district punishes nobody."""
    text = (
        (DOCUMENTS / "small.toml")
        .read_text(encoding="utf-8")
        .replace('"not_rated"', '"points"\nmissing_points = 0')
    )
    shops = [Shop(last_year=[100] * 3, this_year=[160 + place] * 3) for place in range(9)]
    outcomes = rate(parse_scheme(text), build(shops, "2025Q4"))
    assert outcomes.traced("indicator.growth.median_bp").tolist() == [6400] * 9
    assert outcomes.traced("indicator.growth.excess_bp").tolist() == [
        -400,
        -300,
        -200,
        -100,
        0,
        100,
        200,
        300,
        400,
    ]
    assert outcomes.traced("indicator.growth.points").tolist() == [0] * 9
