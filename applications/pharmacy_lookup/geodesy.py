"""Distances on the WGS-84 ellipsoid near one point, in a form that SQL can reckon without sines.

Around a point at latitude φ, a place Δφ north and Δλ east of it lies at the distance
√(north² + east²) with north = M·Δφ and east = N·cos·Δλ, where M and N·cos, the ellipsoid's radii of
curvature along the meridian and of the parallel, are taken halfway between the two. Both are smooth, so
their first terms around φ do. Against exact geodesics in China the error is below 0.02 mm up to 2 km, 0.31 mm
up to 5 km and 0.32 m up to 50 km (``tests/pharmacy_lookup/test_geodesy.py``); a sphere is wrong by metres.
"""

from dataclasses import dataclass
from math import cos, pi, radians, sin, sqrt
from typing import Final, NamedTuple

#: WGS-84: semi-major axis (m), flattening, first eccentricity squared.
SEMI_MAJOR: Final = 6_378_137.0
FLATTENING: Final = 1 / 298.257223563
ECCENTRICITY_SQUARED: Final = FLATTENING * (2 - FLATTENING)
_DEGREE: Final = pi / 180


@dataclass(frozen=True, slots=True)
class Point:
    """A place in WGS-84, degrees."""

    latitude: float
    longitude: float


class Metric(NamedTuple):
    """Metres per degree around a point.

    ``north = dlat · (m0 + m1·dlat)`` and ``east = dlng · (p0 + p1·dlat + p2·dlat²)``, degrees in, metres out.
    """

    m0: float
    m1: float
    p0: float
    p1: float
    p2: float


def metric(latitude: float) -> Metric:
    """The metric around a latitude (degrees, between the polar circles)."""
    phi = radians(latitude)
    s, c = sin(phi), cos(phi)
    w = sqrt(1 - ECCENTRICITY_SQUARED * s * s)
    meridian = SEMI_MAJOR * (1 - ECCENTRICITY_SQUARED) / w**3
    meridian_slope = 3 * meridian * ECCENTRICITY_SQUARED * s * c / w**2
    parallel = SEMI_MAJOR / w * c
    # d(N cos φ)/dφ = −M sin φ; halfway, hence halves and an eighth
    return Metric(
        m0=meridian * _DEGREE,
        m1=meridian_slope / 2 * _DEGREE**2,
        p0=parallel * _DEGREE,
        p1=-meridian * s / 2 * _DEGREE**2,
        p2=-(meridian_slope * s + meridian * c) / 8 * _DEGREE**3,
    )


class Polynomials(NamedTuple):
    """The same around one point, of latitudes and longitudes themselves: fewer terms for SQL to reckon.

    ``north = n0 + φ·(n1 + n2·φ)`` and ``east = (λ − λ of the point)·(e0 + φ·(e1 + e2·φ))``.
    """

    n0: float
    n1: float
    n2: float
    e0: float
    e1: float
    e2: float


def polynomials(point: Point) -> Polynomials:
    """The metric around a point, multiplied out."""
    phi, near = point.latitude, metric(point.latitude)
    return Polynomials(
        n0=phi * (near.m1 * phi - near.m0),
        n1=near.m0 - 2 * near.m1 * phi,
        n2=near.m1,
        e0=near.p0 + phi * (near.p2 * phi - near.p1),
        e1=near.p1 - 2 * near.p2 * phi,
        e2=near.p2,
    )


class Box(NamedTuple):
    """Bounds in degrees, the edges included."""

    south: float
    north: float
    west: float
    east: float


def box_around(point: Point, radius: float) -> Box:
    """A box that holds every place within ``radius`` metres (up to 200 km): a little larger than need be."""
    near = metric(point.latitude)
    # A thousandth more: the circle's easternmost point lies a little towards the pole, where degrees are
    # shorter, 0.03 % farther off in degrees for 200 km at 54° north.
    high, wide = radius / near.m0 * 1.001, radius / near.p0 * 1.001
    return Box(point.latitude - high, point.latitude + high, point.longitude - wide, point.longitude + wide)
