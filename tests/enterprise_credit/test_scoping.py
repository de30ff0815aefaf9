"""Whose rows a page of the admin shows, by membership and scope; and that the shipped groups are told in Chinese."""

from collections.abc import Iterable

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from applications.clients.calls import title_of
from applications.clients.models import Organisation
from applications.clients.services import register_organisation
from applications.enterprise_credit import roles
from applications.enterprise_credit.admin.scoping import (
    DepartmentAdmin,
    DepartmentFilter,
    sees_all_departments,
    viewer,
)
from applications.enterprise_credit.api import urls
from applications.enterprise_credit.models import CreditRecord, Membership, RecordBatch
from applications.roles import INSPECTOR
from ratings.admin.permissions import in_words, is_shipped, offered
from ratings.models import StaffScope
from ratings.services.audit import Actor
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db


class Batches(DepartmentAdmin):
    list_filter = (DepartmentFilter, "state")


class Records(DepartmentAdmin):
    department_field = "batch__department"


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def keeper(group: str, whole_city: bool = True) -> User:
    """One of those who keep the whole, of no department."""
    user = User.objects.create_user(f"keeper{User.objects.count()}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=whole_city)
    return user


def departments(rows: Iterable[RecordBatch]) -> set[str]:
    return {row.department.key for row in rows}


@pytest.fixture
def page() -> Batches:
    for key in ("scjgj", "swj"):
        building.record(building.subject(), f"{key}-penalty" if key == "scjgj" else "swj-arrears")
    return Batches(RecordBatch, admin.site)


class TestDepartmentAdmin:
    def test_a_member_sees_their_department(self, page: Batches) -> None:
        request = request_of(building.member("swj", roles.SUPPLIER))
        assert departments(page.get_queryset(request)) == {"swj"}
        assert page.has_view_permission(request)
        assert not sees_all_departments(request)

    def test_a_lookup_to_the_department(self, page: Batches) -> None:
        request = request_of(building.member("swj", roles.SUPPLIER))
        rows = Records(CreditRecord, admin.site).get_queryset(request)
        assert {row.record_type for row in rows} == {"swj-arrears"}

    @pytest.mark.parametrize("group", [roles.CREDIT_OFFICE, INSPECTOR])
    def test_who_keeps_the_whole_sees_all(self, page: Batches, group: str) -> None:
        request = request_of(keeper(group))
        assert departments(page.get_queryset(request)) == {"scjgj", "swj"}
        assert page.has_view_permission(request)

    def test_a_superuser_sees_all(self, page: Batches) -> None:
        request = request_of(User.objects.create_superuser("root"))
        assert departments(page.get_queryset(request)) == {"scjgj", "swj"}

    def test_in_some_districts_only_nothing(self, page: Batches) -> None:
        request = request_of(keeper(roles.CREDIT_OFFICE, whole_city=False))
        assert not page.get_queryset(request).exists()
        assert not page.has_view_permission(request)

    def test_with_the_permission_alone_nothing(self, page: Batches) -> None:
        user = building.member("swj", roles.SUPPLIER)
        Membership.objects.filter(user=user).delete()
        request = request_of(user)
        assert not page.get_queryset(request).exists()
        assert not page.has_view_permission(request)

    def test_whoever_works_for_a_department_sees_that_one_in_the_whole_city_too(self, page: Batches) -> None:
        user = building.member("swj", roles.SUPPLIER)
        StaffScope.objects.create(user=user, whole_city=True)
        assert departments(page.get_queryset(request_of(user))) == {"swj"}

    def test_without_the_permission_a_member_may_not(self, page: Batches) -> None:
        request = request_of(building.member("swj", roles.OFFICER))
        assert not page.has_view_permission(request)
        assert not page.may(request, "add_recordbatch")

    def test_what_a_member_may_do(self, page: Batches) -> None:
        request = request_of(building.member("swj", roles.SUPPLIER))
        assert page.may(request, "add_recordbatch")
        assert not page.may(request, "match_creditrecord")

    def test_only_who_sees_all_filters_by_department(self, page: Batches) -> None:
        assert page.get_list_filter(request_of(building.member("swj", roles.SUPPLIER))) == ["state"]
        assert page.get_list_filter(request_of(keeper(INSPECTOR))) == Batches.list_filter

    def test_one_query_a_request(self, page: Batches) -> None:
        user = User.objects.get(pk=building.member("swj", roles.SUPPLIER).pk)
        request = request_of(user)
        with CaptureQueriesContext(connection) as captured:
            assert viewer(request) is not None
            assert viewer(request) is viewer(request)
        assert len(captured) == 1

    def test_nobody_is_of_no_department(self, page: Batches) -> None:
        assert viewer(request_of(AnonymousUser())) is None


class TestGroups:
    @pytest.mark.parametrize("name", [roles.OFFICER, roles.SUPPLIER, roles.CREDIT_OFFICE, roles.APPROVER])
    def test_shipped_and_told(self, name: str) -> None:
        assert is_shipped(name)
        granted = offered().filter(group__name=name)
        here = granted.filter(content_type__app_label="enterprise_credit")
        assert set(here.values_list("codename", flat=True)) == roles.GRANTS[name]
        lines = in_words(granted)
        assert lines
        assert not any(letter.isascii() and letter.isalpha() for line in lines for letter in line)

    def test_every_permission_exists(self) -> None:
        """None of the tables' permissions is left without words, none of the words without a permission."""
        of_app = Permission.objects.filter(content_type__app_label="enterprise_credit")
        told = {f"{verb}_{model}" for model, verbs in roles.MEANINGS.items() for verb in verbs}
        assert told <= set(of_app.values_list("codename", flat=True))
        assert set(offered().filter(content_type__app_label="enterprise_credit")) == set(
            of_app.filter(codename__in=told)
        )

    def test_nobody_both_stores_and_puts_in_force(self) -> None:
        for granted in roles.GRANTS.values():
            assert not {"add_ruledocument", "change_ruledocument"} <= granted


@pytest.mark.parametrize(
    "path",
    [
        *("look/?purpose=%00", "look/?form__exact=%00", "look/%00/change/", "batchcheck/?purpose=%00"),
        *(
            "measurecase/?measure=%00",
            "measurecase/?district=99999999999999999999",
            "batchcheck/?department=%00",
        ),
        *("creditrecord/?type=%00", "recordbatch/?source__exact=%00", "creditsubject/%00/change/"),
        *(
            "creditsubject/%00/report.pdf",
            "creditsubject/x/change/",
            "recordbatch/99999999999999999999/change/",
        ),
    ],
)
def test_what_the_database_cannot_take_is_refused(path: str, client: Client) -> None:
    user = building.member("swj", roles.SUPPLIER)
    user.groups.add(Group.objects.get(name=roles.OFFICER))
    client.force_login(user)
    assert client.get(f"/admin/enterprise_credit/{path}").status_code in {200, 302, 400, 404}


def test_banks_are_not_offered_among_departments(client: Client) -> None:
    register_organisation("bankx", "某某银行", Organisation.Kind.BANK, by=Actor("甲"))
    for user in (building.member(), keeper(INSPECTOR)):
        client.force_login(user)
        for name in ("look", "batchcheck", "measurecase"):
            page = client.get(f"/admin/enterprise_credit/{name}/").content.decode()
            assert "某某银行" not in page
            assert ("税务局" in page) == (not hasattr(user, "department"))


def test_all_operations_of_departments_are_told_in_chinese() -> None:
    named = {view.callback.view_class.operation for view in urls.urlpatterns}
    assert len(named) == 9
    assert not {name for name in named if title_of(name) == name}
