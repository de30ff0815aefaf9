"""The residents' API over HTTP, against a bare view that runs the same SQL and sends the same bytes.

gunicorn with two sync workers on loopback, as in production; both views under the same middleware, asked in
turns by a few clients at once. Nobody is throttled here.
"""

import http.client
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from tests.benchmarks.scratch import connect

_HOST: Final = "127.0.0.1"
_WORKERS, _CLIENTS = 2, 4
#: Turns of each view in a round, and how long one is.
_TURNS, _SECONDS = 5, 0.5
_API: Final = "/api/v1/pharmacies/"
_BARE: Final = "/bare/"


def application(database: str, host: str, queries: list[str]) -> Any:
    """What gunicorn serves at a host: the site on a scratch database, and the bare view of these queries."""
    connect(database)
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    from tests.benchmarks import lookup_urls

    settings.ROOT_URLCONF = lookup_urls.__name__
    found = get_wsgi_application()
    lookup_urls.learn(host, _API, queries)
    return found


@dataclass
class Answers:
    """Requests a second of each turn, milliseconds of each request, and bytes."""

    rates: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    sizes: set[int] = field(default_factory=set)


def compare(database: str, queries: dict[str, list[str]], rounds: int) -> dict[str, dict[str, Answers]]:
    """By kind of query, the answers of both views, asked in many short turns."""
    asked = [query for some in queries.values() for query in some]
    found: dict[str, dict[str, Answers]] = {kind: {"api": Answers(), "bare": Answers()} for kind in queries}
    with _served(database, asked) as port:
        for kind, some in queries.items():
            for number in range(rounds * _TURNS + 1):
                for who, path in (("api", _API), ("bare", _BARE)):
                    answers = Answers()
                    _ask(port, [f"{path}?{query}" for query in some], answers)
                    if number:  # the first is a warm-up
                        known = found[kind][who]
                        known.rates += answers.rates
                        known.taken += answers.taken
                        known.sizes |= answers.sizes
    for kind, both in found.items():
        if both["api"].sizes != both["bare"].sizes:
            raise SystemExit(f"{kind}: the views do not send the same")
    return found


def _ask(port: int, addresses: list[str], answers: Answers) -> None:
    """Ask for the addresses round and round for one turn, by some clients at once."""
    until = time.perf_counter() + _SECONDS
    coming = itertools.cycle(addresses)
    faults: list[BaseException] = []

    def client() -> None:
        try:
            while time.perf_counter() < until:
                start = time.perf_counter()
                answers.sizes.add(_get(port, next(coming)))
                answers.taken.append((time.perf_counter() - start) * 1000)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    answers.rates.append(len(answers.taken) / (time.perf_counter() - start))


def _get(port: int, address: str) -> int:
    """The number of bytes at an address. Sync workers close after each answer, so each has a connection."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=30)
    try:
        connection.request("GET", address)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise SystemExit(f"{response.status} {address}: {body[:300]!r}")
    return len(body)


@contextmanager
def _served(database: str, queries: list[str]) -> Iterator[int]:
    """A server on a free port; stopped at the end."""
    port = free_port()
    host = f"{_HOST}:{port}"
    served = f"{__name__}:application({database!r}, {host!r}, {queries!r})"
    command = [sys.executable, "-m", "gunicorn", served, "--workers", str(_WORKERS), "--bind", host]
    environment = {**os.environ, "API_REQUESTS_A_MINUTE": "1000000000"}
    server = subprocess.Popen([*command, "--log-level", "error"], env=environment)
    try:
        wait(lambda: _get(port, f"{_API}?{queries[0]}"), server)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return int(free.getsockname()[1])


def wait(ready: Callable[[], Any], server: subprocess.Popen[bytes]) -> None:
    """Until ``ready`` raises no OSError. Raises SystemExit where the server ends or takes a minute."""
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            ready()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


def ratio(both: dict[str, Answers]) -> float:
    """How many times the bare view's requests a second the API answers: the median of all turns."""
    turns = zip(both["api"].rates, both["bare"].rates, strict=True)
    return median(api / bare for api, bare in turns)
