"""Conditions and what counts records, in plain Chinese."""

from collections.abc import Mapping

from applications.enterprise_credit.rules.conditions import Condition, Records
from applications.enterprise_credit.rules.kinds import RECORD_KINDS
from ratings.rules.exact import decimal_text


def describe(condition: Condition, types: Mapping[str, str]) -> str:
    """All that a condition states, as a clause of a sentence; ``types`` are titles of record types by their key."""
    parts = []
    if condition.grade_in:
        parts.append(f"企业信用等级为 {'、'.join(condition.grade_in)}")
    if condition.unrated:
        parts.append("企业没有信用等级")
    if condition.stores_at_least is not None:
        parts.append(f"{condition.store_grade} 级药店达到 {condition.stores_at_least} 家")
    if condition.share_at_least is not None:
        share = decimal_text(condition.share_at_least, 100)
        parts.append(f"{condition.store_grade} 级药店占已评药店的 {share}% 及以上")
    if condition.rated_below is not None:
        parts.append(f"已评药店少于 {condition.rated_below} 家")
    if condition.under_objection:
        parts.append("有药店等级在异议处理中")
    if condition.records is not None:
        counted = describe_records(condition.records, types)
        least = condition.records_at_least
        parts.append(f"有{counted}" if least == 1 else f"{counted}达到 {least} 条")
    return "，且".join(parts)


def describe_records(records: Records, types: Mapping[str, str]) -> str:
    """``最近 12 个月内认定的行政处罚``."""
    named = [*(types.get(key, key) for key in records.types), *(RECORD_KINDS[kind] for kind in records.kinds)]
    within = (
        f"最近 {records.within_months} 个月内认定的" if records.within_months is not None else "在有效期内的"
    )
    return f"{within}{'、'.join(named)}"
