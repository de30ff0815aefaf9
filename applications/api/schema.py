"""What the descriptions of all public APIs share (OpenAPI 3.1): problems, headers, and the document itself.

Descriptions are read by programmers here and elsewhere: Chinese first, then English.
"""

import functools
from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from applications.api.negotiation import FORMAT, Json
from applications.api.problems import MEDIA_TYPE, STATUSES, Problem, told


class FaultSerializer(serializers.Serializer):
    parameter = serializers.CharField(help_text="参数名 Name of the parameter")
    detail = serializers.CharField(
        help_text="什么不对、怎样更正（中文）What is wrong and what to do, in Chinese"
    )
    detail_en = serializers.CharField(help_text="同上（英文）The same in English")


class ProblemSerializer(serializers.Serializer):
    type = serializers.CharField(help_text="总是 about:blank：看 status Always about:blank: see status")
    title = serializers.CharField(help_text="问题（中文）The problem, in Chinese")
    title_en = serializers.CharField(help_text="同上（英文）The same in English")
    status = serializers.IntegerField(help_text="HTTP 状态码 HTTP status")
    detail = serializers.CharField(help_text="原因和办法（中文）Why, and what to do, in Chinese")
    detail_en = serializers.CharField(help_text="同上（英文）The same in English")
    errors = FaultSerializer(
        many=True, required=False, help_text="每个有误的参数（仅 400）Each wrong parameter (400 only)"
    )


def problems(*statuses: int, fault: tuple[str, Any] | None = None) -> dict[tuple[int, str], OpenApiResponse]:
    """The problems that an operation may answer with; ``fault`` (parameter, text) is the example of its 400."""
    found = {}
    for status in statuses:
        example = told(Problem(status, faults=[fault] if fault and status == 400 else []))
        found[status, MEDIA_TYPE] = OpenApiResponse(
            ProblemSerializer,
            description=f"{example['title']} {example['title_en']}",
            examples=[OpenApiExample(f"problem{status}", value=example, media_type=MEDIA_TYPE)],
        )
    return found


def format_parameter(*formats: str) -> OpenApiParameter:
    return OpenApiParameter(
        FORMAT,
        enum=formats,
        default=formats[0],
        description="格式；优先于请求头 Accept。The format; goes before the header Accept.",
    )


def _header(name: str, description: str, *statuses: int | str) -> OpenApiParameter:
    return OpenApiParameter(
        name, location=OpenApiParameter.HEADER, response=list(statuses), description=description
    )


#: Of the answers of every operation.
HEADERS: Final = (
    _header(
        "ETag", "内容的指纹；放进 If-None-Match 再问 Of the content; ask again with If-None-Match", 200, 304
    ),
    _header("Cache-Control", "可保留多久 How long it may be kept", 200, 304),
    _header(
        "RateLimit-Policy",
        "限额：q 次，每 w 秒 The limit: q requests in w seconds",
        *(200, 304, *(status for status in STATUSES if status != 406)),
    ),
    _header(
        "RateLimit",
        "还剩 r 次，t 秒后恢复 r requests are left, t seconds until it is filled up again",
        *(200, 304, *(status for status in STATUSES if status != 406)),
    ),
    _header("Retry-After", "多少秒后再试 Try again after so many seconds", 429),
)
NOT_MODIFIED: Final = {304: OpenApiResponse(description="没有变化 Nothing has changed")}


@functools.cache
def document() -> dict[str, Any]:
    """The description of all public APIs; made once for each process."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


class SchemaJson(Json):
    """The document, whatever the view gives."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return super().render(document())


class SchemaYaml(BaseRenderer):
    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return _yaml()


@functools.cache
def _yaml() -> bytes:
    text: bytes = OpenApiYamlRenderer().render(document())
    return text
