"""Checks of conditions, and of what counts records; findings are (path, what is wrong, remedy), in Chinese."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from applications.enterprise_credit.rules.conditions import Condition, Records
from ratings.rules.exact import decimal_text
from ratings.rules.problems import Path
from ratings.rules.translation import suggestion

Finding = tuple[Path, str, str]
#: One hundred percent, in basis points.
_WHOLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What conditions may name; None = that is not known here, and not checked."""

    #: keys of record types
    types: Collection[str] | None
    #: names of enterprise grades
    grades: Collection[str] | None
    #: conditions of the enterprise rule itself cannot ask for the grade that it gives
    of_rule: bool = False


def check_condition(condition: Condition, path: Path, known: Known) -> Iterator[Finding]:
    """One condition: it states something, nothing in it is idle, contradictory or unknown."""
    if condition == Condition(records_at_least=condition.records_at_least):
        yield path, "条件没有写明任何内容，任何企业都符合。", '写明至少一项，例如 { grade_in = ["D"] }。'
        return
    yield from _own_grade(condition, path, known)
    yield from _stores(condition, path)
    if condition.records is not None:
        yield from check_records(condition.records, (*path, "records"), known.types)
        if condition.records_at_least < 1:
            yield (*path, "records_at_least"), "至少 0 条，总是符合。", "写 1 或更大的整数。"
    elif condition.records_at_least != 1:
        yield (*path, "records_at_least"), "没有写明 records，条数不起作用。", "补写 records，或删去条数。"


def _own_grade(condition: Condition, path: Path, known: Known) -> Iterator[Finding]:
    for key, stated in (("grade_in", condition.grade_in), ("unrated", condition.unrated)):
        if stated and known.of_rule:
            what = "评定规则不能以企业信用等级为条件：等级由本规则得出。"
            yield (*path, key), what, "改用药店等级、信用信息等条件。"
    if condition.grade_in and condition.unrated:
        yield path, "grade_in 与 unrated 同时写明，从不符合。", "只保留其中一项，或分成两条。"
    if known.grades is not None and not known.of_rule:
        yield from unknown(condition.grade_in, known.grades, (*path, "grade_in"), "企业信用等级")
    yield from repeated(condition.grade_in, (*path, "grade_in"))


def _stores(condition: Condition, path: Path) -> Iterator[Finding]:
    counted = (condition.stores_at_least, condition.share_at_least)
    if condition.store_grade is not None and counted == (None, None):
        what = "写明了药店等级，没有写明至少几家或占比。"
        yield (*path, "store_grade"), what, "补写 stores_at_least 或 share_at_least。"
    if condition.store_grade is None and counted != (None, None):
        yield path, "写明了至少几家或占比，没有写明是哪一级药店。", "补写 store_grade。"
    for key in ("stores_at_least", "rated_below"):
        if getattr(condition, key) == 0:
            yield (*path, key), "0 家没有意义：总是符合或从不符合。", "写 1 或更大的整数。"
    share = condition.share_at_least
    if share is not None and not 0 < share <= _WHOLE:
        yield (
            (*path, "share_at_least"),
            f"{decimal_text(share, 100)}% 不在 0 至 100 之间。",
            "写大于 0、不超过 100 的数。",
        )


def check_records(records: Records, path: Path, types: Collection[str] | None) -> Iterator[Finding]:
    """What is counted: of known types or kinds, over a time that is not empty."""
    if not records.types and not records.kinds:
        yield path, "没有写明是哪些信用信息。", "写明 types（类型代码）或 kinds（种类）。"
    if types is not None:
        yield from unknown(records.types, types, (*path, "types"), "信用信息类型")
    yield from repeated(records.types, (*path, "types"))
    yield from repeated(records.kinds, (*path, "kinds"))
    if records.within_months == 0:
        yield (
            (*path, "within_months"),
            "最近 0 个月内没有信用信息。",
            "写 1 或更大的整数；不限时间的，删去此项。",
        )


def unknown(stated: Iterable[str], known: Collection[str], path: Path, what: str) -> Iterator[Finding]:
    """Those of a list that are not among the known."""
    for number, word in enumerate(stated):
        if word not in known:
            yield unknown_word(word, known, (*path, number), what)


def unknown_word(word: str, known: Collection[str], path: Path, what: str) -> Finding:
    """One that is not among the known; the remedy names the nearest, or all of few."""
    near = suggestion(word, list(known))
    choice = f"改为 {'、'.join(known)} 之一。" if len(known) <= 12 else "改为已写明的代码，或补写它。"
    return path, f"没有名为“{word}”的{what}。", f"是否应为 {near}？" if near else choice


def repeated(stated: Sequence[Hashable], path: Path, key: str = "") -> Iterator[Finding]:
    """Those that are there before; ``key`` names the part of each item that is meant."""
    seen = Counter[Hashable]()
    for number, one in enumerate(stated):
        seen[one] += 1
        if seen[one] == 2:
            place = (*path, number, key) if key else (*path, number)
            yield place, f"“{one}”重复。", "换一个不同的，或删去重复的。"
