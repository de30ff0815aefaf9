"""Searches of every sort on the set of ``lookup_data.py``: what people ask, and what nobody should."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from django.db import connection
from django.utils import timezone

from applications.pharmacy_lookup.finder import NO_GRADE, REACH, Ordering, Search, Service, find
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Place
from creditsys.spelling import words

#: How many points of each sort, and how many pharmacies a dense one has within 2 km.
POINTS: Final = 100
DENSE: Final = (150, 600)
#: Enough for a whole circle, and a page.
WHOLE, PAGE = 1_000, 20
_SEED: Final = 20_260_101
_TYPED: Final = {
    "a common word": ("药房", "有限公司"),
    "a rare word": ("友谊路899号", "一心堂参茸药店有限责任公司友谊南路"),
    "two words, few together": ("友谊南路 老百姓参茸", "健之佳参茸 胜利西路"),
    "two words, never together": ("老百姓 一心堂", "海王星辰 益丰"),
    "pinyin": ("dayaofang", "yixintang", "laobaixing", "haiwangxingchen"),
    "pinyin, rare": ("haiwangxingchencanrong", "zhoucanrongyaodian"),
    "pinyin of one syllable": ("yao", "zhuang", "qiong"),
    "pinyin that nothing has": ("fangyao", "gongxian", "dianlu", "yaodaodao", "gonggong"),
    "two first letters": ("yf", "hw", "zz"),
    "first letters": ("lbx", "yxt", "hwxcdyf"),
    "one Chinese character": ("药", "舟", "杏"),
    "a character like a common one": ("钥", "殿", "妨"),
    "a word like a common one": ("要方", "有线公司", "大要房"),
    "a word turned round": ("房药", "司公限有", "店路"),
    "a word that nothing has": ("火锅店", "魑魅魍魉", "麵包"),
    "a code, whole or begun": ("P11010110001", "P110101", "p3", "p8"),
    "a number": ("88", "899", "1", "12345"),
}


def points() -> dict[str, list[Point]]:
    """Where people ask: near a pharmacy drawn by lot, and in cores as dense as :data:`DENSE`."""
    lot = random.Random(_SEED)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT latitude, longitude FROM pharmacy_lookup_place ORDER BY md5(code) LIMIT %s", [40 * POINTS]
        )
        places = cursor.fetchall()
    drawn = [Point(north + lot.gauss(0, 0.005), east + lot.gauss(0, 0.005)) for north, east in places]
    dense = [point for point in drawn[: 10 * POINTS] if DENSE[0] <= _total(point) <= DENSE[1]]
    return {"by lot": drawn[:POINTS], "dense": dense[:POINTS]}


def _total(point: Point) -> int:
    return find(Search(near=point, limit=1), timezone.localdate()).total or 0


def sorts() -> Iterator[tuple[str, list[Search]]]:
    """Sorts of searches, some of each."""
    places = points()
    for where, some in places.items():
        yield f"near, {where}, 20", [Search(near=one, ordering=Ordering.DISTANCE) for one in some]
        whole = [Search(near=one, ordering=Ordering.GRADE, limit=WHOLE) for one in some]
        yield f"near, {where}, whole", whole
    core = max(places["dense"], key=_total)
    wide = [Search(near=core, radius=5_000, ordering=order, limit=WHOLE) for order in Ordering]
    yield "near, 5 km of the densest, 1,000 rows", wide
    for what, more in (("grade D only", {"grades": ("D",)}), ("a word", _words("益丰"))):
        yield f"near, {what}", [Search(near=one, **more) for one in places["dense"]]  # type: ignore[arg-type]
    far = [replace(wide[0], radius=radius, limit=1, **_words("火锅店")) for radius in REACH]
    yield "the nearest of what is nowhere", far + [replace(one, words=(), grades=("E",)) for one in far]
    for what, typed in _TYPED.items():
        yield what, [Search(**_words(text)) for text in typed]
    yield "a city's name", [Search(**_words(name)) for name in _cities()]
    yield "all, 1,000 rows", [Search(limit=WHOLE)]
    last = Place.objects.order_by("-code").values_list("code", flat=True)
    yield "all, the last page", [Search(after=(last[10],))]
    yield "a word, from the middle", [Search(**_words("益丰"), after=(last[len(last) // 2],))]
    yield "grade D only", [Search(grades=("D",)), Search(grades=("D",), limit=WHOLE)]
    yield "no grade", [Search(grades=(NO_GRADE,))]
    yield "suspended only", [Search(services=(Service.SUSPENDED,))]
    yield "not yet begun only (none)", [Search(services=(Service.NOT_YET,))]
    yield "ended with grade A", [Search(services=(Service.ENDED,), grades=("A",))]
    for text in ("药店", "友谊路899号"):
        yield (
            f"suspended, grade D, {text}",
            [Search(services=(Service.SUSPENDED,), grades=("D",), **_words(text))],
        )
    districts = Place.objects.order_by("district").values_list("district", flat=True).distinct()[:20]
    yield "a district by grade", [Search(district=code, ordering=Ordering.GRADE) for code in districts]
    yield "a district and a word", [Search(district=code, **_words("益丰")) for code in districts]


def _words(typed: str) -> dict[str, tuple[object, ...]]:
    return {"words": tuple(words(typed))}


def _cities() -> list[str]:
    """The names of cities large and small: their pharmacies follow each other by code."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT left(name, 2) FROM pharmacy_lookup_place GROUP BY 1 ORDER BY count(*) DESC LIMIT 40"
        )
        return [name for (name,) in cursor.fetchall()]
