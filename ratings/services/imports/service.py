"""Checking, accepting and dropping import batches. One call, one transaction, one audit event."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from ratings import published
from ratings.models import ImportBatch
from ratings.services import audit
from ratings.services.audit import Actor
from ratings.services.imports import files
from ratings.services.imports.columns import Kind
from ratings.services.imports.errors import BatchNotOpen, RowsRefused
from ratings.services.imports.job import Job, Outcome, Progress, Reading
from ratings.services.imports.kinds import kind_named
from ratings.services.imports.translation import database_refused

#: Kinds of import that write what the public sees.
_PUBLIC: Final = frozenset({"districts", "pharmacies", "service_status"})


def check_import(
    kind: str,
    file: BinaryIO,
    file_name: str,
    *,
    by: Actor,
    mapping: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None,
    sheet: str | None = None,
    within: Collection[int] | None = None,
    progress: Progress | None = None,
) -> ImportBatch:
    """A dry run: keep the file, parse it, check it against the database, write no fact.

    ``mapping`` is {their header: our column}; ``defaults`` {our column: value} fills columns
    that the file lacks and cells that are empty; ``sheet`` names a sheet of an XLSX file
    (the first otherwise); ``within`` are the district codes that the person works for (None =
    the whole city): rows of other districts are refused.

    Returns the batch, CHECKED, with counts and the first 1,000 problems. Raises UnknownKind,
    or UnreadableFile when the file as a whole cannot be taken (then no batch is made).
    """
    found = kind_named(kind)
    reading = Reading(mapping or {}, defaults or {}, sheet)
    with files.received(file) as incoming, _translated(), transaction.atomic():
        batch = _new_batch(found, incoming, file_name, reading, by)
        job = Job(found, incoming.path, reading, batch, by, within, progress or _silent)
        _note(batch, job.run())
        batch.stored_file = incoming.keep()
        batch.save()
        _record("import.check", batch, by)
    return batch


def import_file(
    kind: str,
    file: BinaryIO,
    file_name: str,
    *,
    by: Actor,
    mapping: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None,
    sheet: str | None = None,
    skip_refused: bool = False,
    within: Collection[int] | None = None,
    progress: Progress | None = None,
) -> ImportBatch:
    """:func:`check_import` and, unless rows are refused, :func:`accept_import`, reading once.

    Returns the batch: ACCEPTED, or CHECKED when rows are refused and ``skip_refused`` is off.
    """
    found = kind_named(kind)
    reading = Reading(mapping or {}, defaults or {}, sheet)
    with files.received(file) as incoming, _translated(), transaction.atomic():
        batch = _new_batch(found, incoming, file_name, reading, by)
        job = Job(
            found,
            incoming.path,
            reading,
            batch,
            by,
            within,
            progress or _silent,
            writing=True,
            skip_refused=skip_refused,
        )
        outcome = job.run()
        _note(batch, outcome)
        batch.stored_file = incoming.keep()
        batch.save()
        _record("import.check", batch, by)
        if outcome.written:
            _accepted(batch, by)
    return batch


def accept_import(
    batch: ImportBatch,
    *,
    by: Actor,
    skip_refused: bool = False,
    within: Collection[int] | None = None,
    progress: Progress | None = None,
) -> ImportBatch:
    """Read the kept file again, check it again, and write it, in one transaction.

    Raises RowsRefused when rows are refused, unless ``skip_refused`` (the batch then says how
    many were left out); BatchNotOpen when it was accepted or dropped before; UnreadableFile
    when the kept file is gone or is no longer the one that was checked; DatabaseRefused.
    """
    with _translated(), transaction.atomic():
        batch = _open_batch(batch)
        job = Job(
            kind_named(batch.kind),
            files.kept_file(batch),
            Reading.of(batch.mapping),
            batch,
            by,
            within,
            progress or _silent,
            writing=True,
            skip_refused=skip_refused,
        )
        outcome = job.run()
        _note(batch, outcome)
        batch.save()
        if outcome.written:
            _accepted(batch, by)
        else:
            _record("import.refuse", batch, by)
    if not outcome.written:
        raise RowsRefused(
            f"有 {batch.refused} 行被拒收，没有写入任何数据。",
            "请改正后重新上传，或选择跳过被拒收的行。",
        )
    return batch


def drop_import(batch: ImportBatch, *, by: Actor) -> ImportBatch:
    """Give up a checked batch; its file is deleted. Raises BatchNotOpen when it was accepted or
    dropped before."""
    with transaction.atomic():
        batch = _open_batch(batch)
        batch.state = ImportBatch.State.DROPPED
        batch.stored_file = ""
        batch.save()
        audit.record("import.drop", batch, by=by, kind=batch.kind, sha256=batch.sha256)
        transaction.on_commit(lambda: files.forget_file(batch))
    return batch


def _new_batch(
    kind: Kind, incoming: files.Received, file_name: str, reading: Reading, by: Actor
) -> ImportBatch:
    return ImportBatch.objects.create(
        kind=kind.id,
        file_name=Path(file_name).name[-255:] or "未命名",
        sha256=incoming.sha256,
        size=incoming.size,
        mapping={"columns": reading.mapping, "defaults": reading.defaults, "sheet": reading.sheet or ""},
        uploaded_by=by.name,
    )


def _note(batch: ImportBatch, outcome: Outcome) -> None:
    """Put counts, problems and the way of reading on the batch."""
    counts = outcome.counts
    batch.added, batch.changed = counts.added, counts.changed
    batch.unchanged, batch.refused = counts.unchanged, counts.refused
    batch.mapping = {**batch.mapping, "read_as": outcome.read_as}
    batch.problems = outcome.problems


def _accepted(batch: ImportBatch, by: Actor) -> None:
    batch.state = ImportBatch.State.ACCEPTED
    batch.accepted_by = by.name
    batch.accepted_at = timezone.now()
    batch.save()
    _record("import.accept", batch, by, f"跳过被拒收的 {batch.refused} 行" if batch.refused else "")
    if batch.kind in _PUBLIC:
        published.tell(None)


def _record(action: str, batch: ImportBatch, by: Actor, reason: str = "") -> None:
    audit.record(
        action,
        batch,
        by=by,
        reason=reason,
        kind=batch.kind,
        file_name=batch.file_name,
        sha256=batch.sha256,
        added=batch.added,
        changed=batch.changed,
        unchanged=batch.unchanged,
        refused=batch.refused,
    )


def _open_batch(batch: ImportBatch) -> ImportBatch:
    """The batch, locked and still CHECKED."""
    locked = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if locked.state != ImportBatch.State.CHECKED:
        raise BatchNotOpen(
            f"批次 #{locked.pk} {locked.get_state_display()}，不能再次处理。", "如需更正，请上传新文件。"
        )
    return locked


@contextmanager
def _translated() -> Iterator[None]:
    """Refusals of the database, also those at commit, in words for people."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise database_refused(error) from error


def _silent(rows: int, share: float) -> None:
    """Progress that nobody watches."""
