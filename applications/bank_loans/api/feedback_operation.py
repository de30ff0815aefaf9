"""The description of the report of loans: what is sent, what is answered."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from applications.api.schema import client_headers, format_parameter, problems
from applications.bank_loans.api.operations import TAG
from applications.bank_loans.feedback_lines import CODE, KINDS, MAX_EVENTS, MAX_FEN, NUMBER


class ReceiptSerializer(serializers.Serializer):
    batch = serializers.IntegerField(help_text="本次报送的编号 Number of this report")
    product = serializers.CharField(help_text="产品代码 Key of the product")
    at = serializers.DateTimeField(help_text="收到的时间 When it was taken in")
    rows = serializers.IntegerField(help_text="事项数 Events")
    total_fen = serializers.IntegerField(help_text="金额合计，分 Sum of all amounts, fen")


NEEDS_KEY: Final = _(
    "须有请求头 Idempotency-Key：引号括起的 1 至 100 个字符，如 UUID；每次报送用新的，重发用原来的。"
)
_NUMBER: Final = {"type": "string", "pattern": f"^{NUMBER.pattern}$"}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["event_no", "loan_no", "kind", "code", "on", "amount_fen"],
    "properties": {
        "event_no": {
            **_NUMBER,
            "description": "银行自编的事项编号，在产品内唯一 The bank's own number of the event, unique in the product",
        },
        "loan_no": {**_NUMBER, "description": "银行的贷款编号 The bank's number of the loan"},
        "kind": {
            "type": "string",
            "enum": list(KINDS),
            "description": "授信、用信、还款、逾期余额、冲正 Credit granted, drawn, repaid, balance overdue as of the day,"
            " an event taken back",
        },
        "code": {"type": "string", "pattern": f"^{CODE.pattern}$", "description": "定点编码 Designated code"},
        "on": {
            "type": "string",
            "format": "date",
            "description": "发生日，不晚于今天 The day, not in the future",
        },
        "amount_fen": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_FEN,
            "description": "金额，分；只有逾期余额可以为零；冲正须为原金额 Amount in fen; zero for a balance overdue only;"
            " of a reversal the amount taken back",
        },
        "reverses": {
            "type": "string",
            "description": "只用于冲正：所冲事项的 event_no Of a reversal only: `event_no` of what it takes back",
        },
    },
}
_EVENTS: Final = [
    {
        "event_no": "2026-0001",
        "loan_no": "L-17",
        "kind": "granted",
        "code": "P33060200672",
        "on": "2026-03-02",
        "amount_fen": 100_000_000,
    },
    {
        "event_no": "2026-0002",
        "loan_no": "L-17",
        "kind": "drawn",
        "code": "P33060200672",
        "on": "2026-03-03",
        "amount_fen": 25_000_000,
    },
]
_REPORT: Final = {"rows": 2, "total_fen": 125_000_000, "events": _EVENTS}
_RECEIPT: Final = {
    "batch": 41,
    "product": "edai",
    "at": "2026-03-04T01:02:03.456789+00:00",
    "rows": 2,
    "total_fen": 125_000_000,
}

feedback: Final = extend_schema(
    operation_id="bank_feedback",
    tags=[TAG],
    summary="报送贷款情况 Report loans",
    description="授信、用信、还款、逾期和冲正；整批收下或整批不收，有误的逐行说明（errors 中的 events.3.amount_fen 指第四个"
    "事项，从 0 数起）。各行按所报次序处理。同一个 Idempotency-Key 重发同样的内容，得到第一次的答复，不重复入账；内容不同则"
    "答 409。Grants, drawings, repayments, overdue balances and reversals; taken in as a whole or not at all, each wrong"
    " line told (`events.3.amount_fen` is the fourth event, counted from 0). Lines are applied in the order sent. The same"
    " `Idempotency-Key` with the same content gets the first answer again and nothing is booked twice; with another"
    " content it gets 409.",
    request={
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "required": ["rows", "total_fen", "events"],
            "properties": {
                "rows": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_EVENTS,
                    "description": "控制总数：事项数 Control total: how many events",
                },
                "total_fen": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "控制总数：所有 amount_fen 之和 Control total: sum of all `amount_fen`",
                },
                "events": {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MAX_EVENTS},
            },
        }
    },
    examples=[OpenApiExample("report", value=_REPORT, request_only=True)],
    parameters=[
        OpenApiParameter(
            "product",
            {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
            OpenApiParameter.PATH,
            description="产品代码 Key of the product",
            examples=[OpenApiExample("product", value="edai")],
        ),
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "pattern": r'^("[ !#-\[\]-~]{1,100}"|[0-9A-Za-z._:-]{1,100})$'},
            OpenApiParameter.HEADER,
            required=True,
            description="每次报送一个新的，如 UUID，用引号括起；重发用原来的。A new one for each report, such as a UUID,"
            " in quotation marks; the same when sending again.",
            examples=[OpenApiExample("key", value='"8e03978e-40d5-43e8-bc93-6894a57f9324"')],
        ),
        format_parameter("json"),
        *client_headers(tagged=False),
    ],
    responses={
        (200, "application/json"): OpenApiResponse(
            ReceiptSerializer,
            description="好 OK",
            examples=[OpenApiExample("example", value=_RECEIPT, media_type="application/json")],
        ),
        **problems(
            *(400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 500),
            fault=("Idempotency-Key", NEEDS_KEY),
        ),
    },
)
