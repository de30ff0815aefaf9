"""The residents' search: its SQL against PostGIS, its slowest searches, its API against a bare view.

Ours and the peer alternate in one run on the same points in the same database. ``lookup_data.py`` makes
the places, ``lookup_peer.py`` is PostGIS, ``lookup_http.py`` the server.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import date
from statistics import median
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from applications.pharmacy_lookup import finder
from applications.pharmacy_lookup.finder import Ordering, Search, Service
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Place
from applications.pharmacy_lookup.refresh import refresh_places
from applications.pharmacy_lookup.spelling import words
from tests.benchmarks import lookup_peer

#: How many points are searched, and between how many pharmacies within 2 km a dense one has.
POINTS: Final = 100
DENSE: Final = (150, 600)
#: No search may take longer.
MOST_MS: Final = 50
_SEED: Final = 20_260_101
_WHOLE, _PAGE = 1_000, 20

Statement = tuple[str, Any]


def points() -> dict[str, list[Point]]:
    """Where people ask: near a pharmacy drawn by lot, and in cores as dense as :data:`DENSE`."""
    lot = random.Random(_SEED)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT latitude, longitude FROM pharmacy_lookup_place ORDER BY md5(code) LIMIT %s", [POINTS * 40]
        )
        drawn = [
            Point(latitude + lot.gauss(0, 0.005), longitude + lot.gauss(0, 0.005))
            for latitude, longitude in cursor
        ]
    dense = (point for point in drawn if DENSE[0] <= (_total(point) or 0) <= DENSE[1])
    return {
        "by lot": drawn[:POINTS],
        "dense": [point for point, _ in zip(dense, range(POINTS), strict=False)],
    }


def _total(point: Point) -> int | None:
    return finder.find(Search(near=point, limit=1), timezone.localdate()).total


def sent(search: Search, on: date) -> list[Statement]:
    """The statements that the finder sends for a search."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        finder.find(search, on)
    return statements


def timed(statement: Statement) -> tuple[float, list[tuple[Any, ...]]]:
    """Milliseconds of a statement to its last row, and the rows."""
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(*statement)
        rows = cursor.fetchall()
        return (time.perf_counter() - start) * 1000, rows


def against_postgis(rounds: int) -> dict[str, Any]:
    """Milliseconds of ours and of PostGIS, by kind of search; how many searches differ, and who is right."""
    if not lookup_peer.prepare():
        return {"compared": False}
    on, found = timezone.localdate(), points()
    taken: dict[str, dict[str, list[float]]] = {}
    searches = differ = ours_right = peer_right = rows = 0
    for where, some in found.items():
        for what, limit in (("whole circle", _WHOLE), ("page of 20", _PAGE)):
            kind = taken.setdefault(f"{where}, {what}", {"ours": [], "peer": []})
            for point in some:
                search = Search(near=point, ordering=Ordering.DISTANCE, limit=limit)
                (ours,) = sent(search, on)
                peer = lookup_peer.statement(search, on)
                runs: dict[str, list[float]] = {"ours": [], "peer": []}
                for _ in range(rounds + 1):
                    for who, statement in (("ours", ours), ("peer", peer)):
                        ms, result = timed(statement)
                        runs[who].append(ms)
                        if who == "ours":
                            own = [row[0] for row in result]
                        else:
                            other = [row[0] for row in result]
                for who, values in runs.items():
                    # The first of each is a warm-up.
                    kind[who].append(median(values[1:]))
                searches += 1
                rows += len(own)
                if own != other:
                    differ += 1
                    truth = lookup_peer.exact(search, {*own, *other})
                    ours_right += own == truth
                    peer_right += other == truth
    return {
        "compared": True, "taken": taken, "searches": searches, "rows": rows, "differ": differ,
        "ours_right": ours_right, "peer_right": peer_right, "sizes": lookup_peer.sizes(),
    }  # fmt: skip


def kinds(found: dict[str, list[Point]]) -> Iterator[tuple[str, list[Search]]]:
    """Sorts of searches, each with some of its kind."""
    dense = found["dense"] or found["by lot"]
    near = [(name, some) for name, some in found.items() if some]
    for name, some in near:
        yield f"near, {name}, 20", [Search(near=point, ordering=Ordering.DISTANCE) for point in some]
        yield (
            f"near, {name}, whole",
            [Search(near=point, ordering=Ordering.GRADE, limit=_WHOLE) for point in some],
        )
    wide = [Search(near=point, radius=5_000, ordering=Ordering.DISTANCE, limit=_WHOLE) for point in dense]
    yield "near, densest, 5 km, 1,000 rows", wide
    yield (
        "near, grade D only",
        [Search(near=point, grades=("D",), ordering=Ordering.GRADE) for point in dense],
    )
    yield "near, a word", [Search(near=point, words=tuple(words("益丰"))) for point in dense]
    for name, typed in _TYPED.items():
        yield name, [Search(words=tuple(words(text))) for text in typed]
    last = Place.objects.order_by("-code").values_list("code", flat=True)[10]
    yield "last page of all", [Search(after=(last,))]
    yield "a word, from the middle", [Search(words=tuple(words("益丰")), after=("P4",))]
    yield "grade D only", [Search(grades=("D",))]
    yield "no grade", [Search(grades=(finder.NO_GRADE,))]
    yield "suspended only", [Search(services=(Service.SUSPENDED,))]
    yield "not yet only (none is)", [Search(services=(Service.NOT_YET,))]
    yield "ended with grade A", [Search(services=(Service.ENDED,), grades=("A",))]
    yield (
        "suspended, grade D, a word",
        [Search(services=(Service.SUSPENDED,), grades=("D",), words=tuple(words("药店")))],
    )
    districts = Place.objects.order_by("district").values_list("district", flat=True).distinct()[:20]
    yield "a district by grade", [Search(district=code, ordering=Ordering.GRADE) for code in districts]
    yield "a district and a word", [Search(district=code, words=tuple(words("益丰"))) for code in districts]


#: What people type, and what nobody should.
_TYPED: Final = {
    "a common word": ["药房", "有限公司"],
    "a rare word": ["友谊路899号", "舟仁", "一心堂参茸药店有限责任公司友谊南路"],
    "two common words, few together": [
        "友谊南路 老百姓参茸",
        "漱玉平民 医药商店有限责任",
        "健之佳参茸 胜利西路",
    ],
    "two common words, never together": ["老百姓 一心堂", "海王星辰 益丰"],
    "pinyin": ["dayaofang", "yixintang", "laobaixing", "haiwangxingchen"],
    "pinyin, rare": ["haiwangxingchencanrong", "zhoucanrongyaodian"],
    "two initials": ["yf", "hw", "zz"],
    "initials": ["lbx", "yxt", "hwxcdyf"],
    "one Chinese character": ["药", "舟", "杏"],
    "a character that sounds like a common one": ["钥", "殿", "妨"],
    "a word that sounds like a common one": ["要方", "殿", "有线公司", "大要房"],
    "a word that nothing has": ["火锅店", "魑魅魍魉", "麵包"],
    "a word turned round": ["房药", "司公限有", "店路"],
    "pinyin that nothing has": ["fangyao", "gongxian", "dianlu", "yaodaodao", "gonggong"],
    "pinyin of one syllable": ["ang", "yao", "zhuang", "qiong"],
    "a code": ["P11010110001", "P110101", "p8"],
    "a number": ["88", "899", "1", "12345"],
}


def slowest(rounds: int) -> dict[str, Any]:
    """Milliseconds of whole searches, the finder's Python included, by kind: median, most, and which it was."""
    on, taken = timezone.localdate(), {}
    for name, searches in kinds(points()):
        runs = []
        for search in searches:
            values = []
            for _ in range(rounds + 1):
                start = time.perf_counter()
                page = finder.find(search, on)
                values.append((time.perf_counter() - start) * 1000)
            runs.append((median(values[1:]), values[0], len(page.rows), search))
        most = max(runs, key=lambda run: run[0])
        typed = " ".join(word.code or word.meanings[0].pattern.strip("%") for word in most[3].words)
        taken[name] = {
            "median": median(run[0] for run in runs), "most": most[0], "cold": max(run[1] for run in runs),
            "rows": most[2], "which": typed,
        }  # fmt: skip
    return {"taken": taken}


def refreshing(rounds: int) -> dict[str, Any]:
    """Seconds that bringing all up to date takes when nothing changed, and when one did."""
    start = time.perf_counter()
    refresh_places()
    taken = {"all": time.perf_counter() - start}
    (code,) = Place.objects.order_by("code").values_list("code", flat=True)[1000:1001]
    one = []
    for _ in range(rounds):
        Place.objects.filter(code=code).update(name="")
        start = time.perf_counter()
        refresh_places([code])
        one.append(time.perf_counter() - start)
    return {**taken, "one": median(one)}
