"""Batches: checked, accepted, dropped; files kept; races; the record of who did what."""

import csv
import io
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ratings.models import AuditEvent, FundPayment, ImportBatch, Pharmacy
from ratings.services.imports import (
    BatchNotOpen,
    DatabaseRefused,
    RowsRefused,
    UnreadableFile,
    accept_import,
    check_import,
    drop_import,
    import_file,
    problems_csv,
    store,
)
from ratings.services.imports import job as job_module
from tests import factories

from .conftest import CLERK, CODES, as_file, bring, bring_at_once, check, counts

HEADERS = ["定点编码", "月份", "基金支付", "结算人次"]
GOOD = [HEADERS, [CODES[0], "2025-03", "1.00", "1"], [CODES[1], "2025-03", "2.00", "2"]]
MIXED = [*GOOD, ["P33060299999", "2025-03", "3.00", "3"]]


def test_checking_writes_no_fact_and_keeps_the_file(shops: list[Pharmacy], kept_files: Path) -> None:
    batch = check("payments", GOOD, name="../../支付.csv")
    assert (batch.state, batch.file_name, batch.uploaded_by) == ("CHECKED", "支付.csv", CLERK.name)
    assert not FundPayment.objects.exists()
    kept = kept_files / batch.sha256
    assert kept.read_bytes() == as_file(GOOD).read()
    assert batch.size == kept.stat().st_size
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept_files.iterdir()] == [batch.sha256]


def imports_on_record() -> Any:
    """What comes with the system is on record, too."""
    return AuditEvent.objects.filter(action__startswith="import.")


def test_a_file_that_cannot_be_read_leaves_nothing(shops: list[Pharmacy], kept_files: Path) -> None:
    for run in (check, bring_at_once):
        with pytest.raises(UnreadableFile):
            run("payments", b"a,b\n1,2\n")
    assert list(kept_files.iterdir()) == []
    assert not ImportBatch.objects.exists()
    assert not imports_on_record().exists()


def test_acts_are_on_record(shops: list[Pharmacy]) -> None:
    accepted = accept_import(check("payments", GOOD), by=CLERK)
    dropped = drop_import(check("payments", MIXED), by=CLERK)
    events = imports_on_record().order_by("id").values_list("action", "subject", "actor", "address")
    assert list(events) == [
        ("import.check", f"importbatch:{accepted.pk}", CLERK.name, CLERK.address),
        ("import.accept", f"importbatch:{accepted.pk}", CLERK.name, CLERK.address),
        ("import.check", f"importbatch:{dropped.pk}", CLERK.name, CLERK.address),
        ("import.drop", f"importbatch:{dropped.pk}", CLERK.name, CLERK.address),
    ]
    assert imports_on_record().order_by("-id")[2].detail["added"] == 2


def test_refused_rows_stop_the_batch_unless_skipped(shops: list[Pharmacy]) -> None:
    batch = check("payments", MIXED)
    assert counts(batch) == (2, 0, 0, 1)
    with pytest.raises(RowsRefused, match="1 行"):
        accept_import(batch, by=CLERK)
    assert not FundPayment.objects.exists()
    batch.refresh_from_db()
    assert batch.state == "CHECKED"
    batch = accept_import(batch, by=CLERK, skip_refused=True)
    assert (batch.state, counts(batch)) == ("ACCEPTED", (2, 0, 0, 1))
    assert FundPayment.objects.count() == 2
    assert "1 行" in AuditEvent.objects.get(action="import.accept").reason


def test_acceptance_checks_again(shops: list[Pharmacy]) -> None:
    batch = check("payments", MIXED)
    factories.pharmacy(code="P33060299999")
    bring("payments", GOOD[:2])
    batch = accept_import(batch, by=CLERK)
    assert (counts(batch), batch.problems) == ((2, 0, 1, 0), [])


def test_a_batch_ends_once(shops: list[Pharmacy]) -> None:
    accepted = accept_import(check("payments", GOOD), by=CLERK)
    dropped = drop_import(check("payments", GOOD), by=CLERK)
    for batch in (accepted, dropped):
        with pytest.raises(BatchNotOpen, match=str(batch.pk)):
            accept_import(batch, by=CLERK)
        with pytest.raises(BatchNotOpen):
            drop_import(batch, by=CLERK)


def test_the_same_file_twice_adds_nothing(shops: list[Pharmacy]) -> None:
    first, second = check("payments", GOOD), check("payments", GOOD)
    assert counts(accept_import(first, by=CLERK)) == (2, 0, 0, 0)
    assert counts(accept_import(second, by=CLERK)) == (0, 0, 2, 0)
    assert counts(bring_at_once("payments", GOOD)) == (0, 0, 2, 0)
    assert FundPayment.objects.count() == 2


def test_a_file_that_changed_on_the_server_is_not_accepted(shops: list[Pharmacy], kept_files: Path) -> None:
    batch = check("payments", GOOD)
    (kept_files / batch.sha256).write_bytes(as_file(GOOD[:2]).read())
    with pytest.raises(UnreadableFile, match="SHA-256"):
        accept_import(batch, by=CLERK)
    (kept_files / batch.sha256).unlink()
    with pytest.raises(UnreadableFile, match="不在"):
        accept_import(batch, by=CLERK)
    assert not FundPayment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dropped_file_is_deleted_unless_shared(kept_files: Path) -> None:
    for code in CODES:
        factories.pharmacy(code=code)
    first, second = check("payments", GOOD), check("payments", GOOD)
    drop_import(first, by=CLERK)
    assert (kept_files / first.sha256).exists()
    drop_import(second, by=CLERK)
    assert not (kept_files / first.sha256).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_batch", [True, False])
def test_two_accept_at_once(same_batch: bool) -> None:
    for code in CODES:
        factories.pharmacy(code=code)
    first = check("payments", GOOD)
    second = first if same_batch else check("payments", GOOD)

    def accept(batch: ImportBatch) -> object:
        try:
            return counts(accept_import(batch, by=CLERK))
        except BatchNotOpen:
            return BatchNotOpen
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(accept, (first, second)))
    close_old_connections()
    assert (2, 0, 0, 0) in outcomes
    assert (BatchNotOpen if same_batch else (0, 0, 2, 0)) in outcomes
    assert FundPayment.objects.count() == 2


def rows_for(kind: str, count: int) -> list[list[str]]:
    codes = [*CODES, *(f"P3306020{number:04d}" for number in range(100, 200))][:count]
    if kind == "violations":
        headers = [
            "定点编码",
            "文书号",
            "违法违规类型",
            "情节",
            "处理性质",
            "作出机关",
            "发生日期",
            "决定日期",
        ]
        return [
            headers,
            *(
                [code, "文1", "回流药", "一般", "行政处罚", "局", "2025-01-01", "2025-01-02"]
                for code in codes
            ),
        ]
    if kind == "pharmacies":
        return [
            ["定点编码", "名称", "区县", "定点起始日", "前身"],
            *([code, "新名", "越城区", "2020-01-01", ""] for code in codes),
        ]
    if kind == "enterprises":
        return [["uscc", "name"], *([factories.uscc(900 + number), "某公司"] for number in range(count))]
    return [HEADERS, *([code, f"2025-{count:02d}", "1.00", "1"] for code in codes)]


@pytest.mark.parametrize("kind", ["violations", "pharmacies", "enterprises", "payments"])
def test_the_number_of_queries_does_not_depend_on_the_rows(shops: list[Pharmacy], kind: str) -> None:
    numbers = []
    for count in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            batch = check(kind, rows_for(kind, count))
        accepting = check(kind, rows_for(kind, count))
        with CaptureQueriesContext(connection) as more:
            accept_import(accepting, by=CLERK)
        assert batch.refused == 0
        numbers.append((len(queries), len(more)))
    assert numbers[0] == numbers[1]
    assert max(map(max, numbers)) < 40


def test_a_constraint_that_still_fires_is_put_in_words(
    shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line: let a bad row past the checks and see the database refuse it."""
    headers = ["定点编码", "文书号", "违法违规类型", "情节", "处理性质", "作出机关", "发生日期", "决定日期"]
    row = [CODES[0], "文1", "回流药", "一般", "行政处罚", "局", "2025-02-01", "2025-01-02"]
    monkeypatch.setattr(store.Store, "_refuse_across", lambda self, cursor: None)
    batch = check("violations", [headers, row])
    assert batch.refused == 0
    with pytest.raises(DatabaseRefused, match="决定日期不得早于发生日期"):
        accept_import(batch, by=CLERK)
    batch.refresh_from_db()
    assert batch.state == "CHECKED"


def test_facts_behind_a_run_are_refused_in_words(shops: list[Pharmacy]) -> None:
    run_with_cutoff(timezone.now() + timedelta(hours=1))
    with pytest.raises(DatabaseRefused, match="数据截止时间"):
        bring_at_once("payments", GOOD)
    assert not FundPayment.objects.exists()


def run_with_cutoff(cutoff: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO ratings_ratingrun (period, period_end, scheme_id, scheme_sha256, cutoff, state, stage,"
            " started_by, started_at, finished_at, pharmacies, rated, grade_counts, peers, trace_columns,"
            " inputs_sha256, outcomes_sha256)"
            " VALUES ('2025', '2025-12-31', 1, repeat('a', 64), %s, 'DONE', '', 'x', now(), now(), 0, 0, '{}', '{}',"
            " '{}', repeat('a', 64), repeat('a', 64))",
            (cutoff,),
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


@pytest.mark.parametrize("run", [check_import, import_file])
def test_progress_goes_up_to_one(shops: list[Pharmacy], run: Any) -> None:
    seen: list[tuple[int, float]] = []
    run("payments", as_file(MIXED), "f", by=CLERK, progress=lambda *step: seen.append(step))
    shares = [share for _, share in seen]
    assert seen[-1] == (3, 1.0)
    assert all(0 <= share <= 1 for share in shares)


class TestProblemsAsAFile:
    def table(self, batch: ImportBatch) -> list[list[str]]:
        content = b"".join(problems_csv(batch))
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))

    def test_few(self, shops: list[Pharmacy]) -> None:
        rows = self.table(check("payments", MIXED))
        assert rows[0] == ["行号", "列", "值", "问题", "处理办法"]
        assert rows[1][:3] == ["4", "定点编码", "P33060299999"]
        assert len(rows) == 2

    @pytest.mark.parametrize("number", [999, 1000, 1001, 6001])
    def test_many(self, shops: list[Pharmacy], number: int) -> None:
        batch = check("payments", [HEADERS, *([CODES[0], "2025-03", "x", "1"] for _ in range(number))])
        assert batch.refused == number
        assert len(batch.problems) == min(number, 1000)
        rows = self.table(batch)
        assert [row[0] for row in rows[1:]] == [str(line) for line in range(2, number + 2)]

    @pytest.mark.parametrize("number", [1, 1500])
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", " ="])
    def test_no_cell_acts_as_a_formula(self, shops: list[Pharmacy], start: str, number: int) -> None:
        evil = f"{start}cmd|' /C calc'!A0"
        batch = check("payments", [HEADERS, *([evil, "2025-03", "1", "1"] for _ in range(number))])
        assert {row[2][0] for row in self.table(batch)[1:]} == {"'"}

    def test_problems_go_when_they_are_gone(self, shops: list[Pharmacy], kept_files: Path) -> None:
        codes = [f"P3306021{number:04d}" for number in range(1001)]
        batch = check("payments", [HEADERS, *([code, "2025-03", "1", "1"] for code in codes)])
        assert (kept_files / f"problems-{batch.pk}.csv").exists()
        for code in codes:
            factories.pharmacy(code=code)
        batch = accept_import(batch, by=CLERK)
        assert counts(batch) == (1001, 0, 0, 0)
        assert len(self.table(batch)) == 1


class TestTheStraightWay:
    """Payments in order go by COPY into the table; anything else falls back to the long way."""

    @pytest.fixture
    def staged(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Notes each time the long way is taken."""
        taken: list[str] = []
        stage = job_module.stage

        def noting(*arguments: Any) -> int:
            taken.append("long")
            return stage(*arguments)

        monkeypatch.setattr(job_module, "stage", noting)
        return taken

    def test_good_new_rows(
        self,
        shops: list[Pharmacy],
        staged: list[str],
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        with django_assert_max_num_queries(20):
            batch = bring_at_once("payments", GOOD)
        assert staged == []
        assert counts(batch) == (2, 0, 0, 0)
        assert batch.mapping["read_as"]["rows"] == 2
        payment = FundPayment.objects.get(pharmacy=shops[1])
        assert (payment.batch, payment.row, payment.recorded_by, payment.amount_fen) == (
            batch,
            3,
            CLERK.name,
            200,
        )
        assert (payment.void_reason, payment.voided_by, payment.voided_at) == ("", "", None)

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            (MIXED, (2, 0, 0, 1)),
            ([*GOOD, GOOD[1]], (1, 0, 0, 2)),
            ([*GOOD, [CODES[2], "2025-03", "x", "1"]], (2, 0, 0, 1)),
        ],
    )
    def test_anything_odd_takes_the_long_way(
        self, shops: list[Pharmacy], staged: list[str], rows: list[list[str]], expected: tuple[int, ...]
    ) -> None:
        batch = bring_at_once("payments", rows)
        assert staged == ["long"]
        assert (batch.state, counts(batch)) == ("CHECKED", expected)
        assert not FundPayment.objects.exists()

    def test_known_keys_late_in_the_file(
        self, shops: list[Pharmacy], staged: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ratings.services.imports.csv_source.CHUNK_ROWS", 1)
        bring_at_once("payments", [HEADERS, GOOD[2]])
        assert staged == []
        batch = bring_at_once("payments", GOOD)
        assert staged == ["long"]
        assert counts(batch) == (1, 0, 1, 0)

    def test_a_file_that_comes_again_is_noticed_at_once(
        self, shops: list[Pharmacy], staged: list[str]
    ) -> None:
        bring_at_once("payments", GOOD)
        assert counts(bring_at_once("payments", GOOD)) == (0, 0, 2, 0)
        assert staged == ["long"]


def test_many_chunks(shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.services.imports.csv_source.CHUNK_ROWS", 2)
    months = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
    rows = [HEADERS, *([code, month, "1.00", "1"] for month in months for code in CODES)]
    rows[10] = [CODES[0], "某月", "1.00", "1"]
    batch = check("payments", rows)
    assert counts(batch) == (71, 0, 0, 1)
    assert batch.problems[0]["line"] == 11
