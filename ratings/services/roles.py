"""The four roles of the rating that are shipped as groups, and what each may do.

The table is the one source: migrations set the groups to it, the admin shows it, README and
tests are held against it. Whoever proposes never decides, so no role can do both.
"""

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from ratings.services.audit import SYSTEM, record

CLERK: Final = "经办员"
REVIEWER: Final = "审核员"
APPROVER: Final = "审批员"
INSPECTOR: Final = "纪检监督员"

_REGISTRY: Final = ("district", "enterprise", "pharmacy")
_FACTS: Final = ("violation", "complaint", "fundpayment", "measurevalue", "servicestatus")
_RATED: Final = ("ratingrun", "rating", "schemeversion")
_DESK: Final = (
    "ratingperiod",
    "reviewitem",
    "adjustment",
    "objection",
    "creditrepair",
    "evidence",
    "noticelink",
    "publication",
    "publishedgrade",
    "issueddocument",
    "letterbatch",
)
_PAPER: Final = ("issueddocument", "letterbatch")


def _may(verbs: str, *models: str) -> set[str]:
    """The codenames of the permissions to do each of ``verbs`` to each of ``models``."""
    return {f"{verb}_{model}" for verb in verbs.split() for model in models}


_SEE_WORK: Final = _may("view", *_REGISTRY, *_FACTS, *_RATED, *_DESK, "importbatch")
_SEE_ALL: Final = _SEE_WORK | _may("view", "auditevent")

#: Group name to the codenames (app ``ratings``) of its permissions.
ROLES: Final[dict[str, frozenset[str]]] = {
    CLERK: frozenset(
        _SEE_WORK
        | _may("add change", *_REGISTRY)
        | _may("add", *_FACTS)
        | _may("add change", "importbatch")
        | _may("add", "ratingrun", "objection", "creditrepair", "noticelink")
        | _may("add", *_PAPER)
    ),
    REVIEWER: frozenset(
        _SEE_WORK
        | _may("add change", *_FACTS)
        | _may("add", "ratingrun", "adjustment", "noticelink")
        | _may("add", *_PAPER)
        | _may("change", "objection", "creditrepair")
        | _may("review", "ratingperiod")
    ),
    APPROVER: frozenset(
        _SEE_ALL
        | _may("approve", "ratingperiod")
        | _may("decide", "adjustment", "objection", "creditrepair")
        | _may("add change", "schemeversion")
        | _may("add", "issueddocument")
    ),
    INSPECTOR: frozenset(_SEE_ALL),
}


@transaction.atomic
def ensure_roles() -> None:
    """Make the shipped groups what :data:`ROLES` says; called after every migration.

    A group that had been changed is set back, and that goes on record; rights beyond a role
    belong into a group of one's own. What applications grant to a group is theirs to set.
    Permissions whose tables do not exist yet are left out.
    """
    known = {
        row.codename: row
        for row in Permission.objects.filter(
            content_type__app_label="ratings", codename__in=frozenset().union(*ROLES.values())
        )
    }
    for name, codenames in ROLES.items():
        group, made = Group.objects.get_or_create(name=name)
        wanted = {known[codename].pk for codename in codenames if codename in known}
        own = group.permissions.filter(content_type__app_label="ratings")
        before = dict(own.values_list("pk", "codename"))
        if before.keys() == wanted:
            continue
        group.permissions.remove(*before.keys() - wanted)
        group.permissions.add(*wanted - before.keys())
        if not made:
            after = set(own.values_list("codename", flat=True))
            record(
                "重置用户组",
                group,
                by=SYSTEM,
                reason="随系统提供的用户组在升级时按角色表重置",
                name=name,
                added=sorted(after - set(before.values())),
                removed=sorted(set(before.values()) - after),
            )
