"""The description of batch checks: what is asked, what is answered (decorators of the views)."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from applications.api.schema import NOT_MODIFIED, client_headers, format_parameter, problems
from applications.enterprise_credit.api.record_operations import NEEDS_KEY, TAG
from applications.enterprise_credit.batch_checks import MAX_FEN, MAX_NOTE, Outcome
from applications.enterprise_credit.check_lists import MAX_LINES
from applications.enterprise_credit.rules.kinds import VERDICTS

_VERDICTS: Final = "; ".join(f"{key}: {label}" for key, label in VERDICTS.items())
_OUTCOMES: Final = "; ".join(f"{one.value}: {one.label}" for one in Outcome)


class CheckReasonSerializer(serializers.Serializer):
    id = serializers.CharField(
        help_text="条件的代码；另有 bad_code、unknown、duplicate、name_differs Key of the criterion; or what is odd about the line"
    )
    title = serializers.CharField(help_text="条件的名称 Its name, in Chinese")
    text = serializers.CharField(help_text="数据 The figures, in Chinese")
    clause = serializers.CharField(help_text="依据 Legal basis", allow_blank=True)
    then = serializers.ChoiceField(
        choices=["REJECT", "ATTENTION", "UNKNOWN"], help_text="因此的结论 What follows"
    )


class LeftOutSerializer(serializers.Serializer):
    id = serializers.CharField(help_text="条件的代码 Key of the criterion")
    title = serializers.CharField(help_text="条件的名称 Its name, in Chinese")
    whole = serializers.BooleanField(
        help_text="true：整条没有核查；false：有的信用信息类型没有计入 true: not looked at; false: some types of records were not counted"
    )
    text = serializers.CharField(help_text="什么不对贵部门开放 What is not for your department, in Chinese")


class LineOutcomeSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=[str(one) for one in Outcome], help_text=_OUTCOMES)
    amount_fen = serializers.IntegerField(allow_null=True, help_text="金额，分 Amount in fen")
    note = serializers.CharField(help_text="反馈说明 Note", allow_blank=True)
    at = serializers.DateTimeField(help_text="反馈时间 When it was reported")


class CheckedEnterpriseSerializer(serializers.Serializer):
    row = serializers.IntegerField(
        help_text="序号，从 1 数起，按所问的次序 Counted from 1, in the order asked"
    )
    social_credit_code = serializers.CharField(help_text="统一社会信用代码 As asked, cleaned")
    name = serializers.CharField(
        help_text="登记名称；空＝查无此企业 Name on record; empty: no such enterprise", allow_blank=True
    )
    verdict = serializers.ChoiceField(choices=list(VERDICTS), help_text=f"结论 {_VERDICTS} Verdict")
    grade = serializers.CharField(
        help_text="企业信用等级；空＝没有 The enterprise's grade; empty: none", allow_blank=True
    )
    score_thousandths = serializers.IntegerField(
        allow_null=True, help_text="企业信用分，千分之一分 The score in thousandths of a point"
    )
    reasons = CheckReasonSerializer(many=True, help_text="理由，最重的在前 Reasons, the gravest first")
    outcome = LineOutcomeSerializer(
        allow_null=True, help_text="反馈的结果；null＝尚未反馈 null: none reported yet"
    )


class BatchCheckSerializer(serializers.Serializer):
    check = serializers.IntegerField(help_text="核查编号 Number of this check")
    at = serializers.DateTimeField(help_text="核查时间 When")
    on = serializers.DateField(help_text="核查日：结论按这一天的情况 The day that the verdicts hold for")
    purpose = serializers.CharField(help_text="用途的代码 Key of the purpose")
    case_no = serializers.CharField(help_text="案号或项目号 Number of the case", allow_blank=True)
    title = serializers.CharField(help_text="名单名称 Name of the list")
    catalogue = serializers.CharField(help_text="信用信息目录：代码@版本 The catalogue: key@version")
    left_out = LeftOutSerializer(many=True, help_text="没有核查的内容 What was not looked at")
    passed = serializers.IntegerField(help_text=VERDICTS["PASS"] + " Passed")
    attention = serializers.IntegerField(help_text=VERDICTS["ATTENTION"] + " Need attention")
    rejected = serializers.IntegerField(help_text=VERDICTS["REJECT"] + " Rejected")
    unknown = serializers.IntegerField(help_text=VERDICTS["UNKNOWN"] + " Not found")
    results = CheckedEnterpriseSerializer(many=True)


class OutcomesSerializer(serializers.Serializer):
    check = serializers.IntegerField(help_text="核查编号 Number of the check")
    rows = serializers.IntegerField(help_text="收到几行 Rows sent")
    changed = serializers.IntegerField(
        help_text="其中与已有的不同 Of them, those that were new or other than before"
    )
    reported = serializers.IntegerField(help_text="名单中已反馈的 Lines of the list with an outcome now")
    granted_in_spite = serializers.IntegerField(
        help_text="其中不通过而给予的 Of them, granted in spite of a rejection"
    )


_REASON: Final = {
    "id": "black_list",
    "title": "列入黑名单",
    "text": "现有黑名单 1 条",
    "clause": "示例",
    "then": "REJECT",
}
_CHECK: Final[dict[str, Any]] = {
    "check": 17,
    "at": "2026-03-04T01:02:03.456789+00:00",
    "on": "2026-03-04",
    "purpose": "subsidy",
    "case_no": "绍医保补〔2026〕3号",
    "title": "2026 年度专项补助",
    "catalogue": "shaoxing-style-catalogue@1",
    "left_out": [
        {"id": "arrears", "title": "欠缴", "whole": True, "text": "“欠税”不对本部门开放，本条未核查"}
    ],
    "passed": 0,
    "attention": 0,
    "rejected": 1,
    "unknown": 0,
    "results": [
        {
            "row": 1,
            "social_credit_code": "91330602MA288UYN8Y",
            "name": "示例医药有限公司",
            "verdict": "REJECT",
            "grade": "D",
            "score_thousandths": 58_500,
            "reasons": [_REASON],
            "outcome": None,
        }
    ],
}
_OUTCOME: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["row", "outcome"],
    "properties": {
        "row": {"type": "integer", "minimum": 1, "description": "核查结果中的序号 `row` of the check"},
        "outcome": {"type": "string", "enum": [str(one) for one in Outcome], "description": _OUTCOMES},
        "amount_fen": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": MAX_FEN,
            "description": "金额，分；只用于 GRANTED Amount in fen; of GRANTED only",
        },
        "note": {
            "type": ["string", "null"],
            "maxLength": MAX_NOTE,
            "description": "反馈说明；OTHER，以及不通过或查无此企业而 GRANTED 的，必填 Required for OTHER, and for GRANTED"
            " in spite of a rejection or to an unknown enterprise",
        },
    },
}
_NUMBER: Final = OpenApiParameter(
    "check",
    {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    OpenApiParameter.PATH,
    description="核查编号 Number of the check",
    examples=[OpenApiExample("check", value=17)],
)


def _good(serializer: type[serializers.Serializer], example: Any) -> dict[tuple[int, str], OpenApiResponse]:
    examples = [OpenApiExample("example", value=example, media_type="application/json")]
    return {(200, "application/json"): OpenApiResponse(serializer, description="好 OK", examples=examples)}


def _body(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "required": required,
            "properties": properties,
        }
    }


check: Final = extend_schema(
    operation_id="department_check",
    tags=[TAG],
    summary="核查名单 Check a list of enterprises",
    description="按用途在信用信息目录中声明的条件，逐家得出通过、需关注、不通过或查无此企业，并说明理由。所依据的信息不对贵部门"
    "开放的条件不核查，见 left_out。每家企业的查询都记入查询记录。代码有误不影响其他行。同一个 Idempotency-Key 重发同样的内容，"
    "得到第一次的核查；内容不同则答 409。Each enterprise gets PASS, ATTENTION, REJECT or UNKNOWN by the criteria that the"
    " catalogue declares for the purpose, with the reasons. What rests on records that are not for your department is not"
    " looked at; see `left_out`. Every enterprise is put on the record of looks. A wrong code harms no other line. The same"
    " `Idempotency-Key` with the same content gets the first check again; with another content it gets 409.",
    request=_body(
        ["purpose", "title", "codes"],
        {
            "purpose": {"type": "string", "description": "用途的代码 Key of the purpose"},
            "case_no": {
                "type": ["string", "null"],
                "maxLength": 100,
                "description": "案号或项目号；有的用途必填 Number of the case; some purposes require it",
            },
            "title": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "名单名称 Name of the list",
            },
            "codes": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "maxItems": MAX_LINES,
                "description": "统一社会信用代码 Social credit codes",
            },
        },
    ),
    examples=[
        OpenApiExample(
            "check",
            value={
                "purpose": "subsidy",
                "case_no": "绍医保补〔2026〕3号",
                "title": "2026 年度专项补助",
                "codes": ["91330602MA288UYN8Y"],
            },
            request_only=True,
        )
    ],
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "pattern": r'^("[ !#-\[\]-~]{1,80}"|[0-9A-Za-z._:-]{1,80})$'},
            OpenApiParameter.HEADER,
            required=True,
            description="每次核查一个新的，如 UUID，用引号括起；重发用原来的。A new one for each check, such as a UUID,"
            " in quotation marks; the same when sending again.",
            examples=[OpenApiExample("key", value='"8e03978e-40d5-43e8-bc93-6894a57f9324"')],
        ),
        format_parameter("json"),
        *client_headers(tagged=False),
    ],
    responses={
        **_good(BatchCheckSerializer, _CHECK),
        **problems(
            *(400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 500),
            fault=("Idempotency-Key", NEEDS_KEY),
        ),
    },
)
result: Final = extend_schema(
    operation_id="department_check_result",
    tags=[TAG],
    summary="核查结果 Result of a check",
    description="本部门的一次核查，含已反馈的结果。A check of your department, with the outcomes reported so far.",
    parameters=[_NUMBER, format_parameter("json"), *client_headers()],
    responses={
        **_good(BatchCheckSerializer, _CHECK),
        **NOT_MODIFIED,
        **problems(*(400, 401, 403, 404, 405, 406, 429, 500)),
    },
)
outcomes: Final = extend_schema(
    operation_id="department_outcomes",
    tags=[TAG],
    summary="反馈核查结果 Report what came of a check",
    description="逐行反馈是否给予；全部正确才保存，有误的逐行说明（errors 中的 outcomes.3.note 指第四行，从 0 数起）。再次反馈同样的"
    "内容没有影响，不同的即为更正，均有记录。What became of each line; saved as a whole or not at all, each wrong line told"
    " (`outcomes.3.note` is of the fourth, counted from 0). The same again changes nothing; another is a correction, on"
    " record.",
    request=_body(
        ["outcomes"],
        {"outcomes": {"type": "array", "items": _OUTCOME, "minItems": 1, "maxItems": MAX_LINES}},
    ),
    examples=[
        OpenApiExample(
            "outcomes",
            value={"outcomes": [{"row": 1, "outcome": "REFUSED", "note": "核查不通过"}]},
            request_only=True,
        )
    ],
    parameters=[_NUMBER, format_parameter("json"), *client_headers(tagged=False)],
    responses={
        **_good(
            OutcomesSerializer, {"check": 17, "rows": 1, "changed": 1, "reported": 1, "granted_in_spite": 0}
        ),
        **problems(*(400, 401, 403, 404, 405, 406, 413, 415, 422, 429, 500)),
    },
)
