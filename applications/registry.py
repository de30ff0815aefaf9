"""Which applications are in use: those that ``settings.APPLICATIONS`` names."""

import functools
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.urls import URLResolver, include, path
from django.utils.module_loading import import_string

from applications.base import Application


def load(dotted_path: str) -> Application:
    """The application of a dotted path. Raises ImportError, or TypeError for what is none."""
    found = import_string(dotted_path)
    if not (isinstance(found, type) and issubclass(found, Application)):
        raise TypeError(f"{dotted_path} is no subclass of applications.base.Application")
    return found()


@functools.cache
def installed() -> tuple[Application, ...]:
    """The applications in use, in the order of the settings."""
    return tuple(map(load, settings.APPLICATIONS))


def schedule() -> dict[str, dict[str, Any]]:
    """When beat runs which task of which application; of what cannot be loaded nothing, which the checks tell."""
    found: dict[str, dict[str, Any]] = {}
    for dotted_path in settings.APPLICATIONS:
        with suppress(ImportError, TypeError):
            entries = load(dotted_path).schedule.items()
            found |= {f"{dotted_path}: {task}": {"task": task, "schedule": when} for task, when in entries}
    return found


def urlpatterns() -> list[URLResolver]:
    """The addresses of all applications, each of which says itself where it lies; then what their APIs share."""
    own = [path("", include(application.urls)) for application in installed()]
    shared = [path("api/", include(f"applications.{part}.urls")) for part in ("clients", "api")]
    return [*own, *shared]
