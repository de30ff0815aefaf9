"""Batch checks: what the criteria of a purpose make of an enterprise, told in plain Chinese with its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from applications.enterprise_credit.rules.catalogue import Catalogue, Criterion, RecordType, may_see
from applications.enterprise_credit.rules.conditions import Condition, Records, holds
from applications.enterprise_credit.rules.figures import Figures
from applications.enterprise_credit.rules.kinds import RECORD_KINDS, RecordKind, Verdict

#: From worst to best: the verdict is the worst of what holds.
_WORST_FIRST: Final[tuple[Verdict, ...]] = ("REJECT", "ATTENTION")
#: What records of a kind are counted in; others in 条.
_COUNTED_IN: Final[dict[RecordKind, str]] = {
    "PENALTY": "件",
    "COMPULSION": "件",
    "JUDGMENT": "件",
    "INSPECTION": "次",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A criterion that holds of an enterprise, with the figures for which it does; kept as JSON."""

    id: str
    title: str
    text: str
    clause: str
    #: REJECT, ATTENTION, or UNKNOWN
    then: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not looked at, because its records are not for this department; kept as JSON."""

    id: str
    title: str
    #: the criterion as a whole; otherwise only some of its types
    whole: bool
    text: str


def types_of(catalogue: Catalogue, records: Records) -> tuple[RecordType, ...]:
    """The types that are counted: those named, and those of the kinds named."""
    return tuple(
        one for one in catalogue.record_types if one.key in records.types or one.kind in records.kinds
    )


def criteria_for(
    catalogue: Catalogue, criteria: Sequence[Criterion], department: str
) -> tuple[tuple[Criterion, ...], tuple[LeftOut, ...]]:
    """The criteria that a department can look at, and what must be told as not looked at.

    A criterion is left out where the department may see none of the types that it counts; where it may see some,
    these are counted, and the others told.
    """
    kept: list[Criterion] = []
    left_out: list[LeftOut] = []
    for one in criteria:
        counted = types_of(catalogue, one.when.records) if one.when.records else ()
        hidden = [kind for kind in counted if not may_see(kind, department)]
        whole = bool(hidden) and len(hidden) == len(counted)
        if not whole:
            kept.append(one)
        if hidden:
            titles = "、".join(f"“{kind.title}”" for kind in hidden)
            text = f"{titles}不对本部门开放，{'本条未核查' if whole else '未计入本条'}"
            left_out.append(LeftOut(one.id, one.title, whole, text))
    return tuple(kept), tuple(left_out)


def judge(
    criteria: Sequence[Criterion],
    figures: Figures,
    wanted: Sequence[Records],
    catalogue: Catalogue | None = None,
) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict on one enterprise, and every reason for it, the worst first; PASS has none.

    ``figures.records`` counts ``wanted``; with the catalogue, types of records are told by their titles.
    """
    found = [
        Reason(one.id, one.title, told(one.when, figures, wanted, catalogue), one.clause, one.then)
        for one in criteria
        if holds(one.when, figures, wanted)
    ]
    return verdict_of(found)


def verdict_of(found: Sequence[Reason]) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict for which there are these reasons, and the reasons, the worst first."""
    ordered = tuple(one for then in _WORST_FIRST for one in found if one.then == then)
    for verdict in _WORST_FIRST:
        if any(one.then == verdict for one in ordered):
            return verdict, ordered
    return "PASS", ()


def told(
    condition: Condition, figures: Figures, wanted: Sequence[Records], catalogue: Catalogue | None = None
) -> str:
    """The figures for which a condition holds: ``近 12 个月行政处罚 2 件；企业信用等级为 D``."""
    parts = []
    if condition.grade_in:
        parts.append(f"企业信用等级为 {figures.grade}")
    if condition.unrated:
        parts.append("企业没有信用等级")
    if condition.store_grade is not None and (
        condition.stores_at_least is not None or condition.share_at_least is not None
    ):
        stores = figures.grades.get(condition.store_grade, 0)
        parts.append(f"{figures.rated} 家已评药店中 {condition.store_grade} 级 {stores} 家")
    if condition.rated_below is not None:
        parts.append(f"已评药店 {figures.rated} 家，少于 {condition.rated_below} 家")
    if condition.under_objection:
        parts.append(f"{figures.under_objection} 家药店的等级在异议处理中")
    if condition.records is not None:
        count = figures.records[list(wanted).index(condition.records)]
        parts.append(
            f"{records_text(condition.records, catalogue)} {count} {_counter(condition.records, catalogue)}"
        )
    return "；".join(parts)


def described(condition: Condition, catalogue: Catalogue | None = None) -> str:
    """What a condition asks for: ``企业信用等级为 D；近 12 个月行政处罚至少 2 件``."""
    parts = []
    if condition.grade_in:
        parts.append(f"企业信用等级为 {'、'.join(condition.grade_in)}")
    if condition.unrated:
        parts.append("企业没有信用等级")
    if condition.stores_at_least is not None:
        parts.append(f"{condition.store_grade} 级药店至少 {condition.stores_at_least} 家")
    if condition.share_at_least is not None:
        share = Decimal(condition.share_at_least).scaleb(-2).normalize()
        parts.append(f"{condition.store_grade} 级药店占已评药店至少 {share:f} %")
    if condition.rated_below is not None:
        parts.append(f"已评药店少于 {condition.rated_below} 家")
    if condition.under_objection:
        parts.append("有药店的等级在异议处理中")
    if condition.records is not None:
        counter = _counter(condition.records, catalogue)
        parts.append(
            f"{records_text(condition.records, catalogue)}至少 {condition.records_at_least} {counter}"
        )
    return "；".join(parts)


def records_text(records: Records, catalogue: Catalogue | None) -> str:
    """What is counted: ``近 12 个月行政处罚``."""
    titles: dict[str, None] = dict.fromkeys(RECORD_KINDS[kind] for kind in records.kinds)
    for key in records.types:
        known = catalogue.record_type(key) if catalogue else None
        titles[known.title if known else key] = None
    span = f"近 {records.within_months} 个月" if records.within_months else "现有"
    return span + "、".join(titles)


def _counter(records: Records, catalogue: Catalogue | None) -> str:
    kinds: set[RecordKind] = set(records.kinds)
    if catalogue:
        kinds |= {known.kind for key in records.types if (known := catalogue.record_type(key))}
    counters = {_COUNTED_IN.get(kind, "条") for kind in kinds}
    return counters.pop() if len(counters) == 1 else "条"
