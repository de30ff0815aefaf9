"""A million monthly payments from a CSV file, checked and stored: three ways, side by side.

At once (the command), in two steps (the admin: a dry run, then acceptance), and a bare COPY of
lines made ready beforehand into the same table, with its keys, constraints and triggers, which
checks no code, no date and no amount of the file.
"""

import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from ratings.rules.periods import months_of
from ratings.services.audit import Actor
from ratings.services.imports import accept_import, check_import, import_file
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

ROWS = 1_000_000
_ACTOR = Actor("基准")


def write_file(path: str, rows: int, year: int) -> dict[str, Any]:
    """Payments from ``year`` on, before those that the set holds, as a bureau would send them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM ratings_pharmacy ORDER BY code")
        codes = [code for (code,) in cursor.fetchall()]
    months = months_of(date(year, 1, 1), -(-rows // len(codes)))
    left = rows
    with Path(path).open("w", encoding="utf-8") as file:
        file.write("定点编码,月份,基金支付,结算人次\n")
        for month in months:
            for number, code in enumerate(codes[:left]):
                file.write(
                    f"{code},{month:%Y-%m},{20000 + number % 7919}.{number % 90 + 10},{300 + number % 200}\n"
                )
            left -= len(codes[:left])
    return {"bytes": Path(path).stat().st_size}


def at_once(path: str) -> dict[str, Any]:
    """Import the file as the command does; seconds."""
    start = time.perf_counter()
    with Path(path).open("rb") as file:
        batch = import_file("payments", file, "payments.csv", by=_ACTOR)
    assert batch.state == batch.State.ACCEPTED, batch.problems[:3]
    return {"seconds": time.perf_counter() - start, "added": batch.added}


def in_two_steps(path: str) -> dict[str, Any]:
    """Check, then accept, as the admin does; seconds of each."""
    start = time.perf_counter()
    with Path(path).open("rb") as file:
        batch = check_import("payments", file, "payments.csv", by=_ACTOR)
    checked = time.perf_counter()
    assert batch.refused == 0, batch.problems[:3]
    batch = accept_import(batch, by=_ACTOR)
    return {"check": checked - start, "accept": time.perf_counter() - checked, "added": batch.added}


def bare_copy(path: str) -> dict[str, Any]:
    """COPY lines that are ready; seconds of the COPY alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, id FROM ratings_pharmacy")
        ids = dict(cursor.fetchall())
    lines = []
    now = timezone.now().isoformat()
    with Path(path).open(encoding="utf-8") as file:
        next(file)
        for line in file:
            code, month, amount, settlements = line.rstrip().split(",")
            lines.append(
                f"{ids[code]}\t{month}-01\t{amount.replace('.', '')}\t{settlements}\t基准\t{now}\t\t\n"
            )
    data = "".join(lines).encode()
    del lines
    start = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ratings_fundpayment (pharmacy_id, month, amount_fen, settlements, recorded_by,"
            " recorded_at, void_reason, voided_by) FROM STDIN"
        ) as copy,
    ):
        for place in range(0, len(data), 1 << 20):
            copy.write(data[place : place + (1 << 20)])
    return {"seconds": time.perf_counter() - start}


def bench(database: str, size: int, rounds: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / f"payments{year}.csv") for year in (2001, 2006, 2011)]
        for path, year in zip(files, (2001, 2006, 2011), strict=True):
            written = job(database, "tests.benchmarks.imports:write_file", path=path, rows=ROWS, year=year)
        bare = job(database, "tests.benchmarks.imports:bare_copy", path=files[0])
        once = job(database, "tests.benchmarks.imports:at_once", path=files[1])
        steps = job(database, "tests.benchmarks.imports:in_two_steps", path=files[2])
    table = Table(f"import {ROWS:,} payments from CSV ({megabytes(written['bytes'])})")
    table.add("checked and stored", once["seconds"], f"{ROWS / once['seconds']:,.0f} rows a second")
    table.add("", None, f"peak {megabytes(once['peak'])} ({megabytes(once['idle'])} before it)")
    table.add("bare COPY", bare["seconds"], f"ours / bare COPY = {once['seconds'] / bare['seconds']:.2f}")
    table.add("dry run", steps["check"], f"{ROWS / steps['check']:,.0f} rows a second")
    table.add("then accepted", steps["accept"], f"{ROWS / steps['accept']:,.0f} rows a second")
    return table
