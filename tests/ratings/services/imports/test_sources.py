"""Files as rows: encodings, delimiters, line numbers, damage, hostile archives."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.styles import Font

from ratings.services.imports import UnreadableFile
from ratings.services.imports.csv_source import CsvSource
from ratings.services.imports.files import opened
from ratings.services.imports.sources import CHUNK_SIZE, MAX_CELL, MAX_COLUMNS, Source
from ratings.services.imports.xlsx_source import XlsxSource, as_text

from .conftest import csv_bytes, xlsx_bytes

ROWS = [["名称", "数量"], ["越城大药房", "1"], ["柯桥大药房", "2"]]


def rows_of(source: Source, way: int = 0, skip: int = 0) -> list[tuple[int, list[str]]]:
    head = source.heads()[way]
    return [
        (line, row)
        for chunk in source.chunks(head, skip)
        for line, row in zip(chunk.lines, chunk.rows, strict=True)
    ]


def read(tmp_path: Path, content: bytes, sheet: str | None = None) -> list[list[str]]:
    path = tmp_path / "file"
    path.write_bytes(content)
    with opened(path, sheet) as source:
        return [row for _, row in rows_of(source)]


def refusal(tmp_path: Path, content: bytes, sheet: str | None = None) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(tmp_path, content, sheet)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8（有 BOM）"),
        ("gb18030", "GB18030"),
        ("gbk", "GB18030"),
        ("utf-16", "UTF-16"),
    ],
)
def test_encodings_are_found_out(tmp_path: Path, encoding: str, label: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(csv_bytes(ROWS, encoding))
    with opened(path, None) as source:
        assert [row for _, row in rows_of(source)] == ROWS
        assert source.described(source.heads()[0])["encoding"] == label


def test_characters_cut_by_a_block_are_whole(tmp_path: Path) -> None:
    rows = [["越城药店一", str(number)] for number in range(60_000)]
    for encoding in ("utf-8", "gb18030"):
        assert read(tmp_path, csv_bytes(rows, encoding)) == rows


@pytest.mark.parametrize(("delimiter", "way"), [(",", 0), ("\t", 1), (";", 2)])
def test_delimiters(tmp_path: Path, delimiter: str, way: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(csv_bytes(ROWS, delimiter=delimiter))
    assert [row for _, row in rows_of(CsvSource(path), way)] == ROWS


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(newline.join(["a,b", "1,2", "3,4"]).encode())
    assert rows_of(CsvSource(path)) == [(1, ["a", "b"]), (2, ["1", "2"]), (3, ["3", "4"])]


def test_line_numbers_past_quoted_breaks_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'a,b\n"x\ny",1\n\n"p\r\nq\nr",2\nlast,3\n')
    lines = [line for line, row in rows_of(CsvSource(path)) if row]
    assert lines == [1, 2, 5, 8]


def test_a_break_of_one_byte_damages_the_file_with_its_line(tmp_path: Path) -> None:
    good = csv_bytes(ROWS)
    bad = good.replace("柯桥".encode(), b"\xe6\x9f\xff\xa1\xa5")
    assert "第 3 行" in refusal(tmp_path, bad).message


def test_bytes_that_are_neither_utf8_nor_gb18030(tmp_path: Path) -> None:
    assert "第 2 行" in refusal(tmp_path, b"a,b\n\xff\xff\xff,1\n").message


def test_a_file_cut_within_a_character(tmp_path: Path) -> None:
    whole = csv_bytes([*ROWS, ["上虞", "3"]])
    cut = whole[: whole.index("虞".encode()) + 1]
    error = refusal(tmp_path, cut)
    assert "截断" in error.message
    assert "第 4 行" in error.message


def test_an_open_quote_is_a_cut_off_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, 'a,b\n1,2\n"越城,3\n4,5\n'.encode())
    assert "第 3 行" in error.message
    assert "截断" in error.message


def test_an_open_quote_in_the_first_line(tmp_path: Path) -> None:
    assert "第 1 行" in refusal(tmp_path, b'"a,b\n1,2\n').message


def test_quotes_misused(tmp_path: Path) -> None:
    assert "第 2 行" in refusal(tmp_path, b'a,b\n"x"y,2\n').message


def test_nul_bytes_are_refused_with_the_line(tmp_path: Path) -> None:
    assert "第 2 行含有 NUL" in refusal(tmp_path, b"a,b\n1\x00,2\n").message


def test_utf16_without_a_mark_is_not_mistaken(tmp_path: Path) -> None:
    assert "NUL" in refusal(tmp_path, "a,b\n1,2\n".encode("utf-16-le")).message


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    assert "第 2 行" in refusal(tmp_path, b"a,b\n" + b"x" * 10_000_000 + b",1\n").message


@pytest.mark.parametrize(("length", "fine"), [(MAX_CELL, True), (MAX_CELL + 1, False)])
def test_the_longest_cell(tmp_path: Path, length: int, fine: bool) -> None:
    content = b"a,b\n" + b"x" * length + b",1\n"
    if fine:
        assert len(read(tmp_path, content)[1][0]) == length
    else:
        assert str(MAX_CELL) in refusal(tmp_path, content).message


@pytest.mark.parametrize("made", [csv_bytes, xlsx_bytes])
@pytest.mark.parametrize(("columns", "fine"), [(MAX_COLUMNS, True), (MAX_COLUMNS + 1, False)])
def test_the_most_columns(
    tmp_path: Path, made: Callable[[list[list[str]]], bytes], columns: int, fine: bool
) -> None:
    content = made([["a", "b"], ["1", "2"], ["x"] * columns])
    if fine:
        assert len(read(tmp_path, content)[2]) == columns
    else:
        error = refusal(tmp_path, content)
        assert f"第 3 行超过 {MAX_COLUMNS} 列" in error.message


@pytest.mark.parametrize("made", [csv_bytes, xlsx_bytes])
def test_too_many_columns_in_the_header(tmp_path: Path, made: Callable[[list[list[str]]], bytes]) -> None:
    path = tmp_path / "file"
    path.write_bytes(made([["x"] * (MAX_COLUMNS + 1), ["1"]]))
    with pytest.raises(UnreadableFile, match="第 1 行"), opened(path, None) as source:
        rows_of(source, skip=1)


def test_a_format_without_content_is_no_column(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["a", "b"])
    sheet["XFD1"].font = Font(bold=True)
    book.save(tmp_path / "book")
    assert read(tmp_path, (tmp_path / "book").read_bytes()) == [["a", "b"]]


@pytest.mark.parametrize("made", [csv_bytes, xlsx_bytes])
def test_long_rows_come_in_small_chunks(tmp_path: Path, made: Callable[[list[list[str]]], bytes]) -> None:
    path = tmp_path / "file"
    rows = [[str(number), "x" * 30_000] for number in range(400)]
    path.write_bytes(made(rows))
    with opened(path, None) as source:
        chunks = list(source.chunks(source.heads()[0], 0))
    assert [int(row[0]) for chunk in chunks for row in chunk.rows] == list(range(400))
    assert [line for chunk in chunks for line in chunk.lines] == list(range(1, 401))
    assert max(sum(len(cell) for row in chunk.rows for cell in row) for chunk in chunks) < 2 * CHUNK_SIZE


def test_a_record_over_many_lines_without_end(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"a,b\n" + b'"\n",' * 9_000_000 + b"\n")
    assert "一条记录跨越多行" in error.message


def test_empty_files(tmp_path: Path) -> None:
    assert "空" in refusal(tmp_path, b"").message


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls"),
        (b"%PDF-1.7", "PDF"),
        (b"<html><table>", "网页"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, start: bytes, word: str) -> None:
    assert word in refusal(tmp_path, start).message


def test_a_csv_has_no_sheets(tmp_path: Path) -> None:
    assert "工作表" in refusal(tmp_path, csv_bytes(ROWS), "Sheet1").message


def test_xlsx_rows_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(xlsx_bytes([["a", "b"], [], ["1", None, "3"], ["", ""], ["4"]]))
    source = XlsxSource(path, None)
    assert rows_of(source) == [(1, ["a", "b"]), (3, ["1", "", "3"]), (5, ["4"])]
    assert rows_of(source, skip=1) == [(3, ["1", "", "3"]), (5, ["4"])]
    source.close()


def test_xlsx_sheets_by_name(tmp_path: Path) -> None:
    content = xlsx_bytes(ROWS, "支付", more=["说明"])
    assert read(tmp_path, content) == ROWS
    assert read(tmp_path, content, "支付") == ROWS
    error = refusal(tmp_path, content, "明细")
    assert "支付、说明" in error.remedy


def test_xlsx_cells_as_exact_text() -> None:
    cases: list[tuple[object, str]] = [
        (1234.56, "1234.56"),
        (0.1 + 0.2, "0.30000000000000004"),
        (12.0, "12"),
        (330602, "330602"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (datetime(2025, 3, 1), "2025-03-01"),  # noqa: DTZ001 (as openpyxl gives them)
        (datetime(2025, 3, 1, 8, 30), "2025-03-01 08:30:00"),  # noqa: DTZ001
        (date(2025, 3, 1), "2025-03-01"),
        (True, "是"),
        (None, ""),
    ]
    assert [as_text(value) for value, _ in cases] == [text for _, text in cases]


def test_xlsx_cut_off(tmp_path: Path) -> None:
    whole = xlsx_bytes(ROWS)
    assert "不完整" in refusal(tmp_path, whole[: len(whole) // 2]).message


def test_xlsx_with_a_damaged_sheet(tmp_path: Path) -> None:
    assert (
        "损坏"
        in refusal(
            tmp_path, rebuilt(xlsx_bytes(ROWS), "xl/worksheets/sheet1.xml", b"<sheetData><row>")
        ).message
    )


def test_a_zip_that_is_no_workbook(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.csv", "a,b\n1,2\n")
    assert "ZIP" in refusal(tmp_path, file.getvalue()).message


def test_zip_bombs(tmp_path: Path) -> None:
    bomb = rebuilt(xlsx_bytes(ROWS), "xl/styles.xml", b" " * (17 * 1024**2))
    assert len(bomb) < 1024**2
    assert "过大" in refusal(tmp_path, bomb).message


def test_entities_in_a_workbook(tmp_path: Path) -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]><sst>&a;</sst>'
    assert "XML" in refusal(tmp_path, rebuilt(xlsx_bytes(ROWS), "xl/sharedStrings.xml", laughs)).message


def rebuilt(workbook: bytes, part: str, content: bytes) -> bytes:
    """The workbook with one part replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in {*old.namelist(), part}:
            new.writestr(name, content if name == part else old.read(name))
    return file.getvalue()
