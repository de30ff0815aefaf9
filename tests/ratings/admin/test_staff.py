"""Users, groups and scopes: changed by superusers only, and every change is on record."""

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from ratings.models import AuditEvent, StaffScope
from tests import factories

from .conftest import client_of, staff


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
