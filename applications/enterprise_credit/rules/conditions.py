"""Conditions on an enterprise's figures; the one language of caps, criteria and joint measures.

A condition holds when all that it states holds.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from pydantic import Field

from applications.enterprise_credit.rules.figures import Figures
from applications.enterprise_credit.rules.kinds import RecordKind
from ratings.rules.fields import Flag, Ident, Part, Percent, Text, Whole

#: Of keys of departments, record types and purposes.
Key = Annotated[Text, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]


class Records(Part):
    """Records in force (neither corrected nor withdrawn, within their validity) of these types or these kinds.

    ``within_months`` = 12 counts what was decided less than twelve whole months ago.
    """

    types: Annotated[tuple[Key, ...], Field(description="信用信息类型的代码")] = ()
    kinds: Annotated[tuple[RecordKind, ...], Field(description="信用信息的种类")] = ()
    within_months: Annotated[
        Whole | None, Field(description="只计最近若干个月内认定的；不写即在有效期内的都计")
    ] = None


class Condition(Part):
    """What is stated must hold, all of it; a condition that states nothing is refused."""

    grade_in: Annotated[tuple[Text, ...], Field(description="企业信用等级为其中之一")] = ()
    unrated: Annotated[Flag, Field(description="true：企业没有信用等级")] = False
    store_grade: Annotated[Text | None, Field(description="以下两项所说的药店等级，例如 D")] = None
    stores_at_least: Annotated[Whole | None, Field(description="该等级药店至少几家")] = None
    share_at_least: Annotated[Percent | None, Field(description="该等级药店占已评药店的比例至少百分之几")] = (
        None
    )
    rated_below: Annotated[Whole | None, Field(description="已评药店少于几家")] = None
    under_objection: Annotated[Flag, Field(description="true：有药店等级在异议处理中")] = False
    records: Annotated[Records | None, Field(description="有这样的信用信息")] = None
    records_at_least: Annotated[Whole, Field(description="至少几条，不写即为 1")] = 1


#: Percentages are held as basis points.
_WHOLE: Final = 10_000


def records_wanted(conditions: Iterable[Condition]) -> tuple[Records, ...]:
    """What must be counted of records for these conditions: each once, in order."""
    return tuple(dict.fromkeys(one.records for one in conditions if one.records is not None))


def place(records: Records, wanted: Sequence[Records]) -> int:
    """Where ``figures.records`` has the count of these records. Raises ValueError where they were not asked for."""
    # Most often it is the very same object, and that is seen far sooner than that two are equal.
    for number, one in enumerate(wanted):
        if one is records:
            return number
    return wanted.index(records)


def holds(condition: Condition, figures: Figures, wanted: Sequence[Records]) -> bool:
    """Whether all that a condition states is so; ``figures.records[i]`` counts ``wanted[i]``.

    A share is that of the rated pharmacies; without any it never holds. Exact, in whole numbers. Raises ValueError
    where the records of the condition are not among ``wanted``.
    """
    named = figures.grades.get(condition.store_grade, 0) if condition.store_grade is not None else 0
    if condition.grade_in and figures.grade not in condition.grade_in:
        return False
    if condition.unrated and figures.grade:
        return False
    if condition.stores_at_least is not None and named < condition.stores_at_least:
        return False
    if condition.share_at_least is not None and (
        not figures.rated or named * _WHOLE < condition.share_at_least * figures.rated
    ):
        return False
    if condition.rated_below is not None and figures.rated >= condition.rated_below:
        return False
    if condition.under_objection and not figures.under_objection:
        return False
    return (
        condition.records is None
        or figures.records[place(condition.records, wanted)] >= condition.records_at_least
    )


__all__: Final = ["Condition", "Ident", "Key", "Records", "holds", "place", "records_wanted"]
