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
