"""Who runs: lock files, and the server processes that PostgreSQL's own files name."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from creditsys.embedded_postgres.place import PORT, EmbeddedPostgresError, Place

START_SECONDS = 300  # recovery after a crash may take minutes
LEFTOVER_SECONDS = 5  # backends of a killed server need up to 3 s to notice


@contextmanager
def lock(place: Place, name: str, seconds: float) -> Iterator[int]:
    """Hold the lock file ``name``; EmbeddedPostgresError when it stays taken for ``seconds``."""
    # Opened for reading only: that is enough for flock, whoever made the file.
    descriptor = os.open(place.data_dir / name, os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(_lock_problem(place, name)) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_problem(place: Place, name: str) -> str:
    if name == "start.lock":
        return f"another process has been starting or stopping it in {place.data_dir} too long"
    pid = _pid_in(place.cluster / "postmaster.pid")
    return (
        f"a server (process {pid or 'unknown'}) holds {place.cluster} but does not answer at"
        f" {place.socket_dir}: it hangs, or runs in another container or under another path."
        " Stop it (python -m creditsys.embedded_postgres stop, where it was started), or set"
        " CREDITSYS_DATA_DIR to another directory"
    )


def _pid_in(path: Path) -> int | None:
    """The process id in the first line of a PostgreSQL lock file."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def server_pid(path: Path, place: Place) -> int | None:
    """The process that a lock file names, if it really is a server of this cluster.

    The number may have been reused by anything since, hence a look at what runs under it:
    a server's program is called postgres, and its working directory is its cluster (which the
    kernel marks when somebody has deleted it).
    """
    pid = _pid_in(path)
    if pid is None:
        return None
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        cluster = str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)")
    except OSError:
        return None
    return pid if program == "postgres" and cluster == str(place.cluster) else None


def await_change(place: Place) -> None:
    """Wait while a server of this cluster, whose starter was killed, starts up or shuts down."""
    pid_file = place.cluster / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    while server_pid(pid_file, place) is not None and time.monotonic() < deadline:
        try:
            state = pid_file.read_text().split("\n")[7].strip()
        except (OSError, IndexError):
            state = "starting"
        if state not in {"starting", "stopping"}:
            return
        time.sleep(0.05)


def remove_stale_locks(place: Place) -> None:
    """Remove what a killed server left behind; its processes have ended, as we hold its lock."""
    socket_lock = place.socket_dir / f".s.PGSQL.{PORT}.lock"
    for path in (place.cluster / "postmaster.pid", socket_lock):
        pid = server_pid(path, place)
        if pid is not None:
            # Alive, but without our lock: its data directory was deleted under it, or
            # somebody started it by hand.
            if not str(Path(f"/proc/{pid}/cwd").readlink()).endswith(" (deleted)"):
                raise EmbeddedPostgresError(
                    f"process {pid} serves {place.cluster} but was not started by this project; stop it first"
                )
            os.kill(pid, signal.SIGQUIT)
            _wait_for_end(pid)
        path.unlink(missing_ok=True)
    (place.socket_dir / f".s.PGSQL.{PORT}").unlink(missing_ok=True)


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while time.monotonic() < deadline:
        try:
            Path(f"/proc/{pid}/exe").readlink()  # unlike kill(pid, 0), fails for a zombie too
        except OSError:
            return
        time.sleep(0.05)
    raise EmbeddedPostgresError(f"process {pid}, whose data directory was deleted, does not end")
