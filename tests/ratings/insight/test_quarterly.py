"""The quarterly table: every figure at its edges, the cutoff, the due day, the workbook, the command."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from ratings.insight.quarterly import (
    FEN,
    FIGURES,
    IDS,
    MEASURES,
    Due,
    Quarterly,
    cutoff_of,
    due_of,
    quarter_of,
    quarterly,
)
from ratings.insight.quarterly_book import due_words, workbook_of
from ratings.models import (
    AuditEvent,
    CreditRepair,
    Objection,
    Pharmacy,
    SchemeVersion,
)
from ratings.services.audit import SYSTEM
from ratings.services.errors import Refused
from ratings.services.facts import void_fact
from ratings.services.publication import publish_adjustment, publish_period
from tests import desk, factories
from tests.ratings.services import lives

from .building import Result, run_of, scheme_in_force

pytestmark = pytest.mark.django_db
QUARTER = quarter_of("2025Q2")
FIRST, LAST = date(2025, 4, 1), date(2025, 6, 30)
DAY = timedelta(days=1)
#: Before the cutoff of the table that is handed in, and after it.
KNOWN, LATE = datetime(2025, 7, 10, 3, tzinfo=UTC), datetime(2025, 7, 10, 16, 0, 1, tzinfo=UTC)
EDGES = [(FIRST - DAY, 0), (FIRST, 1), (LAST, 1), (LAST + DAY, 0)]
at_edges = pytest.mark.parametrize(("day", "counts"), EDGES, ids=str)


def table(**values: Any) -> Quarterly:
    return quarterly(QUARTER, **{"cutoff": cutoff_of(QUARTER, timezone.now()), **values})


def counted(*ids: str, **values: Any) -> list[int]:
    total = table(**values).total
    return [total[id_] for id_ in ids]


def violation(shop: Pharmacy, day: date = FIRST, **values: Any) -> Any:
    return factories.violation(
        shop, **{"decided_on": day, "occurred_on": day, "recorded_at": KNOWN, "measures": "约谈", **values}
    )


def complaint(shop: Pharmacy, **values: Any) -> Any:
    return factories.complaint(
        shop, **{"occurred_on": FIRST, "decided_on": FIRST, "recorded_at": KNOWN, **values}
    )


# The quarter, its due day and cutoff


@pytest.mark.parametrize("code", ["2025H1", "2025", "2025-04", "2025Q5", "", "春"])
def test_other_periods_are_refused(code: str) -> None:
    with pytest.raises(Refused, match="2026Q3"):
        quarter_of(code)


@pytest.mark.parametrize(
    ("code", "day", "last", "known"),
    [
        # a Saturday that is made up for the National Day week
        ("2026Q3", date(2026, 10, 10), date(2026, 10, 10), True),
        # a Sunday
        ("2020Q4", date(2021, 1, 10), date(2021, 1, 8), True),
        # a Thursday
        ("2025Q2", date(2025, 7, 10), date(2025, 7, 10), True),
        # a Monday in a year without a calendar yet; a Sunday in one
        ("2094Q2", date(2094, 7, 10), date(2094, 7, 9), False),
    ],
)
def test_due_day(code: str, day: date, last: date, known: bool) -> None:
    assert due_of(quarter_of(code)) == Due(day, last, known)


def test_due_day_in_words() -> None:
    def words(code: str) -> str:
        quarter = quarter_of(code)
        return due_words(Quarterly(quarter, KNOWN, due_of(quarter), [], {}))

    assert words("2025Q2") == "2025年7月10日前（含当日）"
    assert "最后一个工作日 2021年1月8日报送" in words("2020Q4")
    assert "放假安排尚未公布" in words("2094Q2")


def test_cutoff_is_the_end_of_the_due_day_or_now() -> None:
    end = datetime(2025, 7, 10, 16, tzinfo=UTC)  # midnight in Shanghai
    assert cutoff_of(QUARTER, end + DAY) == end
    assert cutoff_of(QUARTER, end - DAY) == end - DAY


def test_quarter_that_has_not_begun_is_refused() -> None:
    with pytest.raises(Refused, match="尚未开始"):
        quarterly(QUARTER, cutoff=datetime(2025, 3, 31, 15, tzinfo=UTC))
    assert quarterly(QUARTER, cutoff=datetime(2025, 3, 31, 16, tzinfo=UTC)).total["designated"] == 0


# Pharmacies


@pytest.mark.parametrize(
    ("begin", "end", "figures"),
    [
        (date(2015, 3, 1), None, [1, 0, 0]),
        (FIRST - DAY, None, [1, 0, 0]),
        (FIRST, None, [1, 1, 0]),
        (LAST, None, [1, 1, 0]),
        (LAST + DAY, None, [0, 0, 0]),
        (date(2015, 3, 1), FIRST - DAY, [0, 0, 0]),
        (date(2015, 3, 1), FIRST, [0, 0, 1]),
        (date(2015, 3, 1), LAST, [0, 0, 1]),
        (date(2015, 3, 1), LAST + DAY, [1, 0, 0]),
    ],
)
def test_designated_joined_and_left(begin: date, end: date | None, figures: list[int]) -> None:
    factories.pharmacy(designated_on=begin, designated_until=end)
    assert counted("designated", "joined", "left") == figures


def test_pharmacies_as_known_at_the_cutoff() -> None:
    shop = factories.pharmacy()
    factories.pharmacy(recorded_at=LATE)
    Pharmacy.objects.filter(pk=shop.pk).update(
        designated_until=FIRST, district=factories.district(330603, "柯桥区")
    )
    assert counted("designated", "left") == [1, 0]
    assert [(name, row["designated"]) for _, name, row in table().rows] == [("越城区", 1), ("柯桥区", 0)]
    assert counted("designated", "left", cutoff=timezone.now()) == [1, 1]


# Decisions


@at_edges
def test_decisions_by_day(day: date, counts: int) -> None:
    violation(factories.pharmacy(), day)
    assert counted("found", "cases", "penalties", "talks") == [counts] * 4


def test_decisions_by_sort() -> None:
    shop = factories.pharmacy()
    violation(shop)
    violation(shop, track="AGREEMENT", gravity="SERIOUS")
    violation(factories.pharmacy(), track="AGREEMENT")
    assert counted("found", "cases", "penalties", "agreements", "serious") == [2, 3, 1, 2, 1]


def test_decisions_known_by_the_cutoff_and_not_voided_by_then() -> None:
    shop = factories.pharmacy()
    void_fact(violation(shop), reason="撤销", by=SYSTEM)
    violation(shop, recorded_at=LATE)
    # Voided after the day of handing in: it stood in that table.
    assert counted("cases") == [1]
    assert counted("cases", cutoff=timezone.now()) == [1]
    assert counted("cases", cutoff=datetime(2025, 7, 9, tzinfo=UTC)) == [0]


@pytest.mark.parametrize(("id_", "words"), [(id_, words) for id_, _, words in MEASURES])
def test_every_measure_is_told_by_its_words(id_: str, words: tuple[str, ...]) -> None:
    shop = factories.pharmacy()
    for word in words:
        violation(shop, measures=f"其他、{word}。")
    assert counted(id_, "other_measures") == [len(words), 0]


def test_several_measures_and_none() -> None:
    shop = factories.pharmacy()
    violation(shop, measures="约谈、追回、解除协议")
    violation(shop, measures="")
    violation(shop, measures="通报批评")
    assert counted("cases", "talks", "refunds", "ended", "other_measures") == [3, 1, 1, 1, 2]


def test_money_is_exact() -> None:
    shop = factories.pharmacy()
    violation(shop, amount_fen=10**13 - 1, measures="责令退回")
    violation(shop, amount_fen=10**13 - 2)
    assert counted("amount", "recovered") == [2 * 10**13 - 3, 10**13 - 1]


# Complaints


@at_edges
def test_complaints_by_day(day: date, counts: int) -> None:
    shop = factories.pharmacy()
    complaint(shop, occurred_on=day, decided_on=LAST + 2 * DAY)
    complaint(shop, occurred_on=date(2025, 1, 1), decided_on=day)
    complaint(shop, occurred_on=date(2025, 1, 1), decided_on=day, finding="UNFOUNDED", state="NOT_FILED")
    assert counted("received", "verified", "unfounded", "closed") == [counts] * 4


@pytest.mark.parametrize(
    ("values", "pending"),
    [
        ({"occurred_on": LAST, "decided_on": LAST}, 0),
        ({"occurred_on": LAST, "decided_on": LAST + DAY}, 1),
        ({"occurred_on": LAST + DAY, "decided_on": LAST + DAY}, 0),
        ({"occurred_on": FIRST - DAY, "decided_on": None, "finding": "PENDING", "state": "VERIFYING"}, 1),
        ({"occurred_on": FIRST, "decided_on": None, "finding": "PENDING", "state": "NOT_ACCEPTED"}, 0),
    ],
)
def test_complaints_without_a_conclusion(values: dict[str, Any], pending: int) -> None:
    complaint(factories.pharmacy(), **values)
    assert counted("pending") == [pending]


# Grades, objections, repairs


@pytest.fixture
def scheme() -> SchemeVersion:
    return scheme_in_force()


def moved(model: Any, key: Any, **values: Any) -> None:
    """Set a row's moments past the guards, to stand where the test wants them."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        model.objects.filter(pk=key).update(**values)
        cursor.execute("SET session_replication_role = DEFAULT")


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


@at_edges
def test_published_grades_by_day(scheme: SchemeVersion, day: date, counts: int) -> None:
    run = run_of(
        scheme,
        Result(factories.pharmacy()),
        Result(factories.pharmacy(), grade=2),
        Result(factories.pharmacy(), grade=-1),
    )
    publish_period(desk.life(run, "FINAL"), by=lives.APPROVER, at=noon(day))
    assert counted("graded", "ungraded", "corrected") == [2 * counts, counts, 0]


@pytest.mark.parametrize(
    ("cause", "grade", "figure"),
    [
        ("INTERIM", 2, "interim"),
        ("CORRECTION", 1, "corrected"),
        ("WITHDRAWAL", -1, "withdrawn"),
    ],
)
def test_changes_of_published_grades(scheme: SchemeVersion, cause: str, grade: int, figure: str) -> None:
    """The grades are published in the quarter before, the change in this one."""
    run = run_of(scheme, Result(factories.pharmacy()))
    life = desk.life(run, "FINAL")
    publish_period(life, by=lives.APPROVER, at=noon(FIRST - DAY))
    desk_state = {"state": "PUBLISHED", "published_by": desk.APPROVER, "published_at": noon(FIRST - DAY)}
    type(life).objects.filter(pk=life.pk).update(**desk_state)
    rating = run.ratings.get()
    row = desk.adjustment(
        life, rating, cause=cause, to_grade=grade, reason_code="", rerating=desk.rerating(rating)
    )
    publish_adjustment(desk.decided(row), by=lives.APPROVER, at=noon(FIRST))
    assert counted("graded", "interim", "corrected", "repaired", "withdrawn") == [
        0, *(int(name == figure) for name in ("interim", "corrected", "repaired", "withdrawn")),
    ]  # fmt: skip


@at_edges
def test_objections_by_day(scheme: SchemeVersion, day: date, counts: int) -> None:
    run = run_of(scheme, *(Result(factories.pharmacy()) for _ in range(4)))
    life = desk.life(run, "PUBLIC_NOTICE")
    states = ("OPEN", "UPHELD", "REVIEW_REQUESTED", "REVIEW_UPHELD")
    for rating, state in zip(run.ratings.order_by("pk"), states, strict=True):
        decided = {} if state == "OPEN" else {"decided_by": "审批丙", "decided_at": noon(day)}
        if state == "REVIEW_UPHELD":
            decided |= {
                "reviewed_by": "审批丁",
                "reviewed_at": noon(day),
                "review_proposed_by": "审核戊",
                "review_proposed_at": noon(day),
            }
        row = desk.objection(life, rating)
        moved(Objection, row.pk, state=state, handed_in_on=day, received_at=noon(day), **decided)
    assert counted("objections", "upheld", "rejected", "reviewed") == [
        4 * counts, counts, 2 * counts, counts,
    ]  # fmt: skip


@at_edges
def test_repairs_by_day(day: date, counts: int) -> None:
    for state in ("APPLIED", "GRANTED", "REFUSED"):
        row = desk.repair(violation(factories.pharmacy(), date(2024, 1, 1)))
        decided = (
            {}
            if state == "APPLIED"
            else {"decided_by": "审批丙", "decided_at": noon(day), "decision_no": "修1"}
        )
        moved(CreditRepair, row.pk, state=state, applied_on=day, received_at=noon(day), **decided)
    assert counted("applied", "granted", "refused") == [3 * counts, counts, counts]


# Districts, sums, queries


def city() -> None:
    there = factories.district(330603, "柯桥区")
    for shop in (
        factories.pharmacy(),
        factories.pharmacy(district=there),
        factories.pharmacy(district=there),
    ):
        violation(shop, amount_fen=100)
        complaint(shop)


def test_districts_add_up() -> None:
    city()
    whole = table()
    assert [(code, name, row["cases"]) for code, name, row in whole.rows] == [
        (330602, "越城区", 1),
        (330603, "柯桥区", 2),
    ]
    assert whole.total == {id_: sum(row[id_] for _, _, row in whole.rows) for id_ in IDS}


def test_only_the_districts_asked_for() -> None:
    city()
    one = table(districts=[330603])
    assert [code for code, _, _ in one.rows] == [330603]
    assert (one.total["designated"], one.total["cases"], one.total["received"]) == (2, 2, 2)
    assert table(districts=[]).rows == []


@pytest.mark.parametrize("shops", [1, 3])
def test_number_of_queries_is_fixed(shops: int) -> None:
    for _ in range(shops):
        violation(factories.pharmacy())
    with CaptureQueriesContext(connection) as queries:
        table()
    assert len(queries) == 7


def test_every_figure_is_counted_and_explained() -> None:
    city()
    assert set(table().total) == set(IDS)
    assert len(set(IDS)) == len(IDS)
    assert all(figure.meaning and figure.title and figure.unit for figure in FIGURES)


# The workbook and the command


def test_workbook() -> None:
    city()
    found = table()
    book = load_workbook(io.BytesIO(workbook_of(found, "全市")))
    sheet, meanings = book["季度统计表"], book["指标解释"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][0] == "定点零售药店医保信用监管季度统计表（全市）"
    top = next(number for number, row in enumerate(rows) if row[0] == "区县代码")
    assert [cell for cell in rows[top][2:] if cell] == list(dict.fromkeys(figure.group for figure in FIGURES))
    units = {figure.id: "元" if figure.unit == FEN else figure.unit for figure in FIGURES}
    assert rows[top + 1][2:] == [f"{figure.title}（{units[figure.id]}）" for figure in FIGURES]
    assert [row[:2] for row in rows[top + 2 :]] == [[330602, "越城区"], [330603, "柯桥区"], [None, "合计"]]
    for row, counts in zip(
        rows[top + 2 :], [*(counts for _, _, counts in found.rows), found.total], strict=True
    ):
        told = [
            Decimal(str(cell)) * (100 if figure.unit == FEN else 1)
            for cell, figure in zip(row[2:], FIGURES, strict=True)
        ]
        assert told == [counts[id_] for id_ in IDS]
    assert meanings.max_row == len(FIGURES) + 1


def test_formulas_in_names_are_harmless() -> None:
    factories.district(330699, "=cmd|'/c calc'!A1")
    book = load_workbook(io.BytesIO(workbook_of(table(), "=1+1")))
    cells = [cell for row in book["季度统计表"].iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)


def test_command_prints_and_writes(tmp_path: Path) -> None:
    city()
    out, file = io.StringIO(), tmp_path / "表.xlsx"
    call_command("quarterly", "2025Q2", xlsx=file, stdout=out, no_color=True)
    text = out.getvalue()
    assert "2025年第二季度（2025年4月1日至2025年6月30日）" in text
    assert "2025年7月11日 00:00" in text
    assert "季末定点　3 家" in text and "涉及基金　3.00 元" in text
    assert load_workbook(file).sheetnames == ["季度统计表", "指标解释"]
    event = AuditEvent.objects.get(action="导出")
    assert event.subject == "季度统计表：2025年第二季度"


def test_command_of_one_district_at_a_cutoff() -> None:
    city()
    out = io.StringIO()
    call_command("quarterly", "2025Q2", district="柯桥区", cutoff="2025-07-09", stdout=out, no_color=True)
    text = out.getvalue()
    assert "范围：柯桥区，1 个区县" in text and "季末定点　2 家" in text and "决定　0 件" in text
    assert not AuditEvent.objects.filter(action="导出").exists()


@pytest.mark.parametrize("code", ["2025H1", "2099Q1"])
def test_command_refuses(code: str) -> None:
    with pytest.raises(CommandError):
        call_command("quarterly", code)


def test_command_says_when_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="无法写入"):
        call_command("quarterly", "2025Q2", xlsx=tmp_path / "none" / "表.xlsx", stdout=io.StringIO())
