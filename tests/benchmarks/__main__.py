"""Speed and memory: ``python -m tests.benchmarks [--sizes 1500,30000] [--only NAME] [--keep]``.

Every benchmark works on scratch databases beside the configured one. To add one: a module
with ``bench(database, size, rounds) -> Table``, and a line in BENCHES.
"""

import argparse
import importlib
import os
import platform
import time
from typing import NamedTuple

from tests.benchmarks.scratch import connect, database, job

SIZES = (1_500, 30_000, 500_000)


class Bench(NamedTuple):
    #: of its module in this folder
    name: str
    #: on which of the sizes
    sizes: tuple[int, ...]


BENCHES = (
    Bench("rating", SIZES),
    Bench("simulation", SIZES),
    Bench("imports", (30_000,)),
    Bench("publication", (30_000, 500_000)),
    Bench("review", (30_000, 500_000)),
    Bench("pages", (30_000,)),
    Bench("lookup", (30_000, 500_000)),
    Bench("bank", (30_000, 500_000)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    sizes = os.environ.get("BENCH_SIZES", ",".join(map(str, SIZES)))
    parser.add_argument("--sizes", default=sizes, help="pharmacies, comma separated (also BENCH_SIZES)")
    parser.add_argument("--only", choices=[bench.name for bench in BENCHES], help="one benchmark only")
    parser.add_argument("--rounds", type=int, default=3, help="alternating repetitions; medians are shown")
    parser.add_argument("--keep", action="store_true", help="keep the scratch databases")
    options = parser.parse_args()
    connect()
    print(machine(), flush=True)
    for size in map(int, options.sizes.split(",")):
        benches = [bench for bench in BENCHES if size in bench.sizes or size not in SIZES]
        benches = [bench for bench in benches if options.only in (None, bench.name)]
        if not benches:
            continue
        with database(f"creditsys_bench_{size}", options.keep) as name:
            start = time.perf_counter()
            built = job(name, "tests.benchmarks.data:build", size=size)
            print(
                f"\n{size:,} pharmacies, {built['payments']:,} payments: built in {time.perf_counter() - start:.0f} s",
                flush=True,
            )
            for bench in benches:
                # Imported late, because the models want Django set up.
                module = importlib.import_module(f"tests.benchmarks.{bench.name}")
                print(module.bench(name, size, options.rounds), flush=True)


def machine() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        cursor.execute("SHOW shared_buffers")
        buffers = cursor.fetchone()[0]
    return (
        f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {version} (shared_buffers {buffers})"
    )


if __name__ == "__main__":
    main()
