"""Datums: known pairs, round trips, and what lies outside."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditsys import geo

LATITUDES = st.floats(18.0, 53.5)
LONGITUDES = st.floats(73.6, 135.0)


def metres(one: geo.Place, other: geo.Place) -> float:
    north = (one[0] - other[0]) * 111_200
    east = (one[1] - other[1]) * 111_200 * math.cos(math.radians(one[0]))
    return math.hypot(north, east)


def test_known_pairs() -> None:
    """The published examples of the coordtransform library (forward formulas are the definition)."""
    assert geo.wgs84_to_gcj02(39.915, 116.404) == pytest.approx(
        (39.91640428150164, 116.41024449916938), abs=1e-12
    )
    assert geo.gcj02_to_bd09(39.915, 116.404) == pytest.approx(
        (39.92133699351021, 116.41036949371029), abs=1e-12
    )
    assert geo.from_wgs84(39.915, 116.404, geo.BD09) == pytest.approx(
        (39.922699552216216, 116.41662724378733), abs=1e-12
    )


def test_exact_inverses_refine_the_published_single_step() -> None:
    """The library's inverses take one step only: right to about a metre, where ours are exact."""
    single_gcj02, single_bd09 = (
        (39.91359571849836, 116.39775550083061),
        (39.90865673957631, 116.39762729119315),
    )
    assert 0.001 < metres(geo.gcj02_to_wgs84(39.915, 116.404), single_gcj02) < 2
    assert 0.001 < metres(geo.bd09_to_gcj02(39.915, 116.404), single_bd09) < 2


@given(LATITUDES, LONGITUDES, st.sampled_from(geo.DATUMS))
def test_round_trips(latitude: float, longitude: float, datum: str) -> None:
    there = geo.from_wgs84(latitude, longitude, datum)
    assert geo.to_wgs84(*there, datum) == pytest.approx((latitude, longitude), abs=geo.PRECISION)
    back = geo.to_wgs84(latitude, longitude, datum)
    assert geo.from_wgs84(*back, datum) == pytest.approx((latitude, longitude), abs=geo.PRECISION)


@given(LATITUDES, LONGITUDES)
def test_the_shift_is_what_chinese_maps_have(latitude: float, longitude: float) -> None:
    assert 10 < metres((latitude, longitude), geo.wgs84_to_gcj02(latitude, longitude)) < 900
    assert 500 < metres((latitude, longitude), geo.gcj02_to_bd09(latitude, longitude)) < 1300


def test_shaoxing_is_off_by_half_a_kilometre() -> None:
    assert 450 < metres((30.0, 120.58), geo.wgs84_to_gcj02(30.0, 120.58)) < 650


@pytest.mark.parametrize(
    "place", [(48.8584, 2.2945), (0.5, 100.0), (56.0, 100.0), (30.0, 72.0), (30.0, 138.0)]
)
@pytest.mark.parametrize("datum", geo.DATUMS)
def test_places_outside_stay(place: geo.Place, datum: str) -> None:
    assert geo.to_wgs84(*place, datum) == place
    assert geo.from_wgs84(*place, datum) == place


def test_cgcs2000_counts_as_wgs84() -> None:
    assert geo.to_wgs84(30.0, 120.58, geo.CGCS2000) == (30.0, 120.58)


def test_unknown_datums() -> None:
    with pytest.raises(ValueError, match="GCJ-02"):
        geo.to_wgs84(30.0, 120.0, "beijing54")
    with pytest.raises(ValueError, match="GCJ-02"):
        geo.from_wgs84(30.0, 120.0, "beijing54")
