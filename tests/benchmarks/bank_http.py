"""The stream of a list over HTTP: gunicorn with one sync worker on loopback, and nothing around the stream."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.benchmarks.lookup_http import free_port, wait
from tests.benchmarks.scratch import connect

_HOST: Final = "127.0.0.1"
_READ: Final = 1024 * 1024


def application(database: str) -> Any:
    """What gunicorn serves: at /FORMAT the list of the bench's product."""
    connect(database)
    from applications.bank_loans import streams
    from applications.bank_loans.models import LoanProduct
    from tests.benchmarks.bank_data import PRODUCT

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        format = environ["PATH_INFO"].strip("/")
        start_response("200 OK", [("Content-Type", streams.FORMATS[format])])
        return streams.stream(LoanProduct.objects.get(key=PRODUCT), format)

    return serve


@contextmanager
def served(database: str) -> Iterator[Callable[[str], float]]:
    """A server on a free port; gives what fetches a format and tells the seconds that it took."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", f"{__name__}:application({database!r})"]
    command += ["--bind", f"{_HOST}:{port}", "--timeout", "300", "--log-level", "error"]

    def fetch(format: str) -> float:
        connection = http.client.HTTPConnection(_HOST, port, timeout=300)
        start = time.perf_counter()
        try:
            connection.request("GET", f"/{format}")
            response = connection.getresponse()
            while response.read(_READ):
                pass
        finally:
            connection.close()
        if response.status != 200:
            raise SystemExit(f"{response.status} {format}")
        return time.perf_counter() - start

    server = subprocess.Popen(command, env=dict(os.environ))
    try:
        wait(lambda: fetch("csv"), server)
        yield fetch
    finally:
        server.terminate()
        server.wait(timeout=30)
