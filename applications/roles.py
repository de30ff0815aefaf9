"""Groups that applications grant permissions to; each application does so after every migration."""

from collections.abc import Collection
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from ratings.services.audit import SYSTEM, record

#: Works with banks: products, authorisations, their programs and endpoints.
BANKING: Final = "金融协作员"
#: Keeps departments' credit information, and registers the programs of departments.
CREDIT_OFFICE: Final = "信用信息管理员"
#: Sees everything and changes nothing; shipped by ``ratings``.
INSPECTOR: Final = "纪检监督员"


@transaction.atomic
def grant(name: str, app_label: str, codenames: Collection[str]) -> None:
    """Give a group exactly these permissions of one app; makes the group, leaves those of other apps alone.

    A group that had been changed is set back, and that goes on record. Permissions whose tables do not
    exist yet are left out.
    """
    group, made = Group.objects.get_or_create(name=name)
    of_app = Permission.objects.filter(content_type__app_label=app_label)
    wanted = dict(of_app.filter(codename__in=codenames).values_list("pk", "codename"))
    before = dict(of_app.filter(group=group).values_list("pk", "codename"))
    if wanted == before:
        return
    group.permissions.remove(*before.keys() - wanted.keys())
    group.permissions.add(*wanted.keys() - before.keys())
    if before and not made:
        record(
            "重置用户组",
            group,
            by=SYSTEM,
            reason="随系统提供的用户组在升级时按角色表重置",
            name=name,
            added=sorted(set(wanted.values()) - set(before.values())),
            removed=sorted(set(before.values()) - set(wanted.values())),
        )
