"""The description of each operation: its parameters, answers and examples (decorators of the views)."""

from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from applications.api.schema import HEADERS, NOT_MODIFIED, format_parameter, problems
from applications.pharmacy_lookup import query
from applications.pharmacy_lookup.api import schema, shapes
from applications.pharmacy_lookup.finder import DESIGNATED, NO_GRADE, Ordering, Service

_JSON: Final = (200, "application/json")
_GEOJSON: Final = (200, "application/geo+json")
_SITE: Final = "https://credit.example.org/api/v1/pharmacies/"

_GRADE: Final = {
    "name": "A",
    "label": "优秀",
    "position": 0,
    "score_thousandths": 95_500,
    "period": "2025H2",
    "scheme": "shaoxing-style@1",
    "event": "PERIODIC",
    "seq": 1024,
    "valid_from": "2026-02-10",
    "valid_until": "2027-02-10",
    "reason": "",
    "under_objection": False,
}
_FOUND: Final[dict[str, Any]] = {
    "code": "P33060200672",
    "name": "示例大药房",
    "district": "330602",
    "district_name": "越城区",
    "street": "府山街道",
    "address": "示例路1号",
    "longitude": 120.5812345,
    "latitude": 30.0012345,
    "distance_m": 141.2,
    "service": "IN_SERVICE",
    "rating": "RATED",
    "grade": _GRADE,
}
_PAGE: Final = {
    "count": 37,
    "next": f"{_SITE}?near=120.58,30.0&limit=1&cursor=WyJmMGU5",
    "datum": "wgs84",
    "results": [_FOUND],
}
_DETAIL: Final = {
    **{name: value for name, value in _FOUND.items() if name != "distance_m"},
    "grade": {**_GRADE, "meaning": "守信，可放心选择。"},
    "designated_on": "2015-03-01",
    "designated_until": None,
    "penalties": [
        {
            "document_no": "某医保罚〔2025〕1号",
            "kind": "ITEM_SUBSTITUTION",
            "kind_label": "串换药品、日用品、保健品",
            "measures": "责令退回，罚款",
            "body": "某市医疗保障局",
            "decided_on": "2026-01-08",
            "shown_until": "2027-01-08",
        }
    ],
    "history": f"{_SITE}P33060200672/history/",
}
_HISTORY: Final = {"code": "P33060200672", "name": "示例大药房", "results": [_GRADE]}


def _answer(media: tuple[int, str], serializer: Any, example: Any) -> dict[tuple[int, str], OpenApiResponse]:
    shown = OpenApiExample("example", value=example, media_type=media[1])
    return {media: OpenApiResponse(serializer, description="好 OK", examples=[shown])}


def _whole(name: str, default: int, least: int, most: int, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "integer", "minimum": least, "maximum": most},
        default=default,
        description=description,
    )


_DATUM: Final = OpenApiParameter(
    "datum",
    enum=list(query.DATUMS),
    default="wgs84",
    description="坐标系，进出都用它；GeoJSON 的结果总是 WGS-84。"
    "Of the coordinates in and out; GeoJSON always comes in WGS-84.",
)
_CODE: Final = OpenApiParameter(
    "code",
    {"type": "string", "pattern": f"^{query.CODE.pattern}$"},
    OpenApiParameter.PATH,
    description="定点编码 Designated code",
    examples=[OpenApiExample("code", value="P33060200672")],
)
_SEARCH: Final = (
    OpenApiParameter(
        "near",
        description="“经度,纬度”，度；在它的 radius 之内查找。Longitude,latitude; what lies within `radius` is found.",
        examples=[OpenApiExample("near", value="120.5800,30.0000")],
    ),
    _DATUM,
    _whole("radius", query.RADIUS, query.LEAST_RADIUS, query.MOST_RADIUS, "米 Metres"),
    OpenApiParameter(
        "grade",
        description=f"等级，几个之间用逗号；{NO_GRADE}＝没有有效等级。"
        f"Names of grades, comma separated; {NO_GRADE}: no grade in force.",
        examples=[OpenApiExample("grade", value=f"A,B,{NO_GRADE}")],
    ),
    OpenApiParameter(
        "service",
        {"type": "array", "items": {"type": "string", "enum": list(Service)}, "default": list(DESIGNATED)},
        explode=False,
        style="form",
        description="今天能否刷医保，几个之间用逗号 Whether the insurance pays there today, comma separated",
    ),
    OpenApiParameter(
        "district",
        {"type": "string", "pattern": "^[1-8][0-9]{5}$"},
        description="区县的六位行政区划代码 District by GB/T 2260",
    ),
    OpenApiParameter(
        "street", description="街道（乡镇）名称，须同时写明 district Street or town; needs `district`"
    ),
    OpenApiParameter(
        "q",
        {"type": "string", "maxLength": query.MOST_TYPED},
        description="名称、地址、编码、拼音或首字母，空格分开的都要有"
        " Words of name, address or code, pinyin or initials; all of them must be there",
    ),
    OpenApiParameter(
        "ordering",
        enum=list(Ordering),
        description="distance 须有 near，是有 near 时的默认；grade 须有 near 或 district；否则按 code。"
        "`distance` needs `near` and is usual with it; `grade` needs `near` or `district`; else `code`.",
    ),
    _whole("limit", query.LIMIT, 1, query.MOST_LIMIT, "每页多少 How many a page"),
    OpenApiParameter("cursor", description="见上一页的 next Comes with `next` of the page before"),
    format_parameter("json", "geojson"),
)
_FAULT: Final = format_lazy(
    _("“{value}”不行；请写 {least} 至 {most} 的整数。"), value=0, least=100, most=5000
)
_UNKNOWN: Final = (
    "radius",
    format_lazy(_("没有这个参数；可用的有 {names}。"), names="datum format"),
)

search: Final = extend_schema(
    operation_id="pharmacies_search",
    summary="查找药店 Find pharmacies",
    description="按位置、区县、名称查找，分页。By place, district or name, a page at a time."
    " 下一页的地址在 next 和 Link 中。The next page's address is in `next` and `Link`.",
    parameters=[
        *_SEARCH,
        *HEADERS,
        OpenApiParameter(
            "Link",
            location=OpenApiParameter.HEADER,
            response=[200],
            description='下一页，rel="next" The next page',
        ),
    ],
    responses={
        **_answer(_JSON, schema.PageSerializer, _PAGE),
        **_answer(
            _GEOJSON,
            schema.FeaturesSerializer,
            shapes.features([dict(_FOUND)], count=_PAGE["count"], next=_PAGE["next"]),
        ),
        **NOT_MODIFIED,
        **problems(400, 405, 406, 429, 500, fault=("radius", _FAULT)),
    },
)
detail: Final = extend_schema(
    operation_id="pharmacies_read",
    summary="一家药店 One pharmacy",
    description="位置、等级及其含义、仍在公示的行政处罚。"
    "Its place, grade and what that means, and penalties that may still be shown.",
    parameters=[_CODE, _DATUM, format_parameter("json", "geojson"), *HEADERS],
    responses={
        **_answer(_JSON, schema.DetailSerializer, {**_DETAIL, "datum": "wgs84"}),
        **_answer(_GEOJSON, schema.DetailFeatureSerializer, shapes.feature(dict(_DETAIL))),
        **NOT_MODIFIED,
        **problems(400, 404, 405, 406, 429, 500, fault=_UNKNOWN),
    },
)
past: Final = extend_schema(
    operation_id="pharmacies_history",
    summary="历次等级 History of grades",
    description="历次公布的等级，新的在前；现行等级见该药店。"
    "All published grades, newest first; which one is in force today stands with the pharmacy.",
    parameters=[_CODE, format_parameter("json"), *HEADERS],
    responses={
        **_answer(_JSON, schema.HistorySerializer, _HISTORY),
        **NOT_MODIFIED,
        **problems(400, 404, 405, 406, 429, 500, fault=_UNKNOWN),
    },
)
