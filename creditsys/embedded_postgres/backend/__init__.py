"""Django's PostgreSQL backend, with the embedded server behind it."""
