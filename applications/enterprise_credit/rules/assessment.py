"""The enterprise rule: how score and grade of an enterprise follow from its pharmacies and its records.

A document like a scheme: versioned, and never changed once in force. ``assess`` is pure; the same function
derives, explains and simulates.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from applications.enterprise_credit.rules.conditions import Condition, Key, Records
from applications.enterprise_credit.rules.figures import Figures
from ratings.rules.exact import Rounding
from ratings.rules.fields import Day, Fixed, Ident, Part, Source, Text, Title, Version, Whole
from ratings.rules.indicators import Clause


class StoreWeight(Part):
    """Where the weight of each pharmacy comes from: an integer or amount field of a department's records."""

    type: Annotated[Key, Field(description="信用信息类型的代码")]
    field: Annotated[Ident, Field(description="数值所在的字段")]
    store: Annotated[Ident, Field(description="定点编码所在的字段")]


class Stores(Part):
    """The score of an enterprise's pharmacies."""

    method: Annotated[Literal["lowest", "mean"], Field(description="lowest 取最低的；mean 取（加权）平均")]
    weight: Annotated[StoreWeight | None, Field(description="权重的来源；不写即各店相等")] = None
    rounding: Annotated[Rounding, Field(description="取整办法")] = "half_up"
    step: Annotated[Fixed, Field(description="最小单位")]
    clause: Clause


class Item(Part):
    """Points for records of departments."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="名称")]
    records: Records
    each: Annotated[Fixed, Field(description="每条加（减）几分")]
    limit: Annotated[Fixed, Field(description="合计最多加（减）几分")]
    clause: Clause


class EnterpriseGrade(Part):
    """A grade of enterprises; the list runs from best to worst, the last without ``min``."""

    name: Annotated[Text, Field(max_length=20, description="等级")]
    label: Annotated[Text, Field(max_length=100, description="名称")]
    meaning: Annotated[Text, Field(description="一句话说明")]
    min: Annotated[Fixed | None, Field(description="最低分（含）")] = None
    clause: Clause


class EnterpriseCap(Part):
    """A condition that limits the grade."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="名称")]
    when: Condition
    limit: Annotated[Text, Field(description="最高只能为")]
    clause: Clause


class Unrated(Part):
    """When an enterprise has no grade, and why."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="不评的理由")]
    when: Condition
    clause: Clause


class EnterpriseRule(Part):
    """The document."""

    key: Annotated[Key, Field(description="代码")]
    version: Version
    title: Title
    effective_on: Annotated[Day, Field(description="施行日期")]
    basis: Annotated[Source, Field(description="依据")]
    floor: Annotated[Fixed, Field(description="最低分")]
    ceiling: Annotated[Fixed, Field(description="最高分")]
    stores: Stores
    items: tuple[Item, ...] = ()
    grades: tuple[EnterpriseGrade, ...]
    caps: tuple[EnterpriseCap, ...] = ()
    unrated: tuple[Unrated, ...]
    #: ranks hold those with a score; below so many in a district, none is given
    min_ranked: Annotated[Whole, Field(description="排名至少要有几家")] = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One step from figures to grade, for people: what, how many points (thousandths), by which clause."""

    id: str
    text: str
    points: int | None
    clause: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """What a rule makes of an enterprise's figures."""

    #: thousandths of a point, None = not rated
    score: int | None
    #: "" = not rated, for which ``reason`` tells why
    grade: str
    label: str
    #: 0 = best, -1 = none
    position: int
    reason: str
    steps: tuple[Step, ...]


def slots(rule: EnterpriseRule) -> tuple[Records, ...]:
    """What must be counted of records for ``figures.records``: the items', then the conditions', in order."""
    raise NotImplementedError


def assess(rule: EnterpriseRule, figures: Figures) -> Assessed:
    """Score and grade of one enterprise by a rule, with each step; ``figures.records`` counts :func:`slots`."""
    raise NotImplementedError
