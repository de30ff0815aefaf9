"""The lists of loan products: deriving them, and handing them out, against psql's COPY of the same rows.

``bank_data.py`` publishes the grades; ``bank_http.py`` serves the stream over HTTP. Ours and psql take turns.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

import orjson
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.bank_loans import eligibility, reading, streams
from applications.bank_loans.models import Change, LoanProduct, Standing
from creditsys.embedded_postgres.place import EmbeddedPostgresError
from creditsys.embedded_postgres.programs import find_programs
from tests.benchmarks import bank_data, bank_http
from tests.benchmarks.rating import checkpoint
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

HERE: Final = "tests.benchmarks.bank"
#: Rows of a page of changes, and codes of a batch check.
MANY: Final = 10_000


def _product() -> LoanProduct:
    return LoanProduct.objects.get(key=bank_data.PRODUCT)


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def derive() -> dict[str, Any]:
    """All pharmacies derived; how many are eligible."""
    today, before = timezone.localdate(), _product()
    idle = _memory(start=True)["VmRSS"]
    seconds, product = _timed(lambda: eligibility.bring_up_to_date(before, today, patience=60))
    above = _memory()["VmHWM"] - idle
    eligible = Standing.objects.filter(product=product, reasons=[]).count()
    return {"seconds": seconds, "eligible": eligible, "position": product.position, "above": above}


def derive_again() -> dict[str, Any]:
    """All pharmacies derived while nothing has changed, as every night."""
    product, today = _product(), timezone.localdate()
    idle = _memory(start=True)["VmRSS"]
    seconds, _ = _timed(lambda: eligibility.reckon(product, today, Change.Cause.REGISTER))
    return {"seconds": seconds, "above": _memory()["VmHWM"] - idle}


def single(rounds: int) -> dict[str, Any]:
    """Milliseconds: nothing to do, one pharmacy derived, one checked; seconds of a batch, and queries of both."""
    today, product = timezone.localdate(), _product()
    eligibility.bring_up_to_date(product, today)
    codes = list(Standing.objects.filter(product=product).order_by("code").values_list("code", flat=True))
    some = codes[:: max(1, len(codes) // MANY)][:MANY]
    taken: dict[str, list[float]] = {"nothing": [], "check": [], "one": [], "batch": []}

    def check(asked: list[str]) -> bytes:
        brought = eligibility.bring_up_to_date(_product(), today)
        return orjson.dumps(reading.check(brought, asked))

    for code in some[:: len(some) // 200]:
        taken["check"].append(_timed(lambda code=code: check([code]))[0])
        taken["nothing"].append(_timed(lambda: eligibility.bring_up_to_date(product, today))[0])
    for code in some[:20]:
        act = lambda code=code: eligibility.reckon(product, today, Change.Cause.REGISTER, [code])  # noqa: E731
        taken["one"].append(_timed(act)[0])
    queries = []
    for asked in (some[:1], some):
        with CaptureQueriesContext(connection) as captured:
            check(asked)
        queries.append(len(captured))
    for _ in range(rounds):
        taken["batch"].append(_timed(lambda: check(some))[0])
    return {"taken": taken, "queries": queries, "batch": len(some)}


def changes(rounds: int) -> dict[str, Any]:
    """Seconds of a page of changes as JSON: the last of the feed, and some in its middle."""
    product, seconds, rows = _product(), [], 0
    for since in [max(0, product.position - MANY), product.position // 2] * rounds:
        taken, page = _timed(lambda since=since: reading.changes_page(product, since, MANY))
        written, _ = _timed(lambda page=page: orjson.dumps(page.rows))
        seconds.append(taken + written)
        rows = max(rows, len(page.rows))
    return {"each": seconds, "rows": rows}


def stream(format: str) -> dict[str, Any]:
    """The whole list, read to its end; memory above what the process had with its connection open."""
    product, size = _product(), 0
    idle = _memory(start=True)["VmRSS"]
    start = time.perf_counter()
    for block in streams.stream(product, format):
        size += len(block)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": size, "above": _memory()["VmHWM"] - idle}


def _memory(start: bool = False) -> dict[str, int]:
    """Bytes of this process: now (VmRSS) and at most (VmHWM), since the last time with ``start``."""
    if start:
        Path("/proc/self/clear_refs").write_text("5")
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if line[0].startswith("Vm")}


def statement(format: str) -> dict[str, Any]:
    """The SQL that the stream passes through, for psql, and how to reach the database with it."""
    operations = cast(DatabaseOperations, connection.ops)
    copy = operations.compose_sql(*streams.copy_of(_product(), format))
    told = connection.settings_dict
    return {
        "sql": copy,
        "environment": {
            "PGHOST": told["HOST"], "PGPORT": str(told["PORT"] or ""), "PGUSER": told["USER"],
            "PGPASSWORD": told["PASSWORD"], "PGDATABASE": told["NAME"],
        },
    }  # fmt: skip


def _psql() -> str | None:
    try:
        ours = find_programs() / "psql"
    except EmbeddedPostgresError:
        return shutil.which("psql")
    return str(ours) if ours.exists() else shutil.which("psql")


def _copied(psql: str, asked: dict[str, Any]) -> float:
    """Seconds of psql from its start to its end, the rows thrown away."""
    environment = {**os.environ, **{key: value for key, value in asked["environment"].items() if value}}
    start = time.perf_counter()
    subprocess.run(
        [psql, "-X", "-q", "-c", asked["sql"]], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return time.perf_counter() - start


def bench(database: str, size: int, rounds: int) -> Table:
    """Fill, derive, then measure one after the other."""
    job(database, "tests.benchmarks.bank_data:prepare", size=size)
    table = Table(f"loan products, {size:,} pharmacies")
    _derived(table, database, "derive all, first time", "derive")
    _derived(table, database, "derive all, nothing changed", "derive_again")
    job(database, "tests.benchmarks.bank_data:publish_all")
    eligible = _derived(table, database, "after a publication of all", "derive")["eligible"]
    job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
    found = job(database, f"{HERE}:single", rounds=rounds)
    taken = {name: sorted(values) for name, values in found["taken"].items()}
    table.add("derive one", median(taken["one"]))
    table.add("nothing to do", median(taken["nothing"]))
    table.add(
        "check of one",
        median(taken["check"]),
        f"most {taken['check'][-1] * 1000:.1f} ms; {found['queries'][0]} queries",
    )
    table.add(f"check of {found['batch']:,}", median(taken["batch"]), f"{found['queries'][1]} queries")
    page = job(database, f"{HERE}:changes", rounds=rounds)
    table.add(f"page of {page['rows']:,} changes", median(page["each"]), f"most {max(page['each']):.3f} s")
    _streamed(table, database, eligible, rounds)
    return table


def _derived(table: Table, database: str, what: str, name: str) -> dict[str, Any]:
    job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
    done = job(database, f"{HERE}:{name}")
    told = f", {done['eligible']:,} eligible, position {done['position']:,}" if "eligible" in done else ""
    table.add(what, done["seconds"], f"{megabytes(done['above'])} above idle{told}")
    return done


def _streamed(table: Table, database: str, rows: int, rounds: int) -> None:
    psql = _psql()
    with bank_http.served(database) as fetch:
        for format in streams.FORMATS:
            asked = job(database, f"{HERE}:statement", format=format)
            taken: dict[str, list[float]] = {"ours": [], "http": [], "psql": []}
            above = 0
            for number in range(rounds + 1):
                done = job(database, f"{HERE}:stream", format=format)
                seconds = {"ours": done["seconds"], "http": fetch(format)}
                if psql:
                    seconds["psql"] = _copied(psql, asked)
                above = max(above, done["above"])
                if number:  # the first is a warm-up
                    for who, value in seconds.items():
                        taken[who].append(value)
            middle = {who: median(values) for who, values in taken.items() if values}
            told = f"{rows / middle['ours']:,.0f} rows a second, {megabytes(above)} above idle"
            if psql:
                told += f" / psql {rows / middle['psql']:,.0f} = {_ratio(taken, 'ours'):.2f}"
            table.add(f"stream, {format}", middle["ours"], told)
            told = f"{rows / middle['http']:,.0f} rows a second"
            if psql:
                told += f" / psql = {_ratio(taken, 'http'):.2f}"
            table.add(f"stream over HTTP, {format}", middle["http"], told)
    if not psql:
        table.add("psql is not on this machine: not compared", None)


def _ratio(taken: dict[str, list[float]], who: str) -> float:
    """How many times psql's rows a second: the median of all turns."""
    turns = zip(taken["psql"], taken[who], strict=True)
    return median(psql / ours for psql, ours in turns)
