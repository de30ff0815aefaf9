"""Closed lists of the catalogue: ids as stored and what they are called."""

from typing import Final, Literal

RecordKind = Literal[
    "PERMIT", "PENALTY", "COMPULSION", "INSPECTION", "HONOUR", "ARREARS", "RED_LIST", "BLACK_LIST",
    "SCORE", "COMMITMENT", "JUDGMENT", "OTHER",
]  # fmt: skip
RECORD_KINDS: Final[dict[RecordKind, str]] = {
    "PERMIT": "行政许可",
    "PENALTY": "行政处罚",
    "COMPULSION": "行政强制",
    "INSPECTION": "监督检查",
    "HONOUR": "表彰奖励",
    "ARREARS": "欠缴欠费",
    "RED_LIST": "红名单",
    "BLACK_LIST": "黑名单",
    "SCORE": "公共信用评价",
    "COMMITMENT": "信用承诺",
    "JUDGMENT": "司法裁判和执行",
    "OTHER": "其他",
}
#: Who may see a type: everybody who looks up; the departments that the type names; its supplier alone.
Publicity = Literal["OPEN", "SHARED", "INTERNAL"]
PUBLICITIES: Final[dict[Publicity, str]] = {
    "OPEN": "主动公开",
    "SHARED": "政务共享",
    "INTERNAL": "本部门内部",
}
#: How a field of a record is written: see rules/fields.py.
FieldType = Literal["text", "date", "amount_fen", "integer", "choice", "designated_code"]
FIELD_TYPES: Final[dict[FieldType, str]] = {
    "text": "文字",
    "date": "日期",
    "amount_fen": "金额",
    "integer": "整数",
    "choice": "选项",
    "designated_code": "定点编码",
}
Verdict = Literal["PASS", "ATTENTION", "REJECT", "UNKNOWN"]
VERDICTS: Final[dict[Verdict, str]] = {
    "PASS": "通过",
    "ATTENTION": "需关注",
    "REJECT": "不通过",
    "UNKNOWN": "查无此企业",
}
Direction = Literal["INCENTIVE", "SANCTION"]
DIRECTIONS: Final[dict[Direction, str]] = {"INCENTIVE": "守信激励", "SANCTION": "失信惩戒"}
