"""The description of each operation: its parameters, answers and examples (decorators of the views)."""

from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from applications.api.problems import both
from applications.api.schema import NOT_MODIFIED, client_headers, format_parameter, header, problems
from applications.bank_loans.api import asking, limits, schema
from applications.bank_loans.streams import FORMATS

TAG: Final = "bank"
_SITE: Final = "https://credit.example.org/api/v1/bank/products/edai/"
_CODE: Final = "P33060200672"
_SOCIAL_CREDIT_CODE: Final = "91330602MA288UYN8Y"

_PRODUCT: Final[dict[str, Any]] = {
    "key": "edai",
    "name": "药店e贷",
    "minimum_grade": "B",
    "credit_line_fen": 1_000_000_000,
    "loan_limit_fen": 300_000_000,
    "districts": [],
    "minimum_months": 24,
    "minimum_periods": 2,
    "authorisation_required": True,
    "valid_from": "2026-01-01",
    "valid_until": None,
    "sandbox": False,
    "count": 812,
    "position": 1_307,
    "ledger_seq": 4_096,
    "as_of": "2026-03-02",
}
_LISTED: Final[dict[str, Any]] = {
    "code": _CODE,
    "social_credit_code": _SOCIAL_CREDIT_CODE,
    "number": 17,
    "name": "示例大药房",
    "district": 330602,
    "district_name": "越城区",
    "designated_on": "2015-03-01",
    "seq": 1_024,
    "period": "2025H2",
    "scheme": "shaoxing-style@1",
    "grade": "A",
    "label": "优秀",
    "valid_from": "2026-02-10",
    "valid_until": "2027-02-10",
    "under_objection": False,
}
_AT: Final = {"product": "edai", "position": 1_307, "ledger_seq": 4_096}
_PHARMACIES: Final = {
    **_AT,
    "changes_since": 1_307,
    "next": f"{_SITE}pharmacies/?limit=1&cursor=WyJlZGFpIiwi",
    "results": [_LISTED],
}
_CHANGES: Final = {
    **_AT,
    "since": 1_306,
    "last": 1_307,
    "next": None,
    "results": [
        {
            "number": 1_307,
            "code": "P33060200673",
            "social_credit_code": "",
            "kind": "removed",
            "old": "eligible",
            "new": "not_eligible",
            "cause": "grade",
            "reasons": ["below_minimum"],
            "ledger_seq": 4_096,
            "at": "2026-03-02T01:02:03.456789+00:00",
            "pharmacy": None,
        }
    ],
}
_ELIGIBLE: Final = {
    "code": _CODE,
    "outcome": "eligible",
    "pharmacies": [
        {
            "code": _CODE,
            "social_credit_code": _SOCIAL_CREDIT_CODE,
            "eligible": True,
            "reasons": [],
            "pharmacy": _LISTED,
        }
    ],
}
_CHECKED: Final = {**_AT, "purpose": "pre_loan", "results": [_ELIGIBLE]}
_BATCH: Final = {
    **_AT,
    "purpose": "post_loan",
    "results": [
        _ELIGIBLE,
        {
            "code": "P33060200673",
            "outcome": "not_eligible",
            "pharmacies": [
                {
                    "code": "P33060200673",
                    "social_credit_code": "",
                    "eligible": False,
                    "reasons": ["not_authorised"],
                    "pharmacy": None,
                }
            ],
        },
        {"code": "P33060299999", "outcome": "unknown", "pharmacies": []},
        {
            "code": "P3306",
            "outcome": "malformed",
            "pharmacies": [],
            **both("detail", asking.code_fault("P3306") or ""),
        },
    ],
}
_RECORDS: Final = {
    "ndjson": '{"code":"P33060200672", …}\n{"end":{"product":"edai","position":1307,"ledger_seq":4096,"rows":1,'
    '"sha256":"…","created":1772413323,"keyid":"…","signature":"…"}}\n',
    "csv": "code,social_credit_code,number, …\nP33060200672,91330602MA288UYN8Y,17, …\n"
    "#end,edai,1307,4096,1,…,1772413323,…,…\n",
}


def _answer(serializer: Any, example: Any) -> dict[tuple[int, str], OpenApiResponse]:
    media_type = "application/json"
    shown = OpenApiExample("example", value=example, media_type=media_type)
    return {(200, media_type): OpenApiResponse(serializer, description="好 OK", examples=[shown])}


def _records(form: str) -> dict[tuple[int, str], OpenApiResponse]:
    media_type = FORMATS[form].partition(";")[0]
    shown = OpenApiExample("example", value=_RECORDS[form], media_type=media_type)
    return {(200, media_type): OpenApiResponse({"type": "string"}, description="好 OK", examples=[shown])}


def _whole(name: str, default: int, least: int, most: int, description: str) -> OpenApiParameter:
    kind = {"type": "integer", "minimum": least, "maximum": most}
    return OpenApiParameter(name, kind, default=default, description=description)


def _problems(*more: int, fault: tuple[str, Any]) -> dict[tuple[int, str], OpenApiResponse]:
    return problems(*sorted((400, 401, 403, 404, 405, 406, 429, 500, 503, *more)), fault=fault)


_KEY: Final = OpenApiParameter(
    "product",
    {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 40},
    OpenApiParameter.PATH,
    description="产品代码 Key of the product",
    examples=[OpenApiExample("product", value="edai")],
)
_NEXT: Final = header("Link", '下一页，rel="next" The next page', 200, 304)
_UNKNOWN: Final = ("limt", format_lazy(_("没有这个参数；是否应为 {name}？"), name="limit"))
_PURPOSE: Final = format_lazy(_("须写明用途：{choices}。"), choices=" ".join(asking.PURPOSES))

products: Final = extend_schema(
    operation_id="bank_products",
    tags=[TAG],
    summary="贷款产品 Loan products",
    description="您的银行的贷款产品及其条件。Your bank's loan products and their terms.",
    parameters=[format_parameter("json"), *client_headers()],
    responses={
        **_answer(schema.LoanProductsSerializer, {"results": [_PRODUCT]}),
        **NOT_MODIFIED,
        **_problems(fault=_UNKNOWN),
    },
)
product: Final = extend_schema(
    operation_id="bank_product",
    tags=[TAG],
    summary="一个贷款产品 One loan product",
    description="条件、名单序号和药店数。Its terms, and the position and length of its list.",
    parameters=[_KEY, format_parameter("json"), *client_headers()],
    responses={
        **_answer(schema.LoanProductSerializer, _PRODUCT),
        **NOT_MODIFIED,
        **_problems(fault=_UNKNOWN),
    },
)
pharmacies: Final = extend_schema(
    operation_id="bank_pharmacies",
    tags=[TAG],
    summary="名单 The list",
    description="符合条件的药店，按定点编码分页。翻页期间名单可能变动：读完后从 changes_since 起读变动。"
    "Eligible pharmacies by designated code, a page at a time. The list may change meanwhile: afterwards, read the"
    " changes since `changes_since`.",
    parameters=[
        _KEY,
        _whole("limit", limits.PHARMACIES, 1, limits.MOST_PHARMACIES, "每页多少 How many a page"),
        OpenApiParameter("cursor", description="见上一页的 next Comes with `next` of the page before"),
        format_parameter("json"),
        *client_headers(),
        _NEXT,
    ],
    responses={
        **_answer(schema.EligiblePharmaciesSerializer, _PHARMACIES),
        **NOT_MODIFIED,
        **_problems(fault=_UNKNOWN),
    },
)
whole: Final = extend_schema(
    operation_id="bank_stream",
    tags=[TAG],
    summary="整个名单 The whole list",
    description="一行一家药店；末行是签过名的结尾，没有它就是没有收全。NDJSON 的每行同名单页中的一行；CSV 首行为列名。"
    "A pharmacy a line; the last line is a signed end, without which the download is not whole. Lines of NDJSON are as"
    " the rows of pages; the first line of CSV names the columns.",
    parameters=[
        _KEY,
        format_parameter(*FORMATS),
        *client_headers(tagged=False, streamed=True),
        header("Content-Disposition", "文件名 Name of the file", 200),
    ],
    responses={**_records("ndjson"), **_records("csv"), **_problems(fault=_UNKNOWN)},
)
changes: Final = extend_schema(
    operation_id="bank_changes",
    tags=[TAG],
    summary="名单变动 Changes of the list",
    description="序号在 since 之后的变动，逐一、无缺。从 0 起重放，即得现在的名单。"
    "Changes after number `since`, one by one, without gaps. Replayed from 0 they give the list as it is now.",
    parameters=[
        _KEY,
        OpenApiParameter(
            "since",
            {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
            default=0,
            description="上次的 last；0＝从头 `last` of the time before; 0: from the start",
        ),
        _whole("limit", limits.CHANGES, 1, limits.MOST_CHANGES, "每页多少 How many a page"),
        format_parameter("json"),
        *client_headers(),
        _NEXT,
    ],
    responses={
        **_answer(schema.ListChangesSerializer, _CHANGES),
        **NOT_MODIFIED,
        **_problems(fault=_UNKNOWN),
    },
)
check: Final = extend_schema(
    operation_id="bank_check",
    tags=[TAG],
    summary="核查一家 Check one",
    description="按定点编码或统一社会信用代码（二者之一）核查；每次记录在案。"
    "By designated code or social credit code, one of them; each call is put on record.",
    parameters=[
        _KEY,
        OpenApiParameter(
            "code",
            {"type": "string", "pattern": f"^{asking.CODE.pattern}$"},
            description="定点编码 Designated code",
            examples=[OpenApiExample("code", value=_CODE)],
        ),
        OpenApiParameter(
            "social_credit_code",
            {"type": "string", "pattern": f"^{asking.SOCIAL_CREDIT_CODE.pattern}$"},
            description="统一社会信用代码（GB 32100）Social credit code",
        ),
        OpenApiParameter(
            "purpose",
            enum=asking.PURPOSES,
            required=True,
            description="用途：贷前审查、贷后管理 What it is for: before or after lending",
        ),
        format_parameter("json"),
        *client_headers(),
    ],
    responses={
        **_answer(schema.CheckSerializer, _CHECKED),
        **NOT_MODIFIED,
        **_problems(413, fault=("purpose", _PURPOSE)),
    },
)
check_batch: Final = extend_schema(
    operation_id="bank_check_batch",
    tags=[TAG],
    summary="批量核查 Check many",
    description=f"最多 {asking.MOST_CODES} 个编码，两种可混用；按所问的次序答复，重复的只答一次，不成编码的逐一说明。"
    f"Up to {asking.MOST_CODES} codes of both kinds; answered in the order asked, each code once, malformed ones"
    " told one by one.",
    request={
        "application/json": {
            "type": "object",
            "additionalProperties": False,
            "required": ["purpose", "codes"],
            "properties": {
                "purpose": {
                    "type": "string",
                    "enum": list(asking.PURPOSES),
                    "description": "用途：贷前审查、贷后管理 What it is for: before or after lending",
                },
                "codes": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": asking.MOST_CODES,
                    "description": "定点编码或统一社会信用代码 Designated or social credit codes",
                },
            },
        }
    },
    examples=[
        OpenApiExample(
            "batch",
            value={
                "purpose": "post_loan",
                "codes": [_CODE, "P33060200673", "P33060299999", "P3306"],
            },
            request_only=True,
        )
    ],
    parameters=[_KEY, format_parameter("json"), *client_headers(tagged=False)],
    responses={
        **_answer(schema.CheckSerializer, _BATCH),
        **_problems(413, 415, fault=("codes.3", _("须为字符串。"))),
    },
)
