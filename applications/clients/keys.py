"""Our public keys, for whoever verifies a signature."""

from typing import Final

from django.http import HttpResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from applications.api import signatures
from applications.api.negotiation import Json
from applications.api.schema import HEADERS, NOT_MODIFIED, format_parameter, problems
from applications.api.views import PublicView


class JwkSet(Json):
    """RFC 7517, 8.5."""

    media_type = "application/jwk-set+json"
    format = "jwk"


class KeySerializer(serializers.Serializer):
    kid = serializers.CharField(help_text="密钥标识 Its id, a thumbprint (RFC 7638)")
    kty = serializers.CharField(help_text="OKP")
    crv = serializers.CharField(help_text="Ed25519")
    x = serializers.CharField(help_text="公钥 The public key, base64url")
    alg = serializers.CharField(help_text="EdDSA")
    use = serializers.CharField(help_text="sig")


class KeysSerializer(serializers.Serializer):
    keys = KeySerializer(many=True, help_text="现用密钥在前 Today's key first")


#: of RFC 8037, appendix A
_EXAMPLE: Final = {
    "keys": [
        {
            "crv": "Ed25519",
            "kty": "OKP",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "alg": "EdDSA",
            "use": "sig",
        }
    ]
}
_FORMATS: Final = (Json, JwkSet)
_FAULT: Final = format_lazy(
    _("没有这种格式；请用 {choices}。"), choices=" ".join(one.format for one in _FORMATS)
)


def _described(media_type: str) -> OpenApiResponse:
    example = OpenApiExample("example", value=_EXAMPLE, media_type=media_type)
    return OpenApiResponse(KeysSerializer, description="好 OK", examples=[example])


class KeysView(PublicView):
    """The keys that verify our signatures."""

    renderer_classes = _FORMATS

    @extend_schema(
        operation_id="keys",
        summary="验证签名的公钥 Public keys of signatures",
        description="JWK Set（RFC 7517）：现用密钥，其后是此前或将要使用的。"
        "Today's key, then those before or after it.",
        parameters=[format_parameter(*(one.format for one in _FORMATS)), *HEADERS],
        responses={
            **{(200, one.media_type): _described(one.media_type) for one in _FORMATS},
            **NOT_MODIFIED,
            **problems(400, 405, 406, 429, 500, fault=("format", _FAULT)),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        return self.answer(signatures.jwks())
