"""Scratch databases beside the configured one, and jobs in processes of their own.

A job is a function ``(**arguments) -> dict`` of a benchmark module. It runs in a fresh Python
process with Django on the scratch database, so that its peak memory is its own.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def connect(database: str | None = None) -> None:
    """Set up Django, on another database of the configured server where one is named."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "creditsys.settings")
    import django
    from django.conf import settings

    if database:
        settings.DATABASES["default"]["NAME"] = database
    django.setup()
    if database:
        _let_no_application_follow()


def _let_no_application_follow() -> None:
    """What applications copy after each change is measured by itself (``lookup.py``), not with its cause."""
    from ratings import published

    for signal in (published.announced, published.changed):
        signal.receivers.clear()
        signal.sender_receivers_cache.clear()


@contextmanager
def database(name: str, keep: bool = False, reuse: bool = False) -> Iterator[str]:
    """A new, empty, migrated database, or with ``reuse`` one that was kept; dropped at the end unless kept."""
    if not (reuse and _exists(name)):
        _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    try:
        job(name, "tests.benchmarks.data:migrate")
        yield name
    finally:
        if not keep:
            _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _exists(name: str) -> bool:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def _administer(*statements: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def job(database: str, function: str, **arguments: Any) -> dict[str, Any]:
    """Run ``module:function`` on the database in a process of its own.

    Returns what it returns, with its wall time (``seconds``, without start-up), and the peak
    memory of its process (``peak``, bytes) and what the process took before it (``idle``).
    """
    command = [sys.executable, "-m", "tests.benchmarks.scratch", database, function, json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{function} failed on {database}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """The other side of :func:`job`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("function")
    parser.add_argument("arguments", type=json.loads)
    options = parser.parse_args()
    connect(options.database)
    module, name = options.function.split(":")
    function = getattr(importlib.import_module(module), name)
    idle, start = _peak(), time.perf_counter()
    result = function(**options.arguments) or {}
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, **result, "idle": idle, "peak": _peak()}))


if __name__ == "__main__":
    main()
