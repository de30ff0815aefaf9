"""Each member of a row on both sides of what is right, and the JSON Schema against the same rows."""

from datetime import date
from typing import Any

import jsonschema
import pytest

from applications.enterprise_credit.rules.catalogue import RecordType
from applications.enterprise_credit.rules.fields import LARGEST, checker, data_members, json_schema
from tests.factories import uscc

TODAY = date(2026, 3, 1)
TYPE = RecordType.model_validate(
    {
        "key": "x-all",
        "department": "x",
        "title": "样样都有",
        "kind": "OTHER",
        "publicity": "OPEN",
        "clause": "示例",
        "fields": [
            {"key": "note", "label": "说明", "type": "text", "required": True, "max_length": 5},
            {"key": "day", "label": "日子", "type": "date"},
            {"key": "fen", "label": "金额", "type": "amount_fen"},
            {"key": "count", "label": "次数", "type": "integer"},
            {"key": "level", "label": "程度", "type": "choice", "choices": ["轻", "重"]},
            {"key": "store", "label": "药店", "type": "designated_code"},
        ],
    }
)
CODE = uscc(7)
GOOD: dict[str, Any] = {
    "record_no": "A1",
    "social_credit_code": CODE,
    "name": "某医药有限公司",
    "document_no": "文〔2026〕1号",
    "decided_on": "2026-03-01",
    "valid_from": "2026-03-01",
    "valid_until": "9999-12-31",
    "data": {
        "note": "五个字以内",
        "day": "1949-10-01",
        "fen": -LARGEST,
        "count": LARGEST,
        "level": "重",
        "store": "P33060200001",
    },
}
check = checker(TYPE, TODAY)


def with_(name: str, value: Any) -> dict[str, Any]:
    if not name.startswith("data."):
        return {**GOOD, name: value}
    return {**GOOD, "data": {**GOOD["data"], name.removeprefix("data."): value}}


def test_a_good_row() -> None:
    assert check(GOOD) == []
    jsonschema.validate(GOOD, json_schema(TYPE))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("document_no", None),
        ("document_no", ""),
        ("valid_from", None),
        ("valid_until", ""),
        ("record_no", "x" * 80),
        ("name", "名" * 200),
        ("data.fen", 0),
        ("data.fen", None),
        ("data.level", None),
        ("decided_on", "1949-10-01"),
    ],
)
def test_what_may_be(name: str, value: Any) -> None:
    assert check(with_(name, value)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("record_no", "", "“记录编号”没有填写"),
        ("record_no", "x" * 81, "有 81 个字，最多 80 个字"),
        ("record_no", "A\x00", "控制字符"),
        ("record_no", "A\n1", "控制字符"),
        ("name", "某\u202e公司", "控制字符或看不见的字符"),
        ("name", "——（）", "没有名称"),
        ("name", 7, "不是文字"),
        ("name", "名" * 201, "最多 200 个字"),
        ("social_credit_code", None, "没有填写"),
        ("social_credit_code", "91330602", "须为十八位"),
        ("social_credit_code", CODE.lower(), "须为十八位")
        if CODE.lower() != CODE
        else ("name", "", "没有填写"),
        ("social_credit_code", CODE[:17] + ("0" if CODE[17] != "0" else "1"), "校验位不符"),
        ("social_credit_code", 91330602, "须为十八位"),
        ("decided_on", None, "没有填写"),
        ("decided_on", "2026-03-02", "晚于今天（2026-03-01）"),
        ("decided_on", "2026-02-30", "不是日期"),
        ("decided_on", "2026/3/1", "不是日期"),
        ("decided_on", 20260301, "不是日期"),
        ("decided_on", "1949-09-30", "过早"),
        ("valid_from", "2026-03-02", "晚于今天"),
        ("valid_until", "soon", "不是日期"),
        ("reason", "x" * 301, "最多 300 个字"),
        ("data.note", None, "“说明”没有填写"),
        ("data.note", "六个字就太长", "最多 5 个字"),
        ("data.note", "a\tb", "控制字符"),
        ("data.note", ["a"], "不是文字"),
        ("data.day", "1949-09-30", "过早"),
        ("data.fen", 1.5, "不是以分为单位的整数"),
        ("data.fen", True, "不是以分为单位的整数"),
        ("data.fen", "100", "不是以分为单位的整数"),
        ("data.fen", LARGEST + 1, "超出范围"),
        ("data.count", -LARGEST - 1, "超出范围"),
        ("data.count", 1e300, "不是整数"),
        ("data.level", "中", "须为下列之一：轻；重"),
        ("data.level", {}, "须为下列之一"),
        ("data.store", "H33060200001", "不是定点编码"),
        ("data.other", 1, "没有 “other” 这个字段；可用的有：note、day、fen、count、level、store"),
    ],
)
def test_what_may_not_be(name: str, value: Any, said: str) -> None:
    (fault,) = check(with_(name, value))
    assert (fault.field, said in str(fault)) == (name, True), str(fault)


def test_all_that_is_wrong_is_told() -> None:
    assert [fault.field for fault in check({"record_no": "A"})] == [
        "social_credit_code",
        "name",
        "decided_on",
        "data.note",
    ]


def test_a_long_value_is_cut_and_made_harmless() -> None:
    (fault,) = check(with_("data.fen", "\x00" + "9" * 100))
    assert "“?" + "9" * 39 + "…”" in str(fault)


def test_members_are_made_once() -> None:
    assert data_members(TYPE) is data_members(TYPE)


@pytest.mark.parametrize(
    "row",
    [
        {**GOOD, "data": {}},
        {name: value for name, value in GOOD.items() if name != "data"},
        with_("data.fen", "1"),
        with_("data.level", "中"),
        with_("data.x", 1),
        with_("social_credit_code", "1"),
    ],
)
def test_the_schema_refuses_too(row: dict[str, Any]) -> None:
    assert check(row)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row, json_schema(TYPE))


def test_a_type_without_required_fields_needs_no_data() -> None:
    free = TYPE.model_copy(update={"fields": TYPE.fields[1:]})
    assert "data" not in json_schema(free)["required"]
    assert checker(free, TODAY)({name: value for name, value in GOOD.items() if name != "data"}) == []
