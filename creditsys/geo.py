"""Datums of Chinese maps: WGS-84, CGCS2000, GCJ-02 and BD-09. Pure Python, degrees.

Every function takes and gives ``(latitude, longitude)``. GCJ-02 is defined by its forward
formula (a distortion of WGS-84 on the Krasovsky ellipsoid), BD-09 by its forward formula from
GCJ-02; neither has a closed inverse, so the inverses here iterate until the forward formula
returns the input to within :data:`PRECISION`. Outside the box that the formulas are meant for,
places are returned unchanged. CGCS2000 and WGS-84 differ by centimetres and count as one.
"""

from collections.abc import Callable
from math import atan2, cos, hypot, pi, radians, sin, sqrt

WGS84 = "WGS-84"
CGCS2000 = "CGCS2000"
GCJ02 = "GCJ-02"
BD09 = "BD-09"
DATUMS = (WGS84, CGCS2000, GCJ02, BD09)

#: What an inverse may be off, degrees: a tenth of a millimetre.
PRECISION = 1e-9
_ROUNDS = 30

_SEMI_MAJOR = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_BAIDU_PI = pi * 3000.0 / 180.0

Place = tuple[float, float]


def in_formula_box(latitude: float, longitude: float) -> bool:
    """Within the box around China outside which the distortion is not applied."""
    return 0.8293 <= latitude <= 55.8271 and 72.004 <= longitude <= 137.8347


def wgs84_to_gcj02(latitude: float, longitude: float) -> Place:
    """The place as maps in GCJ-02 draw it (300 to 700 m away inside China)."""
    if not in_formula_box(latitude, longitude):
        return latitude, longitude
    x, y = longitude - 105.0, latitude - 35.0
    common = 2.0 / 3.0 * (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi))
    north = (
        -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * sqrt(abs(x))
        + common
        + 2.0 / 3.0 * (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi))
        + 2.0 / 3.0 * (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0))
    )
    east = (
        300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * sqrt(abs(x))
        + common
        + 2.0 / 3.0 * (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi))
        + 2.0 / 3.0 * (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi))
    )
    latitude_radians = radians(latitude)
    curvature = 1.0 - _ECCENTRICITY_SQUARED * sin(latitude_radians) ** 2
    meridian = _SEMI_MAJOR * (1.0 - _ECCENTRICITY_SQUARED) / (curvature * sqrt(curvature))
    parallel = _SEMI_MAJOR / sqrt(curvature) * cos(latitude_radians)
    return latitude + north * 180.0 / (meridian * pi), longitude + east * 180.0 / (parallel * pi)


def gcj02_to_bd09(latitude: float, longitude: float) -> Place:
    """The place as Baidu's maps draw it."""
    if not in_formula_box(latitude, longitude):
        return latitude, longitude
    radius = hypot(longitude, latitude) + 0.00002 * sin(latitude * _BAIDU_PI)
    angle = atan2(latitude, longitude) + 0.000003 * cos(longitude * _BAIDU_PI)
    return radius * sin(angle) + 0.006, radius * cos(angle) + 0.0065


def gcj02_to_wgs84(latitude: float, longitude: float) -> Place:
    """The true place of one given in GCJ-02."""
    return _inverse(wgs84_to_gcj02, latitude, longitude)


def bd09_to_gcj02(latitude: float, longitude: float) -> Place:
    """The GCJ-02 place of one given in BD-09."""
    return _inverse(gcj02_to_bd09, latitude, longitude)


def _inverse(forward: Callable[[float, float], Place], latitude: float, longitude: float) -> Place:
    """The place that ``forward`` takes to (latitude, longitude), by fixed-point iteration.

    The distortion changes by less than a tenth of the step that causes it, so each round gains
    more than one digit.
    """
    if not in_formula_box(latitude, longitude):
        return latitude, longitude
    guess_latitude, guess_longitude = latitude, longitude
    for _ in range(_ROUNDS):
        seen_latitude, seen_longitude = forward(guess_latitude, guess_longitude)
        north, east = latitude - seen_latitude, longitude - seen_longitude
        guess_latitude, guess_longitude = guess_latitude + north, guess_longitude + east
        if abs(north) < PRECISION / 10 and abs(east) < PRECISION / 10:
            break
    return guess_latitude, guess_longitude


def to_wgs84(latitude: float, longitude: float, datum: str) -> Place:
    """A place given in ``datum`` (one of :data:`DATUMS`; ValueError otherwise) as WGS-84."""
    if datum in (WGS84, CGCS2000):
        return latitude, longitude
    if datum == GCJ02:
        return gcj02_to_wgs84(latitude, longitude)
    if datum == BD09:
        return gcj02_to_wgs84(*bd09_to_gcj02(latitude, longitude))
    raise ValueError(f"{datum!r} is none of {', '.join(DATUMS)}")


def from_wgs84(latitude: float, longitude: float, datum: str) -> Place:
    """A WGS-84 place in ``datum`` (one of :data:`DATUMS`; ValueError otherwise), for map links."""
    if datum in (WGS84, CGCS2000):
        return latitude, longitude
    if datum == GCJ02:
        return wgs84_to_gcj02(latitude, longitude)
    if datum == BD09:
        return gcj02_to_bd09(*wgs84_to_gcj02(latitude, longitude))
    raise ValueError(f"{datum!r} is none of {', '.join(DATUMS)}")
