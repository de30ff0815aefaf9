"""One file through an import: opened, read, compared with the database, perhaps written."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from ratings.models import District, ImportBatch
from ratings.services.audit import Actor
from ratings.services.imports import reports
from ratings.services.imports.columns import Context, Kind
from ratings.services.imports.errors import ImportStopped
from ratings.services.imports.files import opened
from ratings.services.imports.headers import Layout, find_layout
from ratings.services.imports.sources import Source
from ratings.services.imports.staging import PROBLEMS, REFUSED, ROWS, STAGE, stage
from ratings.services.imports.store import Counts, Store
from ratings.services.imports.straight import StraightWay
from ratings.services.moments import recording_moment

#: Called with (rows read so far, share of the whole work done, 0 to 1).
Progress = Callable[[int, float], None]
#: Share of the work done when a file is read, and when it is compared; writing takes the rest.
_READING_SHARE, _COMPARING_DONE = 0.3, 0.5
#: The same on the straight way, where reading is writing; the rest are the table's own checks.
_STRAIGHT_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read: what the person stated."""

    mapping: dict[str, str]
    defaults: dict[str, str]
    sheet: str | None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Reading":
        """From what a batch keeps of it."""
        return cls(said.get("columns", {}), said.get("defaults", {}), said.get("sheet") or None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file."""

    counts: Counts
    written: bool
    read_as: dict[str, object]
    #: the first problems
    problems: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be compared with the database and, when ``writing``, written."""

    kind: Kind
    path: Path
    reading: Reading
    batch: ImportBatch
    by: Actor
    within: Collection[int] | None
    progress: Progress
    writing: bool = False
    skip_refused: bool = False

    def run(self) -> Outcome:
        """Do it, inside the caller's transaction; the batch has a number and no counts yet."""
        kind = self.kind
        if self.within is not None and kind.id in ("districts", "enterprises"):
            raise ImportStopped(f"“{kind.label}”为全市共用。", "请由全市人员导入。")
        if self.writing:
            _one_writer_at_a_time(kind)
        moment = recording_moment(kind.table) if self.writing else timezone.now()
        with opened(self.path, self.reading.sheet) as source:
            layout = find_layout(kind, source, self.reading.mapping, self.reading.defaults)
            context = Context(timezone.localdate(moment), source.epoch, _districts(kind))
            if self.writing and self.within is None:
                straight = StraightWay(
                    kind,
                    source,
                    layout,
                    context,
                    self.batch,
                    self.by.name,
                    moment,
                    lambda rows, share: self.progress(rows, _STRAIGHT_SHARE * share),
                )
                if (rows := straight.store()) is not None:
                    reports.keep_all_problems(self.batch.pk, 0)
                    self.progress(rows, 1.0)
                    return Outcome(Counts(rows, 0, 0, 0), True, read_as(source, layout, rows), [])
            progress = self.progress
            rows = stage(
                kind, source, layout, context, lambda rows, share: progress(rows, _READING_SHARE * share)
            )
            was_read_as = read_as(source, layout, rows)
        store = Store(kind, layout)
        counts = store.compare(moment, self.within)
        progress(rows, _COMPARING_DONE)
        problems = reports.first_problems() if counts.refused else []
        reports.keep_all_problems(self.batch.pk, len(problems))
        written = self.writing and (not counts.refused or self.skip_refused)
        if written:
            store.write(self.batch.pk, counts.refused, self.by.name, moment)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {STAGE}, {PROBLEMS}, {ROWS}, {REFUSED}")
        progress(rows, 1.0)
        return Outcome(counts, written, was_read_as, problems)


def read_as(source: Source, layout: Layout, rows: int) -> dict[str, object]:
    """How a file was read, for its batch."""
    return {
        **source.described(layout.head),
        "header_line": layout.header_line,
        "rows": rows,
        "columns": {bound.column.name: bound.header for bound in layout.bound if bound.index is not None},
        "ignored_columns": layout.ignored,
    }


def _districts(kind: Kind) -> dict[str, tuple[int, ...]]:
    by_name: dict[str, tuple[int, ...]] = {}
    if any(column.name == "district" for column in kind.columns):
        for code, name in District.objects.values_list("code", "name"):
            by_name[name] = (*by_name.get(name, ()), code)
    return by_name


def _one_writer_at_a_time(kind: Kind) -> None:
    """Wait until no other import of this kind is being written, so that comparing holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"ratings.import.{kind.table}",))
