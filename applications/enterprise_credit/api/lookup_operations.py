"""The description of look-ups: what is asked, what is answered (decorators of the views)."""

from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from applications.api.schema import NOT_MODIFIED, client_headers, format_parameter, header, problems
from applications.enterprise_credit.api import lookup_shapes as shapes

TAG: Final = "department"
_CODE: Final = "91330602MA288UYN8Y"
_MATCH: Final[dict[str, Any]] = {
    "social_credit_code": _CODE,
    "name": "示例大药房连锁有限公司",
    "district": 330602,
    "district_name": "越城区",
}
_MATCHES: Final = {"purpose": "award", "more": False, "results": [_MATCH]}
_GRADE: Final[dict[str, Any]] = {
    "seq": 1_024,
    "event": "PERIODIC",
    "period": "2025H2",
    "period_end": "2025-12-31",
    "scheme": "shaoxing-style@1",
    "grade": "A",
    "label": "优秀",
    "score_thousandths": 95_500,
    "rank_district": 12,
    "rank_city": 80,
    "valid_from": "2026-02-10",
    "valid_until": "2027-02-10",
    "reason": "",
    "under_objection": False,
}
_PROFILE: Final[dict[str, Any]] = {
    **_MATCH,
    "as_of": "2026-03-02",
    "look": {"number": 7, "at": "2026-03-02T09:30:00+08:00", "purpose": "award", "case_no": ""},
    "credit": {
        "score_thousandths": 93_500,
        "grade": "A",
        "label": "信用优秀",
        "reason": "",
        "rule": "shaoxing-style-enterprise@1",
        "rule_title": "企业信用评定规则（绍兴式示例）",
        "assessed_on": "2026-02-10",
        "rank_city": 3,
        "ranked_city": 1_200,
        "rank_district": 2,
        "ranked_district": 40,
        "ranked_at": "2026-02-10T12:00:00+08:00",
        "steps": [
            {
                "id": "stores",
                "text": "1 家已评药店信用分按权重的加权平均数，四舍五入到 0.1 分，为 95.5 分。",
                "points_thousandths": 95_500,
                "clause": "示例第三条",
            },
            {
                "id": "other_records",
                "text": "其他部门信用信息合计。",
                "points_thousandths": -2_000,
                "clause": "",
            },
        ],
    },
    "scores": [{"on": "2026-02-10", "score_thousandths": 93_500, "grade": "A"}],
    "pharmacies": [
        {
            "code": "P33060200672",
            "name": "示例大药房",
            "district": 330602,
            "district_name": "越城区",
            "address": "示例路 1 号",
            "designated_on": "2015-03-01",
            "designated_until": None,
            "service": "IN_SERVICE",
            "in_force": True,
            "grade": _GRADE,
            "history": [_GRADE],
        }
    ],
    "districts": [
        {
            "district": 330602,
            "name": "越城区",
            "pharmacies": 1,
            "grades": [{"grade": "A", "pharmacies": 1}],
        }
    ],
    "lists": [
        {"kind": "RED_LIST", "type": "fgw-red-list", "title": "守信激励对象名单", "record_no": "2026-1"}
    ],
    "records": [
        {
            "type": "scjgj-penalty",
            "title": "行政处罚",
            "kind": "PENALTY",
            "publicity": "OPEN",
            "department": "scjgj",
            "department_name": "市场监督管理局",
            "total": 1,
            "results": [
                {
                    "record_no": "A1",
                    "document_no": "绍市监罚〔2026〕1号",
                    "decided_on": "2026-01-05",
                    "valid_from": "2026-01-05",
                    "valid_until": None,
                    "fields": [{"key": "fine_fen", "label": "罚款金额", "value": 100_000}],
                    "objected_on": None,
                    "objection": "",
                }
            ],
        }
    ],
    "timeline": [
        {
            "on": "2026-01-05",
            "kind": "record",
            "title": "行政处罚：行政处罚",
            "text": "市场监督管理局，绍市监罚〔2026〕1号",
        }
    ],
}
_NO_PURPOSE: Final = (
    "purpose",
    format_lazy(
        _("须写明用途，否则不能查询：{choices}。"),
        choices="award 评先评优、subsidy 奖励补助、permit 行政许可",
    ),
)
_STATUSES: Final = (400, 401, 403, 404, 405, 406, 429, 500)


def _good(serializer: Any, example: Any, media_type: str = "application/json") -> dict[Any, OpenApiResponse]:
    shown = OpenApiExample("example", value=example, media_type=media_type)
    return {(200, media_type): OpenApiResponse(serializer, description="好 OK", examples=[shown])}


_PATH: Final = OpenApiParameter(
    "uscc",
    {"type": "string", "pattern": "^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"},
    OpenApiParameter.PATH,
    description="统一社会信用代码 Social credit code",
    examples=[OpenApiExample("code", value=_CODE)],
)
_PURPOSE: Final = OpenApiParameter(
    "purpose",
    {"type": "string", "maxLength": 40},
    required=True,
    description="用途：现行信用信息目录中的代码，如 award 评先评优、subsidy 奖励补助；写错时答复列出全部"
    " What it is for: a key of the catalogue in force, such as `award` or `subsidy`; the answer to a wrong one lists"
    " all",
    examples=[OpenApiExample("purpose", value="award")],
)
_CASE_NO: Final = OpenApiParameter(
    "case_no",
    {"type": "string", "maxLength": 100},
    description="案号或项目号；有的用途必填 Number of the case or project; some purposes require it",
)
_RECORDED: Final = (
    "每次查询连同用途记录在案，保存十年，企业可以查询。只给出您的部门可查的内容；没有给出的，也不告知有无。"
    "Each look is put on record with its purpose, for ten years; the enterprise may ask for it. You get what your"
    " department may see; of what it may not see, nothing is told."
)

enterprises: Final = extend_schema(
    operation_id="department_enterprises",
    tags=[TAG],
    summary="查找企业 Find enterprises",
    description="按统一社会信用代码或名称（汉字、拼音、拼音首字母）查找，只给出代码、名称和区县，最多 50 家。"
    "By social credit code or name (Chinese, pinyin, its first letters): code, name and district of at most 50.",
    parameters=[
        OpenApiParameter(
            "q",
            {"type": "string", "minLength": 1, "maxLength": 100},
            required=True,
            description="代码（可只写开头六位以上）或名称的一部分 The code, from its first six characters on, or a part"
            " of the name",
            examples=[OpenApiExample("q", value="mingzhou")],
        ),
        _PURPOSE,
        format_parameter("json"),
        *client_headers(),
    ],
    responses={
        **_good(shapes.EnterpriseMatchesSerializer, _MATCHES),
        **NOT_MODIFIED,
        **problems(*_STATUSES, fault=_NO_PURPOSE),
    },
)
enterprise: Final = extend_schema(
    operation_id="department_enterprise",
    tags=[TAG],
    summary="企业信用信息 Credit of an enterprise",
    description=f"企业信用分、等级、排名和依据，所属药店的公布等级，各部门的信用信息。{_RECORDED}"
    " Score, grade, ranks and how they came about, published grades of its pharmacies, departments' records.",
    parameters=[_PATH, _PURPOSE, _CASE_NO, format_parameter("json"), *client_headers()],
    responses={
        **_good(shapes.EnterpriseSerializer, _PROFILE),
        **NOT_MODIFIED,
        **problems(*_STATUSES, fault=_NO_PURPOSE),
    },
)
report: Final = extend_schema(
    operation_id="department_enterprise_report",
    tags=[TAG],
    summary="企业信用信息报告 Report on an enterprise",
    description=f"同样的内容，PDF 文件，写明供谁、何时、为何使用。{_RECORDED} The same as a document that says for whom,"
    " when and what for it is.",
    parameters=[
        _PATH,
        _PURPOSE,
        _CASE_NO,
        format_parameter("pdf"),
        *client_headers(),
        header("Content-Disposition", "文件名 Name of the file", 200),
    ],
    responses={
        **_good({"type": "string", "format": "binary"}, "%PDF-1.4 …", "application/pdf"),
        **NOT_MODIFIED,
        **problems(*_STATUSES, fault=_NO_PURPOSE),
    },
)
