"""Conditions on an enterprise's figures; the one language of caps, criteria and joint measures.

A condition holds when all that it states holds.
"""

from typing import Annotated, Final

from pydantic import Field

from applications.enterprise_credit.rules.kinds import RecordKind
from ratings.rules.fields import Flag, Ident, Part, Percent, Text, Whole

#: Of keys of departments, record types and purposes.
Key = Annotated[Text, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]


class Records(Part):
    """Records in force (neither corrected nor withdrawn, within their validity) of some types or kinds."""

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


__all__: Final = ["Condition", "Ident", "Key", "Records"]
