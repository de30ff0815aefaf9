"""The short way for large files: good, new rows go by COPY straight into the table.

Parsing, the registered codes, and the table's own constraints (one live version a key among
them) check every row. The first thing out of the ordinary, a bad row, an unknown pharmacy, a
key that exists or comes twice, ends the attempt without a trace; then the long way (staging.py,
store.py) finds out everything that is to be said.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat

from django.db import IntegrityError, connection, transaction

from ratings.models import ImportBatch, Pharmacy
from ratings.services.imports.columns import Context, Kind
from ratings.services.imports.headers import Layout
from ratings.services.imports.parsing import escaped
from ratings.services.imports.sources import Source
from ratings.services.imports.staging import RowParser, copy_lines, copying

_UNIQUE_VIOLATION = "23505"


class _OutOfTheOrdinary(Exception):
    """The file needs the long way."""


@dataclass(frozen=True, slots=True)
class StraightWay:
    """One attempt at storing a file by COPY."""

    kind: Kind
    source: Source
    layout: Layout
    context: Context
    batch: ImportBatch
    by: str
    recorded_at: datetime
    progress: Callable[[int, float], None]

    def store(self) -> int | None:
        """Write the file's rows; returns how many, or None when it needs the long way (nothing is
        written then). Raises UnreadableFile when the file cannot be read."""
        if not self.kind.straight or len(self.layout.bound) != len(self.kind.columns):
            return None
        try:
            with transaction.atomic():
                return self._copy()
        except _OutOfTheOrdinary:
            return None
        except IntegrityError as error:
            if getattr(getattr(error.__cause__, "diag", None), "sqlstate", None) == _UNIQUE_VIOLATION:
                return None
            raise

    def _copy(self) -> int:
        targets = ", ".join(bound.column.target for bound in self.layout.bound)
        blocks = self._blocks()
        count = 0
        # the first block asks the database, so it comes before the connection is busy with COPY
        first = next(blocks, (b"", 0, 0.0))
        with (
            copying(
                f'COPY {self.kind.table} ("row", {targets}, batch_id, recorded_by, recorded_at,'
                " void_reason, voided_by) FROM STDIN"
            ) as copy,
            ThreadPoolExecutor(1) as sender,
        ):
            # The server takes in one block while the next is parsed.
            sending = None
            for data, rows, share in chain([first], blocks):
                if sending is not None:
                    sending.result()
                sending = sender.submit(copy.write, data)
                count += rows
                self.progress(count, share)
            if sending is not None:
                sending.result()
        return count

    def _blocks(self) -> Iterator[tuple[bytes, int, float]]:
        """(lines for COPY, rows, share of the file read). Raises _OutOfTheOrdinary."""
        names = [bound.column.name for bound in self.layout.bound]
        pharmacy = names.index("pharmacy")
        registered = Pharmacy.objects.values_list("code", "pk").iterator(chunk_size=10_000)
        ids = {code: str(pk) for code, pk in registered}
        parser = RowParser(self.kind, self.layout, self.context, self.source.short_rows_are_whole)
        # batch, recorded_by, recorded_at, void_reason, voided_by
        same = f"{self.batch.pk}\t{escaped(self.by)}\t{self.recorded_at.isoformat()}\t\t"
        count = 0
        for chunk in self.source.chunks(self.layout.head, self.layout.skip):
            lines, columns, problems = parser.columns(chunk)
            if problems:
                raise _OutOfTheOrdinary
            known = list(columns)
            try:
                known[pharmacy] = list(map(ids.__getitem__, columns[pharmacy]))
            except KeyError:
                raise _OutOfTheOrdinary from None
            if not count and lines:
                self._stop_at_known_keys(dict(zip(names, known, strict=True)))
            count += len(lines)
            yield copy_lines(map(str, lines), *known, repeat(same, len(lines))), len(lines), chunk.share
        parser.refuse_cut_off(self.source, count)

    def _stop_at_known_keys(self, values: dict[str, Sequence[str]]) -> None:
        """A look at the first rows: a file that comes again need not be sent in vain."""
        keys = [self.kind.column(name) for name in self.kind.key]
        arrays = ", ".join(f"%s::{'bigint' if key.reference else key.sql}[]" for key in keys)
        names = ", ".join(key.target for key in keys)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT EXISTS (SELECT 1 FROM {self.kind.table} JOIN unnest({arrays}) sample({names})"
                f" USING ({names}) WHERE voided_at IS NULL)",
                [list(values[key.name]) for key in keys],
            )
            if cursor.fetchone()[0]:
                raise _OutOfTheOrdinary
