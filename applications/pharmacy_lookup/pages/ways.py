"""Links that open the way to a place in a map app, in the datum that each of them takes.

Amap and Tencent read GCJ-02, Baidu BD-09; ``geo:`` (RFC 5870) is WGS-84. Amap takes longitude first, the
others latitude. Baidu's page for ways needs a starting point, its page for a mark does not.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.utils.translation import gettext

from applications.pharmacy_lookup.geodesy import Point
from creditsys import geo

#: How these apps want to be told who calls.
_SOURCE = "creditsys.pharmacy_lookup"


@dataclass(frozen=True, slots=True)
class Way:
    """A map app and the address that opens it there."""

    title: str
    href: str


def ways(name: str, address: str, place: Point) -> list[Way]:
    """The way to a place (WGS-84), by each map app."""
    north, east = _in(geo.GCJ02, place)
    baidu_north, baidu_east = _in(geo.BD09, place)
    true_north, true_east = _in(geo.WGS84, place)
    amap = _address(
        "https://uri.amap.com/navigation",
        to=f"{east},{north},{_plain(name)}",
        mode="walk",
        coordinate="gaode",
        callnative="1",
        src=_SOURCE,
    )
    baidu = _address(
        "https://api.map.baidu.com/marker",
        location=f"{baidu_north},{baidu_east}",
        coord_type="bd09ll",
        title=name,
        content=address,
        output="html",
        src=_SOURCE,
    )
    tencent = _address(
        "https://apis.map.qq.com/uri/v1/routeplan",
        type="walk",
        to=name,
        tocoord=f"{north},{east}",
        referer=_SOURCE,
    )
    named = quote(f"{true_north},{true_east}({_plain(name)})", safe=",()")
    return [
        Way(gettext("高德地图"), amap),
        Way(gettext("百度地图"), baidu),
        Way(gettext("腾讯地图"), tencent),
        Way(gettext("手机自带地图"), f"geo:{true_north},{true_east}?q={named}"),
    ]


def _address(base: str, **values: str) -> str:
    return f"{base}?{urlencode(values, safe=',', quote_via=quote)}"


def _in(datum: str, place: Point) -> tuple[str, str]:
    """Latitude and longitude to a tenth of a metre."""
    latitude, longitude = geo.from_wgs84(place.latitude, place.longitude, datum)
    return f"{latitude:.6f}", f"{longitude:.6f}"


def _plain(name: str) -> str:
    """A name without what would end it within a list."""
    return name.replace(",", " ").replace("(", "（").replace(")", "）")
