"""Users, groups and scopes: changed by superusers only, and every change is on record."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from applications.bank_loans import roles as loans
from applications.clients import roles as clients
from applications.enterprise_credit import roles as departments
from applications.roles import BANKING
from ratings.admin.permissions import MEANINGS
from ratings.models import AuditEvent, StaffScope
from ratings.services.audit import SYSTEM
from ratings.services.roles import CLERK, ROLES
from tests import factories

from .conftest import client_of, staff
from .test_pages import words_of


def test_a_scope_is_given_on_the_users_page(root: Client) -> None:
    district = factories.district()
    user = User.objects.create_user("new", is_staff=True)
    address = reverse("admin:auth_user_change", args=(user.pk,))
    form = {
        "username": "new",
        "first_name": "王芳",
        "is_active": "on",
        "is_staff": "on",
        "scope-TOTAL_FORMS": "1",
        "scope-INITIAL_FORMS": "0",
        "scope-MIN_NUM_FORMS": "0",
        "scope-MAX_NUM_FORMS": "1",
        "scope-0-user": user.pk,
        "scope-0-districts": [district.pk],
    }
    answer = root.post(address, form)
    assert answer.status_code == 302, answer.context["errors"]
    assert list(StaffScope.objects.get(user=user).districts.all()) == [district]
    event = AuditEvent.objects.get(action="修改人员权限")
    assert event.actor == "root"
    assert event.detail["after"]["districts"] == [district.pk]


def test_users_are_added_and_not_deleted(root: Client) -> None:
    form = {
        "username": "neu",
        "usable_password": "true",
        "password1": "Xk3-long-pass",
        "password2": "Xk3-long-pass",
    }
    answer = root.post(reverse("admin:auth_user_add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    user = User.objects.get(username="neu")
    event = AuditEvent.objects.get(action="新增人员权限")
    assert "Xk3" not in str(event.detail)
    assert root.post(reverse("admin:auth_user_delete", args=(user.pk,)), {"post": "yes"}).status_code == 403


def test_a_name_stays_once_given(root: Client) -> None:
    """Four eyes are told apart by it."""
    user = User.objects.create_user("first", is_staff=True)
    scope = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1, "0-user": user.pk}
    form = {"username": "second", "first_name": "王芳", "is_staff": "on"}
    form |= {f"scope-{name}": value for name, value in scope.items()} | {"scope-0-whole_city": "on"}
    assert root.post(reverse("admin:auth_user_change", args=(user.pk,)), form).status_code == 302
    user.refresh_from_db()
    assert (user.username, user.first_name) == ("first", "王芳")


def test_nobody_is_named_like_the_system(root: Client) -> None:
    form = {"username": SYSTEM.name, "usable_password": "true"}
    form |= {"password1": "Xk3-long-pass", "password2": "Xk3-long-pass"}
    answer = root.post(reverse("admin:auth_user_add"), form)
    assert "请另取用户名" in answer.content.decode()
    assert not User.objects.filter(username=SYSTEM.name).exists()


def test_a_password_set_for_another_is_on_record(root: Client) -> None:
    user = staff("other")
    address = reverse("admin:auth_user_password_change", args=(user.pk,))
    root.post(
        address, {"usable_password": "true", "password1": "Xk3-long-pass", "password2": "Xk3-long-pass"}
    )
    user.refresh_from_db()
    assert user.check_password("Xk3-long-pass")
    assert AuditEvent.objects.get(action="重设密码").subject == f"user:{user.pk}"


def test_rights_do_not_grow_by_permissions_on_users(db: None) -> None:
    """Who may change users by permission alone could make themselves superuser: refused."""
    from django.contrib.auth.models import Permission

    user = staff("sly", whole_city=True)
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth"))
    client = client_of(user)
    for page, args in (
        ("changelist", ()),
        ("change", (user.pk,)),
        ("add", ()),
        ("password_change", (user.pk,)),
    ):
        address = reverse(f"admin:auth_user_{page}", args=args)
        assert client.get(address).status_code == 403
        assert client.post(address, {"is_superuser": "on"}).status_code == 403


def test_groups_are_on_record(root: Client) -> None:
    assert root.post(reverse("admin:auth_group_add"), {"name": "经办"}).status_code == 302
    assert Group.objects.filter(name="经办").exists()
    assert AuditEvent.objects.get(subject__startswith="group:").detail["name"] == "经办"


def test_groups_are_offered_what_does_something(root: Client) -> None:
    group = Group.objects.create(name="经办")
    address = reverse("admin:auth_group_change", args=(group.pk,))
    page = root.get(address)
    field = page.context["adminform"].form.fields["permissions"]
    labels = {str(label): value.value for value, label in field.choices}
    assert {"违法违规：查看", "违法违规：录入", "违法违规：作废", "评价批次：开始评价"} <= set(labels)
    assert not any(word in label for label in labels for word in ("删除", "会话", "日志", "session", "Can"))
    everywhere = [
        *MEANINGS.values(),
        *clients.MEANINGS.values(),
        *loans.MEANINGS.values(),
        *departments.MEANINGS.values(),
    ]
    assert len(labels) == sum(map(len, everywhere)), "each is a permission that exists"
    text = page.content.decode()
    assert "selectfilter" not in text
    assert words_of(text) == set()
    wanted = labels["违法违规：作废"]
    assert root.post(address, {"name": "经办", "permissions": [wanted]}).status_code == 302
    assert [row.codename for row in group.permissions.all()] == ["change_violation"]
    useless = Permission.objects.get(codename="delete_violation")
    answer = root.post(address, {"name": "经办", "permissions": [useless.pk]})
    assert "permissions" in answer.context["adminform"].form.errors


def test_names_of_users_stand_as_written(root: Client) -> None:
    user = staff("yuecheng")
    page = root.get(reverse("admin:auth_user_change", args=(user.pk,))).content.decode()
    assert "yuecheng" in page
    assert "Yuecheng" not in page


def test_shipped_groups_are_seen_only(root: Client) -> None:
    group = Group.objects.get(name=CLERK)
    address = reverse("admin:auth_group_change", args=(group.pk,))
    page = root.get(address).content.decode()
    assert "升级时重置" in page
    assert "违法违规：查看、录入<" in page
    assert words_of(page) == set()
    assert root.post(address, {"name": "改名"}).status_code == 403
    group.refresh_from_db()
    assert group.name == CLERK
    listed = root.get(reverse("admin:auth_group_changelist")).content.decode()
    assert listed.count("随系统提供") == len(ROLES) + len({BANKING} | set(departments.GRANTS) - set(ROLES))


def test_pages_of_staff_take_a_constant_number_of_queries(
    root: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        staff(f"colleague{number}").groups.add(Group.objects.get(name=CLERK))
        with django_assert_max_num_queries(10):
            assert root.get(reverse("admin:auth_user_changelist")).status_code == 200
