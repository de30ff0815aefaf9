"""The catalogue and the rule in the admin: who may what, bad input told, put in force by two, the effect of a draft."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from applications.enterprise_credit import documents, previewing, standings, tasks
from applications.enterprise_credit.admin.documents import MAX_DOCUMENT
from applications.enterprise_credit.models import Assessment, RuleDocument, Standing
from applications.enterprise_credit.roles import APPROVER, CREDIT_OFFICE, OFFICER
from applications.enterprise_credit.rules.reading import read_rule
from applications.roles import INSPECTOR
from ratings.models import AuditEvent, StaffScope
from ratings.services.audit import Actor
from tests.enterprise_credit import building
from tests.enterprise_credit.standing import city

pytestmark = pytest.mark.django_db
CATALOGUE = (documents.SHIPPED / "catalogue.toml").read_text()
RULE = (documents.SHIPPED / "enterprise-rule.toml").read_text()
NEXT = RULE.replace("version = 1", "version = 2").replace("2024-01-01", "2026-01-01")


def url(page: str, *args: object) -> str:
    return reverse(f"admin:enterprise_credit_ruledocument_{page}", args=args)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def keeper(group: str, whole_city: bool = True) -> Client:
    user = User.objects.create_user(f"keeper{User.objects.count()}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=whole_city)
    return signed_in(user)


def stored(kind: str = "ENTERPRISE_RULE", version: int = 1) -> RuleDocument:
    return RuleDocument.objects.get(kind=kind, version=version)


def draft(text: str = NEXT) -> RuleDocument:
    return documents.store(RuleDocument.Kind.ENTERPRISE_RULE, text, by=Actor("甲"))


class TestRights:
    def test_who_sees(self) -> None:
        rule = stored()
        for client in (keeper(CREDIT_OFFICE), keeper(APPROVER), keeper(INSPECTOR)):
            assert client.get(url("changelist")).status_code == 200
            assert client.get(url("change", rule.pk)).status_code == 200
        for client in (signed_in(building.member(group=OFFICER)), keeper(CREDIT_OFFICE, whole_city=False)):
            for page in (url("changelist"), url("change", rule.pk), url("effect", rule.pk), url("draft")):
                assert client.get(page).status_code == 403

    def test_who_stores_tries_and_puts_in_force(self) -> None:
        one = draft()
        office, approver, inspector = keeper(CREDIT_OFFICE), keeper(APPROVER), keeper(INSPECTOR)
        may = {
            client: [client.get(page).status_code for page in (url("draft"), url("effect", one.pk), url("activate", one.pk))]
            for client in (office, approver, inspector)
        }  # fmt: skip
        assert may == {office: [200, 200, 403], approver: [403, 200, 200], inspector: [403, 403, 403]}
        assert "启用……" not in office.get(url("change", one.pk)).content.decode()
        assert "启用……" in approver.get(url("change", one.pk)).content.decode()
        # Only a rule has an effect to try.
        assert approver.get(url("effect", stored("CATALOGUE").pk)).status_code == 403


class TestPages:
    def test_the_catalogue_is_readable(self) -> None:
        page = keeper(CREDIT_OFFICE).get(url("change", stored("CATALOGUE").pk))
        text = page.content.decode()
        catalogue = documents.catalogue_on(timezone.localdate())
        for part in (*catalogue.record_types, *catalogue.purposes, *catalogue.measures):
            assert part.title in text
        assert "可查询：医疗保障局、市场监督管理局、" in text
        assert "可查询：税务局、医疗保障局" in text
        assert "可查询：仅提供部门" in text
        assert "责任人（文字，自然人信息）" in text
        assert "近 12 个月行政处罚至少 3 件" in text

    def test_the_rule_is_readable(self) -> None:
        text = keeper(CREDIT_OFFICE).get(url("change", stored().pk)).content.decode()
        for wanted in (
            "按“年度医保基金支付”加权平均",
            "D 级药店占已评药店至少 20 %",
            "现有黑名单至少 1 条",
            "已评药店少于 1 家",
            "90 分及以上",
            stored().sha256,
        ):
            assert wanted in text
        other = NEXT.replace('method = "mean"', 'method = "lowest"')
        other = "\n".join(line for line in other.splitlines() if not line.startswith("weight ="))
        one = draft(other)
        assert "取所属药店的最低分" in keeper(CREDIT_OFFICE).get(url("change", one.pk)).content.decode()

    def test_every_condition_is_told(self) -> None:
        when = 'when = { grade_in = ["D"], store_grade = "D", stores_at_least = 2, under_objection = true }'
        text = CATALOGUE.replace('when = { grade_in = ["D"] }', when, 1).replace("version = 1", "version = 2")
        page = keeper(CREDIT_OFFICE).post(url("draft"), {"kind": "CATALOGUE", "document": text, "check": "1"})
        assert "企业信用等级为 D；D 级药店至少 2 家；有药店的等级在异议处理中" in page.content.decode()

    def test_a_document_that_cannot_be_read(self) -> None:
        broken = RuleDocument.objects.bulk_create(
            [RuleDocument(kind="CATALOGUE", key="a", version=9, title="坏", effective_on="2026-01-01",
                          document="x", sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                          stored_by="甲")]
        )[0]  # fmt: skip
        page = keeper(APPROVER).get(url("change", broken.pk))
        assert "文本含有错误，不能读取" in page.content.decode()
        assert page.context["acts"] == []

    def test_queries_do_not_grow(self) -> None:
        client = keeper(CREDIT_OFFICE)
        costs = []
        for number in range(3):
            draft(NEXT.replace("version = 2", f"version = {number + 2}"))
            with CaptureQueriesContext(connection) as captured:
                client.get(url("changelist"))
            costs.append(len(captured))
        assert costs[0] == costs[2]


class TestDraft:
    def test_checked_then_stored_then_put_in_force_by_another(self) -> None:
        office = keeper(CREDIT_OFFICE)
        form = {"kind": "ENTERPRISE_RULE", "document": NEXT.replace("\n", "\r\n")}
        page = office.post(url("draft"), {**form, "check": "1"})
        assert "检查通过：企业信用评定规则（绍兴式示例） 第 2 版" in page.content.decode()
        assert RuleDocument.objects.count() == 2
        assert office.post(url("draft"), {**form, "store": "1"}).status_code == 302
        one = stored(version=2)
        assert one.document == NEXT
        approver = keeper(APPROVER)
        assert "请填写启用理由" in approver.post(url("activate", one.pk), {"reason": " "}).content.decode()
        approver.post(url("activate", one.pk), {"reason": "局办公会"})
        one.refresh_from_db()
        assert one.activated_at is not None
        assert AuditEvent.objects.filter(
            action="启用信用信息目录或规则", subject__endswith=f":{one.pk}"
        ).exists()
        assert approver.get(url("activate", one.pk)).status_code == 302

    @pytest.mark.parametrize(("days", "derived"), [(0, 1), (1, 0)])
    def test_all_are_derived_anew_by_what_is_in_force_already(
        self, days: int, derived: int, django_capture_on_commit_callbacks: Any
    ) -> None:
        day = timezone.localdate() + timedelta(days=days)
        one = draft(NEXT.replace("2026-01-01", day.isoformat()))
        with (
            mock.patch.object(tasks.refresh, "delay") as told,
            django_capture_on_commit_callbacks(execute=True),
        ):
            keeper(APPROVER).post(url("activate", one.pk), {"reason": "局办公会"})
        assert told.call_args_list == [mock.call(None)] * derived

    def test_in_force_without_a_queue_too(self, django_capture_on_commit_callbacks: Any) -> None:
        one = draft(NEXT)
        unreachable = mock.patch.object(tasks.refresh, "delay", side_effect=OperationalError)
        with unreachable, django_capture_on_commit_callbacks(execute=True):
            answer = keeper(APPROVER).post(url("activate", one.pk), {"reason": "局办公会"})
        assert answer.status_code == 302
        one.refresh_from_db()
        assert one.activated_at is not None

    def test_not_by_who_stored_it(self) -> None:
        approver = keeper(APPROVER)
        name = User.objects.get(pk=approver.session["_auth_user_id"]).get_username()
        one = documents.store(RuleDocument.Kind.ENTERPRISE_RULE, NEXT, by=Actor(name))
        page = approver.post(url("activate", one.pk), {"reason": "可"}, follow=True)
        assert "存入和启用不能是同一人" in page.content.decode()
        one.refresh_from_db()
        assert one.activated_at is None

    def test_a_bad_one_is_told_and_kept_in_the_form(self) -> None:
        text = NEXT.replace("limit = -10", "limit = 10").replace('limit = "C"', 'limit = "X"')
        page = keeper(CREDIT_OFFICE).post(
            url("draft"), {"kind": "ENTERPRISE_RULE", "document": text, "store": "1"}
        )
        assert page.context["text"] == text
        assert [one.path for one in page.context["problems"]] == [
            "items[0].limit",
            "caps[0].limit",
            "caps[2].limit",
        ]
        shown = page.content.decode()
        assert "正负不一致" in shown
        assert "加分的都写正数" in shown
        assert '<option value="ENTERPRISE_RULE" selected>' in shown
        assert not RuleDocument.objects.filter(version=2).exists()

    def test_one_in_force_sent_again_is_no_draft(self) -> None:
        form = {"kind": "ENTERPRISE_RULE", "document": stored().document, "store": "1"}
        page = keeper(CREDIT_OFFICE).post(url("draft"), form, follow=True).content.decode()
        assert "没有改动" in page
        assert "已存为草稿" not in page

    def test_one_in_force_is_not_replaced(self) -> None:
        page = keeper(CREDIT_OFFICE).post(
            url("draft"), {"kind": "ENTERPRISE_RULE", "document": RULE + "\n", "store": "1"}
        )
        assert "已启用，文本不得更改" in page.content.decode()

    @pytest.mark.parametrize(
        ("form", "told"),
        [
            ({}, "请粘贴文本"),
            ({"file": SimpleUploadedFile("a.toml", "规则".encode("gb18030"))}, "不是 UTF-8"),
            ({"file": SimpleUploadedFile("a.toml", b"#" * (MAX_DOCUMENT + 1))}, "文件过大"),
            ({"document": "= ="}, "问题"),
            ({"document": CATALOGUE, "kind": "X"}, "请选择文件种类"),
        ],
    )
    def test_what_is_no_document(self, form: dict[str, Any], told: str) -> None:
        page = keeper(CREDIT_OFFICE).post(url("draft"), {"kind": "CATALOGUE", **form, "check": "1"})
        assert told in page.content.decode()

    def test_a_file_counts_before_the_text(self) -> None:
        file = SimpleUploadedFile("a.toml", b"\xef\xbb\xbf" + NEXT.encode())
        form = {"kind": "ENTERPRISE_RULE", "document": "x", "file": file, "check": "1"}
        assert keeper(CREDIT_OFFICE).post(url("draft"), form).context["sound"].version == 2


class TestEffect:
    def test_told_before_it_is_decided(self) -> None:
        made, _ = city([95_000], [85_000], [70_000])
        bare = building.subject(district=None)
        standings.refresh(None, timezone.localdate())
        before = list(Standing.objects.order_by("pk").values())
        # A from 80: the second goes up. C from 75: the third goes down.
        harder = (
            NEXT.replace("min = 80", "min = 79")
            .replace("min = 90", "min = 80")
            .replace("min = 60", "min = 75")
        )
        one = draft(harder)
        page = keeper(APPROVER).get(url("effect", one.pk))
        found = page.context["found"]
        assert found.matrix == {("A", "A"): 1, ("B", "A"): 1, ("C", "D"): 1, ("", ""): 1}
        assert (found.enterprises, found.moved, found.ways) == (4, 2, {1: 1, -1: 1})
        moves = {move.uscc: (move.before, move.after, move.way) for move in found.moves}
        assert moves == {made[1][0].uscc: ("B", "A", 1), made[2][0].uscc: ("C", "D", -1)}
        matrix, listed = page.context["tables"]
        assert matrix["headers"] == ("现等级＼试算等级", "A", "B", "C", "D", "无等级", "合计")
        assert matrix["rows"][-1] == ("合计", "2", "—", "—", "1", "1", "4")
        assert len(listed["rows"]) == 2
        # Nothing is stored.
        assert list(Standing.objects.order_by("pk").values()) == before
        assert Assessment.objects.count() == 4
        assert bare.pk not in moves

    def test_the_list_as_csv_is_harmless_and_on_record(self) -> None:
        city([85_000])
        standings.refresh(None, timezone.localdate())
        subject = Standing.objects.get().subject
        type(subject).objects.filter(pk=subject.pk).update(name="=1+1")
        one = draft(NEXT.replace("min = 80", "min = 79").replace("min = 90", "min = 80"))
        answer = keeper(CREDIT_OFFICE).get(url("effect_csv", one.pk))
        assert answer["Content-Disposition"].startswith("attachment")
        lines = answer.content.decode("utf-8-sig").splitlines()
        assert lines[1] == f"{subject.uscc},'=1+1,越城区,B,85.000,A,85.000,上升,"
        assert AuditEvent.objects.filter(action="导出").count() == 1

    def test_grades_that_are_renamed_gained_and_lost(self) -> None:
        made, _ = city([95_000], [70_000])
        bare = building.subject()
        standings.refresh(None, timezone.localdate())
        renamed = NEXT.replace('name = "A"', 'name = "优"')
        found = previewing.effect(read_rule(renamed), timezone.localdate())
        assert [(move.before, move.after, move.way) for move in found.moves] == [("A", "优", 0)]
        # Stores under no grade at all: everybody loses theirs.
        nobody = read_rule(NEXT.replace("rated_below = 1", "rated_below = 9"))
        lost = previewing.effect(nobody, timezone.localdate(), listed=1)
        assert (lost.moved, lost.ways, len(lost.moves)) == (2, {0: 2}, 1)
        assert lost.moves[0].reason == "没有已评定等级的药店"
        assert {made[0][0].uscc, made[1][0].uscc, bare.pk} >= {lost.moves[0].uscc}

    def test_more_than_are_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        city([85_000], [85_000])
        standings.refresh(None, timezone.localdate())
        one = draft(NEXT.replace("min = 80", "min = 79").replace("min = 90", "min = 80"))
        monkeypatch.setattr(previewing.effect, "__defaults__", (1,))
        page = keeper(APPROVER).get(url("effect", one.pk)).content.decode()
        assert "只列出前 1 家，其余见 CSV。" in page
