"""The residents' search: its SQL against PostGIS, its slowest searches, its API against a bare view.

Ours and the peer take turns in one run, on the same points in the same database. ``lookup_data.py`` makes
the places, ``lookup_searches.py`` the searches; ``lookup_peer.py`` is PostGIS, ``lookup_http.py`` the server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from statistics import median, quantiles
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from applications.pharmacy_lookup import finder
from applications.pharmacy_lookup.finder import Ordering, Search
from applications.pharmacy_lookup.models import Place
from applications.pharmacy_lookup.refresh import refresh_places
from tests.benchmarks import lookup_http, lookup_peer
from tests.benchmarks.lookup_searches import PAGE, WHOLE, points, sorts
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

#: No search may take longer, milliseconds.
MOST_MS: Final = 50
#: How many points the API is asked about.
_ASKED: Final = 20

Statement = tuple[str, Any]


@contextmanager
def noted() -> Iterator[list[Statement]]:
    """The statements that are sent meanwhile."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield statements


def sent(search: Search, on: date) -> Statement:
    """The one statement that the finder sends for a search near a point."""
    with noted() as statements:
        finder.find(search, on)
    (one,) = statements
    return one


def timed(statement: Statement) -> tuple[float, list[tuple[Any, ...]]]:
    """Milliseconds of a statement to its last row, and the rows."""
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(*statement)
        rows = cursor.fetchall()
        return (time.perf_counter() - start) * 1000, rows


def against_postgis(rounds: int) -> dict[str, Any]:
    """Milliseconds of ours and of PostGIS, by sort of search; how many searches differ, and who is right."""
    if not lookup_peer.prepare():
        return {}
    on = timezone.localdate()
    taken: dict[str, dict[str, list[float]]] = {}
    counts = dict.fromkeys(("searches", "rows", "differ", "ours_right", "peer_right"), 0)
    for where, some in points().items():
        for what, limit in ((f"page of {PAGE}", PAGE), ("whole circle", WHOLE)):
            sort = taken.setdefault(f"{where}, {what}", {"ours": [], "peer": []})
            for point in some:
                search = Search(near=point, ordering=Ordering.DISTANCE, limit=limit)
                both = {"ours": sent(search, on), "peer": lookup_peer.statement(search, on)}
                runs: dict[str, list[float]] = {"ours": [], "peer": []}
                codes = {}
                for _ in range(rounds + 1):
                    for who, statement in both.items():
                        ms, rows = timed(statement)
                        runs[who].append(ms)
                        codes[who] = [row[0] for row in rows]
                for who, values in runs.items():
                    sort[who].append(median(values[1:]))  # the first is a warm-up
                counts["searches"] += 1
                counts["rows"] += len(codes["ours"])
                if codes["ours"] != codes["peer"]:
                    truth = lookup_peer.exact(search, {*codes["ours"], *codes["peer"]})
                    counts["differ"] += 1
                    counts["ours_right"] += codes["ours"] == truth
                    counts["peer_right"] += codes["peer"] == truth
    return {"taken": taken, "counts": counts, "sizes": lookup_peer.sizes()}


def slowest(rounds: int) -> dict[str, Any]:
    """Milliseconds of whole searches, the finder's Python included, by sort; and which took longest."""
    on, found = timezone.localdate(), {}
    for sort, searches in sorts():
        runs = []
        for search in searches:
            values = []
            for _ in range(rounds + 1):
                start = time.perf_counter()
                page = finder.find(search, on)
                values.append((time.perf_counter() - start) * 1000)
            runs.append((median(values[1:]), values[0], len(page.rows), search))
        most = max(runs, key=lambda run: run[0])
        found[sort] = {
            "median": median(run[0] for run in runs),
            "most": most[0],
            "cold": max(run[1] for run in runs),
            "rows": most[2],
            "typed": " ".join(word.code or word.meanings[0].pattern.strip("%") for word in most[3].words),
        }
    return {"found": found}


def queries() -> dict[str, Any]:
    """What the API is asked in dense places: a page, and whole circles."""
    some = [f"near={one.longitude:.6f},{one.latitude:.6f}" for one in points()["dense"][:_ASKED]]
    return {f"{limit} rows at most": [f"{near}&limit={limit}" for near in some] for limit in (PAGE, WHOLE)}


def refreshing(rounds: int) -> dict[str, Any]:
    """Seconds that bringing all up to date takes when nothing changed, and when one was renamed."""
    start = time.perf_counter()
    refresh_places()
    whole = time.perf_counter() - start
    code, one = Place.objects.values_list("code", flat=True).order_by("code")[1_000], []
    for _ in range(rounds):
        Place.objects.filter(code=code).update(name="")
        start = time.perf_counter()
        refresh_places([code])
        one.append(time.perf_counter() - start)
    return {"whole": whole, "one": median(one)}


def bench(database: str, size: int, rounds: int) -> Table:
    """Fill, then measure one after the other."""
    here = "tests.benchmarks.lookup"
    filled = job(database, "tests.benchmarks.lookup_data:prepare", size=size)
    table = Table(f"search for residents, {size:,} pharmacies")
    _tell_sql(table, job(database, f"{here}:against_postgis", rounds=rounds))
    _tell_slowest(table, job(database, f"{here}:slowest", rounds=rounds)["found"])
    asked = {kind: some for kind, some in job(database, f"{here}:queries").items() if isinstance(some, list)}
    for kind, both in lookup_http.compare(database, asked, rounds).items():
        api, bare = (median(both[who].rates) for who in ("api", "bare"))
        table.add(
            f"API, {kind}",
            None,
            f"{api:,.0f} requests a second / bare view {bare:,.0f} = {lookup_http.ratio(both):.2f}; "
            f"{_spread(both['api'].taken)}, bare {_spread(both['bare'].taken)}",
        )
    refreshed = job(database, f"{here}:refreshing", rounds=rounds)
    table.add("refresh of all, all new", filled["refresh"], f"peak {megabytes(filled['peak'])}")
    table.add("refresh of all, none changed", refreshed["whole"], f"peak {megabytes(refreshed['peak'])}")
    table.add("refresh of one", refreshed["one"])
    return table


def _tell_sql(table: Table, found: dict[str, Any]) -> None:
    if not found.get("taken"):
        table.add("PostGIS is not on this server: not compared", None)
        return
    for sort, both in found["taken"].items():
        ours, peer = both["ours"], both["peer"]
        table.add(
            f"SQL, {sort}",
            None,
            f"{_spread(ours)} / PostGIS {_spread(peer)} = {median(ours) / median(peer):.2f} ({len(ours)} points)",
        )
    ours, peer = (sum(sum(both[who]) for both in found["taken"].values()) for who in ("ours", "peer"))
    table.add("SQL, all of these", None, f"{ours:.0f} ms / PostGIS {peer:.0f} ms = {ours / peer:.2f}")
    counts, sizes = found["counts"], found["sizes"]
    table.add(
        "the same as PostGIS?",
        None,
        f"{counts['rows']:,} rows in {counts['searches']} searches, {counts['differ']} differ "
        f"(by geographiclib ours is right in {counts['ours_right']}, PostGIS in {counts['peer_right']})",
    )
    table.add("index of places", None, f"{megabytes(sizes['ours'])} / PostGIS {megabytes(sizes['peer'])}")


def _tell_slowest(table: Table, found: dict[str, Any]) -> None:
    for sort, one in found.items():
        over = f", over {MOST_MS} ms" if one["most"] > MOST_MS else ""
        typed = f" ({one['typed']})" if one["typed"] else ""
        table.add(
            sort,
            None,
            f"median {one['median']:5.1f} ms, most {one['most']:5.1f} ms{over}, first {one['cold']:5.1f} ms; "
            f"{one['rows']} rows{typed}",
        )


def _spread(taken: list[float]) -> str:
    return f"{median(taken):.2f} ms, p99 {quantiles(taken, n=100)[98]:.2f}"
