"""Records in files: read as offices write them, checked first, accepted or dropped."""

import tracemalloc
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit import documents, record_files
from applications.enterprise_credit.models import CreditRecord, RecordBatch, RuleDocument
from applications.enterprise_credit.roles import SUPPLIER
from applications.enterprise_credit.rules.catalogue import RecordType
from ratings.models import AuditEvent
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.imports import BatchNotOpen, RowsRefused, UnreadableFile, template_csv
from tests.enterprise_credit.building import department, member, record, subject
from tests.enterprise_credit.supplying import BY, HEADERS, csv, program, record_type, row, take, withdrawal
from tests.factories import uscc

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / record_files.FOLDER


def check(
    file: BytesIO, name: str = "处罚.csv", type_key: str = "scjgj-penalty", **values: Any
) -> RecordBatch:
    of = record_type(type_key)
    return record_files.check_file(of, file, name, department=department(of.department), by=BY, **values)


def counts(batch: RecordBatch) -> tuple[int, ...]:
    return (batch.accepted, batch.corrected, batch.unmatched, batch.unchanged, batch.refused)


def live() -> dict[str, CreditRecord]:
    return {one.record_no: one for one in CreditRecord.objects.filter(voided_at=None)}


class TestReading:
    @pytest.mark.parametrize(
        ("cell", "day"),
        [
            ("2026年1月5日", date(2026, 1, 5)),
            ("2026/1/5", date(2026, 1, 5)),
            ("20260105", date(2026, 1, 5)),
            ("２０２６－０１－０５", date(2026, 1, 5)),
            ("2026.1.5", date(2026, 1, 5)),
        ],
    )
    def test_days(self, cell: str, day: date) -> None:
        batch = check(csv(f"A1,{subject().uscc},某医药有限公司,,{cell},,,警告,,"))
        record_files.accept_file(batch, by=BY)
        assert (live()["A1"].decided_on, live()["A1"].valid_from) == (day, day)

    @pytest.mark.parametrize(("unit", "cell", "fen"), [("", "1234.5", 123_450), ("（万元）", "1.5", 1_500_000), ("", "2万元", 2_000_000), ("", "-3", -300)])  # fmt: skip
    def test_amounts(self, unit: str, cell: str, fen: int) -> None:
        headers = HEADERS.replace("罚款金额", f"罚款金额{unit}")
        batch = check(csv(f'A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,"{cell}",', headers=headers))
        record_files.accept_file(batch, by=BY)
        assert live()["A1"].data == {"content": "警告", "fine_fen": fen}

    @pytest.mark.parametrize(
        ("header", "cell", "fen"),
        [
            ("罚款金额", "1,234.5", 123_450),
            ("罚款金额（元）", "1234.5", 123_450),
            ("罚款金额（分）", "1234", 1_234),
            ("fine_fen", "1234", 1_234),
            ("罚没合计", "1234.5", 123_450),
        ],
    )
    def test_amounts_of_a_mapped_column(self, header: str, cell: str, fen: int) -> None:
        # the page maps every column that it finds, by our names of them
        row = f'A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,"{cell}",'
        file = csv(row, headers=HEADERS.replace("罚款金额", header))
        batch = check(file, mapping={header: "data.fine_fen"})
        record_files.accept_file(batch, by=BY)
        assert live()["A1"].data["fine_fen"] == fen

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
    def test_encodings_delimiters_aliases(self, encoding: str) -> None:
        text = f"编号;社会信用代码;单位名称;处罚决定日期;content\nA1;{subject().uscc};某医药有限公司;2026-1-5;警告\n"
        assert counts(check(BytesIO(text.encode(encoding)))) == (1, 0, 0, 0, 0)

    def test_xlsx(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(HEADERS.split(","))
        sheet.append(
            ["A1", subject().uscc, "某医药有限公司", "", date(2026, 1, 5), None, None, "警告", 12.5, "张三"]
        )
        file = BytesIO()
        book.save(file)
        file.seek(0)
        record_files.accept_file(check(file, "处罚.xlsx"), by=BY)
        kept = live()["A1"]
        assert (kept.decided_on, kept.data["fine_fen"], kept.data["responsible"]) == (
            date(2026, 1, 5),
            1250,
            "张三",
        )

    def test_mapping_and_defaults(self) -> None:
        file = csv(f"A1,{subject().uscc},某医药有限公司,说的", headers="编号,代码,谁,为何")
        mapping = {"代码": "social_credit_code", "谁": "name", "为何": "data.content"}
        batch = check(file, mapping=mapping, defaults={"decided_on": "2026-1-5"})
        assert counts(batch) == (1, 0, 0, 0, 0)
        # a second reading keeps to it
        record_files.accept_file(batch, by=BY)
        assert live()["A1"].data == {"content": "说的"}

    def test_every_type_of_field(self) -> None:
        one = subject()
        headers = "编号,代码,企业名称,认定日期,处理方式,涉及金额,定点编码"
        rows = (
            f"A1,{one.uscc},{one.name},2026-1-5,约谈,1,p33060200001",
            f"A2,{one.uscc},{one.name},2026-1-5,喝茶,1,H33060200001",
        )
        batch = check(
            csv(*rows, headers=headers),
            type_key="ybj-agreement-measure",
            mapping={"代码": "social_credit_code"},
        )
        assert counts(batch) == (1, 0, 0, 0, 1)
        assert {problem["column"] for problem in batch.problems} == {"处理方式", "定点编码"}
        record_files.accept_file(batch, by=BY, skip_refused=True)
        assert live()["A1"].data == {"measure": "约谈", "amount_fen": 100, "store_code": "P33060200001"}

    def test_a_number_twice_and_once_wrong(self) -> None:
        one = subject()
        good, wrong = f"{one.uscc},{one.name},,2026-1-5,,,警告,,", f"{one.uscc},{one.name},,2999-1-5,,,警告,,"
        batch = check(csv(f"A1,{good}", f" A1 ,{wrong}", f"A2,{good}", f",{wrong}"))
        assert counts(batch) == (1, 0, 0, 0, 3)
        assert "不止出现一次" in batch.problems[0]["message"]
        record_files.accept_file(batch, by=BY, skip_refused=True)
        assert list(live()) == ["A2"]

    def test_one_number_for_all_by_default(self) -> None:
        one = subject()
        headers = "代码,企业名称,认定日期,处罚内容"
        rows = [f"{one.uscc},{one.name},{year}-1-5,警告" for year in (2026, 2999)]
        mapping, number = {"代码": "social_credit_code"}, {"record_no": "A1"}
        assert counts(check(csv(*rows, headers=headers), mapping=mapping, defaults=number)) == (0, 0, 0, 0, 2)

    def test_yes_or_no(self) -> None:
        of = RecordType.model_validate(
            {"key": "x", "department": "scjgj", "title": "x", "kind": "OTHER", "publicity": "OPEN", "clause": "x",
             "fields": [{"key": "paid", "label": "是否缴清", "type": "choice", "choices": ["是", "否"]}]}
        )  # fmt: skip
        (column,) = [one for one in record_files.kind_of(of).columns if one.name == "data.paid"]
        parse = column.parser(None)  # type: ignore[arg-type]
        assert [parse(cell) for cell in ("是", "√", "N", "否")] == ["是", "是", "否", "否"]

    def test_texts_that_copy_would_misread(self) -> None:
        file = csv(f'A\\1,{subject().uscc},某医药有限公司,\\N,2026-1-5,,,"引""号\\t",,')
        record_files.accept_file(check(file), by=BY)
        kept = live()["A\\1"]
        assert (kept.document_no, kept.data["content"]) == ("\\N", '引"号\\t')

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "0 字节"),
            (b"%PDF-1.7", "PDF"),
            ("编号,企业名称\n1,x\n".encode(), "缺少列：“统一社会信用代码”"),
            (HEADERS.encode() + b"\n", "没有数据"),
        ],
    )
    def test_a_file_that_is_none(self, content: bytes, said: str, folder: Path) -> None:
        with pytest.raises(UnreadableFile, match=said):
            check(BytesIO(content))
        assert not RecordBatch.objects.exists() and not any(folder.iterdir())


class TestChecking:
    def test_nothing_is_written_and_the_file_is_kept(self, folder: Path) -> None:
        one = subject()
        file = csv(
            f"A1,{one.uscc},{one.name},,2026-1-5,,,警告,,",
            f"A2,{one.uscc},别的,,2026-1-5,,,警告,,",
            f"A3,{uscc()},外地公司,,2026-1-5,,,警告,,",
        )
        batch = check(file)
        assert (counts(batch), batch.state) == ((1, 0, 2, 0, 0), "CHECKED")
        assert not CreditRecord.objects.exists()
        assert (folder / batch.sha256).read_bytes() == file.getvalue()

    def test_what_is_wrong_with_each_row(self) -> None:
        one = subject()
        batch = check(
            csv(
                f"A1,{one.uscc},{one.name},,2999-1-1,,,警告,,",
                f"A2,91330602,{one.name},,2026-1-5,,,,一百,",
                f"A3,{one.uscc},——,,2026-1-5,,2026-1-5,警告,,",
                f"A4,{one.uscc},{one.name},,2026-1-5,,2026-1-5,警告,,",
                f"A5,{one.uscc},{one.name},,2026-1-5,,,警告,,",
                f"A5,{one.uscc},{one.name},,2026-1-5,,,警告,,",
            )
        )
        assert counts(batch) == (0, 0, 0, 0, 6)
        found = [(one["line"], one["column"]) for one in batch.problems]
        assert found == [
            (2, "认定日期"), (3, "处罚内容"), (3, "统一社会信用代码"), (3, "罚款金额"), (4, "企业名称"), (5, "失效日"),
            (6, "记录编号"), (7, "记录编号"),
        ]  # fmt: skip
        assert all(one["message"] and one["remedy"] for one in batch.problems)

    def test_problems_as_a_file_that_runs_nothing(self) -> None:
        batch = check(csv("=1+1,=cmd|' /C calc'!A0,@x,,2026-1-5,,,+1,,"))
        text = b"".join(record_files.problems_csv(batch)).decode("utf-8-sig")
        assert "'=cmd" in text and "\n=" not in text and ",=" not in text and '"=' not in text

    def test_another_departments_type(self) -> None:
        with pytest.raises(Refused, match="不由医疗保障局提供"):
            record_files.check_file(record_type(), csv(), "a.csv", department=department("ybj"), by=BY)

    def test_it_is_on_record(self) -> None:
        batch = check(csv(f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,"))
        event = AuditEvent.objects.get(action="信用信息文件试算")
        assert (event.detail["file_name"], event.detail["sha256"]) == ("处罚.csv", batch.sha256)

    def test_queries_do_not_grow_with_rows(self) -> None:
        one, seen = subject(), []
        for size in (1, 3):
            rows = [f"Q{size}{n},{one.uscc},{one.name},,2026-1-5,,,警告,," for n in range(size)]
            with CaptureQueriesContext(connection) as captured:
                record_files.accept_file(check(csv(*rows, f"Z{size},,,,,,,,,")), by=BY, skip_refused=True)
            seen.append(len(captured))
        assert seen[0] == seen[1]


class TestDeciding:
    def test_accepting_what_is_right(self) -> None:
        one = subject()
        batch = check(csv(f"A1,{one.uscc},{one.name},,2026-1-5,,,警告,,", "A2,,,,,,,,,"))
        with pytest.raises(RowsRefused, match="有 1 行被拒收"):
            record_files.accept_file(batch, by=BY)
        assert not CreditRecord.objects.exists()
        batch = record_files.accept_file(batch, by=BY, skip_refused=True)
        assert (batch.state, batch.accepted_by, counts(batch)) == ("ACCEPTED", BY.name, (1, 0, 0, 0, 1))
        assert (live()["A1"].batch_id, live()["A1"].row, live()["A1"].recorded_by) == (batch.pk, 2, BY.name)
        assert AuditEvent.objects.filter(action="信用信息入库", reason="跳过被拒收的 1 行").exists()
        with pytest.raises(BatchNotOpen):
            record_files.accept_file(batch, by=BY)

    def test_what_has_changed_since_counts_now(self) -> None:
        one, client = subject(), program()
        batch = check(csv(f"A1,{one.uscc},{one.name},,2026-1-5,,,罚款,,"))
        take(client, row(one, document_no=""))
        assert counts(record_files.accept_file(batch, by=BY)) == (0, 1, 0, 0, 0)

    def test_corrections_and_what_the_file_lacks(self) -> None:
        one, client = subject(), program()
        take(client, row(one, valid_from="2026-01-06", valid_until="2027-01-01",
                         data={"content": "警告", "fine_fen": 100, "responsible": "张三"}))  # fmt: skip
        lines = f"A1,{one.uscc},{one.name},2026-1-5,罚款"
        batch = check(csv(lines, headers="编号,信用代码,名称,认定日期,处罚内容"))
        record_files.accept_file(batch, by=BY)
        kept = live()["A1"]
        assert kept.data == {"content": "罚款", "fine_fen": 100, "responsible": "张三"}
        assert (kept.valid_from, kept.valid_until, kept.document_no) == (
            date(2026, 1, 6), date(2027, 1, 1), "绍市监罚〔2026〕1号",
        )  # fmt: skip
        again = check(csv(lines, headers="编号,信用代码,名称,认定日期,处罚内容"))
        assert counts(again) == (0, 0, 0, 1, 0)

    def test_an_empty_cell_takes_back(self) -> None:
        one, client = subject(), program()
        take(client, row(one, data={"content": "警告", "fine_fen": 100}))
        record_files.accept_file(check(csv(f"A1,{one.uscc},{one.name},,2026-1-5,,,警告,,")), by=BY)
        assert (live()["A1"].data, live()["A1"].document_no) == ({"content": "警告"}, "")

    def test_what_was_withdrawn(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        take(client, withdrawal())
        line = f"A1,{one.uscc},{one.name},,2026-1-5,,,警告,,"
        batch = check(csv(line))
        assert (counts(batch), "已经撤销" in batch.problems[0]["message"]) == ((0, 0, 0, 0, 1), True)
        batch = check(csv(f"{line},是", headers=f"{HEADERS},撤销后重新报送"))
        assert counts(batch) == (1, 0, 0, 0, 0)

    def test_dropping(self, folder: Path, django_capture_on_commit_callbacks: Any) -> None:
        line = f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,"
        first, second = check(csv(line)), check(csv(line))
        with django_capture_on_commit_callbacks(execute=True):
            record_files.drop_file(first, by=BY)
        assert (folder / first.sha256).exists()
        with django_capture_on_commit_callbacks(execute=True):
            record_files.drop_file(second, by=BY)
        assert not (folder / first.sha256).exists()
        with pytest.raises(BatchNotOpen):
            record_files.drop_file(second, by=BY)

    def test_a_file_that_changed_on_the_server(self, folder: Path) -> None:
        batch = check(csv(f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,"))
        (folder / batch.sha256).write_bytes(b"x")
        with pytest.raises(UnreadableFile, match="不一致"):
            record_files.accept_file(batch, by=BY)

    def test_a_type_that_is_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        batch = check(csv(f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,"))
        RecordBatch.objects.filter(pk=batch.pk).update(record_type="gone")
        assert RuleDocument.objects.exists()
        with pytest.raises(Refused, match="已没有“gone”"):
            record_files.accept_file(batch, by=BY)


def moved_to_the_tax_office() -> None:
    """A catalogue in force from today by which another department supplies the penalties."""
    text = (documents.SHIPPED / "catalogue.toml").read_text()
    at = text.index('key = "scjgj-penalty"')
    moved = text[:at] + text[at:].replace('department = "scjgj"', 'department = "swj"', 1)
    moved = moved.replace("version = 1", "version = 2", 1).replace(
        "2024-01-01", timezone.localdate().isoformat(), 1
    )
    draft = documents.store(RuleDocument.Kind.CATALOGUE, moved, by=Actor("甲"))
    documents.activate(draft, by=Actor("乙"))


def test_a_type_that_another_department_supplies_by_now() -> None:
    batch = check(csv(f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,警告,,"))
    moved_to_the_tax_office()
    with pytest.raises(Refused, match="不由市场监督管理局提供"):
        record_files.accept_file(batch, by=BY)
    assert not CreditRecord.objects.exists()
    record_files.drop_file(batch, by=BY)


def test_the_form_of_a_record_is_not_shown_to_who_supplies_it_no_more(client: Client) -> None:
    """It holds what is about natural persons."""
    row_ = record(subject(), data={"content": "警告", "responsible": "张三丰"})
    client.force_login(member(group=SUPPLIER))
    url = reverse("admin:enterprise_credit_creditrecord_correct", args=(row_.pk,))
    assert "张三丰" in client.get(url).content.decode()
    moved_to_the_tax_office()
    assert client.get(url).status_code == 403
    page = client.get(reverse("admin:enterprise_credit_creditrecord_change", args=(row_.pk,)))
    assert page.status_code == 200 and "张三丰" not in page.content.decode()


def test_the_template_can_be_filled_in() -> None:
    kind = record_files.kind_of(record_type())
    text = template_csv(kind).decode("utf-8-sig")
    assert text.startswith("记录编号,统一社会信用代码,企业名称,") and "罚款金额" in text and "#示例" in text
    filled = text + f"A1,{subject().uscc},某医药有限公司,,2026-1-5,,,,,警告,,\r\n"
    assert counts(check(BytesIO(filled.encode()))) == (1, 0, 0, 0, 0)


def test_memory_does_not_grow_with_the_file() -> None:
    one = subject()

    def peak(rows: int) -> int:
        lines = "\n".join(f"M{n},{one.uscc},{one.name},,2026-1-5,,,{'警告' * 20},," for n in range(rows))
        file = BytesIO(f"{HEADERS}\n{lines}\n".encode())
        tracemalloc.start()
        try:
            check(file)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < 1.5 * peak(10_000)
