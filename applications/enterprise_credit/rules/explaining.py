"""How an assessment is explained to a department: what follows from records that it may not see is only summed.

Neither how many such records there are nor of what type is told; which score and grade an enterprise has is.
"""

from collections.abc import Iterator
from typing import Final

from applications.enterprise_credit.rules.assessment import Assessed, EnterpriseRule, Step, StoreWeight
from applications.enterprise_credit.rules.catalogue import Catalogue, may_see
from applications.enterprise_credit.rules.conditions import Records

#: The id of the step that stands for all items that are not shown.
OTHERS: Final = "other_records"
_OF_OTHERS: Final = "其他部门信用信息合计"
#: Stands for what is not shown of a reason.
_BY_OTHERS: Final = "依据其他部门的信用信息"


def steps_for(
    rule: EnterpriseRule, assessed: Assessed, catalogue: Catalogue, department: str
) -> tuple[Step, ...]:
    """The steps of an assessment as a department may read them, in their order."""
    return tuple(_steps(rule, assessed, catalogue, department))


def reason_for(rule: EnterpriseRule, reason: str, catalogue: Catalogue, department: str) -> str:
    """Why an enterprise is not rated, as a department may read it; "" stays ""."""
    secret = {
        one.title
        for one in rule.unrated
        if one.when.records is not None and _is_secret(one.when.records, catalogue, department)
    }
    return f"{_BY_OTHERS}，不评等级" if reason in secret else reason


def _steps(rule: EnterpriseRule, assessed: Assessed, catalogue: Catalogue, department: str) -> Iterator[Step]:
    items = {one.id for one in rule.items if _is_secret(one.records, catalogue, department)}
    asked = {one.id: one.when.records for one in rule.caps} | {
        one.id: one.when.records for one in rule.unrated
    }
    conditions = {
        key
        for key, records in asked.items()
        if records is not None and _is_secret(records, catalogue, department)
    }
    limits = {cap.id: cap.limit for cap in rule.caps}
    summed = sum(step.points or 0 for step in assessed.steps if step.id in items)
    told = False
    for step in assessed.steps:
        if step.id in items:
            if not told:
                yield Step(OTHERS, f"{_OF_OTHERS}。", summed, "")
            told = True
        elif step.id in conditions:
            effect = f"等级最高为 {limits[step.id]}" if step.id in limits else "不评等级"
            yield Step(OTHERS, f"{_BY_OTHERS}，{effect}。", None, "")
        elif step.id == "stores" and _weighs_secretly(rule.stores.weight, catalogue, department):
            yield Step(
                step.id, "所属药店信用分的加权平均数，权重来自其他部门的信用信息。", step.points, step.clause
            )
        else:
            yield step


def _weighs_secretly(weight: StoreWeight | None, catalogue: Catalogue, department: str) -> bool:
    return weight is not None and _is_secret(Records(types=(weight.type,)), catalogue, department)


def _is_secret(records: Records, catalogue: Catalogue, department: str) -> bool:
    """Whether any of the types may not be seen; one that the catalogue does not have may not."""
    if any(catalogue.record_type(key) is None for key in records.types):
        return True
    meant = [one for one in catalogue.record_types if one.key in records.types or one.kind in records.kinds]
    return not all(may_see(one, department) for one in meant)
