"""Triggers that the tables share: what is recorded stays recorded."""

from collections.abc import Iterable, Sequence

import pgtrigger

from creditsys.guards import no_delete
from ratings.rules.moves import Move

_ONLY_VOIDING = """
    RAISE EXCEPTION '%: 记录只能作废，不得修改（append-only）', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
"""


def moves_only(first: str, moves: Iterable[Move]) -> list[pgtrigger.Trigger]:
    """Rows begin in state ``first`` and change their state only as ``moves`` allow."""
    steps = ", ".join(sorted({f"('{move.source}', '{move.target}')" for move in moves}))
    return [
        pgtrigger.Trigger(
            name="starts_at_the_start",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            condition=~pgtrigger.Q(new__state=first),
            func="RAISE EXCEPTION '%: 须从起始状态开始', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        pgtrigger.Trigger(
            name="moves_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange("state"),
            func=f"""
                IF (OLD.state, NEW.state) NOT IN ({steps}) THEN
                    RAISE EXCEPTION '%: 不能从 % 变为 %', TG_TABLE_NAME, OLD.state, NEW.state
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            """,
        ),
    ]


def decided_once(open_state: str, decision_columns: Sequence[str]) -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE, and every UPDATE but one that decides an open row.

    ``decision_columns`` are the only columns that may change, and only while ``open_state`` holds.
    """
    return [
        pgtrigger.Trigger(
            name="starts_open",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            condition=~pgtrigger.Q(new__state=open_state),
            func="RAISE EXCEPTION '%: 须先提出，再决定', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        pgtrigger.Trigger(
            name="decided_once",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=~pgtrigger.Q(old__state=open_state),
            func="RAISE EXCEPTION '%: 已决定的记录不得再改', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        pgtrigger.Trigger(
            name="decision_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange(exclude=list(decision_columns)),
            func="RAISE EXCEPTION '%: 提出的内容不得修改，只能决定', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        *no_delete(),
    ]


#: The newest moment up to which facts have been read: by a run, or by the re-rating of one pharmacy.
_READ_UNTIL = """greatest(
                    (SELECT max(cutoff) FROM ratings_ratingrun WHERE state IN ('RUNNING', 'DONE')),
                    (SELECT max(cutoff) FROM ratings_rerating)
                )"""


def voidable_once(void_columns: Sequence[str]) -> list[pgtrigger.Trigger]:
    """Refuse DELETE and TRUNCATE, and every UPDATE but one that voids a live row from now on.

    ``void_columns`` are the only columns that may change, and only while voided_at is null. The
    conditions are the trigger's own, so that voiding a million rows calls no function for each.
    """
    return [
        pgtrigger.Trigger(
            name="void_once",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__voided_at__isnull=False),
            func="RAISE EXCEPTION '%: 已作废的记录不得再改', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
        ),
        pgtrigger.Trigger(
            name="void_only",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange(exclude=list(void_columns)),
            func=_ONLY_VOIDING,
        ),
        pgtrigger.Trigger(
            name="void_whole",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(new__voided_at__isnull=True),
            func=_ONLY_VOIDING,
        ),
        pgtrigger.Trigger(
            name="not_voided_behind_a_run",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            referencing=pgtrigger.Referencing(new="new_rows"),
            func=f"""
                IF (SELECT min(voided_at) FROM new_rows) <= {_READ_UNTIL} THEN
                    RAISE EXCEPTION '%: 作废时间早于评价批次的数据截止时间', TG_TABLE_NAME
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NULL;
            """,
        ),
        *no_delete(),
    ]


def not_behind_a_run() -> pgtrigger.Trigger:
    """Refuse rows recorded at or before the cutoff of a run that has read, or is reading, its facts.

    A run has read everything recorded by its cutoff; a row slipped in behind it would make
    the run impossible to repeat.
    """
    return pgtrigger.Trigger(
        name="not_behind_a_run",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"""
            IF (SELECT min(recorded_at) FROM new_rows) <= {_READ_UNTIL} THEN
                RAISE EXCEPTION '%: 记录时间早于评价批次的数据截止时间，不得补记到过去', TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        """,
    )


def fact_guards() -> list[pgtrigger.Trigger]:
    """What guards every fact table."""
    return [*voidable_once(("voided_at", "void_reason", "voided_by")), not_behind_a_run()]


def known_after(column: str, message: str) -> pgtrigger.Trigger:
    """Refuse rows whose ``column`` (a date) is later than the day they were recorded, in Shanghai.

    Set-based, because turning a moment into a local day for every row is what a bulk load
    would spend most on; a load has one moment for all its rows.
    """
    return pgtrigger.Trigger(
        name=f"{column}_known_after",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"""
            IF EXISTS (
                SELECT 1 FROM new_rows GROUP BY recorded_at
                HAVING max({column}) > (recorded_at AT TIME ZONE 'Asia/Shanghai')::date
            ) THEN
                RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,
    )
