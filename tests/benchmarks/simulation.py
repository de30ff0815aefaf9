"""Trying out a changed scheme on a city: nothing is stored."""

import time
from datetime import datetime
from statistics import median
from typing import Any

from ratings.rules import parse_scheme, shipped_schemes
from ratings.rules.periods import Period
from ratings.services.runs import simulate
from tests.benchmarks.data import PERIOD, SCHEME
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job


def changed(cutoff: str, rounds: int) -> dict[str, Any]:
    """Parse a changed document and rate by it, several times in one process."""
    text = shipped_schemes()[SCHEME].read_bytes()
    taken = []
    for points in range(rounds):
        document = text.replace(b"free = 10", f"free = {11 + points}".encode())
        assert document != text
        start = time.perf_counter()
        _, outcomes = simulate(
            Period.parse(PERIOD),
            parse_scheme(document, "changed.toml"),
            cutoff=datetime.fromisoformat(cutoff),
        )
        taken.append(time.perf_counter() - start)
        assert len(outcomes)
    return {"seconds": median(taken), "first": taken[0]}


def bench(database: str, size: int, rounds: int) -> Table:
    until = job(database, "tests.benchmarks.rating:cutoff")["cutoff"]
    done = job(database, "tests.benchmarks.simulation:changed", cutoff=until, rounds=rounds)
    table = Table(f"simulate a changed scheme, {size:,} pharmacies")
    table.add("parse, read and reckon", done["seconds"], f"the first time {done['first']:.3f} s")
    table.add("", None, f"peak {megabytes(done['peak'])} ({megabytes(done['idle'])} before it)")
    return table
