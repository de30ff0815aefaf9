"""Serves the demo in the background: ``python -m creditsys.demo_server start [PORT] | stop``.

``make demo`` and ``make stop`` call it. It ends only processes that it has started: the web
server of this data directory, and the embedded PostgreSQL.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from creditsys import embedded_postgres

HOST = "127.0.0.1"
PORTS_TRIED = 50
WAIT_SECONDS = 60
# Kept, because Python warns of a child that nobody refers to any more.
_started: list[subprocess.Popen[bytes]] = []


class DemoServerError(RuntimeError):
    """The demo cannot be served; the message is one line."""


def start(wanted_port: int, data_dir: Path) -> str:
    """Serve the demo, anew where it is being served, and return its address."""
    stop_web(data_dir)
    port = free_port(wanted_port)
    if port != wanted_port:
        print(f"Port {wanted_port} is taken; using {port}. Another: make demo PORT=...")
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "web.log"
    command = [sys.executable, "-m", "gunicorn", "creditsys.wsgi", "--bind", f"{HOST}:{port}"]
    # However long an address is, the application answers: with words.
    command += ["--workers", "2", "--timeout", "120", "--no-control-socket", "--limit-request-line", "0"]
    command += ["--pid", str(_pid_file(data_dir))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=embedded_postgres.BASE_DIR,
            start_new_session=True,  # it outlives this terminal and its Ctrl-C
        )
    _started.append(process)
    address = f"http://{HOST}:{port}/"
    deadline = time.monotonic() + WAIT_SECONDS
    while not answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_web(data_dir)
            raise DemoServerError(f"The web server did not start; see {log}")
        time.sleep(0.1)
    return address


def stop_web(data_dir: Path) -> bool:
    """Stop the web server of this data directory; False when none runs."""
    pid = web_pid(data_dir)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + WAIT_SECONDS
    while web_pid(data_dir) is not None:
        if time.monotonic() > deadline:
            raise DemoServerError(f"The web server (process {pid}) does not end")
        time.sleep(0.05)
    return True


def web_pid(data_dir: Path) -> int | None:
    """The process of our web server, if it runs.

    Its number may have been reused since, hence the look at its command line, which names our
    pid file. (Of a process that has ended, but that nobody has collected, it is empty.)
    """
    path = _pid_file(data_dir)
    try:
        pid = int(path.read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if b"gunicorn" in arguments and os.fsencode(path) in arguments else None


def free_port(wanted: int) -> int:
    """The first port from ``wanted`` on that nobody listens to."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            # As gunicorn does; otherwise a port that we just left counts as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except PermissionError:
                raise DemoServerError(f"Port {port} is reserved; use one above 1023") from None
            except OSError:
                continue
            return port
    raise DemoServerError(f"No free port from {wanted} on: make demo PORT=...")


def answers(address: str) -> bool:
    """Whether a web server answers at ``address``, be it with an error page."""
    try:
        # Straight to this machine, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(address, timeout=WAIT_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _pid_file(data_dir: Path) -> Path:
    return data_dir / "web.pid"


def main(arguments: list[str]) -> int:
    """The small command line: ``start [PORT]`` or ``stop``."""
    data_dir = embedded_postgres.default_place().data_dir
    try:
        match arguments:
            case ["start", *port] if len(port) < 2 and "".join(port).isdecimal() | (not port):
                address = start(int(port[0]) if port else 8000, data_dir)
                print(f"首页 (site):     {address}")
                print(f"监管后台 (admin): {address}admin/")
                print("停止 (to stop):  make stop")
            case ["stop"]:
                web = stop_web(data_dir)
                database = embedded_postgres.stop()
                print(f"web server: {'stopped' if web else 'was not running'}")
                print(f"embedded PostgreSQL: {'stopped' if database else 'was not running'}")
            case _:
                print("usage: python -m creditsys.demo_server start [PORT] | stop")
                return 2
    except (DemoServerError, embedded_postgres.EmbeddedPostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
