"""Pages about organisations, clients and calls: who may, and what they do."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from applications.clients import services
from applications.clients.models import Call, Client, ClientSecret, Organisation
from applications.roles import BANKING, CREDIT_OFFICE
from ratings.models import AuditEvent, StaffScope
from ratings.services.audit import SYSTEM
from ratings.services.roles import ROLES
from tests.clients import building

pytestmark = pytest.mark.django_db
CLIENT, CALLS = "admin:clients_client", "admin:clients_call"


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def root() -> Browser:
    return browser_of(User.objects.create_superuser("root"))


def staff(*codenames: str, whole_city: bool = True) -> Browser:
    """Of banks and departments."""
    codenames += ("view_bank_organisation", "view_department_organisation")
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="clients", codename__in=codenames)
    )
    StaffScope.objects.create(user=user, whole_city=whole_city)
    return browser_of(user)


def call(client: Client, **values: Any) -> Call:
    given = {"operation": "bank_stream", "subject": "loan", "purpose": "review", "status": 200, "rows": 1_234}
    return Call.objects.create(client=client, **{**given, **values})


def page(browser: Browser, name: str, *args: Any, **query: Any) -> str:
    answer = browser.get(reverse(name, args=args), query)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def form(client: Client, **values: Any) -> dict[str, Any]:
    given = {"name": client.name, "scopes": client.scopes, "networks": "", "certificates": "", **values}
    return given if "is_active" in values else {**given, "is_active": "on"}


class TestRights:
    """Looking needs view, registering add, all else change; everything the whole city; clerks have none."""

    @pytest.fixture
    def addresses(self) -> dict[str, str]:
        client = building.client()
        building.secret(client)
        call(client)
        made = {
            model: reverse(
                f"admin:clients_{model._meta.model_name}_change", args=(model.objects.latest("pk").pk,)
            )
            for model in (Organisation, Client, Call)
        }
        return {
            **{f"{model._meta.model_name} change": address for model, address in made.items()},
            **{
                f"{model._meta.model_name} list": reverse(
                    f"admin:clients_{model._meta.model_name}_changelist"
                )
                for model in made
            },
            **{
                f"{name} add": reverse(f"admin:clients_{name}_add")
                for name in ("organisation", "client", "call")
            },
            "call export": reverse(f"{CALLS}_export"),
            "client issue": reverse(f"{CLIENT}_issue", args=(client.pk,)),
            "client revoke": reverse(f"{CLIENT}_revoke", args=(client.pk, client.secrets.get().pk)),
        }

    def opened(self, browser: Browser, addresses: dict[str, str]) -> set[str]:
        answers = {name: browser.get(address).status_code for name, address in addresses.items()}
        assert set(answers.values()) <= {200, 403, 404}
        return {name for name, status in answers.items() if status == 200}

    def test_superusers(self, root: Browser, addresses: dict[str, str]) -> None:
        assert self.opened(root, addresses) == {*addresses} - {"call add"}

    def test_whoever_may_look(self, addresses: dict[str, str]) -> None:
        browser = staff("view_organisation", "view_client", "view_call")
        assert self.opened(browser, addresses) == {
            *(f"{name} {what}" for name in ("organisation", "client", "call") for what in ("list", "change")),
            "call export",
        }
        assert "/revoke/" not in page(browser, f"{CLIENT}_change", Client.objects.get().pk)
        for name in ("issue", "revoke"):
            assert browser.post(addresses[f"client {name}"], {"expires": "2027-01-01"}).status_code == 403
        assert ClientSecret.objects.get().revoked_at is None

    def test_whoever_may_change(self, addresses: dict[str, str]) -> None:
        browser = staff("view_client", "change_client")
        assert self.opened(browser, addresses) == {
            "client list",
            "client change",
            "client issue",
            "client revoke",
        }

    def test_staff_of_a_district_find_nothing(self, addresses: dict[str, str]) -> None:
        browser = staff("view_organisation", "view_client", "change_client", "view_call", whole_city=False)
        assert self.opened(browser, addresses) == {
            *(f"{name} list" for name in ("organisation", "client", "call")),
            "call export",
        }
        for name in ("organisation", "client", "call"):
            assert "共 0 条" in page(browser, f"admin:clients_{name}_changelist")

    @pytest.mark.parametrize("role", sorted(ROLES))
    def test_shipped_roles_change_nothing(self, role: str, addresses: dict[str, str]) -> None:
        user = User.objects.create_user("someone", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        StaffScope.objects.create(user=user, whole_city=True)
        opened = self.opened(browser_of(user), addresses)
        assert not opened & {"organisation add", "client add", "client issue", "client revoke"}

    def test_strangers(self, addresses: dict[str, str]) -> None:
        assert all(Browser().get(address).status_code == 302 for address in addresses.values())

    def test_the_toolkits_own_pages_are_gone(self) -> None:
        assert not [model for model in admin.site._registry if model._meta.app_label == "oauth2_provider"]


class TestKinds:
    """Banks and departments have their own officials; each reaches those of the own kind only."""

    @pytest.fixture
    def clients(self) -> dict[str, Client]:
        department = building.organisation(key="market", name="市场局", kind="DEPARTMENT")
        return {"BANK": building.client(), "DEPARTMENT": building.client(organisation_=department)}

    @pytest.fixture(params=[(BANKING, "BANK", "DEPARTMENT"), (CREDIT_OFFICE, "DEPARTMENT", "BANK")])
    def official(
        self, request: pytest.FixtureRequest, clients: dict[str, Client]
    ) -> tuple[Browser, Client, Client]:
        group, own, other = request.param
        user = User.objects.create_user("official", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        StaffScope.objects.create(user=user, whole_city=True)
        return browser_of(user), clients[own], clients[other]

    def test_nothing_of_the_other_kind_is_seen(self, official: tuple[Browser, Client, Client]) -> None:
        browser, own, other = official
        for client in (own, other):
            call(client)
            building.secret(client)
        for name in ("organisation_changelist", "client_changelist", "call_changelist"):
            shown = page(browser, f"admin:clients_{name}")
            assert own.organisation.name in shown and other.organisation.name not in shown, name
        pages = [
            ("organisation_change", own.organisation.pk, other.organisation.pk),
            ("call_change", own.calls.get().pk, other.calls.get().pk),
            *((f"client_{name}", own.pk, other.pk) for name in ("change", "issue")),
        ]
        for name, mine, theirs in pages:
            assert browser.get(reverse(f"admin:clients_{name}", args=(mine,))).status_code == 200, name
            for ask in (browser.get, browser.post):
                assert ask(reverse(f"admin:clients_{name}", args=(theirs,))).status_code in {403, 404}, name
        secret = other.secrets.get()
        assert browser.post(reverse(f"{CLIENT}_revoke", args=(other.pk, secret.pk))).status_code == 404
        secret.refresh_from_db()
        assert secret.revoked_at is None
        answer = browser.post(reverse(f"{CALLS}_export"), {"format": "1", "resource": ""})
        assert answer.content.decode().count("核心系统") == 1

    def test_clients_are_registered_for_the_own_kind(self, official: tuple[Browser, Client, Client]) -> None:
        browser, own, other = official
        address = reverse(f"{CLIENT}_add")
        shown = page(browser, f"{CLIENT}_add")
        assert own.organisation.name in shown and other.organisation.name not in shown
        assert all(scope in shown for scope in own.scopes) and not any(
            scope in shown for scope in other.scopes
        )
        given = {"name": "新系统", "networks": "", "certificates": ""}
        for of in (other.organisation, own.organisation):
            answer = browser.post(address, {**given, "organisation": of.pk, "scopes": other.scopes})
            assert answer.status_code == 200 and not Client.objects.filter(name="新系统").exists()
        browser.post(address, {**given, "organisation": own.organisation.pk, "scopes": own.scopes})
        made = Client.objects.get(name="新系统")
        assert (made.organisation, made.scopes) == (own.organisation, own.scopes)

    def test_who_registers_organisations(self, official: tuple[Browser, Client, Client]) -> None:
        """Departments come with the catalogue."""
        browser, own, _ = official
        address = reverse("admin:clients_organisation_add")
        for kind in ("DEPARTMENT", "BANK"):
            browser.post(address, {"key": f"new-{kind.lower()}", "name": f"新机构{kind}", "kind": kind})
        made = Organisation.objects.filter(key__startswith="new-").values_list("kind", flat=True)
        assert list(made) == ["BANK"] * (own.organisation.kind == "BANK")

    def test_without_either_nothing(self, clients: dict[str, Client]) -> None:
        user = User.objects.create_user("somebody", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(codename__in=("view_client", "view_organisation"))
        )
        StaffScope.objects.create(user=user, whole_city=True)
        for name in ("organisation", "client"):
            assert "共 0 条" in page(browser_of(user), f"admin:clients_{name}_changelist")


class TestOrganisations:
    def test_only_for_the_whole_city(self, root: Browser) -> None:
        given = {"key": "elsewhere", "name": "别处银行", "kind": "BANK"}
        rights = ("view_organisation", "add_organisation")
        address = reverse("admin:clients_organisation_add")
        assert staff(*rights, whole_city=False).post(address, given).status_code == 403
        assert root.post(address, given).status_code == 302

    def test_registered_and_renamed(self, root: Browser) -> None:
        given = {"key": "market", "name": "网信办", "kind": "DEPARTMENT"}
        root.post(reverse("admin:clients_organisation_add"), given)
        made = Organisation.objects.get(key="market")
        assert made.kind == "DEPARTMENT"
        address = reverse("admin:clients_organisation_change", args=(made.pk,))
        root.post(address, {"name": "互联网信息办公室", "key": "other", "kind": "BANK"})
        made.refresh_from_db()
        assert (made.key, made.name, made.kind) == ("market", "互联网信息办公室", "DEPARTMENT")
        actions = AuditEvent.objects.filter(actor="root", subject=f"organisation:{made.pk}").order_by("id")
        assert list(actions.values_list("action", flat=True)) == ["登记机构", "变更机构名称"]

    def test_with_its_clients(self, root: Browser) -> None:
        client = building.client(["bank:check"])
        shown = page(root, "admin:clients_organisation_change", client.organisation.pk)
        assert client.name in shown and "按编码核查贷款资格" in shown


class TestClients:
    def test_registered(self, root: Browser) -> None:
        given = {
            "organisation": building.organisation().pk,
            "name": "核心系统",
            "scopes": ["bank:read"],
            "networks": "203.0.113.0/24，2001:db8::/48\n198.51.100.7",
            "certificates": f"{'AB' * 32}\n{building.pem()}\n\n{building.pem('other')}",
        }
        root.post(reverse(f"{CLIENT}_add"), given)
        made = Client.objects.get()
        assert made.networks == ["198.51.100.7/32", "2001:db8::/48", "203.0.113.0/24"]
        assert set(made.certificates) == {"ab" * 32, building.thumbprint(), building.thumbprint("other")}
        assert AuditEvent.objects.latest("id").actor == "root"

    def test_what_is_wrong_stands_beside_its_field(self, root: Browser) -> None:
        client = building.client()
        wrong = form(client, networks="0.0.0.0/0", certificates="zz", scopes=["bank:all"])
        answer = root.post(reverse(f"{CLIENT}_change", args=(client.pk,)), wrong)
        errors = answer.context["adminform"].form.errors
        assert set(errors) == {"networks", "certificates", "scopes"}
        assert "所有地址" in errors["networks"][0]

    def test_changed_and_put_out_of_use(self, root: Browser) -> None:
        client = building.client(networks=["203.0.113.0/24"], certificates=["ab" * 32])
        address = reverse(f"{CLIENT}_change", args=(client.pk,))
        shown = page(root, f"{CLIENT}_change", client.pk)
        assert "203.0.113.0/24" in shown and "ab" * 32 in shown and client.client_id in shown
        root.post(address, form(client, networks="203.0.113.0/25"))
        client.refresh_from_db()
        assert (client.networks, client.certificates, client.is_active) == (["203.0.113.0/25"], [], True)
        root.post(address, form(client, is_active=""))
        client.refresh_from_db()
        assert not client.is_active
        assert AuditEvent.objects.latest("id").detail["after"] == {"networks": [], "active": False}

    def test_the_list(self, root: Browser) -> None:
        soon, fine, none = building.client(), building.client(networks=["203.0.113.0/24"]), building.client()
        services.issue_secret(soon, timezone.now() + timedelta(days=29), by=SYSTEM)
        services.issue_secret(fine, timezone.now() + timedelta(days=29), by=SYSTEM)
        services.issue_secret(fine, by=SYSTEM)
        services.revoke_secret(services.issue_secret(none, by=SYSTEM)[0], by=SYSTEM)
        shown = page(root, f"{CLIENT}_changelist")
        for text in ("日到期", "2 个有效", "无有效密钥", "网络 1 个", "不限"):
            assert text in shown
        with CaptureQueriesContext(connection) as few:
            page(root, f"{CLIENT}_changelist", q="核心")
        for _ in range(2):
            call(building.client())
        with CaptureQueriesContext(connection) as more:
            page(root, f"{CLIENT}_changelist", q="核心")
        assert len(few) == len(more)


class TestSecrets:
    @pytest.fixture
    def client(self) -> Client:
        return building.client()

    def test_shown_once(self, root: Browser, client: Client) -> None:
        address = reverse(f"{CLIENT}_issue", args=(client.pk,))
        asked = page(root, f"{CLIENT}_issue", client.pk)
        day = timezone.localdate() + timedelta(days=100)
        assert "生成并显示一次" in asked and not client.secrets.exists()
        answer = root.post(address, {"expires": day.isoformat()})
        assert "no-store" in answer["Cache-Control"]
        plain = answer.context["plain"]
        assert (
            f'value="{plain}"' in answer.content.decode() and 'data-copy="secret"' in answer.content.decode()
        )
        made = client.secrets.get()
        assert timezone.localtime(made.expires_at).date() == day + timedelta(days=1)
        assert (made.created_by, made.hint) == ("root", plain[-4:])
        later = page(root, f"{CLIENT}_change", client.pk) + page(root, f"{CLIENT}_issue", client.pk)
        assert plain not in later and plain[-4:] in later
        assert building.ask_token(client, plain).status_code == 200

    @pytest.mark.parametrize("days", [731, None])
    def test_too_far_off(self, root: Browser, client: Client, days: int | None) -> None:
        day = timezone.localdate() + timedelta(days=days) if days else date.max
        answer = root.post(reverse(f"{CLIENT}_issue", args=(client.pk,)), {"expires": day.isoformat()})
        assert "密钥最长两年" in answer.content.decode() and not client.secrets.exists()

    def test_refused(self, root: Browser, client: Client) -> None:
        day = timezone.localdate() - timedelta(days=1)
        answer = root.post(
            reverse(f"{CLIENT}_issue", args=(client.pk,)), {"expires": day.isoformat()}, follow=True
        )
        assert "两年之内" in answer.content.decode() and not client.secrets.exists()
        assert AuditEvent.objects.latest("id").action == "未获准"

    def test_the_longest(self, root: Browser, client: Client) -> None:
        day = timezone.localdate() + timedelta(days=730)
        root.post(reverse(f"{CLIENT}_issue", args=(client.pk,)), {"expires": day.isoformat()})
        assert client.secrets.count() == 1

    def test_no_day(self, root: Browser, client: Client) -> None:
        answer = root.post(reverse(f"{CLIENT}_issue", args=(client.pk,)), {"expires": "never"})
        assert answer.context["form"].errors and not client.secrets.exists()

    def test_revoked_after_a_question(self, root: Browser, client: Client) -> None:
        building.secret(client)
        secret = client.secrets.get()
        address = reverse(f"{CLIENT}_revoke", args=(client.pk, secret.pk))
        asked = page(root, f"{CLIENT}_revoke", client.pk, secret.pk)
        assert "没有其他有效密钥" in asked and secret.hint in asked
        secret.refresh_from_db()
        assert secret.revoked_at is None
        root.post(address)
        secret.refresh_from_db()
        assert secret.revoked_by == "root"
        shown = page(root, f"{CLIENT}_change", client.pk)
        assert "已撤销：root" in shown and address not in shown
        answer = root.post(address, follow=True)
        assert "已经撤销" in answer.content.decode()

    def test_of_another_client_is_not_found(self, root: Browser, client: Client) -> None:
        other = building.client()
        building.secret(other)
        assert (
            root.post(reverse(f"{CLIENT}_revoke", args=(client.pk, other.secrets.get().pk))).status_code
            == 404
        )

    def test_their_standing(self, root: Browser, client: Client) -> None:
        services.issue_secret(client, timezone.now() + timedelta(days=29), by=SYSTEM)
        services.issue_secret(client, timezone.now() + timedelta(days=31), by=SYSTEM)
        ClientSecret.objects.create(
            client=client,
            sha256="0" * 64,
            hint="old!",
            created_by="root",
            created_at=timezone.now() - timedelta(days=9),
            expires_at=timezone.now(),
        )
        shown = page(root, f"{CLIENT}_change", client.pk)
        for text in ("即将到期", ">有效<", "已到期"):
            assert text in shown
        assert shown.count("/revoke/") == 2


class TestCalls:
    @pytest.fixture
    def calls(self) -> list[Call]:
        client = building.client()
        return [
            call(client),
            call(client, operation="token", status=401, subject="密钥不对或已失效", rows=0),
            call(building.client(), status=500, rows=0, address="203.0.113.7"),
            call(client, complete=False),
        ]

    def listed(self, browser: Browser, **query: Any) -> list[int]:
        answer = browser.get(reverse(f"{CALLS}_changelist"), query)
        return sorted(row.pk for row in answer.context["cl"].result_list)

    # unfold asks with the clock of the settings, which is meant
    @pytest.mark.filterwarnings("ignore:DateTimeField Call.at received a naive datetime")
    def test_filters(self, root: Browser, calls: list[Call]) -> None:
        given, refused, failed, cut = (row.pk for row in calls)
        assert self.listed(root) == [given, refused, failed, cut]
        assert self.listed(root, client__id__exact=calls[2].client_id) == [failed]
        assert self.listed(root, operation="token") == [refused]
        assert self.listed(root, outcome="given") == [given, cut]
        assert self.listed(root, outcome="refused") == [refused]
        assert self.listed(root, outcome="failed") == [failed]
        today = timezone.localdate()
        assert len(self.listed(root, at_from_0=today.isoformat(), at_from_1="00:00:00")) == 4
        after = today + timedelta(days=1)
        assert self.listed(root, at_from_0=after.isoformat(), at_from_1="00:00:00") == []

    def test_how_they_look(self, root: Browser, calls: list[Call]) -> None:
        shown = page(root, f"{CALLS}_changelist")
        for text in ("1,234", "密钥不对或已失效", "200，中途断开", "203.0.113.7", "review"):
            assert text in shown
        assert "review" in page(root, f"{CALLS}_change", calls[0].pk)

    def test_told_in_chinese(self, root: Browser, calls: list[Call]) -> None:
        call(building.client(), operation="bank_check", purpose="pre_loan")
        shown = page(root, f"{CALLS}_changelist")
        for text in ("申请令牌", "按编码核查", "贷前审查"):
            assert text in shown
        assert "pre_loan" not in shown

    def test_in_a_constant_number_of_queries(self, root: Browser, calls: list[Call]) -> None:
        with CaptureQueriesContext(connection) as few:
            page(root, f"{CALLS}_changelist")
        for _ in range(3):
            call(building.client())
        with CaptureQueriesContext(connection) as more:
            page(root, f"{CALLS}_changelist")
        assert len(few) == len(more)

    def test_nobody_changes_them(self, root: Browser, calls: list[Call]) -> None:
        root.post(reverse(f"{CALLS}_change", args=(calls[0].pk,)), {"operation": "other"})
        assert Call.objects.get(pk=calls[0].pk).operation == "bank_stream"

    def test_exported_on_record(self, root: Browser, calls: list[Call]) -> None:
        address = f"{reverse(f'{CALLS}_export')}?outcome=refused"
        answer = root.post(address, {"format": "1", "resource": ""})
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["操作"], row["状态码"], row["给完"]) for row in rows] == [("申请令牌", "401", "是")]
        event = AuditEvent.objects.latest("id")
        assert (event.action, event.subject, event.detail["rows"]) == ("导出", "clients.call", 1)


def test_names_are_escaped(root: Browser) -> None:
    evil = "<script>alert(1)</script>"
    client = building.client(organisation_=building.organisation(name=evil))
    call(client, subject=evil, purpose=evil)
    building.secret(client)
    for name, *args in (
        (f"{CLIENT}_changelist",),
        (f"{CLIENT}_change", client.pk),
        (f"{CLIENT}_issue", client.pk),
        (f"{CLIENT}_revoke", client.pk, client.secrets.get().pk),
        (f"{CALLS}_changelist",),
    ):
        shown = page(root, name, *args)
        assert evil not in shown and escape(evil) in shown, name
