"""Publishing a period and verifying it, against a bare INSERT … SELECT of the same rows."""

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from ratings.models import RatingPeriod, RatingRun
from ratings.published import write_publication
from ratings.rules.periods import Period
from ratings.services import signing
from ratings.services.audit import Actor
from ratings.services.publication import publish_period
from ratings.services.runs import default_cutoff, start_run
from ratings.services.schemes import scheme_in_force
from ratings.services.verification import verify_publications
from ratings.verifier import verify_file
from tests.benchmarks.data import PERIOD, SCHEME
from tests.benchmarks.rating import checkpoint
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

_ACTOR = Actor("基准")
_BARE = "bench_publishedgrade"


def prepare(rounds: int) -> dict[str, Any]:
    """One run, and copies of it as other years; each settled and ready to be published."""
    period = Period.parse(PERIOD)
    scheme = scheme_in_force(SCHEME, period.last)
    # Apart from the runs of the rating bench by a day of cutoff.
    cutoff = default_cutoff(period, scheme) + timedelta(days=1)
    first = start_run(period, scheme, cutoff=cutoff, by=_ACTOR)
    lives = []
    for number in range(rounds):
        year = Period.parse(str(2040 + number))
        run = RatingRun.objects.get(pk=first.pk)
        run.pk, run.period, run.period_end = None, year.code, year.last
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            run.save(force_insert=True)
            cursor.execute(
                """INSERT INTO ratings_rating (run_id, pharmacy_id, district_id, state, score, grade,
                       grade_before_caps, caps, rank_district, rank_city, trace)
                   SELECT %s, pharmacy_id, district_id, state, score, grade,
                       grade_before_caps, caps, rank_district, rank_city, trace
                   FROM ratings_rating WHERE run_id = %s""",
                [run.pk, first.pk],
            )
            life = RatingPeriod.objects.create(
                run=run,
                period=year.code,
                period_end=year.last,
                opened_by="基准",
                state="FINAL",
                finalised_by="基准",
                finalised_at=timezone.now(),
            )
        lives.append(life.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {_BARE} (LIKE ratings_publishedgrade INCLUDING ALL) WITH (autovacuum_enabled = off)"
        )
        cursor.execute("ALTER TABLE ratings_publishedgrade SET (autovacuum_enabled = off)")
        cursor.execute("ANALYZE ratings_rating")
    return {"lives": lives}


def publish(life: int) -> dict[str, Any]:
    """One publication, to its commit."""
    start = time.perf_counter()
    done = publish_period(RatingPeriod.objects.get(pk=life), by=_ACTOR)
    return {"seconds": time.perf_counter() - start, "number": done.number, "rows": done.rows}


def bare(number: int) -> dict[str, Any]:
    """The same rows into a table with the same checks and indexes, by one statement."""
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(
            f"INSERT INTO {_BARE} SELECT * FROM ratings_publishedgrade WHERE publication_id = %s ORDER BY seq",
            [number],
        )
        return {"seconds": time.perf_counter() - start}


def verify(number: int) -> dict[str, Any]:
    """One publication as it stands in the database."""
    start = time.perf_counter()
    faults = verify_publications([number])
    seconds = time.perf_counter() - start
    if faults:
        raise SystemExit(f"the ledger does not hold: {faults[0]}")
    return {"seconds": seconds}


def write(number: int, path: str) -> dict[str, Any]:
    """One published file."""
    start = time.perf_counter()
    with Path(path).open("wb") as out:
        write_publication(number, out)
    return {"seconds": time.perf_counter() - start, "bytes": Path(path).stat().st_size}


def verify_written(path: str) -> dict[str, Any]:
    """One published file, as third parties do."""
    start = time.perf_counter()
    verdict = verify_file(path, [signing.public_key()])
    seconds = time.perf_counter() - start
    if not verdict.holds:
        raise SystemExit(f"the file does not hold: {verdict.faults[0]}")
    return {"seconds": seconds}


def bench(database: str, size: int, rounds: int) -> Table:
    """Alternate ours and the bare statement; report medians."""
    here = "tests.benchmarks.publication"
    lives = job(database, f"{here}:prepare", rounds=rounds)["lives"]
    steps: dict[str, list[dict[str, Any]]] = {}

    def timed(name: str, **arguments: Any) -> dict[str, Any]:
        job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
        result = job(database, f"{here}:{name}", **arguments)
        steps.setdefault(name, []).append(result)
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "publication")
        for life in lives:
            number = timed("publish", life=life)["number"]
            timed("bare", number=number)
            timed("verify", number=number)
            timed("write", number=number, path=path)
            timed("verify_written", path=path)
    seconds = {name: median(one["seconds"] for one in results) for name, results in steps.items()}
    peak = {
        name: f"peak {megabytes(max(one['peak'] for one in results))}"
        f" ({megabytes(results[0]['idle'])} before it)"
        for name, results in steps.items()
    }
    rows, size_of_file = steps["publish"][0]["rows"], steps["write"][0]["bytes"]
    ratio = seconds["publish"] / seconds["bare"]
    table = Table(f"publication, {rows:,} rows")
    table.add(
        "publish", seconds["publish"], f"{rows / seconds['publish']:,.0f} rows a second, {peak['publish']}"
    )
    table.add("bare INSERT … SELECT", seconds["bare"], f"ours / bare = {ratio:.2f}")
    table.add("verify in the database", seconds["verify"], peak["verify"])
    table.add("write the file", seconds["write"], f"{megabytes(size_of_file)}, {peak['write']}")
    table.add("verify the file", seconds["verify_written"], peak["verify_written"])
    return table
