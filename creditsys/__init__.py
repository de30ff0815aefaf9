"""The Django project: settings, addresses, Celery, the embedded PostgreSQL."""

from creditsys.celery import app as celery_app

__all__ = ["celery_app"]
