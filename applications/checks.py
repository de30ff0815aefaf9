"""System checks: that ``settings.APPLICATIONS`` names applications, and that these keep the contract."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from applications.base import Application, Audience
from applications.registry import load
from ratings.published import Grade

_FIELDS: Final = {field.name for field in fields(Grade)}
_DECLARED: Final = ("key", "title", "audience", "fields", "urls")


@register
def check_applications(**_: Any) -> list[CheckMessage]:
    """One error for each fault: what is wrong, which entry, and what to do."""
    found: list[CheckMessage] = []
    keys: Counter[str] = Counter()
    for path in settings.APPLICATIONS:
        try:
            application = load(path)
        except (ImportError, TypeError) as error:
            found.append(_error(1, path, str(error), "Name a subclass of applications.base.Application."))
            continue
        missing = [name for name in _DECLARED if not hasattr(application, name)]
        if missing:
            found.append(
                _error(2, path, f"it does not declare {', '.join(missing)}", "See applications/base.py.")
            )
            continue
        keys[application.key] += 1
        found += _faults(path, application)
    found += [
        _error(3, key, "two applications have this key", "Leave one out of settings.APPLICATIONS.")
        for key, count in keys.items()
        if count > 1
    ]
    return found


def _faults(path: str, application: Application) -> Iterator[CheckMessage]:
    package = path.rsplit(".", 2)[0]
    if not application.key.isidentifier() or package.rpartition(".")[2] != application.key:
        yield _error(
            4,
            path,
            f"its key {application.key!r} is not its package's name",
            f"Call both the same ({package}).",
        )
    elif not apps.is_installed(package):
        yield _error(
            5, path, f"{package} is not in INSTALLED_APPS", "settings.py derives it from APPLICATIONS."
        )
    if unknown := sorted(set(application.fields) - _FIELDS):
        yield _error(
            6,
            path,
            f"a published grade has no {', '.join(unknown)}",
            f"Choose from {', '.join(sorted(_FIELDS))}.",
        )
    if not isinstance(application.audience, Audience):
        yield _error(
            7, path, f"its audience is {application.audience!r}", f"Choose from {', '.join(Audience)}."
        )
    try:
        import_module(application.urls)
    except ImportError as error:
        yield _error(8, path, f"its addresses cannot be imported: {error}", "Correct its `urls`.")
    try:
        if application.demo:
            import_string(application.demo)
    except ImportError as error:
        yield _error(9, path, f"its demo cannot be imported: {error}", "Correct its `demo`.")


def _error(number: int, what: str, fault: str, hint: str) -> Error:
    return Error(f"APPLICATIONS: {what}: {fault}", hint=hint, id=f"applications.E{number:03}")
