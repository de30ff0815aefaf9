"""Who works for which department: who may say so, what is refused, and that it is on record."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from applications.clients.models import Organisation
from applications.enterprise_credit import people, roles
from applications.enterprise_credit.models import Membership
from applications.roles import BANKING, INSPECTOR
from ratings.models import AuditEvent, StaffScope
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from tests import factories
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db

BY = Actor("信用办甲", "203.0.113.9")
LIST, ADD = "admin:enterprise_credit_membership_changelist", "admin:enterprise_credit_membership_add"


@pytest.fixture(autouse=True)
def places() -> None:
    factories.district(330602, "越城区")
    factories.district(330603, "柯桥区")


@pytest.fixture
def officer() -> User:
    """An account with a role and without a department, as a superuser makes it."""
    made = User.objects.create_user("officer", first_name="王科员", is_staff=True)
    made.groups.add(Group.objects.get(name=roles.OFFICER))
    return made


def browser(name: str, *groups: str, whole_city: bool = True) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    StaffScope.objects.create(user=user, whole_city=whole_city)
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


@pytest.fixture
def office() -> Client:
    return browser("creditoffice", roles.CREDIT_OFFICE)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return re.sub(r"<[^>]+>", "", answer.content.decode())


def event() -> AuditEvent:
    return AuditEvent.objects.latest("id")


def register(user: User, key: str = "scjgj", districts: tuple[int, ...] = ()) -> Membership:
    return people.register_member(user, building.department(key), districts, by=BY)


class TestService:
    def test_registered_changed_ended(self, officer: User) -> None:
        made = register(officer, districts=(330603, 330602, 330603))
        assert (made.department.key, made.districts) == ("scjgj", [330602, 330603])
        assert (event().action, event().actor, event().detail["user"]) == ("登记部门人员", BY.name, "officer")

        people.change_member(made, building.department("swj"), [], by=BY, reason="调动")
        made.refresh_from_db()
        assert (made.department.key, made.districts) == ("swj", [])
        assert (event().action, event().reason) == ("变更部门人员", "调动")
        assert event().detail["before"] == {"department": "scjgj", "districts": [330602, 330603]}

        people.end_member(made, by=BY, reason="退休")
        assert not Membership.objects.exists()
        assert (event().action, event().detail["department"]) == ("结束部门人员", "swj")

    @pytest.mark.parametrize("field", ["is_active", "is_staff"])
    def test_only_active_staff(self, officer: User, field: str) -> None:
        setattr(officer, field, False)
        officer.save()
        with pytest.raises(Refused, match="不能登记"):
            register(officer)

    def test_one_department_a_person(self, officer: User) -> None:
        register(officer)
        with pytest.raises(Refused, match="已登记在市场监督管理局，一人只属一个部门"):
            register(officer, "swj")

    def test_not_oneself(self, officer: User) -> None:
        made = register(officer)
        oneself = Actor(officer.username)
        for act in (
            lambda: people.register_member(officer, building.department(), [], by=oneself),
            lambda: people.change_member(made, building.department("swj"), [], by=oneself, reason="调动"),
            lambda: people.end_member(made, by=oneself, reason="调动"),
        ):
            with pytest.raises(Refused, match="不能登记、变更或结束自己"):
                act()
        assert Membership.objects.get().department.key == "scjgj"

    def test_of_departments_in_districts_of_the_city(self, officer: User) -> None:
        bank = Organisation.objects.create(key="bank", name="某银行", kind="BANK")
        with pytest.raises(Refused, match="某银行不是政府部门"):
            people.register_member(officer, bank, [], by=BY)
        with pytest.raises(Refused, match="110101"):
            register(officer, districts=(330602, 110101))
        made = register(officer)
        with pytest.raises(Refused, match="某银行不是政府部门"):
            people.change_member(made, bank, [], by=BY, reason="误")

    def test_no_change_is_none(self, officer: User) -> None:
        made, before = register(officer), AuditEvent.objects.count()
        with pytest.raises(Refused, match="没有变化"):
            people.change_member(made, building.department("scjgj"), [], by=BY, reason="误")
        assert AuditEvent.objects.count() == before


class TestPages:
    def test_registered_changed_and_ended(self, office: Client, officer: User) -> None:
        assert "officer　王科员（部门查询员）" in text(office.get(reverse(ADD)))
        given = {"user": officer.pk, "department": building.department().pk, "districts": ["330602"]}
        shown = text(office.post(reverse(ADD), given, follow=True))
        assert "已登记：officer（市场监督管理局）。" in shown and "越城区" in shown
        made = Membership.objects.get()

        listed = text(office.get(reverse(LIST)))
        assert all(
            told in listed for told in ("officer", "王科员", "市场监督管理局", "越城区", "部门查询员", "启用")
        )
        assert "officer" not in text(office.get(reverse(ADD)))  # works for a department already

        place = reverse("admin:enterprise_credit_membership_place", args=(made.pk,))
        assert re.search(r'value="330602"[^>]* checked', office.get(place).content.decode())
        moved = {"department": building.department("swj").pk, "reason": "调动"}
        assert "已变更：officer（税务局）。" in text(office.post(place, moved, follow=True))
        assert "没有变化" in text(office.post(place, moved))
        assert event().action == "未获准"

        end = reverse("admin:enterprise_credit_membership_end", args=(made.pk,))
        assert "账号本身由系统管理员" in text(office.get(end))
        assert "请填写理由" in text(office.post(end, {}))
        assert "已结束：officer（税务局）。" in text(office.post(end, {"reason": "退休"}, follow=True))
        assert not Membership.objects.exists()

    def test_who_may(self, officer: User) -> None:
        made = register(officer)
        one = [
            reverse(f"admin:enterprise_credit_membership_{name}", args=(made.pk,))
            for name in ("place", "end")
        ]
        row, acts = (
            reverse("admin:enterprise_credit_membership_change", args=(made.pk,)),
            [reverse(ADD), *one],
        )
        member = Client()
        member.force_login(officer)
        for visitor in (
            member,
            browser("district", roles.CREDIT_OFFICE, whole_city=False),
            browser("banker", BANKING),
            browser("approver", roles.APPROVER),
        ):
            assert {visitor.get(address).status_code for address in (reverse(LIST), row, *acts)} == {403}
            assert "部门人员" not in text(visitor.get(reverse("admin:index")))
        inspector = browser("inspector", INSPECTOR)
        assert "officer" in text(inspector.get(reverse(LIST)))
        assert "变更" not in re.sub(r"\s", "", text(inspector.get(row))).partition("账号")[2]
        assert {inspector.get(address).status_code for address in acts} == {403}
        root = Client()
        root.force_login(User.objects.create_superuser("root"))
        assert {root.get(address).status_code for address in (reverse(LIST), row, *acts)} == {200}

    def test_filtered_by_department(self, office: Client, officer: User) -> None:
        register(officer)
        own, other = building.department("scjgj").pk, building.department("swj").pk
        assert "王科员" in text(office.get(reverse(LIST), {"department": own}))
        assert "王科员" not in text(office.get(reverse(LIST), {"department": other}))
        assert "王科员" not in text(office.get(reverse(LIST), {"department": "x"}))

    def test_a_list_costs_the_same_whatever_its_length(self, office: Client) -> None:
        taken = []
        for _ in range(2):
            building.member(districts=(330602,))
            office.get(reverse(LIST))
            with CaptureQueriesContext(connection) as captured:
                office.get(reverse(LIST))
            taken.append(len(captured))
            building.member("swj")
        assert taken[0] == taken[1]

    def test_an_account_without_a_group_is_told_of(self, office: Client, officer: User) -> None:
        officer.groups.clear()
        register(officer)
        assert "未授用户组，不能查询和填报" in text(office.get(reverse(LIST)))
