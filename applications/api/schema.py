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
    parameter = serializers.CharField(
        help_text="参数名；内容中的位置，如 codes.3 Name of the parameter; place in the body, such as codes.3"
    )
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
        many=True, required=False, help_text="每个有误的参数（仅 400、422）Each wrong parameter (400 and 422)"
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


def header(name: str, description: str, *statuses: int, required: bool = False) -> OpenApiParameter:
    """A header of answers; ``required``: of every one of these statuses."""
    return OpenApiParameter(
        name,
        location=OpenApiParameter.HEADER,
        response=list(statuses),
        description=description,
        required=required,
    )


def _etag(*statuses: int) -> OpenApiParameter:
    text = "内容的指纹；放进 If-None-Match 再问 Of the content; ask again with If-None-Match"
    return header("ETag", text, *statuses)


def _limits(*statuses: int) -> tuple[OpenApiParameter, ...]:
    return (
        header("RateLimit-Policy", "限额：q 次，每 w 秒 The limit: q requests in w seconds", *statuses),
        header(
            "RateLimit",
            "还剩 r 次，t 秒后恢复 r requests are left, t seconds until it is filled up again",
            *statuses,
        ),
        header("Retry-After", "多少秒后再试 Try again after so many seconds", 429, 503),
    )


_STATUSES: Final = (200, 304, *STATUSES)
#: Of the answers of every operation of a public API.
HEADERS: Final = (
    _etag(200, 304),
    header("Cache-Control", "可保留多久 How long it may be kept", 200, 304),
    *_limits(*(status for status in _STATUSES if status != 406)),
)


def client_headers(*, tagged: bool = True, streamed: bool = False) -> tuple[OpenApiParameter, ...]:
    """Of the answers of an operation for programs with a token; ``tagged``: its answers have an ETag."""
    digested = [status for status in _STATUSES if status != 304 and not (streamed and status == 200)]
    return (
        *([_etag(200, 304)] if tagged else []),
        header("Cache-Control", "可保留多久 How long it may be kept", *_STATUSES),
        *_limits(*(status for status in _STATUSES if status != 401)),
        header("WWW-Authenticate", "怎样登录，缺什么权限 How to sign in, which scope is missing", 401, 403),
        header("Content-Digest", "内容的摘要（RFC 9530）Digest of the content", *digested),
        header(
            "Signature-Input", "签名包括什么（RFC 9421）What the signature covers", *_STATUSES, required=True
        ),
        header("Signature", "签名（RFC 9421，Ed25519）The signature", *_STATUSES, required=True),
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
