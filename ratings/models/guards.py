"""Triggers that the tables share: what is recorded stays recorded."""

from collections.abc import Sequence

import pgtrigger

_NO_DELETE = (
    "RAISE EXCEPTION '%: 记录不得删除（append-only）', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
)


def no_delete() -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE."""
    return [
        pgtrigger.Trigger(
            name="no_delete",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Delete,
            func=_NO_DELETE,
        ),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func=_NO_DELETE,
        ),
    ]


def append_only() -> list[pgtrigger.Trigger]:
    """Refuse UPDATE, DELETE and TRUNCATE."""
    return [
        pgtrigger.Trigger(
            name="no_update",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func="RAISE EXCEPTION '%: 记录不得修改（append-only）', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        *no_delete(),
    ]


def voidable_once(void_columns: Sequence[str]) -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE, and every UPDATE but one that voids a live row.

    ``void_columns`` are the only columns that may change, and only while voided_at is null.
    """
    removed = " - ".join(f"'{column}'" for column in void_columns)
    return [
        pgtrigger.Trigger(
            name="void_once",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func=f"""
                IF OLD.voided_at IS NOT NULL THEN
                    RAISE EXCEPTION '%: 已作废的记录不得再改', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
                END IF;
                IF NEW.voided_at <= (SELECT max(cutoff) FROM ratings_ratingrun WHERE state <> 'FAILED') THEN
                    RAISE EXCEPTION '%: 作废时间早于已完成评价批次的数据截止时间', TG_TABLE_NAME
                        USING ERRCODE = 'restrict_violation';
                END IF;
                IF NEW.voided_at IS NULL
                   OR (to_jsonb(NEW) - {removed}) IS DISTINCT FROM (to_jsonb(OLD) - {removed}) THEN
                    RAISE EXCEPTION '%: 记录只能作废，不得修改（append-only）', TG_TABLE_NAME
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            """,
        ),
        *no_delete(),
    ]


def references(column: str, table: str) -> pgtrigger.Trigger:
    """A set-based foreign key for bulk-written tables: one join per statement, not per row.

    It holds because rows of ``table`` cannot be deleted and their ids cannot change.
    """
    return pgtrigger.Trigger(
        name=f"references_{column}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"""
            IF EXISTS (
                SELECT 1
                FROM (SELECT DISTINCT {column} AS id FROM new_rows WHERE {column} IS NOT NULL) AS used
                LEFT JOIN {table} AS target ON target.id = used.id
                WHERE target.id IS NULL
            ) THEN
                RAISE EXCEPTION '%: {column} 指向不存在的 {table}', TG_TABLE_NAME
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
        """,
    )


def not_behind_a_run() -> pgtrigger.Trigger:
    """Refuse rows recorded at or before the cutoff of a run that is done.

    A run has read everything recorded by its cutoff; a row slipped in behind it would make
    the run impossible to repeat.
    """
    return pgtrigger.Trigger(
        name="not_behind_a_run",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func="""
            IF (SELECT min(recorded_at) FROM new_rows)
               <= (SELECT max(cutoff) FROM ratings_ratingrun WHERE state <> 'FAILED') THEN
                RAISE EXCEPTION '%: 记录时间早于已完成评价批次的数据截止时间，不得补记到过去', TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        """,
    )


def fact_guards() -> list[pgtrigger.Trigger]:
    """What guards every fact table."""
    return [*voidable_once(("voided_at", "void_reason", "voided_by")), not_behind_a_run()]
