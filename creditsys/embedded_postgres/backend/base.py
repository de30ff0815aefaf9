"""Django's PostgreSQL backend, which starts the embedded server when nobody answers.

Thus importing the settings (type checks, ``manage.py help``, a linter's plugin) starts
nothing, and a server that was stopped or killed comes back with the next connection.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from creditsys import embedded_postgres


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL, at the socket of the embedded server."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; when that fails, make sure that the server runs and try once more."""
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            embedded_postgres.ensure_running()
            return super().get_new_connection(conn_params)
