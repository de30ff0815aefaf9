"""Triggers that keep records: nothing that was recorded is deleted or quietly changed."""

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


def changes_only(columns: Sequence[str]) -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE, and every UPDATE that changes another column than these."""
    return [
        pgtrigger.Trigger(
            name="changes_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange(exclude=list(columns)),
            func="RAISE EXCEPTION '%: 记录的内容不得修改（append-only）', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        *no_delete(),
    ]


def once(column: str) -> pgtrigger.Trigger:
    """Refuse every UPDATE of a row whose ``column`` is set: what was withdrawn or revoked stays so."""
    return pgtrigger.Trigger(
        name=f"{column}_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(**{f"old__{column}__isnull": False}),
        func="RAISE EXCEPTION '%: 已终结的记录不得再改', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
    )


def document_in_force(name: str, subject: str) -> list[pgtrigger.Trigger]:
    """For versions of a document: what is in force never changes, and its hash is that of its text.

    ``name`` is what such a document is called where it is whole, ``subject`` where it is spoken of.
    """
    return [
        pgtrigger.Trigger(
            name="immutable_in_force",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__activated_at__isnull=False),
            func=f"RAISE EXCEPTION '已启用的{name}不得修改：请另存新版本' USING ERRCODE = 'restrict_violation';",
        ),
        pgtrigger.Trigger(
            name="hash_of_document",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            func=f"""
                    IF NEW.sha256 <> encode(sha256(convert_to(NEW.document, 'UTF8')), 'hex') THEN
                        RAISE EXCEPTION '{subject}的 SHA-256 与文本不符' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
        ),
        *no_delete(),
    ]


def references(column: str, table: str, key: str = "id") -> pgtrigger.Trigger:
    """A set-based foreign key for bulk-written tables: one join per statement, not per row.

    It holds because rows of ``table`` cannot be deleted and their ``key`` cannot change.
    """
    return pgtrigger.Trigger(
        name=f"references_{column}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),  # type: ignore[no-untyped-call]
        func=f"""
            IF EXISTS (
                SELECT 1
                FROM (SELECT DISTINCT {column} AS id FROM new_rows WHERE {column} IS NOT NULL) AS used
                LEFT JOIN {table} AS target ON target.{key} = used.id
                WHERE target.{key} IS NULL
            ) THEN
                RAISE EXCEPTION '%: {column} 指向不存在的 {table}', TG_TABLE_NAME
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
        """,
    )
