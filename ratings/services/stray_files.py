"""Files that no row names: what a process that was killed between file and row leaves behind."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.core.files.storage import Storage
from django.db import models, transaction
from django.utils import timezone

from ratings.models import Evidence, IssuedDocument
from ratings.models.evidence import private_files
from ratings.services.audit import Actor, record

#: The folders of kept files, and whose they are; files lie in them or one folder below.
_KEPT: Final[tuple[tuple[str, type[models.Model]], ...]] = (
    ("evidence", Evidence),
    ("documents", IssuedDocument),
)
#: No transaction lasts that long.
_STRAY_AFTER: Final = timedelta(days=1)


def stray_files(*, at: datetime | None = None) -> list[str]:
    """Names of files older than a day that no row names: their transaction never ended well."""
    storage, before = private_files(), (at or timezone.now()) - _STRAY_AFTER
    return [name for name in _unnamed(storage) if storage.get_modified_time(name) < before]


@transaction.atomic
def delete_stray_files(*, by: Actor, at: datetime | None = None) -> list[str]:
    """Delete ``stray_files`` once that is on record; their names."""
    names = stray_files(at=at)
    if names:
        record("清理无主文件", "files", by=by, files=names)
    for name in names:
        transaction.on_commit(partial(private_files().delete, name))
    return names


def _unnamed(storage: Storage) -> Iterator[str]:
    for folder, model in _KEPT:
        for place in _folders(storage, folder):
            # Files first, rows after: whatever was kept by now is named.
            present = [f"{place}/{name}" for name in sorted(storage.listdir(place)[1])]
            rows = model._default_manager.filter(file__startswith=f"{place}/")
            named = set(rows.values_list("file", flat=True))
            yield from (name for name in present if name not in named)


def _folders(storage: Storage, folder: str) -> list[str]:
    if not storage.exists(folder):
        return []
    return [folder, *(f"{folder}/{below}" for below in sorted(storage.listdir(folder)[0]))]
