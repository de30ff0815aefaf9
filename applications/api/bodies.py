"""Bodies of requests: JSON and nothing else, up to a size."""

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
    if request.content_type != "application/json" or request.META.get("HTTP_CONTENT_ENCODING"):
        raise Problem(415)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Problem(400, _NOT_WHOLE)
    if int(length) > most_bytes:
        raise Problem(413, format_lazy(_("最多 {most} 字节；请分几次发送。"), most=most_bytes))
    try:
        found = orjson.loads(request.body)
    except UnreadablePostError:
        raise Problem(400, _NOT_WHOLE) from None
    except orjson.JSONDecodeError as error:
        where = format_lazy(
            _("不是 JSON：第 {line} 行第 {column} 个字符处有误。"), line=error.lineno, column=error.colno
        )
        raise Problem(400, faults=[(BODY, where)]) from None
    if not isinstance(found, dict):
        raise Problem(400, faults=[(BODY, _("须为 JSON 对象（花括号括起）。"))])
    return found
