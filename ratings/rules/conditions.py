"""The one small language of conditions, used by eligibility, caps and bands.

A condition is a comparison of one quantity with numbers, or ``all`` / ``any`` / ``not`` of
conditions::

    { quantity = "tenure_months", lt = 24 }
    { all = [ { quantity = "violations", kinds = ["RETURNED_DRUG"], within_months = 24, ge = 1 },
              { not = { quantity = "measure.corrected", eq = 1 } } ] }

This module is the document's shape; ``quantities.py`` works conditions out over columns.
"""

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field, StrictStr
from pydantic.json_schema import WithJsonSchema

from ratings.rules.fields import Fixed, Flag, Part, Text, Whole
from ratings.rules.problems import Path
from ratings.rules.vocabulary import (
    COMPLAINT_TOPICS,
    GRAVITIES,
    SERVICE_STATUSES,
    TRACKS,
    VIOLATION_KINDS,
    Vocabulary,
)

#: Quantities that are known before any points are.
PLAIN: Final = {
    "tenure_months": "定点满月数（含前身）",
    "opened_months": "本次签约满月数（不含前身）",
    "violations": "违法违规件数",
    "violation_amount": "违法违规涉及金额（元）",
    "complaints": "查实举报投诉件数",
    "status": "服务状态",
    "chain": "是否连锁门店（1 是，0 否）",
}
#: Quantities known once the points are.
SCORED: Final = {"score": "信用分", "worst_indicator": "最差单项指标的分值"}
#: Families with an identifier after the dot.
FAMILIES: Final = {"measure": "导入的数值", "indicator": "单项指标得分", "component": "分项得分"}

COMPARISONS: Final = {"lt": "少于", "le": "不超过", "eq": "等于", "ge": "达到", "gt": "超过"}

#: Filters on facts, with the vocabulary of each and the quantities that take it.
FILTERS: Final[dict[str, tuple[Vocabulary, frozenset[str]]]] = {
    "kinds": (VIOLATION_KINDS, frozenset({"violations", "violation_amount"})),
    "gravities": (GRAVITIES, frozenset({"violations", "violation_amount"})),
    "tracks": (TRACKS, frozenset({"violations", "violation_amount"})),
    "topics": (COMPLAINT_TOPICS, frozenset({"complaints"})),
    "one_of": (SERVICE_STATUSES, frozenset({"status"})),
}
COUNTED: Final = frozenset({"violations", "violation_amount", "complaints"})


def _word(vocabulary: Vocabulary) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(vocabulary.ids)})


#: Words are checked in checks.py, so that an unknown one is told together with all the rest.
Kinds = Annotated[
    tuple[Annotated[StrictStr, _word(VIOLATION_KINDS)], ...],
    Field(min_length=1, description="违法违规类型代码"),
]
Gravities = Annotated[
    tuple[Annotated[StrictStr, _word(GRAVITIES)], ...],
    Field(min_length=1, description="情节代码"),
]
Tracks = Annotated[
    tuple[Annotated[StrictStr, _word(TRACKS)], ...],
    Field(min_length=1, description="处理性质代码"),
]
Topics = Annotated[
    tuple[Annotated[StrictStr, _word(COMPLAINT_TOPICS)], ...],
    Field(min_length=1, description="举报投诉内容代码"),
]
Statuses = Annotated[
    tuple[Annotated[StrictStr, _word(SERVICE_STATUSES)], ...],
    Field(min_length=1, description="服务状态代码，是其中之一即成立"),
]


class Condition(Part):
    """A comparison, or all / any / not of conditions."""

    all: Annotated[tuple["Condition", ...] | None, Field(description="各条件同时成立")] = None
    any: Annotated[tuple["Condition", ...] | None, Field(description="任一条件成立")] = None
    not_: Annotated["Condition | None", Field(alias="not", description="条件不成立")] = None
    quantity: Annotated[
        Text | None,
        Field(description="比较的量：" + "、".join([*PLAIN, *SCORED, *(f"{f}.<id>" for f in FAMILIES)])),
    ] = None
    lt: Annotated[Fixed | None, Field(description="少于")] = None
    le: Annotated[Fixed | None, Field(description="不超过")] = None
    eq: Annotated[Fixed | None, Field(description="等于")] = None
    ge: Annotated[Fixed | None, Field(description="达到")] = None
    gt: Annotated[Fixed | None, Field(description="超过")] = None
    one_of: Statuses | None = None
    kinds: Kinds | None = None
    gravities: Gravities | None = None
    tracks: Tracks | None = None
    topics: Topics | None = None
    within_months: Annotated[
        Whole | None, Field(description="只计认定之日至评价周期末日未满若干个月的事实")
    ] = None
    missing: Annotated[Flag | None, Field(description="导入的数值缺失时条件是否成立；不写即不成立")] = None

    @property
    def is_leaf(self) -> bool:
        return self.all is None and self.any is None and self.not_ is None

    @property
    def bounds(self) -> dict[str, int]:
        """The comparisons stated, in thousandths: ``{"lt": 24000}``."""
        stated = {name: getattr(self, name) for name in COMPARISONS}
        return {name: bound for name, bound in stated.items() if bound is not None}

    @property
    def family(self) -> tuple[str, str]:
        """("measure", key) for ``measure.key``; (quantity, "") for a plain quantity."""
        head, _, tail = (self.quantity or "").partition(".")
        return head, tail

    def filter_numbers(self, name: str) -> tuple[int, ...] | None:
        """The numbers of the words that filter ``name`` lists, None where it is not stated."""
        stated: tuple[str, ...] | None = getattr(self, name)
        return None if stated is None else tuple(FILTERS[name][0].number(word) for word in stated)


def leaves(
    condition: Condition, path: Path = (), positive: bool = True
) -> Iterator[tuple[Condition, Path, bool]]:
    """Every comparison in ``condition`` with its path, and False where a ``not`` turns it over."""
    if condition.is_leaf:
        yield condition, path, positive
    for name in ("all", "any"):
        for number, part in enumerate(getattr(condition, name) or ()):
            yield from leaves(part, (*path, name, number), positive)
    if condition.not_ is not None:
        yield from leaves(condition.not_, (*path, "not"), not positive)
