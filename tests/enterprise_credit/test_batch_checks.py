"""Lists held against the criteria of a purpose, and outcomes reported back."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from applications.enterprise_credit import batch_checks
from applications.enterprise_credit.batch_checks import BadOutcomes, KeyReused, Report, report_outcomes
from applications.enterprise_credit.check_lists import read_codes
from applications.enterprise_credit.models import BatchCheck, CheckLine, Look
from ratings.models import AuditEvent
from ratings.services.errors import Refused
from tests import factories
from tests.clients import building as clients
from tests.enterprise_credit import building
from tests.enterprise_credit.checking import AT, TODAY, check, listed, standing, viewer

pytestmark = pytest.mark.django_db


def lines(of: BatchCheck) -> list[CheckLine]:
    return list(of.lines.order_by("row"))


def ids(line: CheckLine) -> list[str]:
    return [one["id"] for one in line.reasons]


def test_each_enterprise_gets_its_verdict_with_reasons() -> None:
    good, listed_black, graded_c = (building.subject(f"企业{n}") for n in range(3))
    for one, grade in ((good, "A"), (listed_black, "B"), (graded_c, "C")):
        standing(one, grade)
    building.record(listed_black, "ybj-black-list", data={"reason": "骗保"})
    made = check(good, listed_black, graded_c)
    one, two, three = lines(made)
    assert [line.verdict for line in (one, two, three)] == ["PASS", "REJECT", "ATTENTION"]
    assert (one.uscc, one.name, one.grade, one.score, one.reasons) == (good.uscc, "企业0", "A", 85_000, [])
    assert "现有黑名单 1 条" in [reason["text"] for reason in two.reasons]
    assert three.reasons[0]["text"] == "企业信用等级为 C"
    assert three.reasons[0]["clause"] == "示例"
    assert (made.passed, made.attention, made.rejected, made.unknown) == (1, 1, 1, 0)
    assert made.catalogue.endswith("@1")
    assert (made.on, made.purpose_title) == (TODAY, "评先评优")


def test_every_line_is_a_look_with_its_purpose_and_the_check_one_audit_event() -> None:
    one = building.subject()
    made = check(one, "查无此公司", purpose="subsidy", case_no="补字〔2026〕1号")
    looks = Look.objects.filter(check_id=made.pk)
    assert looks.count() == 2
    look = looks.get(uscc=one.uscc)
    assert (look.form, look.purpose, look.case_no, look.by) == (
        "CHECK",
        "subsidy",
        "补字〔2026〕1号",
        "查询员甲",
    )
    event = AuditEvent.objects.get(action="核查名单")
    assert event.subject == f"batchcheck:{made.pk}"
    assert event.detail["rows"] == 2


def test_what_cannot_be_found_is_told_and_refuses_nothing() -> None:
    one, twin_a, twin_b = (
        building.subject("甲公司"),
        building.subject("双生公司"),
        building.subject("双生 公司"),
    )
    unknown, wrong = factories.uscc(), one.uscc[:-1] + ("0" if one.uscc[-1] != "0" else "1")
    made = check(unknown, wrong, "双生公司", "没有的公司", "甲公司")
    assert [ids(line) for line in lines(made)] == [["unknown"], ["bad_code"], ["ambiguous"], ["unknown"], []]
    assert [line.verdict for line in lines(made)] == ["UNKNOWN"] * 4 + ["PASS"]
    assert "校验位不符" in lines(made)[1].reasons[0]["text"]
    assert lines(made)[4].uscc == one.uscc
    assert {twin_a.name_key, twin_b.name_key} == {"双生公司"}
    assert made.unknown == 4


def test_duplicates_and_other_names_need_attention() -> None:
    one = building.subject("越州医药有限公司")
    made = check(one, f"{one.uscc} 越州医药（有限）公司", f"{one.uscc.lower()},明州医药有限公司")
    assert [ids(line) for line in lines(made)] == [[], ["duplicate"], ["duplicate", "name_differs"]]
    assert [line.verdict for line in lines(made)] == ["PASS", "ATTENTION", "ATTENTION"]
    assert lines(made)[1].reasons[0]["text"] == "与序号 1 是同一家企业"


def test_records_that_the_department_may_not_see_do_not_count_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = batch_checks.catalogue_on(TODAY)
    hidden = made.record_type("ybj-black-list")
    assert hidden is not None
    changed = made.model_copy(
        update={
            "record_types": tuple(
                one.model_copy(update={"publicity": "INTERNAL"}) if one == hidden else one
                for one in made.record_types
            )
        }
    )
    monkeypatch.setattr(batch_checks, "catalogue_on", lambda day: changed)
    one = building.subject()
    building.record(one, "ybj-black-list", data={"reason": "骗保"})
    own, others = check(one), check(one, department="scjgj")
    assert lines(own)[0].verdict == "REJECT"
    assert own.left_out == []
    assert lines(others)[0].verdict == "PASS"
    (told,) = [left for left in others.left_out if "医保领域严重失信名单" in left["text"]]
    assert "不对本部门开放" in told["text"]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"purpose": ""}, "用途"),
        ({"purpose": "nothing"}, "没有用途"),
        ({"purpose": "subsidy"}, "案号"),
        ({"purpose": "supervision"}, "没有核查条件"),
        ({"title": " "}, "名单名称"),
        ({"title": "长" * 201}, "名单名称"),
    ],
)
def test_a_check_without_what_it_needs_is_refused(values: dict[str, Any], match: str) -> None:
    one = building.subject()
    with pytest.raises(Refused, match=match):
        check(one, **values)
    assert not BatchCheck.objects.exists()
    assert not Look.objects.exists()


def test_a_purpose_of_which_nothing_can_be_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_checks, "criteria_for", lambda *_: ((), ()))
    with pytest.raises(Refused, match="不对本部门开放"):
        check(building.subject())


def test_the_same_key_gives_the_same_check_once() -> None:
    one = building.subject()
    client = clients.client(("department:check",), building.department("ybj"))
    who = viewer(client=client)
    given: dict[str, Any] = {
        "purpose": "award",
        "case_no": "",
        "title": "名单",
        "at": AT,
        "idempotency_key": "k",
    }
    content = read_codes([one.uscc], b"a")
    first = batch_checks.check_list(who, content, **given)
    assert batch_checks.check_list(who, content, **given) == first
    with pytest.raises(KeyReused):
        batch_checks.check_list(who, read_codes([one.uscc], b"b"), **given)
    assert BatchCheck.objects.count() == 1
    assert Look.objects.count() == 1


def test_a_check_costs_the_same_queries_however_long_the_list() -> None:
    few, many = [building.subject("甲")], [building.subject(f"乙{n}") for n in range(3)]
    check(*few)
    counted = []
    for given in (few, many):
        for one in given:
            building.record(one)
        with CaptureQueriesContext(connection) as captured:
            check(*given, f"{given[0].name}公司", factories.uscc())
        counted.append(len(captured))
    assert counted[0] == counted[1] <= 32


def test_a_check_is_never_changed() -> None:
    made = check(building.subject())
    with pytest.raises(DatabaseError), transaction.atomic():
        BatchCheck.objects.filter(pk=made.pk).update(title="别的")
    with pytest.raises(DatabaseError), transaction.atomic():
        made.lines.update(verdict="PASS", name="别的")


# outcomes


@pytest.fixture
def checked() -> BatchCheck:
    """Row 1 passes, row 2 is rejected, row 3 unknown."""
    good, bad = building.subject("好"), building.subject("坏")
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    return check(good, bad, factories.uscc())


def test_outcomes_are_written_and_deviations_counted(checked: BatchCheck) -> None:
    reports = [Report(1, "GRANTED", 100_00), Report(2, "GRANTED", None, " 已整改 "), Report(3, "REFUSED")]
    assert report_outcomes(viewer(), checked, reports, AT) == 3
    one, two, three = lines(checked)
    assert (one.outcome, one.amount_fen, one.outcome_by, one.outcome_at) == (
        "GRANTED",
        10_000,
        "查询员甲",
        AT,
    )
    assert (two.outcome, two.amount_fen, two.outcome_note) == ("GRANTED", None, "已整改")
    assert three.outcome == "REFUSED"
    event = AuditEvent.objects.get(action="反馈核查结果")
    assert event.detail["counts"] == {"GRANTED": 2, "REFUSED": 1}
    assert event.detail["given_in_spite"] == 1
    (found,) = batch_checks.statistics(TODAY, TODAY)
    assert (found.purpose, found.checks, found.lines, found.passed, found.rejected, found.unknown) == (
        "评先评优", 1, 3, 1, 1, 1,
    )  # fmt: skip
    assert (found.reported, found.granted, found.granted_fen, found.in_spite) == (3, 2, 10_000, 1)


def test_the_same_outcome_again_changes_nothing_and_another_is_on_record(checked: BatchCheck) -> None:
    report_outcomes(viewer(), checked, [Report(1, "GRANTED", 100)], AT)
    assert report_outcomes(viewer(), checked, [Report(1, "GRANTED", 100)], AT) == 0
    assert report_outcomes(viewer(), checked, [Report(1, "OTHER", None, "改期")], AT) == 1
    events = AuditEvent.objects.filter(action="反馈核查结果").order_by("pk")
    assert [event.detail["replaced"] for event in events] == [[], [[1, "GRANTED", 100, ""]]]


@pytest.mark.parametrize(
    ("report", "match"),
    [
        (Report(9, "GRANTED"), "没有这个序号"),
        (Report(1, ""), "须为"),
        (Report(1, "MAYBE"), "须为"),
        (Report(1, "REFUSED", 1), "只有已给予"),
        (Report(1, "GRANTED", -1), "金额须为"),
        (Report(1, "GRANTED", batch_checks.MAX_FEN + 1), "金额须为"),
        (Report(1, "GRANTED", 1, "长" * 501), "最多 500"),
        (Report(1, "OTHER"), "其他处理须写"),
        (Report(2, "GRANTED"), "写明理由"),
        (Report(3, "GRANTED"), "写明理由"),
        (Report(1, "GRANTED", uscc="91330602MA288UYN8Y"), "不符"),
    ],
)
def test_a_wrong_outcome_is_refused_with_all_others(checked: BatchCheck, report: Report, match: str) -> None:
    with pytest.raises(BadOutcomes) as raised:
        report_outcomes(viewer(), checked, [report, Report(8, "REFUSED")], AT)
    assert [row for row, text in raised.value.faults if row != 8 and match in text] == [report.row]
    assert not checked.lines.exclude(outcome="").exists()


def test_the_largest_amount_and_a_line_only_once(checked: BatchCheck) -> None:
    assert report_outcomes(viewer(), checked, [Report(1, "GRANTED", batch_checks.MAX_FEN)], AT) == 1
    with pytest.raises(BadOutcomes) as raised:
        report_outcomes(viewer(), checked, [Report(1, "REFUSED"), Report(1, "REFUSED")], AT)
    assert raised.value.faults == ((1, "这一行写了两次。"),)


def test_only_the_department_that_checked_reports(checked: BatchCheck) -> None:
    with pytest.raises(Refused, match="只有核查"):
        report_outcomes(viewer("scjgj"), checked, [Report(1, "REFUSED")], AT)


def test_reporting_costs_the_same_queries_however_many() -> None:
    made = check(*(building.subject(f"企{n}") for n in range(4)))
    counted = []
    for rows in ((1,), (2, 3, 4)):
        with CaptureQueriesContext(connection) as captured:
            report_outcomes(viewer(), made, [Report(row, "REFUSED") for row in rows], AT)
        counted.append(len(captured))
    assert counted[0] == counted[1]


def test_statistics_are_by_department_and_span() -> None:
    one = building.subject()
    for department, purpose, case_no in (("ybj", "award", ""), ("scjgj", "subsidy", "1")):
        check(one, department=department, purpose=purpose, case_no=case_no)
    found = batch_checks.statistics(TODAY, TODAY)
    assert {(row.department, row.purpose, row.lines) for row in found} == {
        (building.department("ybj").name, "评先评优", 1),
        (building.department("scjgj").name, "奖励补助", 1),
    }
    (own,) = batch_checks.statistics(TODAY, TODAY, building.department("scjgj"))
    assert own.purpose == "奖励补助"
    assert batch_checks.statistics(TODAY.replace(day=3), TODAY.replace(day=9)) == []


def test_lists_are_read_from_text() -> None:
    assert listed("甲公司").entries[0].name == "甲公司"
