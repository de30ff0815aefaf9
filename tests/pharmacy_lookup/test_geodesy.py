"""Distances near a point against geographiclib, and the box that must miss nothing."""

from math import hypot, isclose

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import example, given
from hypothesis import strategies as st

from applications.pharmacy_lookup.geodesy import Point, box_around, metric, polynomials

GEODESIC = Geodesic.WGS84
latitudes, longitudes = st.floats(3, 54), st.floats(73, 136)
directions = st.floats(0, 360)


def there(point: Point, direction: float, metres: float) -> Point:
    found = GEODESIC.Direct(point.latitude, point.longitude, direction, metres)
    return Point(found["lat2"], found["lon2"])


def reckoned(point: Point, place: Point) -> float:
    """As the search reckons it in SQL."""
    near, latitude = polynomials(point), place.latitude
    north = near.n0 + latitude * (near.n1 + latitude * near.n2)
    east = (place.longitude - point.longitude) * (near.e0 + latitude * (near.e1 + latitude * near.e2))
    return hypot(north, east)


class TestDistance:
    # The worst are the farthest north and half-way between two of the compass's points.
    @pytest.mark.parametrize(
        ("farthest", "bound"), [(2_000, 0.000_02), (5_000, 0.000_31), (10_000, 0.002_5), (50_000, 0.32)]
    )
    @given(latitude=latitudes, longitude=longitudes, direction=directions, share=st.floats(0, 1))
    @example(latitude=54, longitude=100, direction=56, share=1)
    @example(latitude=54, longitude=100, direction=124, share=1)
    @example(latitude=3, longitude=100, direction=45, share=1)
    def test_off_by_less_than(
        self, farthest: float, bound: float, latitude: float, longitude: float, direction: float, share: float
    ) -> None:
        point = Point(latitude, longitude)
        metres = share * farthest
        assert abs(reckoned(point, there(point, direction, metres)) - metres) < bound

    def test_the_bounds_are_near_the_truth(self) -> None:
        """So that the bounds above say how exact it is, and not only that it is exact enough."""
        point = Point(54, 100)
        worst = max(abs(reckoned(point, there(point, direction, 5_000)) - 5_000) for direction in range(360))
        assert 0.000_29 < worst < 0.000_31

    @given(latitude=latitudes, longitude=longitudes)
    def test_nothing_away_is_nothing(self, latitude: float, longitude: float) -> None:
        """But for what is lost where large numbers cancel: less than a ten-thousandth of a millimetre."""
        assert reckoned(Point(latitude, longitude), Point(latitude, longitude)) < 1e-7

    def test_a_degree_is_as_long_as_the_ellipsoid_has_it(self) -> None:
        """Lengths of a degree at the equator and at 45°, of the IERS's ellipsoid as NIMA TR8350.2 gives them."""
        assert isclose(metric(0).p0, 111_319.491, abs_tol=0.001)
        assert isclose(metric(0).m0, 110_574.276, abs_tol=0.001)
        assert isclose(metric(45).m0, 111_131.778, abs_tol=0.001)


class TestBox:
    @given(
        latitude=latitudes,
        longitude=longitudes,
        direction=directions,
        radius=st.floats(1, 200_000),
        share=st.floats(0, 1),
    )
    @example(latitude=54, longitude=100, direction=90, radius=200_000, share=1)
    @example(latitude=54, longitude=100, direction=87.5, radius=200_000, share=1)
    @example(latitude=3, longitude=100, direction=0, radius=200_000, share=1)
    def test_misses_nothing_within_the_radius(
        self, latitude: float, longitude: float, direction: float, radius: float, share: float
    ) -> None:
        point = Point(latitude, longitude)
        box, place = box_around(point, radius), there(point, direction, radius * share)
        assert box.south <= place.latitude <= box.north
        assert box.west <= place.longitude <= box.east

    @given(latitude=latitudes, longitude=longitudes, radius=st.floats(100, 5_000))
    def test_is_hardly_larger_than_need_be(self, latitude: float, longitude: float, radius: float) -> None:
        """The edges are at most a hundredth farther off than the circle."""
        point = Point(latitude, longitude)
        box = box_around(point, radius)
        for edge in (
            Point(box.north, longitude),
            Point(box.south, longitude),
            Point(latitude, box.east),
            Point(latitude, box.west),
        ):
            away = GEODESIC.Inverse(latitude, longitude, edge.latitude, edge.longitude)["s12"]
            assert radius < away < radius * 1.01
