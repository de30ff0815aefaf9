"""Their headers and ours: aliases, mapping, units, defaults, and what is said when they do not fit."""

from typing import Any

import pytest

from ratings.models import FundPayment, Pharmacy
from ratings.services.imports import (
    ImportStopped,
    UnknownKind,
    UnreadableFile,
    kind_named,
    kinds,
    template_csv,
)
from ratings.services.imports.headers import simplified

from .conftest import CODES, Content, bring, check, counts, xlsx_bytes

GOOD = [[CODES[0], "2025-03", "1234.56", "7"]]


def refusal(content: Content, kind: str = "payments", **options: Any) -> ImportStopped:
    with pytest.raises(UnreadableFile) as caught:
        check(kind, content, **options)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        ["定点编码", "月份", "基金支付", "结算人次"],
        ["pharmacy", "month", "amount", "settlements"],
        ["Designated Code", "MONTH", "Amount (yuan)", "Settlements"],
        ["药店编码", "年月", "基金支付（元）", "人次"],
        ["* 定点编码：", " 月 份 ", "基金支付金额(元)", "结算笔数"],
        ["\ufeff定点编码\u200b", "月份", "金额", "人次"],
    ],
)
def test_headers_in_chinese_and_english(shops: list[Pharmacy], headers: list[str]) -> None:
    bring("payments", [headers, *GOOD])
    assert FundPayment.objects.get().amount_fen == 123_456


@pytest.mark.parametrize(
    ("header", "cell", "fen"),
    [
        ("基金支付（元）", "12.5", 1250),
        ("基金支付（万元）", "12.5", 12_500_000),
        ("基金支付（分）", "1250", 1250),
        ("amount_fen", "1250", 1250),
        ("amount_yuan", "12.5", 1250),
        ("基金支付（万元）", "12.5元", 1250),
        ("基金支付（含税）", "12.5", 1250),
    ],
)
def test_units_of_money_in_the_header(shops: list[Pharmacy], header: str, cell: str, fen: int) -> None:
    bring("payments", [["定点编码", "月份", header, "人次"], [CODES[0], "2025-03", cell, "1"]])
    assert FundPayment.objects.get().amount_fen == fen


def test_contradicting_units_are_refused(shops: list[Pharmacy]) -> None:
    headers = ["定点编码", "月份", "amount_fen（元）", "人次"]
    assert "单位" in refusal([headers, *GOOD]).message
    headers[2] = "发生额（元）"
    assert "单位" in refusal([headers, *GOOD], mapping={"发生额（元）": "amount_fen"}).message


def test_the_unit_of_a_mapped_header_counts(shops: list[Pharmacy]) -> None:
    rows = [["定点编码", "月份", "发生额（万元）", "人次"], [CODES[0], "2025-03", "1.5", "1"]]
    bring("payments", rows, mapping={"发生额（万元）": "amount"})
    assert FundPayment.objects.get().amount_fen == 1_500_000


def test_the_unit_in_the_name_of_a_mapped_header_counts(shops: list[Pharmacy]) -> None:
    rows = [["定点编码", "月份", "amount_fen", "人次"], [CODES[0], "2025-03", "150", "1"]]
    bring("payments", rows, mapping={"amount_fen": "amount"})
    assert FundPayment.objects.get().amount_fen == 150


def test_a_title_above_the_header(shops: list[Pharmacy]) -> None:
    rows = [
        ["2025年医保基金支付汇总表"],
        ["单位：元", "", "", ""],
        ["定点编码", "月份", "基金支付", "人次"],
        *GOOD,
    ]
    batch = bring("payments", rows)
    assert batch.mapping["read_as"]["header_line"] == 3
    assert FundPayment.objects.get().row == 4


def test_a_title_above_the_header_in_xlsx(shops: list[Pharmacy]) -> None:
    rows = [["汇总表"], [], ["定点编码", "月份", "基金支付", "人次"], [CODES[0], "2025-03", 1234.56, 7]]
    batch = bring("payments", xlsx_bytes(rows))
    assert batch.mapping["read_as"]["header_line"] == 3
    assert FundPayment.objects.get().row == 4


def test_a_header_too_far_down_is_not_found(shops: list[Pharmacy]) -> None:
    headers = ["定点编码", "月份", "基金支付", "人次"]
    fillers = [[f"说明 {number}"] for number in range(10)]
    assert counts(check("payments", [*fillers[:9], headers, *GOOD]))[0] == 1
    assert "找不到" in refusal([*fillers, headers, *GOOD]).message


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters(shops: list[Pharmacy], delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in [["定点编码", "月份", "基金支付", "人次"], *GOOD])
    assert counts(check("payments", text + "\n")) == (1, 0, 0, 0)


def test_mapping_wins_over_aliases_and_the_rest_is_reported(shops: list[Pharmacy]) -> None:
    rows = [
        ["定点编码", "月份", "金额", "医保支付额", "人次", "备注"],
        [CODES[0], "2025-03", "9999", "12.34", "7", "无"],
    ]
    batch = bring("payments", rows, mapping={"医保支付额": "amount"})
    assert FundPayment.objects.get().amount_fen == 1234
    assert batch.mapping["columns"] == {"医保支付额": "amount"}
    assert batch.mapping["read_as"]["ignored_columns"] == ["金额", "备注"]
    assert batch.mapping["read_as"]["columns"]["amount"] == "医保支付额"


def test_mapping_to_and_from_nothing(shops: list[Pharmacy]) -> None:
    rows = [["定点编码", "月份", "金额", "人次"], *GOOD]
    error = refusal(rows, mapping={"金额": "amout"})
    assert "amount" in error.remedy
    error = refusal(rows, mapping={"金额额": "amount"})
    assert "金额" in error.remedy
    assert "“人次”" in error.message


def test_two_columns_for_one(shops: list[Pharmacy]) -> None:
    error = refusal([["定点编码", "月份", "金额", "支付金额", "人次"], [*GOOD[0][:3], "1", "2"]])
    assert "“金额”和“支付金额”" in error.message


def test_missing_columns_are_named_with_the_headers_seen(shops: list[Pharmacy]) -> None:
    error = refusal([["定点编码", "年月", "费用"], [CODES[0], "2025-03", "1"]])
    assert "“基金支付”（amount）、“结算人次”（settlements）" in error.message
    assert "“定点编码”、“年月”、“费用”" in error.message
    assert "表头" in refusal([["甲", "乙"], ["1", "2"]]).message


def test_defaults_fill_columns_and_empty_cells(shops: list[Pharmacy]) -> None:
    rows = [["定点编码", "月份", "金额"], [CODES[0], "2025-03", "1"], [CODES[1], "2025-03", ""]]
    bring("payments", rows, defaults={"settlements": "3", "金额": "2.00"})
    found = FundPayment.objects.order_by("pharmacy__code").values_list("amount_fen", "settlements")
    assert list(found) == [(100, 3), (200, 3)]


def test_bad_defaults(shops: list[Pharmacy]) -> None:
    rows = [["定点编码", "月份", "金额"], [CODES[0], "2025-03", "1"]]
    assert "默认值" in refusal(rows, defaults={"settlements": "许多"}).message
    assert "没有名为" in refusal(rows, defaults={"person": "1"}).message


def test_empty_files_and_headers_alone(shops: list[Pharmacy]) -> None:
    assert "空" in refusal(b"").message
    assert "没有任何内容" in refusal(b"\n\n").message
    assert "没有数据" in refusal([["定点编码", "月份", "金额", "人次"]]).message
    assert "没有数据" in refusal([["定点编码", "月份", "金额", "人次"], ["", "", "", ""]]).message
    assert "没有数据" in refusal(xlsx_bytes([["定点编码", "月份", "金额", "人次"]])).message


def test_unknown_kinds_suggest_the_nearest(db: None) -> None:
    with pytest.raises(UnknownKind) as caught:
        check("paymnets", [["a"], ["b"]])
    assert "payments" in caught.value.remedy
    assert kind_named("月度基金支付") is kind_named("payments") is kind_named("payment")


def test_every_name_of_a_kind_means_one_column() -> None:
    for kind in kinds():
        owners: dict[str, str] = {}
        for column in kind.columns:
            for name in (column.name, column.label, *column.aliases):
                assert owners.setdefault(simplified(name), column.name) == column.name, (kind.id, name)


@pytest.mark.parametrize("kind", [kind.id for kind in kinds()])
def test_templates_fit_and_their_example_is_not_data(shops: list[Pharmacy], kind: str) -> None:
    template = template_csv(kind)
    assert template.startswith(b"\xef\xbb\xbf")
    assert "没有数据" in refusal(template, kind).message
