"""The description of the supply of records: what is sent, what is answered (decorators of the views)."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from applications.api.schema import (
    NOT_MODIFIED,
    FaultSerializer,
    client_headers,
    format_parameter,
    problems,
)
from applications.enterprise_credit.api.record_rows import MOST_ROWS
from applications.enterprise_credit.rules.kinds import PUBLICITIES, RECORD_KINDS

TAG: Final = "department"
NEEDS_KEY: Final = _(
    "须有请求头 Idempotency-Key：引号括起的 1 至 80 个字符，如 UUID；每次报送用新的，重发用原来的。"
)
OUTCOMES: Final = {
    "accepted": "新增 New",
    "corrected": "更正：原版本终止 A correction; the version before has ended",
    "withdrawn": "已撤销 Withdrawn",
    "unchanged": "与已有的相同 The same as before",
    "unmatched": "已收下，待匹配企业 Taken in, waits for its enterprise",
    "refused": "拒收，见 errors Not taken in, see `errors`",
}
_MATCHES: Final = {
    "MATCHED": "已匹配 Its enterprise is found",
    "NO_SUBJECT": "没有这个代码的企业 No enterprise has this code",
    "NAME_DIFFERS": "名称与代码不符 The enterprise of this code has another name",
}


def _choices(of: Mapping[Any, str]) -> str:
    return "; ".join(f"{key}: {text}" for key, text in of.items())


class RecordTypeSerializer(serializers.Serializer):
    key = serializers.CharField(help_text="代码，用于地址 Key, as in addresses")
    title = serializers.CharField(help_text="名称 Name")
    kind = serializers.ChoiceField(
        choices=list(RECORD_KINDS), help_text=f"种类 {_choices(RECORD_KINDS)} Kind"
    )
    publicity = serializers.ChoiceField(
        choices=list(PUBLICITIES),
        help_text="公开属性 OPEN: 主动公开 everybody who looks up; SHARED: 政务共享 the departments in `viewers`;"
        " INTERNAL: 本部门内部 your department alone",
    )
    viewers = serializers.ListField(
        child=serializers.CharField(), help_text="可查询的部门；* 为所有部门 Departments that see it; *: all"
    )
    shown_months = serializers.IntegerField(
        allow_null=True,
        help_text="自认定之日起公示、共享几个月；null＝有效期内 Shown for so many months; null: while it is valid",
    )
    clause = serializers.CharField(help_text="依据 Legal basis")
    personal = serializers.ListField(
        child=serializers.CharField(),
        help_text="自然人信息，只有提供部门能看 Fields about natural persons: seen by your department alone",
    )
    schema = serializers.DictField(
        help_text="一条信用信息的 JSON Schema（2020-12）JSON Schema of one record of the type"
    )


class RecordTypesSerializer(serializers.Serializer):
    catalogue = serializers.CharField(
        help_text="现行信用信息目录：代码@版本 The catalogue in force: key@version"
    )
    results = RecordTypeSerializer(many=True)


class ResultSerializer(serializers.Serializer):
    line = serializers.IntegerField(help_text="第几条，从 1 数起 Counted from 1")
    record_no = serializers.CharField(
        help_text="记录编号；拒收的截短，看不见的字符写作 ? As it was sent; of refused ones cut, unseen characters as ?"
    )
    outcome = serializers.ChoiceField(choices=list(OUTCOMES), help_text=f"结果 {_choices(OUTCOMES)}")
    match = serializers.ChoiceField(
        choices=list(_MATCHES),
        required=False,
        help_text=f"仅限收下的 Of those taken in. {_choices(_MATCHES)}",
    )
    errors = FaultSerializer(
        many=True,
        required=False,
        help_text="仅限拒收的：哪个字段，什么不对 Of refused ones: which member is wrong and why",
    )


class BatchSerializer(serializers.Serializer):
    batch = serializers.IntegerField(help_text="批次号 Number of this batch")
    record_type = serializers.CharField(help_text="信用信息类型 Key of the type")
    at = serializers.DateTimeField(help_text="入库时间 When it was taken in")
    rows = serializers.IntegerField(
        help_text="条数，即以下各项之和 How many rows, the sum of the counts below"
    )
    accepted = serializers.IntegerField(help_text=OUTCOMES["accepted"])
    corrected = serializers.IntegerField(help_text=OUTCOMES["corrected"])
    withdrawn = serializers.IntegerField(help_text=OUTCOMES["withdrawn"])
    unchanged = serializers.IntegerField(help_text=OUTCOMES["unchanged"])
    unmatched = serializers.IntegerField(help_text=OUTCOMES["unmatched"])
    refused = serializers.IntegerField(help_text=OUTCOMES["refused"])
    results = ResultSerializer(many=True, help_text="按报送的次序 In the order sent")


def _text(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "description": description}


_ROW: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["record_no"],
    "properties": {
        "record_no": {
            "type": "string",
            "minLength": 1,
            "description": "贵部门自编的编号，在类型内唯一；同一编号再报即为更正 Your own number, unique in the type; sent again"
            " with other content it is a correction",
        },
        "social_credit_code": _text("统一社会信用代码 Social credit code"),
        "name": _text("企业名称 Name of the enterprise"),
        "document_no": _text("文书号 Number of the document"),
        "decided_on": _text("认定日期，不晚于今天 Day of the decision, not in the future"),
        "valid_from": _text(
            "生效日，不晚于今天；不写即认定日期 Holds from this day, not in the future; the day of the decision if left out"
        ),
        "valid_until": _text("失效日（当日起不再有效）；不写＝未定 Until the day before; open if left out"),
        "data": {
            "type": ["object", "null"],
            "description": "类型自有的字段，见 record-types 中的 schema；金额以分为单位 Fields of the type, see `schema` of"
            " record-types; amounts in fen",
        },
        "reason": _text("更正或撤销的原因；撤销必填 Why it is corrected or withdrawn; required to withdraw"),
        "correction": {
            "type": ["boolean", "null"],
            "description": "true：编号虽已撤销，仍重新报送 true: supply it anew although its number was withdrawn",
        },
        "withdraw": {
            "type": ["boolean", "null"],
            "description": "true：撤销这个编号；另须 record_no、reason true: withdraw this number; needs `record_no` and `reason`",
        },
    },
}
_ROWS: Final = [
    {
        "record_no": "CF-2026-0001",
        "social_credit_code": "91330602MA288UYN8Y",
        "name": "示例医药有限公司",
        "document_no": "绍市监罚〔2026〕1号",
        "decided_on": "2026-01-05",
        "valid_from": "2026-01-05",
        "valid_until": "2029-01-05",
        "data": {"content": "警告", "fine_fen": 500_000},
    },
    {"record_no": "CF-2025-0107", "withdraw": True, "reason": "处罚决定已被撤销"},
]
_ANSWER: Final = {
    "batch": 41,
    "record_type": "scjgj-penalty",
    "at": "2026-03-04T01:02:03.456789+00:00",
    "rows": 2,
    "accepted": 0,
    "corrected": 0,
    "withdrawn": 1,
    "unchanged": 0,
    "unmatched": 1,
    "refused": 0,
    "results": [
        {"line": 1, "record_no": "CF-2026-0001", "outcome": "unmatched", "match": "NO_SUBJECT"},
        {"line": 2, "record_no": "CF-2025-0107", "outcome": "withdrawn"},
    ],
}
_TYPE: Final = {
    "catalogue": "shaoxing-style-catalogue@1",
    "results": [
        {
            "key": "scjgj-penalty",
            "title": "行政处罚",
            "kind": "PENALTY",
            "publicity": "OPEN",
            "viewers": ["*"],
            "shown_months": 36,
            "clause": "市场监督管理行政处罚信息公示规定",
            "personal": ["responsible"],
            "schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"record_no": {"type": "string", "maxLength": 80, "title": "记录编号"}},
            },
        }
    ],
}
_PATH: Final = OpenApiParameter(
    "record_type",
    {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
    OpenApiParameter.PATH,
    description="信用信息类型的代码 Key of the record type",
    examples=[OpenApiExample("record_type", value="scjgj-penalty")],
)


def _good(serializer: type[serializers.Serializer], example: Any) -> dict[tuple[int, str], OpenApiResponse]:
    examples = [OpenApiExample("example", value=example, media_type="application/json")]
    return {(200, "application/json"): OpenApiResponse(serializer, description="好 OK", examples=examples)}


record_types: Final = extend_schema(
    operation_id="department_record_types",
    tags=[TAG],
    summary="本部门可报送的信用信息类型 Record types that your department supplies",
    description="现行目录中由贵部门提供的类型，各附 JSON Schema、公开属性和可查询的部门。The types of the catalogue in force"
    " that your department supplies, each with its JSON Schema, its publicity, and the departments that may see it.",
    parameters=[format_parameter("json"), *client_headers()],
    responses={
        **_good(RecordTypesSerializer, _TYPE),
        **NOT_MODIFIED,
        **problems(*(400, 401, 403, 404, 405, 406, 429, 500)),
    },
)
supply: Final = extend_schema(
    operation_id="department_records",
    tags=[TAG],
    summary="报送、更正、撤销信用信息 Supply, correct and withdraw records",
    description="一次最多一万条、20 MB；每条各有结果，有误的只拒收该条。同一编号内容不同即为更正，原版本留存；已撤销的编号须注明"
    " correction 才能重新报送；同一编号在一次报送中出现多次，各次均拒收。没有这个代码的企业，或名称与代码不符的，收下待匹配，匹配"
    "之前不公开、不计入。同一个 Idempotency-Key 重发同样的内容，得到第一次的答复，不重复入库；内容不同则答 409。形状不对的（不是"
    " JSON、类型不对、成员重复）整次不收，答 400，errors 中的 records.3.name 指第四条，从 0 数起。\n\nUp to 10,000 records and"
    " 20 MB a call; each has its own result, and a wrong one is refused alone. The same number with other content is a"
    " correction, and the version before is kept; a number that was withdrawn is only taken in again with `correction`; one"
    " that comes more than once in a call is refused each time. A record whose code no enterprise has, or whose name is not"
    " that of its code, is taken in and waits; until it is matched it is shown to nobody and counts for nothing. The same"
    " `Idempotency-Key` with the same content gets the first answer again and nothing is written twice; with another content"
    " it gets 409. What has the wrong shape (no JSON, wrong types, repeated members) is refused whole with 400, where"
    " `records.3.name` is of the fourth record, counted from 0.",
    request={
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "required": ["records"],
            "properties": {"records": {"type": "array", "items": _ROW, "minItems": 1, "maxItems": MOST_ROWS}},
        }
    },
    examples=[OpenApiExample("records", value={"records": _ROWS}, request_only=True)],
    parameters=[
        _PATH,
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "pattern": r'^("[ !#-\[\]-~]{1,80}"|[0-9A-Za-z._:-]{1,80})$'},
            OpenApiParameter.HEADER,
            required=True,
            description="每次报送一个新的，如 UUID，用引号括起；重发用原来的。A new one for each call, such as a UUID,"
            " in quotation marks; the same when sending again.",
            examples=[OpenApiExample("key", value='"8e03978e-40d5-43e8-bc93-6894a57f9324"')],
        ),
        format_parameter("json"),
        *client_headers(tagged=False),
    ],
    responses={
        **_good(BatchSerializer, _ANSWER),
        **problems(
            *(400, 401, 403, 404, 405, 406, 409, 413, 415, 429, 500), fault=("Idempotency-Key", NEEDS_KEY)
        ),
    },
)
batch: Final = extend_schema(
    operation_id="department_batch",
    tags=[TAG],
    summary="一次报送的结果 Results of a batch",
    description="报送时的答复，原样。The answer to the call that supplied it, as it was.",
    parameters=[
        _PATH,
        OpenApiParameter(
            "batch",
            {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
            OpenApiParameter.PATH,
            description="批次号 Number of the batch",
            examples=[OpenApiExample("batch", value=41)],
        ),
        format_parameter("json"),
        *client_headers(),
    ],
    responses={
        **_good(BatchSerializer, _ANSWER),
        **NOT_MODIFIED,
        **problems(*(400, 401, 403, 404, 405, 406, 429, 500)),
    },
)
