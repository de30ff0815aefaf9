"""Where an embedded server keeps its things, and how it is addressed."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
USER = DATABASE = "creditsys"
PORT = "5432"
# A socket's path may have 107 bytes, and a checkout's path may be longer than that.
SOCKET_ROOT = Path("/tmp")  # noqa: S108 - the directory below it is checked and private
REMEDY = "To use a server of your own, set DATABASE_URL=postgres://user:password@host:5432/name"


class EmbeddedPostgresError(RuntimeError):
    """The server cannot be started or stopped; the message is one line with the remedy."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Embedded PostgreSQL: {' '.join(problem.split())}. {REMEDY}")


@dataclass(frozen=True)
class Place:
    """Where one embedded server keeps its things."""

    data_dir: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.data_dir / "postgres"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data_dir / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """The short, private directory of the socket, derived from the data directory."""
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return SOCKET_ROOT / f"creditsys-{os.geteuid()}-{digest}"


def default_place() -> Place:
    """The place named by ``CREDITSYS_DATA_DIR``, by default ``.run`` in the checkout."""
    return Place((BASE_DIR / os.environ.get("CREDITSYS_DATA_DIR", ".run")).resolve())


def connection_settings(place: Place | None = None) -> dict[str, str]:
    """Django's ``DATABASES`` entry for the server; starts nothing, so settings may call it."""
    place = place or default_place()
    return {
        "ENGINE": "creditsys.embedded_postgres.backend",
        "HOST": str(place.socket_dir),
        "PORT": PORT,
        "USER": USER,
        "PASSWORD": "",
        "NAME": DATABASE,
    }


def database_url(place: Place | None = None) -> str:
    """The address of the server, in a form that both ``DATABASE_URL`` and ``psql`` take."""
    place = place or default_place()
    return f"postgres://{USER}@/{DATABASE}?host={place.socket_dir}&port={PORT}"


def make_socket_dir(place: Place) -> None:
    """Make the socket's directory; refuse one that somebody else put there."""
    try:
        place.socket_dir.mkdir(mode=0o700)
    except FileExistsError:
        if not socket_dir_is_ours(place):
            raise EmbeddedPostgresError(
                f"{place.socket_dir} is not a private directory of this user; remove it, or set"
                " CREDITSYS_DATA_DIR to another directory"
            ) from None


def socket_dir_is_ours(place: Place) -> bool:
    try:
        found = place.socket_dir.lstat()
    except FileNotFoundError:
        return False
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return private and found.st_uid == os.geteuid()
