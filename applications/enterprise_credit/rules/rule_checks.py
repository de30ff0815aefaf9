"""Checks of the enterprise rule beyond its shape."""

from collections.abc import Iterator
from typing import Final

from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.condition_checks import (
    Finding,
    Known,
    check_condition,
    check_records,
    repeated,
    unknown_word,
)
from ratings.rules.exact import decimal_text
from ratings.rules.problems import Path

#: Ids of the steps that every rule has.
_STEPS: Final = ("stores", "bounds", "band")
_NUMBERS: Final = ("integer", "amount_fen")


def check_rule(rule: EnterpriseRule, catalogue: Catalogue | None = None) -> Iterator[Finding]:
    """All that is wrong; record types and fields are looked up in ``catalogue`` (None: not checked)."""
    types = None if catalogue is None else [one.key for one in catalogue.record_types]
    yield from _bounds(rule)
    yield from _ids(rule)
    yield from _weight(rule, catalogue)
    for number, item in enumerate(rule.items):
        path: Path = ("items", number)
        yield from check_records(item.records, (*path, "records"), types)
        if item.each == 0:
            yield (*path, "each"), "每条 0 分，不起作用。", "写明分值，例如 -2，或删去这一项。"
        elif item.each * item.limit <= 0:
            each, limit = decimal_text(item.each), decimal_text(item.limit)
            what = f"每条 {each} 分，合计以 {limit} 分为限，正负不一致。"
            yield (*path, "limit"), what, "加分的都写正数，扣分的都写负数，例如 each = -2、limit = -10。"
    yield from _grades(rule)
    known = Known(types, None, of_rule=True)
    names = [grade.name for grade in rule.grades]
    for number, cap in enumerate(rule.caps):
        if cap.limit not in names:
            yield unknown_word(cap.limit, names, ("caps", number, "limit"), "企业信用等级")
        elif cap.limit == names[0]:
            what = f"以最好的等级“{cap.limit}”为上限，从不起作用。"
            yield ("caps", number, "limit"), what, "改为较低的等级，或删去。"
        yield from check_condition(cap.when, ("caps", number, "when"), known)
    for number, one in enumerate(rule.unrated):
        yield from check_condition(one.when, ("unrated", number, "when"), known)


def _bounds(rule: EnterpriseRule) -> Iterator[Finding]:
    if rule.floor >= rule.ceiling:
        what = f"最低分 {decimal_text(rule.floor)} 不低于最高分 {decimal_text(rule.ceiling)}。"
        yield ("floor",), what, "最低分须小于最高分。"
    if rule.stores.step <= 0:
        what = f"最小单位 {decimal_text(rule.stores.step)} 不是正数。"
        yield ("stores", "step"), what, "写 0.1、1 之类的正数。"
    if rule.min_ranked == 0:
        yield ("min_ranked",), "至少 0 家，没有意义。", "写 1 或更大的整数。"


def _ids(rule: EnterpriseRule) -> Iterator[Finding]:
    taken = set(_STEPS)
    for part in ("items", "caps", "unrated"):
        for number, one in enumerate(getattr(rule, part)):
            if one.id in taken:
                yield (part, number, "id"), f"“{one.id}”重复，或为系统所用。", "换一个不同的代码。"
            taken.add(one.id)


def _weight(rule: EnterpriseRule, catalogue: Catalogue | None) -> Iterator[Finding]:
    weight, path = rule.stores.weight, ("stores", "weight")
    if weight is None:
        return
    if rule.stores.method == "lowest":
        yield path, "取最低分时权重不起作用。", '删去 weight，或写 method = "mean"。'
    if catalogue is None:
        return
    source = catalogue.record_type(weight.type)
    if source is None:
        yield unknown_word(
            weight.type, [one.key for one in catalogue.record_types], (*path, "type"), "信用信息类型"
        )
        return
    fields = {field.key: field.type for field in source.fields}
    for key, name, wanted, words in (
        ("field", weight.field, _NUMBERS, "整数或金额"),
        ("store", weight.store, ("designated_code",), "定点编码"),
    ):
        if name not in fields:
            yield unknown_word(name, list(fields), (*path, key), f"字段（“{source.title}”）")
        elif fields[name] not in wanted:
            fitting = "、".join(one for one, kind in fields.items() if kind in wanted)
            what = f"“{source.title}”的字段“{name}”不是{words}。"
            yield (
                (*path, key),
                what,
                f"改为 {fitting}。" if fitting else f"先在信用信息目录中为它写明{words}字段。",
            )


def _grades(rule: EnterpriseRule) -> Iterator[Finding]:
    yield from repeated([grade.name for grade in rule.grades], ("grades",), "name")
    if len(rule.grades) < 2:
        yield ("grades",), "等级少于两个。", "由好到差写明各等级，最末一个不写 min。"
    last = len(rule.grades) - 1
    above = None
    for number, grade in enumerate(rule.grades):
        path: Path = ("grades", number, "min")
        if grade.min is None:
            if number != last:
                yield (
                    path,
                    f"“{grade.name}”没有写明最低分，其后的等级永远评不上。",
                    "补写 min；只有最末等级不写。",
                )
            continue
        told = decimal_text(grade.min)
        if number == last:
            yield path, f"最末等级写明了最低分 {told}，低于它的企业没有等级。", "删去最末等级的 min。"
        elif above is not None and grade.min >= above:
            yield (
                path,
                f"最低分 {told} 不低于上一等级的 {decimal_text(above)}。",
                "各等级由好到差书写，最低分逐级降低。",
            )
        elif not rule.floor < grade.min <= rule.ceiling:
            bounds = f"{decimal_text(rule.floor)} 至 {decimal_text(rule.ceiling)}"
            yield path, f"最低分 {told} 不在 {bounds} 之间，有等级永远评不上。", "改为其间的分数。"
        above = grade.min
