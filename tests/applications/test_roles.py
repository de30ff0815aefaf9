"""Groups that applications grant permissions to: exactly those, kept by migrations, shown in Chinese."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from applications.bank_loans import roles as loans
from applications.clients import roles as clients
from applications.enterprise_credit import roles as departments
from applications.roles import BANKING, CREDIT_OFFICE, INSPECTOR, grant
from ratings.admin.permissions import in_words, is_shipped, offered
from ratings.models import AuditEvent
from ratings.services import roles

pytestmark = pytest.mark.django_db

_TABLES = {"clients": clients.GRANTS, "bank_loans": loans.GRANTS}


def held(name: str, app_label: str) -> set[str]:
    found = Permission.objects.filter(group__name=name, content_type__app_label=app_label)
    return set(found.values_list("codename", flat=True))


def test_the_group_of_inspectors_is_that_of_ratings() -> None:
    assert INSPECTOR == roles.INSPECTOR


@pytest.mark.parametrize("app_label", _TABLES)
def test_migrations_grant_what_the_tables_say(app_label: str) -> None:
    assert held(BANKING, app_label) == _TABLES[app_label][BANKING]
    inspected = held(INSPECTOR, app_label)
    assert inspected == _TABLES[app_label][INSPECTOR]
    assert all(codename.startswith("view_") for codename in inspected)
    for other in (roles.CLERK, roles.REVIEWER, roles.APPROVER):
        assert held(other, app_label) == set()
    assert held(BANKING, "ratings") == set()


def test_departments_groups_hold_what_their_table_says_and_nothing_of_ratings() -> None:
    for name, granted in departments.GRANTS.items():
        assert held(name, "enterprise_credit") == granted
    assert held(CREDIT_OFFICE, "clients") == clients.GRANTS[CREDIT_OFFICE]
    for name in departments.GRANTS.keys() - {INSPECTOR, CREDIT_OFFICE}:
        assert held(name, "clients") == set()
    for name in departments.GRANTS.keys() - {INSPECTOR}:
        assert held(name, "ratings") == held(name, "bank_loans") == set()
    assert all(codename.startswith("view_") for codename in departments.GRANTS[INSPECTOR])
    assert (
        "view_creditsubject" not in departments.GRANTS[INSPECTOR]
    )  # looking up wants a purpose, and a department
    for other in (roles.CLERK, roles.REVIEWER, roles.APPROVER, BANKING):
        assert held(other, "enterprise_credit") == set()


def test_a_changed_group_is_set_back_on_record_and_others_rights_stay() -> None:
    group = Group.objects.get(name=BANKING)
    group.permissions.remove(Permission.objects.get(codename="view_loanproduct"))
    other = Permission.objects.get(codename="view_rating")
    group.permissions.add(Permission.objects.get(codename="delete_loanproduct"), other)
    loans.grant_roles()
    assert held(BANKING, "bank_loans") == loans.GRANTS[BANKING]
    assert other in group.permissions.all()
    event = AuditEvent.objects.get(action="重置用户组")
    assert event.detail == {"name": BANKING, "added": ["view_loanproduct"], "removed": ["delete_loanproduct"]}
    loans.grant_roles()
    assert AuditEvent.objects.filter(action="重置用户组").count() == 1


def test_a_new_group_is_made_without_ado() -> None:
    grant("部门联络员", "clients", {"view_client", "no_such_permission"})
    assert held("部门联络员", "clients") == {"view_client"}
    assert not AuditEvent.objects.filter(action="重置用户组").exists()


def test_groups_show_and_offer_these_permissions_in_chinese() -> None:
    lines = in_words(offered().filter(group__name=BANKING))
    assert "贷款产品：查看、新增、修改条件" in lines
    assert "接口客户端：查看、登记、变更、停用，生成和撤销密钥" in lines
    assert "机构：查看、登记、变更名称、范围包括银行" in lines
    assert is_shipped(BANKING)
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    page = root.get(reverse("admin:auth_group_change", args=(Group.objects.get(name=BANKING).pk,)))
    assert "贷款产品：查看、新增、修改条件" in page.content.decode()
    assert "随系统提供，升级时重置" in page.content.decode()
    own = root.get(reverse("admin:auth_group_add")).content.decode()
    assert "药店授权：登记和导入" in own
    assert "违法违规：作废" in own
