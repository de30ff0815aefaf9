"""Who works for which department: registered, changed and ended by those who keep the whole."""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from applications.clients.models import Organisation
from applications.enterprise_credit.models import Membership
from ratings.published import districts as city_districts
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused


@transaction.atomic
def register_member(
    user: User, department: Organisation, districts: Collection[int], *, by: Actor
) -> Membership:
    """Let a member of staff work for a department, in districts (GB/T 2260; none = the whole city).

    Raises Refused for an account that cannot sign in here, one's own, one that works for a department already,
    an organisation that is no department, and districts that the city does not have.
    """
    if not (user.is_active and user.is_staff):
        raise Refused(f"用户“{user}”已停用或不是工作人员，不能登记。请系统管理员先在“用户”中启用。")
    _not_oneself(user, by)
    _department(department)
    found = Membership.objects.select_related("department").filter(user=user).first()
    if found is not None:
        raise Refused(f"用户“{user}”已登记在{found.department}，一人只属一个部门；请先变更或结束原登记。")
    made = Membership.objects.create(user=user, department=department, districts=_sorted(districts))
    record("登记部门人员", made, by=by, user=str(user), **_state(made))
    return made


@transaction.atomic
def change_member(
    member: Membership, department: Organisation, districts: Collection[int], *, by: Actor, reason: str
) -> Membership:
    """Let a member work for another department, or in other districts.

    Raises Refused for one's own membership, what is no department, unknown districts, and where nothing changes.
    """
    changed = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("user", "department")
        .get(pk=member.pk)
    )
    _not_oneself(changed.user, by)
    _department(department)
    before = _state(changed)
    changed.department, changed.districts = department, _sorted(districts)
    if _state(changed) == before:
        raise Refused("部门和所在区县都没有变化。")
    changed.save(update_fields=["department", "districts"])
    record(
        "变更部门人员",
        changed,
        by=by,
        reason=reason,
        user=str(changed.user),
        before=before,
        **_state(changed),
    )
    return changed


@transaction.atomic
def end_member(member: Membership, *, by: Actor, reason: str) -> None:
    """Let somebody work for their department no more; what they did stays on record under their name.

    Raises Refused for one's own membership.
    """
    ended = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("user", "department")
        .get(pk=member.pk)
    )
    _not_oneself(ended.user, by)
    record("结束部门人员", ended, by=by, reason=reason, user=str(ended.user), **_state(ended))
    ended.delete()


def _not_oneself(user: User, by: Actor) -> None:
    """Who grants the right to look up does not grant it to themselves."""
    if user.get_username() == by.name:
        raise Refused("不能登记、变更或结束自己；请由另一位信用信息管理员或系统管理员办理。")


def _department(organisation: Organisation) -> None:
    if organisation.kind != Organisation.Kind.DEPARTMENT:
        raise Refused(f"{organisation}不是政府部门，不能登记人员。")


def _sorted(districts: Iterable[int]) -> list[int]:
    known = city_districts()
    if unknown := sorted(set(districts) - known.keys()):
        raise Refused(f"没有代码为 {'、'.join(map(str, unknown))} 的区县。")
    return sorted(set(districts))


def _state(member: Membership) -> dict[str, Any]:
    return {"department": member.department.key, "districts": list(member.districts)}
