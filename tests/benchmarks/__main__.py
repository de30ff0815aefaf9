"""Speed and memory: ``python -m tests.benchmarks [--sizes 1500,30000] [--only NAME] [--keep]``.

Every benchmark works on scratch databases beside the configured one, filled with the set that it is for. To
add one: a module with ``bench(database, size, rounds) -> Table``, and a line in BENCHES.
"""

import argparse
import importlib
import os
import platform
import time
from typing import NamedTuple

from tests.benchmarks.scratch import connect, database, job

SIZES = (1_500, 30_000, 500_000)
#: What a database is filled with: a job that is given the size, and whether a filled one may be taken up again.
SETS = {
    "facts": ("tests.benchmarks.data:build", False),
    "enterprise": ("tests.benchmarks.enterprise_filling:fill", True),
}


class Bench(NamedTuple):
    #: of its module in this folder
    name: str
    #: on which of the sizes
    sizes: tuple[int, ...]
    #: of SETS
    on: str = "facts"


BENCHES = (
    Bench("rating", SIZES),
    Bench("simulation", SIZES),
    Bench("imports", (30_000,)),
    Bench("publication", (30_000, 500_000)),
    Bench("review", (30_000, 500_000)),
    Bench("pages", (30_000,)),
    Bench("letters", (1_500,)),
    Bench("lookup", (30_000, 500_000)),
    Bench("bank", (30_000, 500_000)),
    Bench("enterprise_ranks", (30_000, 500_000), on="enterprise"),
    Bench("enterprise_intake", (30_000, 500_000), on="enterprise"),
    Bench("enterprise_profile", (30_000, 500_000), on="enterprise"),
    Bench("enterprise_checks", (30_000, 500_000), on="enterprise"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    sizes = os.environ.get("BENCH_SIZES", ",".join(map(str, SIZES)))
    parser.add_argument("--sizes", default=sizes, help="pharmacies, comma separated (also BENCH_SIZES)")
    names = [bench.name for bench in BENCHES]
    parser.add_argument("--only", choices=[*names, *SETS], help="one benchmark, or those on one set, only")
    parser.add_argument("--rounds", type=int, default=3, help="alternating repetitions; medians are shown")
    parser.add_argument("--keep", action="store_true", help="keep the scratch databases")
    options = parser.parse_args()
    connect()
    print(machine(), flush=True)
    for size in map(int, options.sizes.split(",")):
        chosen = [bench for bench in BENCHES if size in bench.sizes or size not in SIZES]
        chosen = [bench for bench in chosen if options.only in (None, bench.name, bench.on)]
        for filling, (fill, again) in SETS.items():
            if benches := [bench for bench in chosen if bench.on == filling]:
                run(
                    benches,
                    fill,
                    f"creditsys_bench_{filling}_{size}",
                    size,
                    options,
                    reuse=again and options.keep,
                )


def run(
    benches: list[Bench], fill: str, scratch: str, size: int, options: argparse.Namespace, reuse: bool
) -> None:
    """Fill a scratch database and measure on it, one benchmark after the other."""
    with database(scratch, options.keep, reuse) as name:
        start = time.perf_counter()
        built = job(name, fill, size=size)
        told = ", ".join(
            f"{what} {count:,}"
            for what, count in built.items()
            if what not in ("idle", "peak") and isinstance(count, int)
        )
        print(f"\n{size:,}: filled in {time.perf_counter() - start:.0f} s ({told})", flush=True)
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
