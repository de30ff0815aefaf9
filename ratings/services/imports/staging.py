"""Rows of a file into a temporary table: parsed, checked one by one, and sent on by COPY.

Rows with a bad cell do not reach the table; what is wrong with them goes to another.
Memory is bounded by the chunk: nothing here grows with the file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryFile
from typing import BinaryIO

from django.db import connection
from psycopg import Copy

from ratings.services.imports import bulk
from ratings.services.imports.columns import Context, Kind, Row, RowCheck
from ratings.services.imports.errors import BadValue, Problem, UnreadableFile
from ratings.services.imports.headers import EXAMPLE_MARK, Bound, Layout
from ratings.services.imports.parsing import clean, escaped
from ratings.services.imports.sources import Chunk, Source

STAGE = "import_stage"
PROBLEMS = "import_problems"
#: staged rows beside what the database holds, and the lines among them that are refused
ROWS = "import_rows"
REFUSED = "import_refused"
_NULL = "\\N"
_SHOWN = 200


def stage(
    kind: Kind,
    source: Source,
    layout: Layout,
    context: Context,
    progress: Callable[[int, float], None],
) -> int:
    """Fill the temporary tables STAGE (good rows) and PROBLEMS from the file; returns its rows.

    Raises UnreadableFile when it has no rows or ends within one.
    """
    rows = RowParser(kind, layout, context, source.short_rows_are_whole)
    with connection.cursor() as cursor, problems_kept() as keep:
        cursor.execute(f"DROP TABLE IF EXISTS {STAGE}")
        columns = "".join(f', "{bound.column.name}" {bound.column.sql}' for bound in layout.bound)
        cursor.execute(f"CREATE TEMPORARY TABLE {STAGE} (line integer NOT NULL{columns}) ON COMMIT DROP")
        count = 0
        with copying(f"COPY {STAGE} FROM STDIN") as copy:
            for chunk in source.chunks(layout.head, layout.skip):
                data, problems = rows.parse(chunk)
                copy.write(data)
                count += rows.good + rows.bad
                keep(problems)
                progress(count, chunk.share)
        rows.refuse_cut_off(source, count)
        cursor.execute(f"ANALYZE {STAGE}")
    return count


@contextmanager
def problems_kept() -> Iterator[Callable[[Iterable[Problem]], None]]:
    """Make the table PROBLEMS anew; what the problems that are found while rows are sent are given to.

    They wait in a file, as the connection is busy until all rows are sent, and are in the table afterwards.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {PROBLEMS}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE {PROBLEMS} (line integer NOT NULL, place smallint NOT NULL,"
            ' "column" text NOT NULL, value text NOT NULL, message text NOT NULL, remedy text NOT NULL)'
            " ON COMMIT DROP"
        )
    with TemporaryFile() as spool:

        def keep(problems: Iterable[Problem]) -> None:
            for problem in problems:
                spool.write(_problem_line(problem))

        yield keep
        _copy_spool(spool)


def _problem_line(problem: Problem) -> bytes:
    fields = (problem.column, problem.value[:_SHOWN], problem.message, problem.remedy)
    text = "\t".join(escaped(clean(field)) for field in fields)
    return f"{problem.line}\t0\t{text}\n".encode("utf-8", "replace")


@contextmanager
def copying(statement: str) -> Iterator[Copy]:
    """A COPY under way; errors of the database come as Django's."""
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        yield copy


def _copy_spool(spool: BinaryIO) -> None:
    if not spool.tell():
        return
    spool.seek(0)
    with copying(f"COPY {PROBLEMS} FROM STDIN") as copy:
        while block := spool.read(1 << 18):
            copy.write(block)


class RowParser:
    """Chunks of raw rows to lines for COPY. ``good`` and ``bad`` count the last chunk's rows."""

    def __init__(self, kind: Kind, layout: Layout, context: Context, short_rows_are_whole: bool) -> None:
        self._check = kind.check_row
        self._bound = layout.bound
        self._names = [bound.column.name for bound in layout.bound]
        self._headers = {column.name: column.label for column in kind.columns}
        self._headers |= {bound.column.name: bound.header for bound in layout.bound}
        self._width = len(layout.headers)
        self._pad = short_rows_are_whole
        contexts = [replace(context, unit=bound.unit) for bound in layout.bound]
        self._cells = [_cell(*pair) for pair in zip(layout.bound, contexts, strict=True)]
        self._whole = [
            bound.column.whole(context) if bound.column.whole else bulk.memoised(cell)
            for bound, context, cell in zip(layout.bound, contexts, self._cells, strict=True)
        ]
        self.good = 0
        self.bad = 0
        self.last_line = 0
        self.last_row_is_short = False

    def parse(self, chunk: Chunk) -> tuple[bytes, list[Problem]]:
        """The good rows in COPY's text format, and what is wrong with the others."""
        lines, columns, problems = self.columns(chunk)
        return copy_lines(map(str, lines), *columns), problems

    def columns(self, chunk: Chunk) -> tuple[Sequence[int], Sequence[Sequence[str]], list[Problem]]:
        """Line numbers and columns of the good rows, and what is wrong with the others."""
        rows = chunk.rows
        if self._pad:
            rows = [row + [""] * (self._width - len(row)) for row in rows]
        lines: Sequence[int] = chunk.lines
        problems: list[Problem] = []
        self.bad = 0
        self.last_line = lines[-1]
        self.last_row_is_short = len(rows[-1]) < self._width
        columns = self._in_columns(rows)
        if columns is None:
            lines, columns = self._one_by_one(lines, rows, problems)
        if self._check and lines:
            lines, columns = self._checked(self._check, lines, columns, problems)
        self.good = len(lines)
        return lines, columns, problems

    def refuse_cut_off(self, source: Source, count: int) -> None:
        """Raise UnreadableFile when the file, read to its end, had no rows or ended within one."""
        if source.ends_within_line and self.last_row_is_short:
            raise UnreadableFile(
                f"文件在最后一行（第 {self.last_line} 行）中间结束：可能被截断。",
                "请重新导出或重新传输完整的文件。",
            )
        if not count:
            raise UnreadableFile("文件只有表头，没有数据。", "请核对文件。")

    def _in_columns(self, rows: list[list[str]]) -> list[Sequence[str]] | None:
        """The chunk converted column by column; None when any row or cell needs a closer look."""
        try:
            raw = list(zip(*rows, strict=True))
        except ValueError:
            return None
        if len(raw) != self._width or EXAMPLE_MARK in "".join(raw[0]):
            return None
        columns: list[Sequence[str]] = []
        try:
            for bound, whole, cell in zip(self._bound, self._whole, self._cells, strict=True):
                if bound.index is None:
                    columns.append([cell("")] * len(rows))
                    continue
                cells = raw[bound.index]
                values = whole(cells)
                columns.append(list(map(cell, cells)) if values is None else values)
        except BadValue:
            return None
        return columns

    def _one_by_one(
        self, lines: Sequence[int], rows: list[list[str]], problems: list[Problem]
    ) -> tuple[list[int], list[Sequence[str]]]:
        kept: list[int] = []
        values: list[list[str]] = []
        for line, row in zip(lines, rows, strict=True):
            if not row or row[0].startswith(EXAMPLE_MARK) or not any(map(clean, row)):
                continue
            parsed, found = self._row(line, row)
            if found:
                problems += found
                self.bad += 1
            else:
                kept.append(line)
                values.append(parsed)
        return kept, list(zip(*values, strict=True)) if values else [[] for _ in self._bound]

    def _row(self, line: int, row: list[str]) -> tuple[list[str], list[Problem]]:
        values: list[str] = []
        problems: list[Problem] = []
        for bound, cell in zip(self._bound, self._cells, strict=True):
            raw = row[bound.index] if bound.index is not None and bound.index < len(row) else ""
            try:
                values.append(cell(raw))
            except BadValue as bad:
                remedy = bad.remedy
                if bound.index is not None and bound.index >= len(row):
                    remedy = f"本行只有 {len(row)} 列，表头有 {self._width} 列；{remedy}"
                problems.append(Problem(line, bound.header, clean(raw), bad.message, remedy))
        beyond = [clean(cell) for cell in row[self._width :] if clean(cell)]
        if beyond:
            problems.append(
                Problem(
                    line,
                    "",
                    beyond[0],
                    f"本行有 {len(row)} 列，表头只有 {self._width} 列。",
                    "内容中有分隔符的单元格须用引号括起来。",
                )
            )
        return values, problems

    def _checked(
        self, check: RowCheck, lines: Sequence[int], columns: list[Sequence[str]], problems: list[Problem]
    ) -> tuple[list[int], list[Sequence[str]]]:
        kept: list[int] = []
        values: list[tuple[str, ...]] = []
        for line, cells in zip(lines, zip(*columns, strict=True), strict=True):
            row: Row = {
                name: None if cell == _NULL else cell for name, cell in zip(self._names, cells, strict=True)
            }
            found = self._across(check, line, row)
            if found:
                problems += found
                self.bad += 1
                continue
            kept.append(line)
            values.append(tuple(_NULL if (cell := row[name]) is None else cell for name in self._names))
        return kept, list(zip(*values, strict=True)) if values else [[] for _ in self._bound]

    def _across(self, check: RowCheck, line: int, row: Row) -> list[Problem]:
        before = dict(row)
        return [
            Problem(line, self._headers[name], before.get(name) or "", message, remedy)
            for name, message, remedy in check(row)
        ]


def _cell(bound: Bound, context: Context) -> Callable[[str], str]:
    """The parser of one raw cell of a column: cleaning, default, emptiness, then the value."""
    column = bound.column
    parse = column.parser(context)
    empty = _NULL if column.empty is None else escaped(column.empty)
    filled: str | None = None
    if bound.default:
        try:
            filled = parse(clean(bound.default))
        except BadValue as bad:
            raise UnreadableFile(
                f"“{column.label}”的默认值“{bound.default}”不能用：{bad.message}", bad.remedy
            ) from None

    def cell(raw: str) -> str:
        text = clean(raw)
        if text:
            return parse(text)
        if filled is not None:
            return filled
        if column.required:
            raise BadValue(f"“{column.label}”没有填写。", "请补上。")
        return empty

    return cell


def copy_lines(*columns: Iterable[str]) -> bytes:
    """Columns as lines of COPY's text format."""
    text = "\n".join(map("\t".join, zip(*columns, strict=True)))
    return f"{text}\n".encode() if text else b""
