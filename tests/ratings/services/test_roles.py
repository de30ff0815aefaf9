"""The shipped roles: what each may do, and that migrations keep them so."""

import pytest
from django.contrib.auth.models import Group, Permission

from ratings.models import AuditEvent
from ratings.services.roles import APPROVER, CLERK, INSPECTOR, REVIEWER, ROLES, ensure_roles

pytestmark = pytest.mark.django_db

SEEN = {
    "district enterprise pharmacy",
    "violation complaint fundpayment measurevalue servicestatus",
    "importbatch ratingrun rating schemeversion",
    "ratingperiod reviewitem adjustment objection creditrepair",
    "evidence noticelink publication publishedgrade issueddocument letterbatch",
}
#: Beside seeing, written down here once more, verb by verb.
ACTS = {
    CLERK: {
        "add": "district enterprise pharmacy violation complaint fundpayment measurevalue servicestatus"
        " importbatch ratingrun objection creditrepair noticelink issueddocument letterbatch",
        "change": "district enterprise pharmacy importbatch",
    },
    REVIEWER: {
        "add": "violation complaint fundpayment measurevalue servicestatus ratingrun adjustment noticelink"
        " issueddocument letterbatch",
        "change": "violation complaint fundpayment measurevalue servicestatus objection creditrepair",
        "review": "ratingperiod",
    },
    APPROVER: {
        "approve": "ratingperiod",
        "decide": "adjustment objection creditrepair",
        "add": "schemeversion issueddocument",
        "change": "schemeversion",
    },
    INSPECTOR: {},
}
SEES_AUDIT = {APPROVER, INSPECTOR}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_design_says(role: str) -> None:
    expected = {f"view_{model}" for models in SEEN for model in models.split()}
    expected |= {"view_auditevent"} if role in SEES_AUDIT else set()
    expected |= {f"{verb}_{model}" for verb, models in ACTS[role].items() for model in models.split()}
    assert set(ROLES[role]) == expected
    granted = Group.objects.get(name=role).permissions.filter(content_type__app_label="ratings")
    assert set(granted.values_list("codename", flat=True)) == expected


def test_every_permission_exists() -> None:
    wanted = frozenset().union(*ROLES.values())
    found = Permission.objects.filter(content_type__app_label="ratings", codename__in=wanted)
    assert set(found.values_list("codename", flat=True)) == wanted


@pytest.mark.parametrize(
    ("proposing", "deciding"),
    [
        ("add_adjustment", "decide_adjustment"),
        ("change_objection", "decide_objection"),
        ("change_creditrepair", "decide_creditrepair"),
        ("review_ratingperiod", "approve_ratingperiod"),
    ],
)
def test_no_role_proposes_and_decides(proposing: str, deciding: str) -> None:
    assert [role for role, may in ROLES.items() if {proposing, deciding} <= may] == []
    assert any(proposing in may for may in ROLES.values())
    assert any(deciding in may for may in ROLES.values())


def test_a_changed_group_is_set_back_on_record() -> None:
    group = Group.objects.get(name=INSPECTOR)
    group.permissions.add(Permission.objects.get(codename="add_violation"))
    group.permissions.remove(Permission.objects.get(codename="view_rating"))
    ensure_roles()
    own = group.permissions.filter(content_type__app_label="ratings")
    assert set(own.values_list("codename", flat=True)) == ROLES[INSPECTOR]
    event = AuditEvent.objects.get(action="重置用户组")
    assert event.actor == "系统"
    assert event.detail == {"name": INSPECTOR, "added": ["view_rating"], "removed": ["add_violation"]}


def test_nothing_happens_twice() -> None:
    own = Group.objects.create(name="自建")
    before = set(Group.objects.values_list("name", flat=True))
    of_applications = Permission.objects.filter(content_type__app_label="bank_loans", group__name=INSPECTOR)
    granted = set(of_applications)
    ensure_roles()
    ensure_roles()
    assert not AuditEvent.objects.exists()
    assert set(Group.objects.values_list("name", flat=True)) == before
    assert granted == set(of_applications) != set()
    assert not own.permissions.exists()
