"""A million monthly payments from a CSV file: checked, then accepted."""

import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from django.db import connection

from ratings.rules.periods import months_of
from ratings.services.audit import Actor
from ratings.services.imports import accept_import, check_import
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

ROWS = 1_000_000


def write_file(path: str, rows: int) -> dict[str, Any]:
    """Payments of months before those that the set holds, as a bureau would send them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM ratings_pharmacy ORDER BY code")
        codes = [code for (code,) in cursor.fetchall()]
    months = months_of(date(2015, 1, 1), -(-rows // len(codes)))
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


def bring_in(path: str) -> dict[str, Any]:
    """Check and accept the file; seconds of each."""
    actor = Actor("基准")
    start = time.perf_counter()
    with Path(path).open("rb") as file:
        batch = check_import("payments", file, "payments.csv", by=actor)
    checked = time.perf_counter()
    assert batch.refused == 0, batch.problems[:3]
    batch = accept_import(batch, by=actor)
    return {"check": checked - start, "accept": time.perf_counter() - checked, "added": batch.added}


def bench(database: str, size: int, rounds: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "payments.csv")
        file = job(database, "tests.benchmarks.imports:write_file", path=path, rows=ROWS)
        done = job(database, "tests.benchmarks.imports:bring_in", path=path)
    seconds = done["check"] + done["accept"]
    table = Table(f"import {done['added']:,} payments from CSV ({megabytes(file['bytes'])})")
    table.add("check", done["check"], f"{done['added'] / done['check']:,.0f} rows a second")
    table.add("accept", done["accept"], f"{done['added'] / done['accept']:,.0f} rows a second")
    table.add("both", seconds, f"{done['added'] / seconds:,.0f} rows a second")
    table.add("", None, f"peak {megabytes(done['peak'])} ({megabytes(done['idle'])} before it)")
    return table
