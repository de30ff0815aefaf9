"""Bodies of requests: JSON and nothing else, up to a size."""

import json
from typing import Any, Final

import orjson
from django.http import HttpRequest, UnreadablePostError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Problem

#: What a fault of the whole body is told under.
BODY: Final = "body"
_NOT_WHOLE: Final = _("内容没有收全；请重新发送。")


def read_object(request: HttpRequest, most_bytes: int) -> dict[str, Any]:
    """The JSON object that was sent. Raises Problem: 415, 413, 400."""
    return parse_object(read_body(request, most_bytes))


def read_body(request: HttpRequest, most_bytes: int) -> bytes:
    """The bytes of the JSON that was sent, whatever the site's usual limit. Raises Problem: 415, 413, 400."""
    if request.content_type != "application/json" or request.META.get("HTTP_CONTENT_ENCODING"):
        raise Problem(415)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Problem(400, _NOT_WHOLE)
    if int(length) > most_bytes:
        raise Problem(413, format_lazy(_("最多 {most} 字节；请分几次发送。"), most=most_bytes))
    try:
        return bytes(request.read())
    except UnreadablePostError:
        raise Problem(400, _NOT_WHOLE) from None


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are. Raises Problem (400)."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = format_lazy(
            _("不是 JSON：第 {line} 行第 {column} 个字符处有误。"), line=error.lineno, column=error.colno
        )
        raise Problem(400, faults=[(BODY, where)]) from None
    if not isinstance(found, dict):
        raise Problem(400, faults=[(BODY, _("须为 JSON 对象（花括号括起）。"))])
    return found


def canonical(body: bytes, found: dict[str, Any]) -> bytes:
    """What was sent, as it is written whatever the order of members and the blanks between them.

    Raises Problem (400) where it is nested too deep, or an object has a member twice: of those a reader keeps one only.
    """
    try:
        whole = orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise Problem(400, faults=[(BODY, _("嵌套太深。"))]) from None
    # A member that was dropped took its colon along; an escaped colon of a text would make up for it.
    same = body.count(b":") == whole.count(b":") and b"\\u003a" not in body.lower()
    if not same and (path := _repeated(json.loads(body, object_pairs_hook=_Pairs), "")):
        raise Problem(400, faults=[(path, _("同一个对象里不止出现一次；请只写一次。"))])
    return whole


class _Pairs(list[tuple[str, Any]]):
    """An object with all its members."""


def _repeated(found: Any, path: str) -> str:
    """Where an object has a member for the second time, "" where none has."""
    if not isinstance(found, list):
        return ""
    members = found if isinstance(found, _Pairs) else [(str(place), one) for place, one in enumerate(found)]
    seen: set[str] = set()
    for name, value in members:
        here = f"{path}.{name}" if path else name
        if name in seen:
            return here
        seen.add(name)
        if below := _repeated(value, here):
            return below
    return ""
