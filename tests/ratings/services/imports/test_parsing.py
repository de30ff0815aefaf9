"""Cells to values: every form that people write, and every refusal with a remedy."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.models.facts import MAX_AMOUNT_FEN
from ratings.rules.vocabulary import VIOLATION_KINDS
from ratings.services.imports import bulk, parsing
from ratings.services.imports.errors import BadValue

TODAY = date(2026, 3, 15)
EPOCH = date(1899, 12, 30)
yuan = parsing.amount_parser(100, -MAX_AMOUNT_FEN, MAX_AMOUNT_FEN)
positive = parsing.amount_parser(100, 0, MAX_AMOUNT_FEN)
day = parsing.date_parser(latest=TODAY, beyond="太晚", epoch=None)
excel_day = parsing.date_parser(latest=TODAY, beyond="太晚", epoch=EPOCH)
month = parsing.month_parser(latest=TODAY, epoch=None)


def refused(parse: Callable[[str], str], text: str) -> BadValue:
    with pytest.raises(BadValue) as caught:
        parse(parsing.clean(text))
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1234.56", 123456),
        ("1,234.56", 123456),
        ("1，234.56", 123456),
        ("１２３４．５６", 123456),
        ("￥1,234.56", 123456),
        ("¥1234.5", 123450),
        ("1234.56元", 123456),
        ("人民币 1234元", 123400),
        ("12.345678万元", 12345678),
        ("12万", None),
        ("100分", 100),
        ("(1,234.56)", -123456),
        ("（1,234.56）", -123456),
        ("-1,234.56", -123456),
        ("－5", -500),
        ("\u22125", -500),
        ("+5", 500),
        ("0", 0),
        ("-0.00", 0),
        (".5", 50),
        ("0.10", 10),
        ("1234.500", 123450),
        ("\u200b 12 \ufeff", 1200),
        ("12.345", None),
        ("1,23", None),
        ("1,2345", None),
        ("1,234,56", None),
        ("1e5", None),
        ("abc", None),
        ("-(5)", None),
        ("(-5)", None),
        ("--5", None),
        ("1.2.3", None),
        ("$5", None),
        ("万元", None),
        ("-", None),
        ("¥", None),
        ("nan", None),
        ("Infinity", None),
        ("9" * 50, None),
        ("9" * 39, None),
        ("1." + "0" * 36 + "1", None),
        ("1." + "0" * 37, 100),
    ],
)
def test_amounts(text: str, fen: int | None) -> None:
    if fen is None:
        refused(yuan, text)
    else:
        assert int(yuan(parsing.clean(text))) == fen


@pytest.mark.parametrize(("unit", "fen"), [(1, 5), (100, 500), (1_000_000, 5_000_000)])
def test_amounts_count_in_the_unit_of_the_column(unit: int, fen: int) -> None:
    parse = parsing.amount_parser(unit, 0, MAX_AMOUNT_FEN)
    assert parse("5") == str(fen)
    assert parse("5元") == "500"


def test_amount_bounds_on_both_sides() -> None:
    most = MAX_AMOUNT_FEN // 100
    assert yuan(f"{most}") == str(MAX_AMOUNT_FEN)
    assert "过大" in refused(yuan, f"{most}.01").message
    assert yuan(f"-{most}") == str(-MAX_AMOUNT_FEN)
    assert "过小" in refused(yuan, f"-{most}.01").message
    assert positive("0.00") == "0"
    assert "负" in refused(positive, "-0.01").message


@given(st.integers(-MAX_AMOUNT_FEN, MAX_AMOUNT_FEN))
def test_amounts_round_trip(fen: int) -> None:
    exact = Decimal(fen) / 100
    for text in (f"{exact:.2f}", f"{exact:,.2f}", f"¥{exact:,.2f}".replace("¥-", "-¥"), f"{exact:.2f} 元"):
        assert int(yuan(parsing.clean(text))) == fen
    if fen < 0:
        assert int(yuan(f"({-exact:,.2f})")) == fen


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9))
def test_the_fast_way_agrees_on_amounts(value: Decimal) -> None:
    text = str(value)
    fast = bulk.amounts(100)([text])
    assert fast is not None
    assert int(fast[0]) == int(yuan(text))
    whole = str(int(value))
    fen = bulk.amounts(1)([whole])
    assert fen == [whole]
    assert int(parsing.amount_parser(1, -MAX_AMOUNT_FEN, MAX_AMOUNT_FEN)(whole)) == int(whole)


@given(st.text(alphabet="0123456789.-,P ", max_size=14))
def test_the_fast_way_takes_nothing_that_the_slow_way_refuses(text: str) -> None:
    for fast, slow in (
        (bulk.amounts(100), yuan),
        (bulk.as_is(bulk.WHOLE), parsing.integer_parser(0, 2**31 - 1)),
        (bulk.as_is(bulk.DESIGNATED), parsing.parse_designated_code),
    ):
        if (values := fast([text])) is not None:
            slow_value = slow(parsing.clean(text))
            assert slow_value == values[0] or int(slow_value) == int(values[0])


def test_the_fast_way_leaves_other_units_alone() -> None:
    assert bulk.amounts(1_000_000)(["1.00"]) is None
    assert bulk.amounts(100)(["1.00", "1.0"]) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2025-03-01",
            "2025/3/1",
            "2025.3.1",
            "2025年3月1日",
            "2025年03月01日",
            "20250301",
            "２０２５年３月１日",
        ),
        *(
            "2025-03-01 00:00:00",
            "2025-03-01T08:30:00+08:00",
            "2025-03-01T08:30:00.123+0800",
            " 2025-3-1 ",
            "2025 年 3 月 1 日",
        ),
    ],
)
def test_dates(text: str) -> None:
    assert day(parsing.clean(text)) == "2025-03-01"


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-30",
        "2025-13-01",
        "25-03-01",
        "03/01/2025",
        "2025-03",
        "昨天",
        "45717",
        "2025-3-1-2",
        "0000-01-01",
        "2025-03-31T16:30:00Z",
        "2025-03-31 16:30:00+00:00",
        "2025-03-01T08:30:00.1234567890",
    ],
)
def test_dates_refused(text: str) -> None:
    refused(day, text)


def test_dates_up_to_the_recording_day() -> None:
    assert day("2026-03-15") == "2026-03-15"
    assert "2026-03-16" in refused(day, "2026-03-16").message
    assert day("1990-01-01") == "1990-01-01"
    assert "过早" in refused(day, "1989-12-31").message


@given(st.dates(min_value=date(1990, 1, 1), max_value=TODAY))
def test_dates_round_trip(value: date) -> None:
    for text in (
        value.isoformat(),
        f"{value:%Y/%m/%d}",
        f"{value.year}.{value.month}.{value.day}",
        f"{value.year}年{value.month}月{value.day}日",
        f"{value:%Y%m%d}",
    ):
        assert day(text) == value.isoformat()
    serial = str((value - EPOCH).days)
    assert excel_day(serial) == value.isoformat()


@pytest.mark.parametrize(
    "text", ["2025-03", "2025/3", "2025年3月", "2025年3月份", "202503", "2025.3", "2025-03-01", "20250301"]
)
def test_months(text: str) -> None:
    assert month(text) == "2025-03-01"


@pytest.mark.parametrize("text", ["2025-13", "2025-00", "2025", "3月", "2025-03-02", "1989-12"])
def test_months_refused(text: str) -> None:
    refused(month, text)


def test_months_up_to_the_recording_day() -> None:
    assert month("2026-03") == "2026-03-01"
    refused(month, "2026-04")


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("2025", "2025"),
        ("2025年度", "2025"),
        ("2025h1", "2025H1"),
        ("2025年下半年", "2025H2"),
        ("2025年第三季度", "2025Q3"),
        ("2025年4季度", "2025Q4"),
        ("2025年7月", "2025-07"),
        ("2025-7", "2025-07"),
        ("2025-07", "2025-07"),
        ("2025Q5", None),
        ("2025-13", None),
        ("去年", None),
    ],
)
def test_periods(text: str, period: str | None) -> None:
    if period is None:
        refused(parsing.parse_period, text)
    else:
        assert parsing.parse_period(text) == period


def test_words_by_id_and_label() -> None:
    parse = parsing.vocabulary_parser(VIOLATION_KINDS)
    for term in VIOLATION_KINDS:
        assert parse(term.id) == parse(term.id.lower()) == parse(term.label) == term.id
    assert "回流药" in refused(parse, "卖假药").remedy


def test_booleans() -> None:
    assert {parsing.parse_boolean(text) for text in ("是", "Y", "true", "1", "连锁")} == {"t"}
    assert {parsing.parse_boolean(text) for text in ("否", "N", "FALSE", "0", "单体")} == {"f"}
    refused(parsing.parse_boolean, "也许")


def test_whole_numbers() -> None:
    parse = parsing.integer_parser(0, 12)
    assert [parse(text) for text in ("0", "12", "12.0", "１２")] == ["0", "12", "12", "12"]
    for text in ("-1", "13", "1.5", "一"):
        refused(parse, text)


def test_decimals() -> None:
    parse = parsing.decimal_parser(3, 1000)
    assert [parse(text) for text in ("92.5", "-1,000", "1000.000", "0.001")] == [
        "92.5",
        "-1000",
        "1000.000",
        "0.001",
    ]
    for text in ("0.0001", "1000.001", "1e3", "9" * 39, "0." + "0" * 36 + "1"):
        refused(parse, text)


def test_datums() -> None:
    names = {
        "wgs84": "WGS-84",
        "CGCS 2000": "CGCS2000",
        "火星坐标系": "GCJ-02",
        "gcj_02": "GCJ-02",
        "BD09LL": "BD-09",
    }
    assert {name: parsing.parse_datum(name) for name in names} == names
    refused(parsing.parse_datum, "西安80")


def test_measure_keys() -> None:
    assert parsing.parse_measure_key("Year_End_1") == "year_end_1"
    for text in ("1st", "年终", "a" * 41, "a-b"):
        refused(parsing.parse_measure_key, text)
    assert parsing.parse_measure_key("a" * 40) == "a" * 40


def test_districts_by_code_and_by_name() -> None:
    parse = parsing.district_parser({"越城区": (330602,), "鼓楼区": (320106, 350102)})
    assert parse("330602") == parse("越城区") == "330602"
    assert parse("350102") == "350102"
    ambiguous = refused(parse, "鼓楼区")
    assert "320106、350102" in ambiguous.message
    assert "没有登记" in refused(parse, "330603").message
    assert "没有登记" in refused(parse, "柯桥区").message


def test_text_is_bounded_and_spreadsheet_errors_are_no_text() -> None:
    parse = parsing.text_parser(5)
    assert parse("一二三四五") == "一二三四五"
    refused(parse, "一二三四五六")
    refused(parse, "#N/A")
    assert parse("a\\N") == "a\\\\N"


def test_cleaning_takes_away_what_is_not_seen() -> None:
    assert parsing.clean("\ufeff\u200b 越城\u3000 区\t\r\n\x00 ") == "越城 区"
    assert parsing.clean("plain") == "plain"


def test_long_values_are_shortened_in_messages() -> None:
    assert len(refused(day, "x" * 10_000).message) < 100
