"""Signatures of answers to programs: HTTP Message Signatures (RFC 9421) with Ed25519, content digests (RFC 9530).

A signature binds status, content digest, content type and ETag to what was asked: method, path and query. The
authority is left out, as proxies change it. The key is settings.API_SIGNING_KEY; its public half and those before and after it are handed out as a JWK set
(RFC 7517, 8037), where a key's id is its thumbprint (RFC 7638).
"""

import base64
import functools
import gzip
import json
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.encoding import escape_uri_path

#: The name of the signature in its headers, and the use that it is for (RFC 9421, 2.3).
LABEL: Final = "sig1"
TAG: Final = "creditsys"
#: From how many bytes on an answer is compressed, and how hard (zlib's levels).
_WORTH: Final = 1_000
_LEVEL, _STREAM_LEVEL = 5, 1
_ENCODING: Final = re.compile(r"(?:x-)?gzip\s*(?:;\s*q\s*=\s*(?P<weight>[0-9.]+)\s*)?")
_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def sign_bytes(content: bytes) -> tuple[str, str]:
    """The id of today's key, and its signature of ``content`` in base64."""
    signature = _private_key(settings.API_SIGNING_KEY).sign(content)
    return key_id(_public_key(settings.API_SIGNING_KEY)), base64.b64encode(signature).decode()


def jwks() -> dict[str, Any]:
    """The public keys that sign answers: today's, then those of settings.API_TRUSTED_KEYS."""
    keys = [_public_key(settings.API_SIGNING_KEY), *map(bytes.fromhex, settings.API_TRUSTED_KEYS)]
    return {"keys": [{**_jwk(key), "kid": key_id(key), "alg": "EdDSA", "use": "sig"} for key in keys]}


def key_id(public_key: bytes) -> str:
    """The thumbprint of a public key of 32 bytes (RFC 7638)."""
    canonical = json.dumps(_jwk(public_key), sort_keys=True, separators=(",", ":"))
    return _base64url(sha256(canonical.encode()).digest())


def finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer compressed where that was asked for, with its digest and signature.

    A stream's digest is not known ahead: its head is signed without, and its last record closes it. Nothing may
    change the answer's content or the signed headers behind this.
    """
    packed = _accepts_gzip(request)
    # GZipMiddleware comes later and reads the header more loosely; a digest must stay true.
    request.META["HTTP_ACCEPT_ENCODING"] = "identity"
    patch_vary_headers(response, ("Accept-Encoding",))
    if isinstance(response, StreamingHttpResponse):
        if packed:
            response["Content-Encoding"] = "gzip"
            response.streaming_content = _gzipped(iter(response))
    elif isinstance(response, HttpResponse) and response.content:
        if packed and len(response.content) >= _WORTH:
            response["Content-Encoding"] = "gzip"
            response.content = gzip.compress(response.content, _LEVEL, mtime=0)
        response["Content-Length"] = str(len(response.content))
        if request.method != "HEAD":  # which has no content (RFC 9530, B.2)
            response["Content-Digest"] = content_digest(response.content)
    _sign(request, response)
    return response


def content_digest(content: bytes) -> str:
    """The value of ``Content-Digest`` for content as it is sent (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(sha256(content).digest()).decode()}:"


def signature_base(components: Mapping[str, str], parameters: str) -> tuple[bytes, str]:
    """What is signed (RFC 9421, 2.5), and the value of ``@signature-params``.

    ``components`` are identifiers as they are written (``"@status"``, ``"@method";req``) and values;
    ``parameters`` begin with a semicolon.
    """
    described = f"({' '.join(components)}){parameters}"
    lines = [f"{name}: {value}" for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {described}']).encode("ascii"), described


def _sign(request: HttpRequest, response: HttpResponseBase) -> None:
    components = {'"@status"': str(response.status_code)}
    for name in ("content-digest", "content-type", "etag"):
        if response.has_header(name):
            components[f'"{name}"'] = response[name].strip()
    components |= {
        '"@method";req': request.method or "",
        '"@path";req': escape_uri_path(request.path),
        '"@query";req': f"?{_query(request)}",
    }
    public_key = key_id(_public_key(settings.API_SIGNING_KEY))
    parameters = f';created={int(time.time())};keyid="{public_key}";alg="ed25519";tag="{TAG}"'
    base, described = signature_base(components, parameters)
    response["Signature-Input"] = f"{LABEL}={described}"
    response["Signature"] = f"{LABEL}=:{sign_bytes(base)[1]}:"


def _query(request: HttpRequest) -> str:
    """As it was sent; what is no URL character, which some send all the same, as the octets that it is."""
    return quote(request.META.get("QUERY_STRING", "").encode("latin-1", "replace"), safe=_VISIBLE)


def _accepts_gzip(request: HttpRequest) -> bool:
    for one in request.META.get("HTTP_ACCEPT_ENCODING", "").lower().split(","):
        found = _ENCODING.fullmatch(one.strip())
        if found:
            return bool((found["weight"] or "1").strip("0."))
    return False


def _gzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_STREAM_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for block in blocks:
        if packed := compressor.compress(block):
            yield packed
    yield compressor.flush()


def _jwk(public_key: bytes) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public_key)}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@functools.lru_cache(maxsize=4)
def _private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


@functools.lru_cache(maxsize=4)
def _public_key(seed: str) -> bytes:
    return _private_key(seed).public_key().public_bytes_raw()
