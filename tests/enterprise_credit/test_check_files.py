"""Lists as they come, and checked lists as they leave and come back: bad input is told, cells are harmless."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from applications.enterprise_credit import check_files
from applications.enterprise_credit.batch_checks import BadOutcomes, Report, report_outcomes
from applications.enterprise_credit.check_lists import (
    MAX_FILE,
    MAX_LINES,
    MAX_TEXT,
    Listed,
    read_codes,
    read_file,
    read_text,
)
from applications.enterprise_credit.models import BatchCheck
from ratings.services.errors import Refused
from tests import factories
from tests.enterprise_credit import building
from tests.enterprise_credit.checking import AT, check, entries, viewer

A, B = factories.uscc(70_000_001), factories.uscc(70_000_002)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def xlsx(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(content: bytes, name: str = "名单.csv") -> Listed:
    return read_file(io.BytesIO(content), name, len(content))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"序号,企业名称,统一社会信用代码\n1,甲,{A}\n2,乙,{B}\n".encode(), [(A, "甲"), (B, "乙")]),
        (f"单位名称\t信用代码\r\n甲\t{A}\r\n".encode("gb18030"), [(A, "甲")]),
        (f"2026 年补助名单\n代码；说明\n\n统一社会信用代码\n{A}\n\n{B}\n".encode(), [(A, ""), (B, "")]),
        ("公司名称\n甲公司\n".encode(), [("", "甲公司")]),
        (f"{A},甲\n{B},乙\n".encode(), [(A, "甲"), (B, "乙")]),
        (xlsx(["企业", "社会信用代码"], ["甲", A], [None, None], ["乙", f" {B.lower()} "]), [(A, "甲"), (B, "乙")]),
        (xlsx([A], [B]), [(A, ""), (B, "")]),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_headers_or_their_look(
    content: bytes, found: list[tuple[str, str]]
) -> None:
    given = read(content)
    assert entries(given) == found
    assert given.file_name == "名单.csv"
    assert len(given.sha256) == 64


def test_a_file_without_headers_or_enterprises_is_refused() -> None:
    with pytest.raises(Refused, match="首行写表头"):
        read(b"a,b,c\n1,2,3\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{A}\n{B}", [(A, ""), (B, "")]),
        (f"  {A.lower()}  \r\n\r\n{B}\t乙公司", [(A, ""), (B, "乙公司")]),
        ("".join(chr(ord(one) + 0xFEE0) for one in A), [(A, "")]),
        (f"{A[:4]} {A[4:8]} {A[8:]}", [(A, "")]),
        (f"甲公司（总部）{A}", [(A, "甲公司(总部)")]),
        (f"1,甲公司,{A}", [(A, "甲公司")]),
        ("甲公司", [("", "甲公司")]),
        (f"企业名称\t统一社会信用代码\n甲公司\t{A}", [(A, "甲公司")]),
        ("12345", [("12345", "")]),
        (f"{A}\x00", [(A, "")]),
    ],
)
def test_pasted_lines_are_read_however_they_are_written(text: str, found: list[tuple[str, str]]) -> None:
    assert entries(read_text(text)) == found


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_no_pasted_text_breaks_anything(text: str) -> None:
    try:
        found = read_text(text).entries
    except Refused:
        return
    for row, one in enumerate(found, 1):
        assert one.row == row
        assert one.uscc or one.name
        assert len(one.uscc) <= 40
        assert len(one.name) <= 200
        assert "\0" not in one.uscc + one.name


def test_a_code_that_cannot_be_one_is_told_and_kept() -> None:
    wrong = A[:-1] + ("0" if A[-1] != "0" else "1")
    letters = A.replace(A[-3:], "IOZ")
    found = read_text(f"{wrong}\n{letters}\n{A[:-1]}").entries
    assert [one.uscc for one in found] == [wrong, letters, A[:-1]]
    assert "校验位不符" in found[0].problem
    assert all(one.problem for one in found)
    assert read_codes([A, " "], b"").entries[1].problem == ""


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "空的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "旧版 Excel"),
        (b"%PDF-1.4", "PDF"),
        (b"PK\x03\x04broken", "XLSX|ZIP"),
        (f"统一社会信用代码,信用代码\n{A},{A}\n".encode(), "请只留要用的一列"),
        ("统一社会信用代码,企业名称\n,\n".encode(), "没有企业"),
        (b"\xff\xfe\xff\xff\x00", "编码|断开|损坏"),
    ],
)
def test_a_file_that_is_no_list_is_refused(content: bytes, match: str) -> None:
    with pytest.raises(Refused, match=match):
        read(content)


def test_sizes_on_both_sides_of_the_limits() -> None:
    assert len(read_text("\n".join([A] * MAX_LINES)).entries) == MAX_LINES
    with pytest.raises(Refused, match="10,000 家"):
        read_text("\n".join([A] * (MAX_LINES + 1)))
    with pytest.raises(Refused, match="改为上传"):
        read_text("x" * (MAX_TEXT + 1))
    with pytest.raises(Refused, match="10 MB"):
        read_file(io.BytesIO(b"x"), "a.csv", 50 * 1024**2)
    assert read_file(io.BytesIO(A.encode()), "a.csv", MAX_FILE).entries[0].uscc == A
    with pytest.raises(Refused, match="没有企业"):
        read_text(" \n\t\n")


# what leaves

_EVIL = '=HYPERLINK("http://x")'


@pytest.fixture
def checked(db: None) -> BatchCheck:
    """Row 1 passes, row 2 is rejected, row 3 is no code; names that a spreadsheet would take for formulas."""
    good, bad = building.subject("@好公司"), building.subject("+坏公司")
    building.record(bad, "ybj-black-list", data={"reason": "骗保"})
    return check(good, f"{bad.uscc}\t{_EVIL}", "-1234567890123456", title=_EVIL)


def table(made: BatchCheck) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(check_files.written(made, "xlsx")))
    return [list(row) for row in book.active.iter_rows(values_only=True)]


def test_files_tell_what_was_checked_and_no_cell_is_a_formula(checked: BatchCheck) -> None:
    rows = table(checked)
    top = [row[0] for row in rows[: len(check_files.heading(checked))]]
    assert top[0] == f"名单核查：{_EVIL}"
    assert "用途：评先评优" in top
    assert any("2026-03-02" in one and "@1" in one for one in top)
    assert any(one.startswith("未核查的内容：") for one in top)
    assert any("通过 0，需关注 0" in one or "不通过 1" in one for one in top)
    header = rows[len(top)]
    assert tuple(header) == check_files.HEADERS
    text = check_files.written(checked, "csv").decode("utf-8-sig")
    written = list(csv.reader(io.StringIO(text)))
    for cells in (*rows, *written):
        for cell in cells:
            assert not (isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")))
    assert [row[6] for row in rows[len(top) + 1 :]] == [row[6] for row in written[len(top) + 1 :]]
    first = dict(zip(header, rows[len(top) + 1], strict=True))
    assert first["登记名称"] == "'@好公司"


def filled(made: BatchCheck, *told: tuple[int, Any, Any, Any]) -> bytes:
    """The file as it was downloaded, with outcome, amount and note of some rows."""
    book = load_workbook(io.BytesIO(check_files.written(made, "xlsx")))
    first = len(check_files.heading(made)) + 1
    for row, *values in told:
        for place, value in enumerate(values):
            book.active.cell(first + row, check_files.HEADERS.index("结果反馈") + 1 + place, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def reported(content: bytes) -> list[Report]:
    return check_files.read_outcomes(io.BytesIO(content), len(content))


def test_a_note_comes_back_as_it_was_reported(checked: BatchCheck) -> None:
    """Not with what keeps spreadsheets from taking it for a formula."""
    report_outcomes(viewer(), checked, [Report(1, "OTHER", None, "=另案处理")], AT)
    for format in check_files.FORMATS:
        content = check_files.written(checked, format)
        assert [one.note for one in reported(content)] == ["=另案处理"]
        assert report_outcomes(viewer(), checked, reported(content), AT) == 0


def test_a_file_that_was_filled_in_comes_back(checked: BatchCheck) -> None:
    content = filled(
        checked, (1, "已给予", 12345.6, None), (2, "已给予", "1 万元", "已整改"), (3, "REFUSED", None, None)
    )
    reports = reported(content)
    assert [(one.row, one.outcome, one.amount_fen, one.note) for one in reports] == [
        (1, "GRANTED", 1_234_560, ""),
        (2, "GRANTED", 1_000_000, "已整改"),
        (3, "REFUSED", None, ""),
    ]
    assert report_outcomes(viewer(), checked, reports, AT) == 3
    again = table(checked)[-3:]
    assert [row[-4:] for row in again] == [
        ["已给予", 12345.6, None, None], ["已给予", 10_000, "已整改", "是"], ["未给予", None, None, None],
    ]  # fmt: skip
    # what was downloaded again and not touched says the same again
    assert report_outcomes(viewer(), checked, reported(check_files.written(checked, "csv")), AT) == 0


def test_wrong_cells_are_told_by_their_line(checked: BatchCheck) -> None:
    content = filled(checked, (1, "也许", None, None), (2, "已给予", "很多", None), (3, None, 5, None))
    with pytest.raises(BadOutcomes) as raised:
        reported(content)
    first = len(check_files.heading(checked)) + 1
    assert [line for line, _ in raised.value.faults] == [first + 1, first + 2, first + 3]
    assert "看不懂" in raised.value.faults[0][1]
    assert "金额" in raised.value.faults[1][1]


def test_a_file_of_other_rows_is_refused(checked: BatchCheck) -> None:
    with pytest.raises(Refused, match="没有填写结果反馈"):
        reported(check_files.written(checked, "xlsx"))
    with pytest.raises(Refused, match="不要改动表头"):
        reported(xlsx(["甲", "乙"], [1, 2]))
    with pytest.raises(BadOutcomes, match="1 处有误"):
        reported(xlsx(["序号", "结果反馈"], ["一", "已给予"]))
    other = reported(xlsx(["序号", "统一社会信用代码", "结果反馈"], [1, B, "未给予"]))
    with pytest.raises(BadOutcomes) as raised:
        report_outcomes(viewer(), checked, other, AT)
    assert "不符" in raised.value.faults[0][1]
    many = xlsx(["序号", "结果反馈"], *([row, "未给予"] for row in range(1, MAX_LINES + 2)))
    with pytest.raises(Refused, match="超过 10,000 行"):
        reported(many)
    with pytest.raises(Refused, match="10 MB"):
        check_files.read_outcomes(io.BytesIO(b""), 50 * 1024**2)
