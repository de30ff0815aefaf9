"""Values of canonical lines in cells of any program, and back."""

import csv
import io
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from applications.pharmacy_lookup.open_data import formats, texts, workbooks
from applications.pharmacy_lookup.open_data.fields import (
    FIELDS,
    KINDS,
    cell,
    read_line,
    restore,
    restore_cell,
    typed,
    write_line,
)
from ratings.published import COLUMNS

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
FORMULAS = st.builds(lambda marks, text: marks + text, st.text("'=+-@\t\r＝＋－＠", max_size=3), TEXT)


def test_every_column_is_described_and_no_other() -> None:
    assert tuple(field.name for field in FIELDS) == COLUMNS


@given(st.lists(st.none() | TEXT, min_size=1, max_size=5))
def test_lines(values: list[str | None]) -> None:
    assert read_line(write_line(values)) == values


def test_a_line_as_the_database_writes_it() -> None:
    line = "1\t老\\t百\\\\姓\\n\t\\N\t".encode()
    assert read_line(line) == ["1", "老\t百\\姓\n", None, ""]
    assert write_line(["老\t百\\姓\n", None, "\\N"]) == "老\\t百\\\\姓\\n\t\\N\t\\\\N".encode()


@given(FORMULAS)
def test_cells_are_harmless_and_come_back(text: str) -> None:
    written = cell(text)
    assert isinstance(written, str)
    assert not written.startswith(tuple("=+-@\t\r＝＋－＠"))
    assert restore_cell("name", written) == text


@given(st.lists(FORMULAS, min_size=1, max_size=4))
def test_through_csv(names: list[str]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["seq", "code", "name"], *(["1", "P", cell(name)] for name in names)])
    claim = texts.read_csv(io.BytesIO(out.getvalue().encode("utf-8-sig")))
    wanted = ("seq", "code", "name")
    assert [line for _, line in claim.rows(wanted)] == [write_line(["1", "P", name]) for name in names]


@given(st.lists(FORMULAS, min_size=1, max_size=4))
def test_through_a_workbook(names: list[str]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["序号 seq", "code", "药店名称 name"])
    for name in names:
        sheet.append([1, "P", formats._printable(cell(name))])
    out = io.BytesIO()
    book.save(out)
    claim = workbooks.read_workbook(out)
    assert claim.columns == ("seq", "code", "name")
    assert [line for _, line in claim.rows(claim.columns)] == [write_line(["1", "P", name]) for name in names]
    for row in load_workbook(out).worksheets[0].iter_rows():
        assert all(one.data_type != "f" for one in row)


@pytest.mark.parametrize(
    ("name", "given_value", "value"),
    [
        ("score", 95000, "95000"),
        ("score", 95000.0, "95000"),
        ("score", " 95000.0 ", "95000"),
        ("score", "", None),
        ("score", None, None),
        ("score", "95000.5", "95000.5"),
        ("score", "9.5E4", "9.5E4"),
        ("position", "-1", "-1"),
        ("valid_from", "2026/2/1", "2026-02-01"),
        ("valid_from", "2026-02-01 00:00:00", "2026-02-01"),
        ("valid_from", "2026年2月1日", "2026-02-01"),
        ("valid_from", date(2026, 2, 1), "2026-02-01"),
        ("valid_from", datetime(2026, 2, 1), "2026-02-01"),  # noqa: DTZ001 -- as openpyxl reads it
        ("valid_from", 46054, "2026-02-01"),
        ("valid_from", "46054.0", "2026-02-01"),
        ("valid_from", "2026/2/30", "2026/2/30"),
        ("valid_from", "2/1/2026", "2/1/2026"),
        ("valid_until", "", None),
        ("period", 2025, "2025"),
        ("grade", None, ""),
        ("name", "'店", "'店"),
        ("new", "1", "1"),
    ],
)
def test_what_programs_make_of_values(name: str, given_value: Any, value: str | None) -> None:
    assert restore(name, given_value) == value


def test_numbers_are_numbers() -> None:
    values = ["1"] * len(COLUMNS)
    for name, value in zip(COLUMNS, typed(COLUMNS, values), strict=True):
        assert value == (1 if KINDS[name] == "integer" else "1")
    assert typed(["score"], [None]) == [None]
