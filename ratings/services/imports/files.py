"""Imported files are evidence: kept under MEDIA_ROOT by their SHA-256, for the owner only.

Those of the regulator's own imports lie in ``imports``; an application's, whose batches are its own, in a folder of its own.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.conf import settings
from django.db.models import Model

from ratings.services.imports.csv_source import CsvSource
from ratings.services.imports.errors import UnreadableFile
from ratings.services.imports.sources import MAX_FILE, Source, refuse_foreign, too_large
from ratings.services.imports.xlsx_source import XlsxSource

FOLDER = "imports"
_BLOCK = 1 << 20


class Kept(Protocol):
    """A batch, of whichever table, that stands on a kept file."""

    @property
    def pk(self) -> Any: ...
    @property
    def sha256(self) -> str: ...
    @property
    def stored_file(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A file as it came in, not yet kept."""

    path: Path
    sha256: str
    size: int

    def keep(self) -> str:
        """Keep the file under its hash; returns the place relative to MEDIA_ROOT."""
        place = self.path.with_name(self.sha256)
        self.path.replace(place)
        return f"{place.parent.name}/{place.name}"


def folder(name: str = FOLDER) -> Path:
    """Where imported files are kept."""
    path = Path(settings.MEDIA_ROOT) / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@contextmanager
def received(file: BinaryIO, name: str = FOLDER) -> Iterator[Received]:
    """Copy ``file`` to a temporary place beside its future one; removed unless kept."""
    handle, place = tempfile.mkstemp(prefix=".incoming-", dir=folder(name))  # mode 0600
    path = Path(place)
    try:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as target:
            while block := file.read(_BLOCK):
                size += len(block)
                if size > MAX_FILE:
                    raise too_large(f"超过 {MAX_FILE // 1024**3} GB")
                digest.update(block)
                target.write(block)
        yield Received(path, digest.hexdigest(), size)
    finally:
        path.unlink(missing_ok=True)


def kept_file(batch: Kept) -> Path:
    """The batch's file. Raises UnreadableFile when it is gone or is no longer what was checked."""
    path = Path(settings.MEDIA_ROOT) / batch.stored_file
    if not batch.stored_file or not path.is_file():
        raise UnreadableFile("这一批次的文件已不在服务器上。", "请重新上传。")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != batch.sha256:
            raise UnreadableFile("服务器上的文件与试算时不一致（SHA-256 不符）。", "请重新上传。")
    return path


def forget_file(batch: Model, name: str = FOLDER) -> None:
    """Delete the file of a dropped batch, unless another batch of its table stands on the same file."""
    sha256: str = batch.sha256  # type: ignore[attr-defined]
    others = type(batch)._default_manager.filter(sha256=sha256).exclude(pk=batch.pk)
    if not others.exclude(stored_file="").exists():
        (folder(name) / sha256).unlink(missing_ok=True)
    problems_path(batch.pk, name).unlink(missing_ok=True)


def problems_path(batch_id: int, name: str = FOLDER) -> Path:
    """Where all problems of a batch are kept when they are too many for the batch itself."""
    return folder(name) / f"problems-{batch_id}.csv"


@contextmanager
def opened(path: Path, sheet: str | None) -> Iterator[Source]:
    """The file as rows, by its content and not by its name. Raises UnreadableFile."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise UnreadableFile("文件是空的（0 字节）。", "请核对文件。")
    refuse_foreign(path, start)
    is_zip = start.startswith(b"PK")
    if sheet is not None and not is_zip:
        raise UnreadableFile("CSV 文件没有工作表。", "请去掉工作表名称。")
    source: Source = XlsxSource(path, sheet) if is_zip else CsvSource(path)
    try:
        yield source
    finally:
        source.close()
