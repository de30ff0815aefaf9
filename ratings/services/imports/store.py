"""Staged rows against the database, set by set: what is new, changed, unchanged, or refused; and
the writing. The number of statements does not depend on the number of rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from ratings.services.imports import succession
from ratings.services.imports.columns import Column, Kind
from ratings.services.imports.headers import Layout
from ratings.services.imports.staging import PROBLEMS, REFUSED, ROWS, STAGE


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by what becomes of them."""

    added: int
    changed: int
    unchanged: int
    refused: int


class Store:
    """One kind's staged rows and the table that they are for."""

    def __init__(self, kind: Kind, layout: Layout) -> None:
        self._kind = kind
        self._bound = [bound.column for bound in layout.bound]
        self._absent = [column for column in kind.columns if column not in self._bound]
        self._header = {bound.column.name: bound.header for bound in layout.bound}
        self._has_predecessors = any(column.name == "predecessor" for column in kind.columns)
        self._id = "code" if kind.table == "ratings_district" else "id"

    # -- checking

    def compare(self, recorded_at: datetime, within: Collection[int] | None) -> Counts:
        """Find each row's counterpart in the database and refuse what does not fit.

        Leaves the temporary tables ROWS and REFUSED for :meth:`write`.
        """
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {ROWS}, {REFUSED}")
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute(self._resolving())
            cursor.execute("SET LOCAL work_mem TO DEFAULT")
            self._refuse_unknown_references(cursor)
            self._refuse_duplicates(cursor)
            if self._kind.is_fact:
                self._refuse_behind(cursor, recorded_at)
            if within is not None:
                self._refuse_outside(cursor, within)
            self._refuse_across(cursor)
            if self._has_predecessors:
                self._refuse_successions(cursor)
            cursor.execute(
                f"CREATE TEMPORARY TABLE {REFUSED} ON COMMIT DROP AS SELECT DISTINCT line FROM {PROBLEMS}"
            )
            if self._has_predecessors:
                self._refuse_linked(cursor)
            cursor.execute(f"SELECT count(*) FROM {REFUSED}")
            (refused,) = cursor.fetchone()
            cursor.execute(
                f"SELECT count(*) FILTER (WHERE old_id IS NULL), count(*) FILTER (WHERE old_id IS NOT NULL"
                f" AND differs), count(*) FILTER (WHERE old_id IS NOT NULL AND NOT differs)"
                f" FROM {ROWS} r WHERE {_kept(refused)}"
            )
            added, changed, unchanged = cursor.fetchone()
            return Counts(added, changed, unchanged, refused)

    def _resolving(self) -> str:
        """ROWS: staged rows with the ids that they refer to, their live counterpart, and whether
        they differ from it in any column that the file has."""
        kind = self._kind
        selected = ["s.*"]
        joins = []
        for column in self._bound:
            if reference := column.reference:
                alias = f"ref_{column.name}"
                joins.append(
                    f'LEFT JOIN {reference.table} {alias} ON {alias}.{reference.by} = s."{column.name}"'
                )
                selected.append(f"{alias}.id AS {column.name}_id")
                if column.name == "pharmacy":
                    selected.append(f"{alias}.district_id AS pharmacy_district")
        keys = [self._value(kind.column(name)) for name in kind.key]
        matches = [
            f"old.{kind.column(name).target} = {key}" for name, key in zip(kind.key, keys, strict=True)
        ]
        if kind.is_fact:
            matches.append("old.voided_at IS NULL")
            selected.append("old.recorded_at AS old_recorded_at")
            selected.append("old.pharmacy_id AS old_pharmacy_id")
        joins.append(f"LEFT JOIN {kind.table} old ON {' AND '.join(matches)}")
        if self._has_predecessors:
            joins.append(f"LEFT JOIN {kind.table} old_before ON old_before.id = old.predecessor_id")
            selected.append("old_before.code AS old_predecessor")
        content = [column for column in self._bound if column.name not in kind.key]
        differs = " OR ".join(map(self._differs, content)) or "false"
        window = f"(PARTITION BY {', '.join(keys)} ORDER BY s.line)"
        selected += [
            f"old.{self._id} AS old_id",
            f"({differs}) AS differs",
            f"lag(s.line) OVER {window} AS twin",
        ]
        return (
            f"CREATE TEMPORARY TABLE {ROWS} ON COMMIT DROP AS SELECT {', '.join(selected)}"
            f" FROM {STAGE} s {' '.join(joins)} ORDER BY {', '.join(keys)}, s.line"
        )

    def _value(self, column: Column) -> str:
        """What a column holds for the table: its cell, or the id that the cell refers to."""
        return f"ref_{column.name}.id" if column.reference else f's."{column.name}"'

    def _differs(self, column: Column) -> str:
        changed = f"old.{column.target} IS DISTINCT FROM {self._value(column)}"
        if column.reference and column.reference.in_file:
            return f'{changed} OR (s."{column.name}" IS NOT NULL AND ref_{column.name}.id IS NULL)'
        return changed

    def _refuse(self, cursor: CursorWrapper, column: str, select: str, params: tuple[Any, ...] = ()) -> None:
        """Add problems: ``select`` yields line, value, message, remedy."""
        cursor.execute(
            f'INSERT INTO {PROBLEMS} (line, place, "column", value, message, remedy)'
            f" SELECT line, 1, %s, coalesce(value, ''), message, remedy"
            f" FROM ({select}) found(line, value, message, remedy)",
            (self._header.get(column, self._kind.column(column).label), *params),
        )

    def _refuse_unknown_references(self, cursor: CursorWrapper) -> None:
        for column in self._bound:
            if not (reference := column.reference):
                continue
            elsewhere = (
                f' AND NOT EXISTS (SELECT 1 FROM {ROWS} f WHERE f.code = r."{column.name}")'
                if reference.in_file
                else ""
            )
            self._refuse(
                cursor,
                column.name,
                f"""SELECT r.line, r."{column.name}", %s || r."{column.name}" || '没有登记。', %s
                    FROM {ROWS} r WHERE r."{column.name}" IS NOT NULL AND r.{column.name}_id IS NULL{elsewhere}""",
                (reference.label, reference.remedy),
            )

    def _refuse_duplicates(self, cursor: CursorWrapper) -> None:
        kind = self._kind
        shown = " || '，' || ".join(f'r."{name}"' for name in kind.key)
        resolved = " AND ".join(
            [f"r.{name}_id IS NOT NULL" for name in kind.key if kind.column(name).reference] or ["true"]
        )
        labels = "、".join(kind.column(name).label for name in kind.key)
        self._refuse(
            cursor,
            kind.key[0],
            f"""SELECT place.line, {shown}::text,
                '与第 ' || place.other || ' 行重复：同一' || %s || '在一个文件里只能有一行。', %s
                FROM {ROWS} r CROSS JOIN LATERAL (VALUES (r.line, r.twin), (r.twin, r.line)) place(line, other)
                WHERE r.twin IS NOT NULL AND {resolved}""",
            (labels, "请只保留正确的一行（内容完全相同的重复行也请删去）。"),
        )

    def _refuse_behind(self, cursor: CursorWrapper, recorded_at: datetime) -> None:
        self._refuse(
            cursor,
            self._kind.key[0],
            f"""SELECT r.line, r."{self._kind.key[0]}", '已有记录时间更晚的版本（' ||
                to_char(r.old_recorded_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI') || '）。', %s
                FROM {ROWS} r WHERE r.differs AND r.old_recorded_at > %s""",
            ("请核对服务器的时钟，稍后再导入。", recorded_at),
        )

    def _refuse_outside(self, cursor: CursorWrapper, within: Collection[int]) -> None:
        """Rows of pharmacies in districts that the person does not work for, before or after."""
        if self._kind.is_fact:
            column, code = "pharmacy", 'r."pharmacy"'
            owner = "r.old_pharmacy_id"
            outside = "r.pharmacy_id IS NOT NULL AND r.pharmacy_district <> ALL(%s)"
        else:
            column, code = "code", "r.code"
            owner = "r.old_id"
            outside = "r.district <> ALL(%s)"
        allowed = list(within)
        self._refuse(
            cursor,
            column,
            f"""SELECT r.line, {code}, %s, %s FROM {ROWS} r
                LEFT JOIN ratings_pharmacy owner ON owner.id = {owner}
                WHERE ({outside}) OR (owner.id IS NOT NULL AND owner.district_id <> ALL(%s))""",
            ("这家药店不在您的管辖区县。", "请由所属区县或全市人员导入。", allowed, allowed),
        )
        if "predecessor" in self._header:
            self._refuse(
                cursor,
                "predecessor",
                f"""SELECT r.line, r.predecessor, '前身 ' || r.predecessor || ' 不在您的管辖区县。', %s
                    FROM {ROWS} r JOIN ratings_pharmacy before ON before.id = r.predecessor_id
                    WHERE r.predecessor IS DISTINCT FROM r.old_predecessor
                      AND before.district_id <> ALL(%s)""",
                ("跨区县承继请由全市人员登记。", allowed),
            )

    def _refuse_across(self, cursor: CursorWrapper) -> None:
        """Rows that break a rule of the kind."""
        for rule in self._kind.rules:
            shown = next((name for name in rule.columns if name in self._header), None)
            if shown is None:  # then the file changes none of them
                continue
            values = {column.name: self._becomes(column) for column in self._kind.columns}
            said = {name: f"' || {value} || '" for name, value in values.items()}
            self._refuse(
                cursor,
                shown,
                f"""SELECT r.line, r."{shown}"::text, '{rule.message.format_map(said)}', %s
                    FROM {ROWS} r LEFT JOIN {self._kind.table} old ON old.{self._id} = r.old_id
                    WHERE (r.old_id IS NULL OR r.differs) AND {rule.broken.format_map(values)}""",
                (rule.remedy,),
            )

    def _becomes(self, column: Column) -> str:
        """What a row r of ROWS, with its counterpart old, would hold in a column afterwards."""
        if column in self._bound:
            return f'r."{column.name}"'
        return f"coalesce(old.{column.target}, {_literal(column)})"

    def _refuse_successions(self, cursor: CursorWrapper) -> None:
        for column, select, remedy in succession.problems(
            until=self._becomes(self._kind.column("designated_until")),
            predecessor=self._predecessor,
        ):
            self._refuse(cursor, column, select, (remedy,))

    def _refuse_linked(self, cursor: CursorWrapper) -> None:
        self._refuse(cursor, "predecessor", *succession.linked(self._predecessor))
        cursor.execute(
            f"INSERT INTO {REFUSED} SELECT DISTINCT line FROM {PROBLEMS} EXCEPT SELECT line FROM {REFUSED}"
        )

    @property
    def _predecessor(self) -> str:
        """The predecessor's code that a row r of ROWS would have afterwards."""
        return "r.predecessor" if "predecessor" in self._header else "r.old_predecessor"

    # -- writing

    def write(self, batch_id: int, refused: int, by: str, recorded_at: datetime) -> None:
        """Write what :meth:`compare` found new or changed, leaving out refused rows."""
        with connection.cursor() as cursor:
            if self._kind.is_fact:
                self._write_facts(cursor, batch_id, refused, by, recorded_at)
            else:
                self._write_registry(cursor, refused, recorded_at)

    def _write_facts(
        self, cursor: CursorWrapper, batch_id: int, refused: int, by: str, recorded_at: datetime
    ) -> None:
        table = self._kind.table
        kept = _kept(refused)
        cursor.execute(
            f"UPDATE {table} t SET voided_at = %s, voided_by = %s,"
            f" void_reason = '被导入批次 #' || %s::text || ' 第 ' || r.line || ' 行更新'"
            f" FROM {ROWS} r WHERE t.id = r.old_id AND r.differs AND {kept}",
            (recorded_at, by, batch_id),
        )
        # columns that the file lacks keep what the superseded version said
        inherited = [f"coalesce(old.{column.target}, {_literal(column)})" for column in self._absent]
        joined = f"LEFT JOIN {table} old ON old.id = r.old_id" if inherited else ""
        columns = [column.target for column in (*self._bound, *self._absent)]
        values = [*map(_stored, self._bound), *inherited]
        cursor.execute(
            f'INSERT INTO {table} ({", ".join(columns)}, batch_id, "row", recorded_by, recorded_at,'
            f" void_reason, voided_by)"
            f" SELECT {', '.join(values)}, %s, r.line, %s, %s, '', ''"
            f" FROM {ROWS} r {joined} WHERE (r.old_id IS NULL OR r.differs) AND {kept}",
            (batch_id, by, recorded_at),
        )

    def _write_registry(self, cursor: CursorWrapper, refused: int, recorded_at: datetime) -> None:
        kind, kept = self._kind, _kept(refused)
        in_file = any(column.reference and column.reference.in_file for column in self._bound)
        dated = kind.table != "ratings_district"
        if in_file:
            # new rows get their ids first, so that they can refer to one another
            cursor.execute(f"ALTER TABLE {ROWS} ADD new_id bigint")
            cursor.execute(
                f"UPDATE {ROWS} SET new_id = nextval(pg_get_serial_sequence(%s, 'id')) WHERE old_id IS NULL",
                (kind.table,),
            )
        if "predecessor" in self._header:
            # whoever hands its predecessor on lets go first: at no moment has one two successors
            cursor.execute(
                f"UPDATE {kind.table} t SET predecessor_id = NULL FROM {ROWS} r"
                f" JOIN {ROWS} heir ON heir.predecessor = r.old_predecessor AND heir.code <> r.code"
                f" WHERE t.id = r.old_id AND r.differs AND {kept}"
            )
        content = [column for column in self._bound if column.name not in kind.key]
        predecessor = f"LEFT JOIN {ROWS} before ON before.code = r.predecessor" if in_file else ""
        changes = ", ".join(f"{column.target} = {_stored(column)}" for column in content)
        cursor.execute(
            f"UPDATE {kind.table} t SET {changes} FROM {ROWS} r {predecessor}"
            f" WHERE t.{self._id} = r.old_id AND r.differs AND {kept}"
        )
        columns = [column.target for column in (*self._bound, *self._absent)]
        values = [*map(_stored, self._bound), *map(_literal, self._absent)]
        params: tuple[Any, ...] = ()
        if in_file:
            columns, values = ["id", *columns], ["r.new_id", *values]
        if dated:
            columns, values, params = [*columns, "recorded_at"], [*values, "%s"], (recorded_at,)
        cursor.execute(
            f"INSERT INTO {kind.table} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM {ROWS} r {predecessor} WHERE r.old_id IS NULL AND {kept} ORDER BY r.line",
            params,
        )


def _kept(refused: int) -> str:
    """The condition that a row of ROWS (as r) is not refused."""
    return f"NOT EXISTS (SELECT 1 FROM {REFUSED} f WHERE f.line = r.line)" if refused else "true"


def _stored(column: Column) -> str:
    """What goes into the table for a bound column of a row r of ROWS."""
    if column.reference and column.reference.in_file:
        return f"coalesce(r.{column.name}_id, before.new_id)"
    return f"r.{column.name}_id" if column.reference else f'r."{column.name}"'


def _literal(column: Column) -> str:
    """What a new row holds in a column that the file lacks, as SQL."""
    if column.empty is None:
        return "NULL"
    escaped = column.empty.replace("'", "''")
    return f"'{escaped}'::{column.sql}"
