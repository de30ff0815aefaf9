"""Pages of joint measures: the work list of each department, one case, handling, statistics, export."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from applications.enterprise_credit import measures
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject, MeasureCase
from applications.enterprise_credit.roles import CREDIT_OFFICE, SUPPLIER
from applications.roles import INSPECTOR
from ratings.models import AuditEvent, StaffScope
from tests import factories
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db
LIST = "admin:enterprise_credit_measurecase_changelist"
MEASURES = "admin:enterprise_credit_measurecase_measures"


def browser(user: User) -> Client:
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


def whole_city(group: str) -> Client:
    user = User.objects.create_user(f"city-{group}", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=True)
    return browser(user)


def text(response: Any) -> str:
    return str(response.content.decode())


def case(of: CreditSubject | None = None, measure: str = "ybj-more-checks", **values: Any) -> MeasureCase:
    declared = next(one for one in catalogue_on(timezone.localdate()).measures if one.key == measure)
    given = {
        "measure": measure,
        "measure_title": declared.title,
        "clause": declared.clause,
        "direction": declared.direction,
        "department": building.department(declared.department),
        "subject": of or building.subject("越州医药"),
        "basis": "企业信用等级为 D",
        **values,
    }
    return MeasureCase.objects.create(**given)


def page_of(one: MeasureCase, name: str = "change") -> str:
    return reverse(f"admin:enterprise_credit_measurecase_{name}", args=(one.pk,))


@pytest.fixture
def officer() -> Client:
    factories.district()
    return browser(building.member("ybj"))


def test_open_work_comes_first(officer: Client) -> None:
    done = {"done_on": timezone.localdate(), "note": "x", "handled_by": "甲", "handled_at": timezone.now()}
    case(building.subject("旧的"))
    case(building.subject("办过的"), state="APPLIED", **done)
    case(building.subject("终止的"), state="ENDED", ended_at=timezone.now())
    page = text(officer.get(reverse(LIST)))
    assert page.index("旧的") < page.index("终止的") < page.index("办过的")
    assert "越城区" in page
    assert "待办理" in page


def test_the_list_is_filtered(officer: Client) -> None:
    late = timezone.now() - measures.OVERDUE - timedelta(days=1)
    case(building.subject("很久的", district=330604), opened_at=late)
    case(building.subject("新的"), "ybj-fewer-checks")
    for asked, seen in (
        ({"direction": "INCENTIVE"}, "新的"),
        ({"measure": "ybj-fewer-checks"}, "新的"),
        ({"district": "330602"}, "新的"),
        ({"overdue": "1"}, "很久的"),
        ({"q": "很久"}, "很久的"),
        ({"direction": "SANCTION"}, "很久的"),
    ):
        page = text(officer.get(reverse(LIST), asked))
        other = {"新的": "很久的", "很久的": "新的"}[seen]
        assert seen in page
        assert f">{other}<" not in page
    assert ">新的<" not in text(officer.get(reverse(LIST), {"district": "x"}))
    state = text(officer.get(reverse(LIST), {"state__exact": "APPLIED"}))
    assert ">新的<" not in state


def test_one_case_is_shown_and_handled(officer: Client) -> None:
    one = case()
    page = text(officer.get(page_of(one)))
    for said in (
        "越州医药",
        "企业信用等级为 D",
        one.measure_title,
        one.clause,
        "查询这家企业（须写明用途）",
        "办理结果",
    ):
        assert said in page
    given = {"state": "APPLIED", "done_on": "2026-02-01", "document_no": "医保〔2026〕9号", "note": "已列入"}
    page = text(officer.post(page_of(one, "handle"), given, follow=True))
    assert "已登记办理结果" in page
    assert "医保〔2026〕9号" in page
    assert "更正办理结果" in page
    one.refresh_from_db()
    assert (one.state, one.note) == ("APPLIED", "已列入")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"done_on": "2999-01-01"}, "不得晚于今天"),
        ({"done_on": "0026-01-01"}, "请核对年份"),
        ({"done_on": "x"}, "日期写法不对"),
        ({"note": ""}, "请填写办理情况"),
        ({"state": "ENDED"}, "ENDED"),
    ],
)
def test_what_cannot_be_is_told(officer: Client, given: dict[str, str], said: str) -> None:
    one = case()
    whole = {"state": "DECLINED", "done_on": "2026-02-01", "note": "不宜", **given}
    assert said in text(officer.post(page_of(one, "handle"), whole))
    one.refresh_from_db()
    assert one.state == "OPEN"


def test_an_ended_case_is_only_read(officer: Client) -> None:
    one = case(state="ENDED", ended_at=timezone.now())
    page = text(officer.get(page_of(one)))
    assert "已终止，不用再办理" in page
    assert officer.post(page_of(one, "handle")).status_code == 403


def test_who_sees_and_handles_what() -> None:
    one = case()
    other = browser(building.member("scjgj"))
    assert "越州医药" not in text(other.get(reverse(LIST)))
    assert other.get(page_of(one)).status_code == 404
    assert other.post(page_of(one, "handle")).status_code == 404
    for group in (CREDIT_OFFICE, INSPECTOR):
        keeper = whole_city(group)
        assert "越州医药" in text(keeper.get(reverse(LIST)))
        page = text(keeper.get(page_of(one)))
        assert "办理结果" not in page
        assert "查询这家企业" not in page
        assert keeper.post(page_of(one, "handle")).status_code == 403
    supplier = browser(building.member("ybj", SUPPLIER))
    assert supplier.get(reverse(LIST)).status_code == 403
    assert supplier.get(reverse(MEASURES)).status_code == 403


def test_measures_and_how_they_stand(officer: Client) -> None:
    case(opened_at=timezone.now() - timedelta(days=31))
    case(building.subject("别的"), "scjgj-more-checks")
    page = text(officer.get(reverse(MEASURES)))
    assert "本部门办理情况" in page
    assert "企业信用等级为 D" in page
    assert "现有黑名单至少 1 条" in page
    assert "D 级药店占已评药店至少 20 %" in page
    whole = text(whole_city(CREDIT_OFFICE).get(reverse(MEASURES)))
    assert "各部门办理情况" in whole


def test_cases_are_exported_on_record(officer: Client) -> None:
    case(building.subject("=公式公司"))
    case(building.subject("别部门的"), "scjgj-more-checks")
    response = officer.post(
        reverse("admin:enterprise_credit_measurecase_export"), {"format": "0", "resource": "0"}
    )
    rows = list(load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
    assert [row[1] for row in rows] == ["企业名称", "'=公式公司"]
    assert AuditEvent.objects.filter(action="导出").count() == 1


def test_pages_cost_the_same_queries_however_much_they_show(officer: Client) -> None:
    counted = []
    for many in (1, 3):
        for number in range(many):
            one = case(building.subject(f"企{many}{number}"))
        costs = []
        for address in (reverse(LIST), page_of(one), reverse(MEASURES)):
            officer.get(address)
            with CaptureQueriesContext(connection) as captured:
                assert officer.get(address).status_code == 200
            costs.append(len(captured))
        counted.append(costs)
    assert counted[0] == counted[1]
