"""Records that wait for their enterprise: found by social credit code, its name compared.

A record of a code that no enterprise has, or whose name is not the enterprise's, waits on the work list (待匹配);
when its enterprise appears, or is renamed, it matches by itself.
"""

from collections.abc import Collection
from typing import Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from applications.enterprise_credit.models import CreditRecord, CreditSubject
from applications.enterprise_credit.names import name_key

Match = CreditRecord.Match
_RECORD, _SUBJECT = CreditRecord._meta.db_table, CreditSubject._meta.db_table
#: Whoever writes records holds it shared, who brings enterprises exclusively, until the transaction ends: so no
#: record is held against enterprises of a moment before.
_SUBJECTS: Final = "enterprise_credit.subjects"


def waiting() -> QuerySet[CreditRecord]:
    """Live records that match nothing, or whose name and code disagree."""
    return CreditRecord.objects.filter(~Q(match=Match.MATCHED), voided_at=None)


def hold_subjects() -> None:
    """Let no enterprises appear until this transaction ends; for those who match records."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtext(%s))", (_SUBJECTS,))


@transaction.atomic
def match_waiting(usccs: Collection[str] | None = None) -> set[str]:
    """Match what waits for these enterprises (None = all); gives those that got records.

    Called after enterprises appeared or were renamed, in the transaction that did so. Records that no longer wait for
    an enterprise but for its right name are marked so. A constant number of statements.
    """
    wanted = "" if usccs is None else "AND r.uscc = ANY(%s)"
    matched: list[int] = []
    differing: list[int] = []
    got: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_SUBJECTS,))
        cursor.execute(
            f"""SELECT r.id, r.uscc, r.name, r.match, s.name_key FROM {_RECORD} r JOIN {_SUBJECT} s ON s.uscc = r.uscc
                WHERE r.voided_at IS NULL AND r.match <> 'MATCHED' {wanted} ORDER BY r.id FOR UPDATE OF r""",
            [] if usccs is None else [list(usccs)],
        )
        for pk, uscc, name, match, key in cursor.fetchall():
            if name_key(name) == key:
                matched.append(pk)
                got.add(uscc)
            elif match == Match.NO_SUBJECT:
                differing.append(pk)
        if matched:
            cursor.execute(
                f"UPDATE {_RECORD} SET match = 'MATCHED', subject_id = uscc WHERE id = ANY(%s)", (matched,)
            )
        if differing:
            cursor.execute(f"UPDATE {_RECORD} SET match = 'NAME_DIFFERS' WHERE id = ANY(%s)", (differing,))
    return got
