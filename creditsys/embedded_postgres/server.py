"""Starting and stopping the server."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from creditsys.embedded_postgres.locks import (
    LEFTOVER_SECONDS,
    START_SECONDS,
    await_change,
    lock,
    remove_stale_locks,
    server_pid,
)
from creditsys.embedded_postgres.place import (
    DATABASE,
    PORT,
    USER,
    EmbeddedPostgresError,
    Place,
    default_place,
    make_socket_dir,
    socket_dir_is_ours,
)
from creditsys.embedded_postgres.programs import (
    as_ordinary_user,
    check_cluster,
    environment,
    find_programs,
    make_cluster,
    options,
)

STOP_SECONDS = 60
LOG_BYTES = 10 * 1024 * 1024
ZONE_FILE = Path("/usr/share/zoneinfo/Asia/Shanghai")
# Kept, because Python warns of a child that nobody refers to any more.
_started: list[subprocess.Popen[bytes]] = []


def ensure_running(place: Place | None = None) -> None:
    """Return when the server answers, starting it where needed; EmbeddedPostgresError if not."""
    place = place or default_place()
    if _answers(place):
        return
    try:
        place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = place.data_dir.stat().st_uid
        if owner != os.geteuid():  # root too: its files would lock out the owner later
            raise EmbeddedPostgresError(
                f"{place.data_dir} belongs to user {owner}; run this as that user, or set"
                " CREDITSYS_DATA_DIR to another directory"
            )
        with lock(place, "start.lock", START_SECONDS):
            if not _answers(place):  # another starter may have been faster
                _start(place)
    except OSError as error:
        raise EmbeddedPostgresError(f"{error} (data directory {place.data_dir})") from None


def stop(place: Place | None = None, *, only_if_idle: bool = False) -> bool:
    """Stop the server; False when none ran, or when it is in use and only idle ones may stop."""
    place = place or default_place()
    if not place.data_dir.is_dir():
        return False
    try:
        with lock(place, "start.lock", START_SECONDS):
            pid = server_pid(place.cluster / "postmaster.pid", place)
            if pid is None:
                with lock(place, "running.lock", 0):  # one in another container is not ours to end
                    return False
            if only_if_idle and _in_use(place):
                return False
            os.kill(pid, signal.SIGINT)  # "fast": ends sessions, then shuts down cleanly
            with lock(place, "running.lock", STOP_SECONDS):
                shutil.rmtree(place.socket_dir, ignore_errors=True)
            return True
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot stop it: {error}") from None


def is_running(place: Place | None = None) -> bool:
    """Whether the server answers."""
    return _answers(place or default_place())


def _start(place: Place) -> None:
    """Start the server; the caller holds ``start.lock``."""
    if not ZONE_FILE.exists():
        raise EmbeddedPostgresError(
            f"{ZONE_FILE} is missing; install the system's time zones (package tzdata)"
        )
    programs = find_programs()
    await_change(place)
    if _answers(place, "postgres"):
        _create_database(place)
        return
    with lock(place, "running.lock", LEFTOVER_SECONDS) as running:
        make_socket_dir(place)
        remove_stale_locks(place)
        prefix, owner = as_ordinary_user()
        if not place.cluster.exists():
            make_cluster(place, programs, prefix)
        check_cluster(place, programs, owner)
        if place.log.exists() and place.log.stat().st_size > LOG_BYTES:
            place.log.replace(place.log.with_suffix(".log.1"))
        with place.log.open("ab") as log:
            log_start = log.tell()
            server = subprocess.Popen(
                [*prefix, programs / "postgres", "-D", place.cluster, *options(place)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd=place.data_dir,
                pass_fds=[running],  # the server keeps the lock when we let go of it
                start_new_session=True,  # Ctrl-C in our terminal is not meant for it
            )
    _started.append(server)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(place, "postgres"):
        if server.poll() is not None:
            raise EmbeddedPostgresError(_reason(place.log, log_start))
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"it does not answer after {START_SECONDS} s: {place.log}")
        time.sleep(0.03)
    _create_database(place)


def _answers(place: Place, database: str = DATABASE) -> bool:
    """Whether a real connection succeeds."""
    if not socket_dir_is_ours(place):
        return False
    try:
        psycopg.connect(_dsn(place, database)).close()
    except psycopg.Error as error:
        # A server that has no room for one more runs all the same.
        return "too many clients" in str(error) or "connection slots" in str(error)
    return True


def _dsn(place: Place, database: str) -> str:
    return make_conninfo(host=str(place.socket_dir), port=PORT, user=USER, dbname=database, connect_timeout=5)


def _in_use(place: Place) -> bool:
    """Whether anybody else is connected."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(_dsn(place, "postgres")) as connection:
        row = connection.execute(query).fetchone()
        return bool(row and row[0])


def _create_database(place: Place) -> None:
    with psycopg.connect(_dsn(place, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _reason(log: Path, start: int) -> str:
    """Why the server ended: the first fatal line it wrote."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines[-1:]
    return f"it did not start: {fatal[0] if fatal else 'no reason given'} (log: {log})"
