"""The enterprise rule: how score and grade of an enterprise follow from its pharmacies and its records.

A document like a scheme: versioned, and never changed once in force. ``assess`` is pure; the same function
derives, explains and simulates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from applications.enterprise_credit.rules.conditions import (
    Condition,
    Key,
    Records,
    holds,
    place,
    records_wanted,
)
from applications.enterprise_credit.rules.figures import Figures
from ratings.rules.exact import ROUNDING_LABELS, Rounding, decimal_text
from ratings.rules.fields import Day, Fixed, Ident, Part, Source, Text, Title, Version, Whole, sure
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
    stores: Annotated[Stores, Field(description="药店的信用分怎样合计")]
    items: Annotated[tuple[Item, ...], Field(description="按信用信息加减分")] = ()
    grades: Annotated[tuple[EnterpriseGrade, ...], Field(min_length=1, description="等级，由好到差")]
    caps: Annotated[tuple[EnterpriseCap, ...], Field(description="等级限制")] = ()
    unrated: Annotated[tuple[Unrated, ...], Field(description="不评等级的情形")] = ()
    #: ranks hold those with a score; below so many in a district, none is given
    min_ranked: Annotated[Whole, Field(description="排名至少要有几家")] = 1

    @property
    def named(self) -> str:
        """``key@version``, as assessments name it."""
        return f"{self.key}@{self.version}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step from figures to grade, for people: what, how many points (thousandths), by which clause."""

    id: str
    text: str
    points: int | None
    clause: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule makes of an enterprise's figures."""

    #: thousandths of a point, None = not rated
    score: int | None
    #: "" = not rated, for which ``reason`` tells why
    grade: str
    label: str
    #: 0 = best, -1 = none
    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Assessed(Result):
    """The same with each step."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Reckoned:
    """All that is reckoned on the way; what is told of it comes afterwards."""

    #: the rule's unrated that hold
    unrated: tuple[Unrated, ...]
    #: thousandths of a point: of the stores; of each item: how many records, the points, those within the limit
    stores: int = 0
    items: tuple[tuple[int, int, int], ...] = ()
    score: int = 0
    #: places in the rule's grades: by the score, and after the caps
    band: int = -1
    position: int = -1
    #: the rule's caps that hold
    caps: tuple[EnterpriseCap, ...] = ()


def slots(rule: EnterpriseRule) -> tuple[Records, ...]:
    """What must be counted of records for ``figures.records``: the items', then the conditions', each once."""
    conditions = [*(cap.when for cap in rule.caps), *(one.when for one in rule.unrated)]
    return tuple(dict.fromkeys((*(item.records for item in rule.items), *records_wanted(conditions))))


def assess(rule: EnterpriseRule, figures: Figures) -> Assessed:
    """Score and grade of one enterprise by a rule, with each step; ``figures.records`` counts :func:`slots`.

    The stores' score (the lowest, or the mean by weight; rounded to the rule's step), and each item's points within
    its limit, are added and kept within floor and ceiling; the score falls into a band, and the caps that hold limit
    the grade. Where weights come from records, a store without one weighs nothing; where all are without, they weigh
    the same. Higher is better.
    """
    wanted = slots(rule)
    reckoned = _reckon(rule, figures, wanted)
    told = _told_unrated(reckoned) if reckoned.position < 0 else _told(rule, figures, reckoned)
    result = _result(rule, reckoned)
    return Assessed(result.score, result.grade, result.label, result.position, result.reason, tuple(told))


def results(rule: EnterpriseRule, many: Iterable[Figures]) -> Iterator[Result]:
    """The same of many, one after another, without the steps."""
    wanted = slots(rule)
    for figures in many:
        yield _result(rule, _reckon(rule, figures, wanted))


def _result(rule: EnterpriseRule, reckoned: _Reckoned) -> Result:
    if reckoned.position < 0:
        return Result(None, "", "", -1, reckoned.unrated[0].title)
    grade = rule.grades[reckoned.position]
    return Result(reckoned.score, grade.name, grade.label, reckoned.position, "")


def _reckon(rule: EnterpriseRule, figures: Figures, wanted: Sequence[Records]) -> _Reckoned:
    unrated = [one for one in rule.unrated if holds(one.when, figures, wanted)]
    if not figures.rated and not unrated:
        unrated = [_without_stores(rule)]
    if unrated:
        return _Reckoned(tuple(unrated))
    stores = _stores(rule.stores, figures)
    items = []
    for item in rule.items:
        count = figures.records[place(item.records, wanted)]
        points = count * item.each
        items.append((count, points, max(points, item.limit) if item.each < 0 else min(points, item.limit)))
    score = min(max(stores + sum(kept for _, _, kept in items), rule.floor), rule.ceiling)
    band = next(number for number, one in enumerate(rule.grades) if one.min is None or score >= one.min)
    caps = tuple(cap for cap in rule.caps if holds(cap.when, figures, wanted))
    worst = [number for cap in caps for number, one in enumerate(rule.grades) if one.name == cap.limit]
    return _Reckoned((), stores, tuple(items), score, band, max([band, *worst]), caps)


def _without_stores(rule: EnterpriseRule) -> Unrated:
    """No rule can give a score without a rated store; said in these words where the rule has none."""
    title, clause = "没有已评定等级的药店", rule.stores.clause
    return Unrated(id="no_rated_store", title=title, when=Condition(rated_below=1), clause=clause)


def _stores(stores: Stores, figures: Figures) -> int:
    """Of rated stores, thousandths, a multiple of the step."""
    if stores.method == "lowest":
        return rounded(sure(figures.lowest), 1, stores.step, stores.rounding)
    return rounded(figures.weighted, figures.weight, stores.step, stores.rounding)


def rounded(top: int, bottom: int, step: int, rounding: Rounding) -> int:
    """``top / bottom`` as a multiple of ``step``; ``bottom`` and ``step`` positive. Exact for any size."""
    size, rest = divmod(abs(top), bottom * step)
    half = 2 * rest - bottom * step
    if rounding == "up":
        size += rest > 0
    elif rounding == "half_up":
        size += half >= 0
    elif rounding == "half_even":
        size += half > 0 or (half == 0 and size % 2 == 1)
    return (size if top >= 0 else -size) * step


def _told_unrated(reckoned: _Reckoned) -> Iterator[Step]:
    for one in reckoned.unrated:
        yield Step(one.id, f"{one.title}，不评等级。", None, one.clause)


def _told(rule: EnterpriseRule, figures: Figures, reckoned: _Reckoned) -> Iterator[Step]:
    yield Step(
        "stores", _told_stores(rule.stores, figures, reckoned.stores), reckoned.stores, rule.stores.clause
    )
    for item, (count, points, kept) in zip(rule.items, reckoned.items, strict=True):
        text = f"{item.title} {count} 条"
        if count:
            text += f"，每条 {decimal_text(item.each)} 分，计 {decimal_text(points)} 分"
        if kept != points:
            text += f"，以 {decimal_text(kept)} 分为限"
        yield Step(item.id, f"{text}。", kept, item.clause)
    total = reckoned.stores + sum(kept for _, _, kept in reckoned.items)
    if total != reckoned.score:
        limit = (
            f"最低为 {decimal_text(rule.floor)}"
            if total < rule.floor
            else f"最高为 {decimal_text(rule.ceiling)}"
        )
        text = f"合计 {decimal_text(total)} 分，{limit} 分。"
        yield Step("bounds", text, reckoned.score - total, rule.basis)
    grade = rule.grades[reckoned.band]
    bound = f"达到 {decimal_text(grade.min)} 分" if grade.min is not None else "未达到以上各等级的最低分"
    yield Step(
        "band",
        f"企业信用分 {decimal_text(reckoned.score)} 分，{bound}，等级为 {grade.name}。",
        None,
        grade.clause,
    )
    for cap in reckoned.caps:
        names = [one.name for one in rule.grades]
        lowers = names.index(cap.limit) > reckoned.band
        effect = f"等级最高为 {cap.limit}" if lowers else f"等级最高为 {cap.limit}，未影响结果"
        yield Step(cap.id, f"{cap.title}，{effect}。", None, cap.clause)


def _told_stores(stores: Stores, figures: Figures, score: int) -> str:
    of = f"{figures.rated} 家已评药店"
    if stores.method == "lowest":
        text = f"{of}信用分最低的为 {decimal_text(sure(figures.lowest))} 分"
    elif stores.weight is None:
        text = f"{of}信用分的平均数"
    elif figures.unweighted == figures.rated:
        text = f"{of}都没有权重数据，按相等权重计算信用分的平均数"
    else:
        text = f"{of}信用分按权重的加权平均数"
        if figures.unweighted:
            text += f"（{figures.unweighted} 家没有权重数据，不计入）"
    return f"{text}，{ROUNDING_LABELS[stores.rounding]}到 {decimal_text(stores.step)} 分，为 {decimal_text(score)} 分。"
