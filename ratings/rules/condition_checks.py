"""Checks on conditions: their form, their words, and that none rewards what is worse."""

from collections.abc import Iterator
from typing import Literal

from ratings.rules.checks import Finding, conditions_in, unknown_words
from ratings.rules.conditions import (
    COMPARISONS,
    COUNTED,
    FAMILIES,
    FILTERS,
    PLAIN,
    SCORED,
    Condition,
    leaves,
)
from ratings.rules.document import SchemeDocument
from ratings.rules.fields import sure
from ratings.rules.indicators import MeasureIndicator
from ratings.rules.problems import Path
from ratings.rules.translation import suggestion

#: How a comparison moves as a pharmacy's facts get worse: "worse" stays true, "better" stays
#: false, "neutral" does not depend on them, "mixed" can do either.
Direction = Literal["worse", "better", "neutral", "mixed"]
_TURNED: dict[Direction, Direction] = {
    "worse": "better",
    "better": "worse",
    "neutral": "neutral",
    "mixed": "mixed",
}

_FAMILY_REMEDIES = {
    "measure": "写成 measure.KEY，KEY 为 [[measures]] 中写明的 key，例如 measure.review。",
    "indicator": "写成 indicator.ID，ID 为 [[indicators]] 中写明的 id，例如 indicator.growth。",
    "component": "写成 component.ID，ID 为 [[components]] 中写明的 id，例如 component.credit。",
}


def check_conditions(document: SchemeDocument) -> Iterator[Finding]:
    """Every condition of eligibility, caps and bands."""
    for path, condition in conditions_in(document):
        yield from _form(document, condition, path)
        if path[0] == "caps":
            yield from _directed(document, condition, path, "worse")
        elif path[0] == "bands":
            yield from _directed(document, condition, path, "better")
        else:
            yield from _undirected(document, condition, path)


def _undirected(document: SchemeDocument, condition: Condition, path: Path) -> Iterator[Finding]:
    for leaf, here, _ in leaves(condition, path):
        if direction(document, leaf) != "neutral":
            yield (
                (*here, "quantity"),
                f"不予评价的条件取决于“{leaf.quantity}”，违法失信的药店会因此免于评价。",
                "改写为封顶（caps）；不予评价只看年限、状态、连锁或导入的数值。",
            )


def direction(document: SchemeDocument, leaf: Condition) -> Direction:
    """Which way a single comparison moves as facts get worse."""
    head, tail = leaf.family
    bounds = leaf.bounds
    low, high = bounds.keys() & {"ge", "gt"}, bounds.keys() & {"lt", "le"}
    if head in COUNTED or head == "worst_indicator":
        if bounds == {"eq": 0}:
            return "better"
        more_is_worse = True
    elif head == "score" or (head in ("indicator", "component") and _moved(document, head, tail)):
        more_is_worse = document.score.direction == "lower_is_better"
    else:
        return "neutral"
    if "eq" in bounds or (low and high):
        return "mixed"
    return "worse" if bool(low) == more_is_worse else "better"


def _moved(document: SchemeDocument, head: str, name: str) -> bool:
    """Whether facts move this indicator or component, as opposed to imported values only."""
    return any(
        not isinstance(indicator, MeasureIndicator)
        for indicator in document.indicators
        if name == (indicator.id if head == "indicator" else indicator.component)
    )


def _directed(
    document: SchemeDocument, condition: Condition, path: Path, wanted: Direction
) -> Iterator[Finding]:
    for leaf, here, positive in leaves(condition, path):
        moves = direction(document, leaf)
        moves = moves if positive else _TURNED[moves]
        if moves in (wanted, "neutral"):
            continue
        if wanted == "worse":
            yield (
                here,
                f"“{leaf.quantity}”变差时这一封顶条件可能不再成立，等级反而变好。",
                "改变比较的方向：情况越差，封顶条件越应成立。",
            )
        else:
            yield (
                here,
                f"“{leaf.quantity}”变差时这一等级条件可能反而成立，等级反而变好。",
                "改变比较的方向：情况越好，等级条件越应成立。",
            )


def _form(document: SchemeDocument, condition: Condition, path: Path) -> Iterator[Finding]:
    stated = [
        name
        for name, form in (
            ("all", condition.all),
            ("any", condition.any),
            ("not", condition.not_),
            ("quantity", condition.quantity),
        )
        if form is not None
    ]
    if len(stated) != 1:
        yield (
            path,
            f"写了 {'、'.join(stated)}。" if stated else "条件是空的。",
            "quantity、all、any、not 只写其一；需要组合时用 all 或 any。",
        )
        return
    if condition.quantity is not None:
        yield from _leaf(document, condition, path)
        return
    extra = sorted(condition.model_fields_set - {"all", "any", "not_"})
    if extra:
        yield path, f"{stated[0]} 之外还写了 {'、'.join(extra)}。", "移到里面的条件中。"
    for name in ("all", "any"):
        parts: tuple[Condition, ...] | None = getattr(condition, name)
        if parts == ():
            yield (*path, name), "组合条件里没有条件。", "至少写一个条件。"
        for number, part in enumerate(parts or ()):
            yield from _form(document, part, (*path, name, number))
    if condition.not_ is not None:
        yield from _form(document, condition.not_, (*path, "not"))


def _leaf(document: SchemeDocument, leaf: Condition, path: Path) -> Iterator[Finding]:
    yield from _reference(document, sure(leaf.quantity), (*path, "quantity"))
    if leaf.quantity == "status":
        if leaf.one_of is None or leaf.bounds:
            yield path, "服务状态不能比较大小。", '写 one_of，例如 one_of = ["TERMINATED"]。'
    elif not leaf.bounds:
        yield (
            path,
            f"“{leaf.quantity}”没有写明与什么数比较。",
            f"写明 {'、'.join(COMPARISONS)} 之一，例如 lt = 24。",
        )
    elif {"ge", "gt"} <= leaf.bounds.keys() or {"lt", "le"} <= leaf.bounds.keys():
        yield path, "同一方向写了两个界限。", "ge 与 gt、lt 与 le 各保留一个。"
    for name, (vocabulary, quantities) in FILTERS.items():
        stated: tuple[str, ...] | None = getattr(leaf, name)
        if stated is None:
            continue
        yield from unknown_words(stated, vocabulary, (*path, name))
        if leaf.quantity not in quantities:
            yield (
                (*path, name),
                f"{name} 不适用于“{leaf.quantity}”。",
                f"删去 {name}；它只用于 {'、'.join(sorted(quantities))}。",
            )
    if leaf.within_months is not None and leaf.quantity not in COUNTED:
        yield (
            (*path, "within_months"),
            f"within_months 不适用于“{leaf.quantity}”。",
            f"删去；它只用于 {'、'.join(sorted(COUNTED))}。",
        )
    if leaf.missing is not None and leaf.family[0] != "measure":
        yield (*path, "missing"), "missing 只用于导入的数值。", "删去 missing。"


def _reference(document: SchemeDocument, quantity: str, path: Path) -> Iterator[Finding]:
    head, dot, tail = quantity.partition(".")
    plain = [*PLAIN, *SCORED]
    if not dot and quantity in plain:
        return
    if head in FAMILIES and not tail:
        yield path, f"“{quantity}”没有写明是哪一个。", _FAMILY_REMEDIES[head]
        return
    known: list[str] = []
    if head == "indicator":
        known = [f"indicator.{indicator.id}" for indicator in document.indicators]
    elif head == "component":
        known = [f"component.{component.id}" for component in document.components]
    elif head == "measure":
        return
    if quantity in known:
        return
    everything = known or [*plain, *(f"{family}.<id>" for family in FAMILIES)]
    near = suggestion(quantity, everything)
    yield (
        path,
        f"没有名为“{quantity}”的量。",
        f"是否应为 {near}？" if near else f"改为 {'、'.join(everything)} 之一。",
    )
