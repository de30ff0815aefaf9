"""Files of publications on disk, under DATA_DIR: written once, since what was published never changes.

A publication's folder is named by its fingerprint and the edition of what files say; it is there whole or
not at all. Everything in it can be written anew at any time.
"""

import fcntl
import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final, cast
from uuid import uuid4

from django.conf import settings

from applications.pharmacy_lookup.open_data.about import describe, edition
from applications.pharmacy_lookup.open_data.formats import FORMATS, ORIGINAL
from applications.pharmacy_lookup.open_data.original import open_original
from ratings.published import Statement, ledger_lines, tree_blocks, write_publication

#: Rows of a publication whose files are written while somebody waits; larger ones take a task.
WHILE_WAITING: Final = 20_000
_LEVEL: Final = 6


def packed_file(of: Statement, ending: str) -> Path | None:
    """The file of a publication in one of FORMATS, packed by gzip; None when it is not written yet."""
    path = _folder(of) / f"list.{ending}.gz"
    return path if path.is_file() else None


def version(of: Statement) -> str:
    """What identifies the content of a publication's files."""
    return f"{of.sha256}-{edition()}"


def build(of: Statement, *, wait: bool = True) -> bool:
    """Write all files of a publication unless they are there; one process at a time.

    Memory does not grow with the rows. Without ``wait``, False when another process is at it. Raises
    OSError where the disk does not take them; nothing half-written is left under the files' names.
    """
    folder = _folder(of)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), wait) as ours:
        if not ours:
            return False
        if not folder.is_dir():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)  # what a killed process left
            part.mkdir()
            _write_all(of, part)
            part.rename(folder)
    return True


def blocks(of: Statement) -> bytes:
    """The roots of the blocks of a publication's rows (``ratings.published.tree_blocks``), kept."""
    path = _root() / f"{of.sha256}.blocks"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    found = tree_blocks(ledger_lines(of.told["columns"], of.first_seq, of.last_seq))
    part = path.with_suffix(f".{uuid4().hex}.part")
    part.write_bytes(found)
    part.rename(path)
    return found


def _root() -> Path:
    return Path(settings.DATA_DIR) / "open_data"


def _folder(of: Statement) -> Path:
    return _root() / version(of)


def _write_all(of: Statement, part: Path) -> None:
    """The original from the ledger, then every other format from it."""
    original_path, about = part / f"list.{ORIGINAL}.gz", describe(of)
    with _packing(original_path) as out:
        write_publication(of.number, out)
    original = open_original(original_path)
    for ending, one in FORMATS.items():
        if one.write is None:
            continue
        # Some writers move about in their file, which a packed one does not allow.
        with TemporaryFile(dir=part) as plain:
            out = cast(BinaryIO, plain)
            one.write(original, about, out)
            plain.seek(0)
            with _packing(part / f"list.{ending}.gz") as packed:
                shutil.copyfileobj(out, packed, 1 << 20)


def _packing(path: Path) -> BinaryIO:
    """A packed file to write; without a time in it, so that the same content is the same file."""
    return cast(BinaryIO, gzip.GzipFile(path, "wb", compresslevel=_LEVEL, mtime=0))


@contextmanager
def _locked(path: Path, wait: bool) -> Iterator[bool]:
    """True while the lock is ours; False at once where it is taken and we do not wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    try:
        yield _take(descriptor, wait)
    finally:
        os.close(descriptor)


def _take(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
