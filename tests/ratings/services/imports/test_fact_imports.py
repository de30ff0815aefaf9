"""Facts: new, unchanged, changed (voided and recorded anew), refused."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from ratings.models import (
    Complaint,
    FundPayment,
    ImportBatch,
    MeasureValue,
    Pharmacy,
    ServiceStatus,
    Violation,
)
from ratings.rules.slices import LARGEST_MEASURE
from ratings.rules.vocabulary import VIOLATION_KINDS
from ratings.services.imports import RowsRefused, job
from tests import factories

from .conftest import CLERK, CODES, Way, bring, bring_at_once, check, counts, messages, xlsx_bytes

VIOLATION_HEADERS = [
    "定点编码",
    "文书号",
    "违法违规类型",
    "情节",
    "处理性质",
    "作出机关",
    "涉及基金",
    "发生日期",
]
VIOLATION_HEADERS += ["决定日期", "处理措施", "支付资格记分"]
COMPLAINT_HEADERS = ["受理编号", "定点编码", "内容", "状态", "查实结论", "收到日期", "结论日期"]
PAYMENT_HEADERS = ["定点编码", "月份", "基金支付", "结算人次"]


def violation(**values: str) -> list[str]:
    row = {
        "code": CODES[0],
        "document": "示医保罚〔2025〕1号",
        "kind": "回流药",
        "gravity": "严重",
        "track": "行政处罚",
        "body": "示例市医疗保障局",
        "amount": "1,234.56",
        "occurred": "2025-03-01",
        "decided": "2025年4月15日",
        "measures": "约谈",
        "points": "3",
    }
    return list({**row, **values}.values())


def complaint(**values: str) -> list[str]:
    row = {"no": "TS1", "code": CODES[0], "topic": "FRAUD", "state": "CLOSED", "finding": "VERIFIED"}
    row |= {"received": "2025-03-01", "decided": "2025-03-02"}
    return list({**row, **values}.values())


def test_violations(shops: list[Pharmacy], way: Way) -> None:
    rows = [VIOLATION_HEADERS, violation(), violation(document="示医保罚〔2025〕2号", amount="", points="")]
    batch = way("violations", rows)
    assert counts(batch) == (2, 0, 0, 0)
    first, second = Violation.objects.order_by("row")
    assert (first.pharmacy, first.kind, first.gravity, first.track) == (
        shops[0],
        "RETURNED_DRUG",
        "SERIOUS",
        "PENALTY",
    )
    assert (first.amount_fen, first.occurred_on, first.decided_on) == (
        123_456,
        date(2025, 3, 1),
        date(2025, 4, 15),
    )
    assert (first.batch, first.row, first.recorded_by) == (batch, 2, CLERK.name)
    assert (second.amount_fen, second.personnel_points) == (0, 0)
    assert counts(way("violations", rows)) == (0, 0, 2, 0)
    assert Violation.objects.count() == 2


def test_every_kind_of_violation_by_id_and_by_label(shops: list[Pharmacy], way: Way) -> None:
    rows = [violation(document=term.id, kind=term.id) for term in VIOLATION_KINDS]
    rows += [violation(document=term.label, kind=term.label) for term in VIOLATION_KINDS]
    assert counts(way("violations", [VIOLATION_HEADERS, *rows])) == (2 * len(VIOLATION_KINDS), 0, 0, 0)


@pytest.mark.parametrize(
    ("values", "column", "word"),
    [
        ({"code": "P33060299999"}, "定点编码", "没有登记"),
        ({"code": "330602"}, "定点编码", "十二位"),
        ({"code": ""}, "定点编码", "没有填写"),
        ({"document": ""}, "文书号", "没有填写"),
        ({"kind": "假药"}, "违法违规类型", "不是违法违规类型"),
        ({"gravity": "很重"}, "情节", "不是情节"),
        ({"track": "刑事"}, "处理性质", "不是处理性质"),
        ({"amount": "-1"}, "涉及基金", "负"),
        ({"amount": "100,000,000,000.01"}, "涉及基金", "过大"),
        ({"amount": "1.234"}, "涉及基金", "一分"),
        ({"decided": "2025-02-28"}, "决定日期", "早于发生日期"),
        ({"decided": "2999-01-01"}, "决定日期", "晚于记录日期"),
        ({"occurred": "2025-02-30"}, "发生日期", "没有这一天"),
        ({"points": "13"}, "支付资格记分", "超出范围"),
        ({"measures": "追" * 201}, "处理措施", "最多 200"),
        ({"body": "x\x01" * 200}, "作出机关", "最多 100"),
    ],
)
def test_violations_refused(shops: list[Pharmacy], values: dict[str, str], column: str, word: str) -> None:
    batch = check("violations", [VIOLATION_HEADERS, violation(document="好的"), violation(**values)])
    assert counts(batch) == (1, 0, 0, 1)
    (problem,) = batch.problems
    assert (problem["line"], problem["column"]) == (3, column)
    assert word in problem["message"]
    assert problem["remedy"]
    assert not Violation.objects.exists()


def test_all_that_is_wrong_with_a_row_is_said(shops: list[Pharmacy]) -> None:
    batch = check("violations", [VIOLATION_HEADERS, violation(gravity="?", amount="?", points="?")])
    assert {problem["column"] for problem in batch.problems} == {"情节", "涉及基金", "支付资格记分"}
    assert {problem["line"] for problem in batch.problems} == {2}
    assert batch.refused == 1


def test_a_changed_fact_is_voided_and_recorded_anew(shops: list[Pharmacy], way: Way) -> None:
    way("violations", [VIOLATION_HEADERS, violation()])
    batch = way("violations", [VIOLATION_HEADERS, violation(document="另一"), violation(amount="99")])
    assert counts(batch) == (1, 1, 0, 0)
    old, new = Violation.objects.filter(document_no="示医保罚〔2025〕1号").order_by("id")
    assert old.voided_at == new.recorded_at
    assert old.void_reason == f"被导入批次 #{batch.pk} 第 3 行更新"
    assert old.voided_by == CLERK.name
    assert (old.amount_fen, new.amount_fen, new.is_live) == (123_456, 9_900, True)
    assert counts(way("violations", [VIOLATION_HEADERS, violation(amount="99")])) == (0, 0, 1, 0)


def test_a_voided_fact_can_be_recorded_again(shops: list[Pharmacy], way: Way) -> None:
    way("violations", [VIOLATION_HEADERS, violation()])
    Violation.objects.update(voided_at=timezone.now(), void_reason="录错", voided_by="某人")
    assert counts(way("violations", [VIOLATION_HEADERS, violation()])) == (1, 0, 0, 0)


def test_columns_that_the_file_lacks_are_inherited(shops: list[Pharmacy], way: Way) -> None:
    way("violations", [VIOLATION_HEADERS, violation()])
    keep = [
        index for index, header in enumerate(VIOLATION_HEADERS) if header not in ("处理措施", "支付资格记分")
    ]
    rows = [[row[index] for index in keep] for row in (VIOLATION_HEADERS, violation(gravity="一般"))]
    assert counts(way("violations", rows)) == (0, 1, 0, 0)
    new = Violation.objects.get(voided_at=None)
    assert (new.gravity, new.measures, new.personnel_points) == ("GENERAL", "约谈", 3)
    rows[1][1] = "新的"
    way("violations", rows)
    assert Violation.objects.get(document_no="新的").personnel_points == 0


def test_complaints_change_state(shops: list[Pharmacy], way: Way) -> None:
    open_row = complaint(state="已受理", finding="", decided="")
    assert counts(way("complaints", [COMPLAINT_HEADERS, open_row])) == (1, 0, 0, 0)
    assert counts(way("complaints", [COMPLAINT_HEADERS, complaint()])) == (0, 1, 0, 0)
    assert Complaint.objects.get(voided_at=None).finding == "VERIFIED"
    # the number is the key, whatever the pharmacy
    assert counts(way("complaints", [COMPLAINT_HEADERS, complaint(code=CODES[1])])) == (0, 1, 0, 0)
    assert Complaint.objects.get(voided_at=None).pharmacy == shops[1]


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"decided": ""}, "结论日期"),
        ({"finding": "PENDING"}, "结论日期"),
        ({"decided": "2025-02-28"}, "结论日期"),
        ({"state": "RECEIVED"}, "状态"),
        ({"state": "NOT_ACCEPTED"}, "状态"),
        ({"topic": "噪音"}, "内容"),
        ({"no": ""}, "受理编号"),
    ],
)
def test_complaints_refused(shops: list[Pharmacy], values: dict[str, str], column: str) -> None:
    batch = check("complaints", [COMPLAINT_HEADERS, complaint(**values)])
    assert [(problem["line"], problem["column"]) for problem in batch.problems] == [(2, column)]


@pytest.mark.parametrize(
    ("live", "values", "without", "column", "word"),
    [
        ({}, {"state": "NOT_ACCEPTED"}, ("查实结论",), "状态", "未受理"),
        ({}, {"received": "2025-03-03"}, ("结论日期",), "收到日期", "2025-03-02 早于收到日期 2025-03-03"),
        ({}, {"finding": "PENDING"}, ("结论日期",), "查实结论", "尚无结论却有结论日期 2025-03-02"),
        ({"finding": "PENDING", "decided": ""}, {}, ("结论日期",), "查实结论", "没有结论日期"),
        ({"finding": "PENDING", "decided": ""}, {}, ("查实结论",), "结论日期", "尚无结论"),
        ({}, {"decided": ""}, ("查实结论",), "结论日期", "没有结论日期"),
    ],
)
def test_complaints_that_clash_with_what_is_kept(
    shops: list[Pharmacy],
    live: dict[str, str],
    values: dict[str, str],
    without: tuple[str, ...],
    column: str,
    word: str,
) -> None:
    bring("complaints", [COMPLAINT_HEADERS, complaint(**live)])
    keep = [index for index, header in enumerate(COMPLAINT_HEADERS) if header not in without]
    rows = [[row[index] for index in keep] for row in (COMPLAINT_HEADERS, complaint(**values))]
    batch = check("complaints", rows)
    assert counts(batch) == (0, 0, 0, 1)
    (problem,) = batch.problems
    assert (problem["line"], problem["column"]) == (2, column)
    assert word in problem["message"]
    assert problem["remedy"]


def test_a_new_date_for_a_finding_that_is_kept(shops: list[Pharmacy], way: Way) -> None:
    way("complaints", [COMPLAINT_HEADERS, complaint()])
    rows = [COMPLAINT_HEADERS, complaint(decided="2025-03-09")]
    assert counts(way("complaints", [[*row[:4], *row[5:]] for row in rows])) == (0, 1, 0, 0)
    found = Complaint.objects.get(voided_at=None)
    assert (found.finding, found.decided_on) == ("VERIFIED", date(2025, 3, 9))


def test_payments(shops: list[Pharmacy], way: Way) -> None:
    rows = [PAYMENT_HEADERS, [CODES[0], "2025-03", "1234.56", "7"], [CODES[1], "2025年3月", "-1,000", "0"]]
    assert counts(way("payments", rows)) == (2, 0, 0, 0)
    found = FundPayment.objects.order_by("row").values_list(
        "pharmacy", "month", "amount_fen", "settlements", "row"
    )
    assert list(found) == [
        (shops[0].pk, date(2025, 3, 1), 123_456, 7, 2),
        (shops[1].pk, date(2025, 3, 1), -100_000, 0, 3),
    ]
    assert counts(way("payments", rows)) == (0, 0, 2, 0)
    rows[1][2] = "1234.57"
    assert counts(way("payments", rows)) == (0, 1, 1, 0)
    assert FundPayment.objects.filter(voided_at=None).count() == 2
    assert FundPayment.objects.count() == 3


def test_payments_refused(shops: list[Pharmacy]) -> None:
    rows = [
        PAYMENT_HEADERS,
        [CODES[0], "2025-03", "1", "1"],
        ["P33060299999", "2025-03", "1", "1"],
        [CODES[0], "2999-01", "1", "1"],
        [CODES[0], "2025-04", "1", "-1"],
        [CODES[0], "2025-05", "100000000000.01", "1"],
        [CODES[0], "2025-06", "1", "1.5"],
        [CODES[0], "2025-07-02", "1", "1"],
        [CODES[1], "2025-03", "1"],
        [CODES[2], "2025-03", "1", "1", "多"],
        [CODES[2], "2025-03", "1", "1", ""],
    ]
    batch = check("payments", rows)
    assert counts(batch) == (2, 0, 0, 8)
    assert [problem["line"] for problem in batch.problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "只有 3 列" in batch.problems[6]["remedy"]
    assert "5 列" in batch.problems[7]["message"]


def test_duplicates_in_one_file_name_both_lines(shops: list[Pharmacy]) -> None:
    same = [CODES[0], "2025-03", "1", "1"]
    rows = [PAYMENT_HEADERS, same, [CODES[1], "2025-03", "1", "1"], [CODES[0], "2025/3", "2", "2"], same]
    batch = check("payments", rows)
    assert counts(batch) == (1, 0, 0, 3)
    by_line: dict[int, str] = {}
    for problem in batch.problems:
        by_line[problem["line"]] = by_line.get(problem["line"], "") + problem["message"]
    assert set(by_line) == {2, 4, 5}
    assert "第 4 行" in by_line[2]
    assert "第 2 行" in by_line[4]
    assert "第 4 行" in by_line[5]
    with pytest.raises(RowsRefused):
        bring("payments", rows)
    assert counts(bring_at_once("payments", rows, skip_refused=True)) == (1, 0, 0, 3)
    assert FundPayment.objects.get().pharmacy == shops[1]


def test_a_file_that_ends_within_its_last_row(shops: list[Pharmacy]) -> None:
    text = f"定点编码,月份,基金支付,结算人次\n{CODES[0]},2025-03,1.00,1\n{CODES[1]},2025-"
    for run in (check, bring_at_once):
        with pytest.raises(ValueError, match=r"第 3 行.*截断"):
            run("payments", text)
    assert not ImportBatch.objects.exists()
    assert not FundPayment.objects.exists()


def test_a_last_row_without_a_line_end_is_whole(shops: list[Pharmacy], way: Way) -> None:
    text = f"定点编码,月份,基金支付,结算人次\n{CODES[0]},2025-03,1.00,1"
    assert counts(way("payments", text)) == (1, 0, 0, 0)


def test_xlsx_with_real_dates_and_numbers(shops: list[Pharmacy], way: Way) -> None:
    rows: list[list[object]] = [
        [*PAYMENT_HEADERS],
        [CODES[0], date(2025, 3, 1), 1234.56, 7],
        [CODES[0], 45748, "1,234.56", 7.0],  # 2025-04-01 as a bare serial
        [CODES[0], 202505, 1234, 7],
        [CODES[0], "2025年6月", -0.5, 7],
    ]
    assert counts(way("payments", xlsx_bytes(rows))) == (4, 0, 0, 0)
    found = FundPayment.objects.order_by("month").values_list("month", "amount_fen")
    assert list(found) == [
        (date(2025, 3, 1), 123_456),
        (date(2025, 4, 1), 123_456),
        (date(2025, 5, 1), 123_400),
        (date(2025, 6, 1), -50),
    ]


def test_xlsx_amounts_beyond_the_fen_are_refused(shops: list[Pharmacy]) -> None:
    batch = check("payments", xlsx_bytes([PAYMENT_HEADERS, [CODES[0], "2025-03", 1.005, 1]]))
    assert "1.005" in batch.problems[0]["value"]


def test_measures(shops: list[Pharmacy], way: Way) -> None:
    headers = ["定点编码", "指标键", "评价周期", "值"]
    rows = [headers, [CODES[0], "year_end", "2025年", "92.5"], [CODES[0], "year_end", "2025H1", "1,000.125"]]
    assert counts(way("measures", rows)) == (2, 0, 0, 0)
    assert MeasureValue.objects.get(period="2025H1").value == Decimal("1000.125")
    rows[1][3] = "92.50"
    assert counts(way("measures", rows)) == (0, 0, 2, 0)
    batch = check(
        "measures", [headers, [CODES[0], "Ünicode", "2025", "1"], [CODES[0], "k", "2025Q9", "0.0001"]]
    )
    assert counts(batch) == (0, 0, 0, 2)
    assert len(batch.problems) == 3


@pytest.mark.parametrize("sign", ["", "-"])
def test_measures_are_bounded_as_in_the_rules(shops: list[Pharmacy], sign: str) -> None:
    headers = ["定点编码", "指标键", "评价周期", "值"]
    most = LARGEST_MEASURE // 1000
    rows = [headers, [CODES[0], "k", "2025", f"{sign}{most}"], [CODES[1], "k", "2025", f"{sign}{most}.001"]]
    batch = check("measures", rows)
    assert counts(batch) == (1, 0, 0, 1)
    (problem,) = batch.problems
    assert (problem["line"], problem["column"], problem["value"]) == (3, "值", f"{sign}{most}.001")
    assert str(most) in problem["remedy"]


def test_service_status(shops: list[Pharmacy], way: Way) -> None:
    headers = ["定点编码", "起始日", "服务状态", "决定日期"]
    soon = (timezone.localdate() + timedelta(days=10)).isoformat()
    today = timezone.localdate().isoformat()
    rows = [
        headers,
        [CODES[0], "2025-05-01", "中止协议", "2025-04-28"],
        [CODES[0], soon, "IN_SERVICE", today],
    ]
    assert counts(way("service_status", rows)) == (2, 0, 0, 0)
    assert ServiceStatus.objects.order_by("occurred_on")[0].status == "SUSPENDED"
    assert counts(check("service_status", [headers, [CODES[0], soon, "正常", soon]])) == (0, 0, 0, 1)


class TestDaysAreShanghaiDays:
    """Up to and including the recording day, by the clock of Shanghai."""

    def rows(self, day: str) -> list[list[str]]:
        return [VIOLATION_HEADERS, violation(occurred=day, decided=day)]

    @pytest.mark.parametrize(("day", "fine"), [("2026-01-06", True), ("2026-01-07", False)])
    def test_late_in_the_evening_utc(
        self, shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch, day: str, fine: bool
    ) -> None:
        # 5 January, 17:00 UTC is already 6 January, 01:00 in Shanghai
        moment = datetime(2026, 1, 5, 17, tzinfo=UTC)
        monkeypatch.setattr(job, "recording_moment", lambda table: moment)
        batch = bring_at_once("violations", self.rows(day))
        assert (batch.state == "ACCEPTED") is fine

    def test_the_database_agrees_with_the_first_minute(
        self, shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = datetime(2026, 1, 6, 0, 0, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
        monkeypatch.setattr(job, "recording_moment", lambda table: moment)
        assert counts(bring_at_once("violations", self.rows("2026-01-06"))) == (1, 0, 0, 0)


def test_recording_behind_a_later_version_is_refused(shops: list[Pharmacy]) -> None:
    known = timezone.now() + timedelta(hours=1)
    factories.violation(shops[0], document_no="示医保罚〔2025〕1号", kind="RETURNED_DRUG", recorded_at=known)
    batch = bring_at_once("violations", [VIOLATION_HEADERS, violation()])
    assert counts(batch) == (0, 0, 0, 1)
    assert "更晚" in messages(batch)[0]
    assert "时钟" in batch.problems[0]["remedy"]


def test_a_clerk_of_one_district(shops: list[Pharmacy]) -> None:
    factories.district(330603, "柯桥区")
    factories.pharmacy(code="P33060300001", district_id=330603)
    rows = [PAYMENT_HEADERS, [CODES[0], "2025-03", "1.00", "1"], ["P33060300001", "2025-03", "1.00", "1"]]
    for run in (check, bring_at_once):
        batch = run("payments", rows, within=[330602])
        assert counts(batch) == (1, 0, 0, 1)
        assert "管辖" in messages(batch)[0]
    assert not FundPayment.objects.exists()
    assert counts(bring_at_once("payments", rows[:2], within=[330602])) == (1, 0, 0, 0)


def test_a_clerk_cannot_take_a_complaint_from_another_district(shops: list[Pharmacy]) -> None:
    factories.district(330603, "柯桥区")
    elsewhere = factories.pharmacy(code="P33060300001", district_id=330603)
    bring("complaints", [COMPLAINT_HEADERS, complaint(code=elsewhere.code)])
    batch = check("complaints", [COMPLAINT_HEADERS, complaint(code=CODES[0])], within=[330602])
    assert counts(batch) == (0, 0, 0, 1)


@pytest.mark.parametrize("options", [{"mapping": {"费用": "amount"}}, {"defaults": {"settlements": "0"}}])
def test_mapping_and_defaults_hold_until_acceptance(shops: list[Pharmacy], options: dict[str, Any]) -> None:
    headers = [*PAYMENT_HEADERS] if "defaults" in options else ["定点编码", "月份", "费用", "人次"]
    bring("payments", [headers, [CODES[0], "2025-03", "1", "" if "defaults" in options else "0"]], **options)
    assert FundPayment.objects.get().amount_fen == 100
