"""The rating run against hand-written SQL and a plain loop, on one server in one go."""

import time
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from django.db import connection

from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.runs import default_cutoff, start_run
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import PERIOD, SCHEME
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job
from tests.benchmarks.sql_peer import TABLE

LOOP_SIZE = 1500
#: What the loop took, for the sizes on which it is not run.
_loop: dict[str, float] = {}
_COLUMNS = "state, score, grade, grade_before_caps, caps, rank_district, rank_city, district_id"


def cutoff() -> dict[str, str]:
    """Until when facts count: by default, the scheme's own number of days."""
    period = Period.parse(PERIOD)
    return {"cutoff": default_cutoff(period, scheme_in_force(SCHEME, period.last)).isoformat()}


def ours(minutes: int) -> dict[str, Any]:
    """One run through the service. Runs are told apart by a few minutes of cutoff."""
    period = Period.parse(PERIOD)
    scheme = scheme_in_force(SCHEME, period.last)
    told: list[tuple[str, float]] = []
    start = time.perf_counter()
    run = start_run(
        period,
        scheme,
        cutoff=default_cutoff(period, scheme) + timedelta(minutes=minutes),
        by=Actor("基准"),
        progress=lambda stage, share: told.append((stage, time.perf_counter())),
    )
    seconds = time.perf_counter() - start
    marks = [moment for _, moment in told]
    stages = [later - earlier for earlier, later in pairwise(marks)]
    return {"seconds": seconds, "run": run.pk, "pharmacies": run.pharmacies, "stages": stages}


def same(run: int, table: str, other: int) -> dict[str, int]:
    """How many pharmacies differ between our run and another's rows; with and without the trace."""
    with connection.cursor() as cursor:
        counts = []
        for columns in (_COLUMNS, f"{_COLUMNS}, trace"):
            one = f"SELECT pharmacy_id, {columns} FROM"
            a, b = f"{one} ratings_rating WHERE run_id = {run}", f"{one} {table} WHERE run_id = {other}"
            cursor.execute(f"SELECT count(*) FROM (({a} EXCEPT {b}) UNION ALL ({b} EXCEPT {a})) one")
            counts.append(cursor.fetchone()[0])
    return {"differ": counts[0], "trace_differs": counts[1]}


def checkpoint() -> None:
    """Write out what is dirty, so that no measurement pays for the one before."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def bench(database: str, size: int, rounds: int) -> Table:
    """Alternate the runs and report the medians."""
    job(database, "tests.benchmarks.sql_peer:prepare")
    until = job(database, "tests.benchmarks.rating:cutoff")["cutoff"]
    mine, theirs = [], []
    for number in range(rounds):
        job(database, "tests.benchmarks.rating:checkpoint")
        mine.append(job(database, "tests.benchmarks.rating:ours", minutes=number))
        job(database, "tests.benchmarks.rating:checkpoint")
        theirs.append(
            job(database, "tests.benchmarks.sql_peer:run", period=PERIOD, cutoff=until, run=number + 1)
        )
    table = Table(f"rating run, {size:,} pharmacies")
    our = median(one["seconds"] for one in mine)
    read, reckon, store = (median(one["stages"][stage] for one in mine) for stage in range(3))
    table.add("our run", our, f"read {read:.2f} + reckon {reckon:.2f} + store {store:.2f} s")
    peak = megabytes(max(one["peak"] for one in mine))
    table.add("", None, f"{our / size * 1e6:.1f} us a pharmacy, peak memory {peak}")
    sql = median(one["seconds"] for one in theirs)
    shares = [
        f"{stage} {median(one['stages'][stage] for one in theirs):.2f}" for stage in theirs[0]["stages"]
    ]
    table.add("hand-written SQL", sql, " + ".join(shares) + " s")
    rounds_told = ", ".join(f"{a['seconds'] / b['seconds']:.2f}" for a, b in zip(mine, theirs, strict=True))
    table.add("", None, f"ours / SQL = {our / sql:.2f} (rounds: {rounds_told})")
    table.add("", None, _compared(database, mine[0]["run"], TABLE, 1))
    if size == LOOP_SIZE:
        job(database, "tests.benchmarks.loop_peer:prepare")
        loop = job(database, "tests.benchmarks.loop_peer:run", period=PERIOD, cutoff=until)
        _loop["seconds a pharmacy"] = loop["seconds"] / size
        table.add("plain ORM loop", loop["seconds"])
        table.add("", None, _compared(database, mine[0]["run"], "ratings_rating", loop["run"]))
    if _loop:
        times = _loop["seconds a pharmacy"] / (our / size)
        table.add("", None, f"loop / ours, a pharmacy = {times:.0f}")
    return table


def _compared(database: str, run: int, table: str, other: int) -> str:
    """That the results are the same; SystemExit where they are not."""
    difference = job(database, "tests.benchmarks.rating:same", run=run, table=table, other=other)
    if difference["differ"]:
        raise SystemExit(f"{difference['differ']} rows of {table} differ from ours: the comparison is void")
    trace = "and ranks, not the trace," if difference["trace_differs"] else "ranks and trace"
    return f"the same score, grade, {trace} for every pharmacy"
