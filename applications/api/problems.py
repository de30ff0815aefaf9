"""What went wrong, as RFC 9457 has it (``application/problem+json``), in Chinese and in English.

Whoever finds something wrong raises :class:`Problem`; :func:`handler` makes the answer. The type is always
``about:blank``: the status says what kind of problem it is, ``errors`` which parameters are wrong and why.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from django.core.exceptions import SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import HttpResponse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

MEDIA_TYPE: Final = "application/problem+json"
Text = str | Promise
#: Of each status: its title, and the detail where nothing more is known.
STATUSES: Final[dict[int, tuple[Text, Text]]] = {
    400: (_("请求有误"), _("请按 errors 中所说更正参数。")),
    401: (_("没有登录"), _("请用有效的访问令牌：Authorization: Bearer ……。")),
    403: (_("无权访问"), _("这个客户端没有所需的权限。")),
    404: (_("没有找到"), _("没有这个地址；接口说明见 /api/v1/schema/。")),
    405: (_("不能这样请求"), _("请改用响应头 Allow 中的方法。")),
    406: (_("没有所要的格式"), _("请更正请求头 Accept。")),
    409: (_("与已有内容冲突"), _("同一个幂等键已用于另一份内容。")),
    413: (_("内容太大"), _("请分几次发送。")),
    415: (_("内容格式不对"), _("请用 Content-Type: application/json 发送。")),
    422: (_("内容有误"), _("请按 errors 中所说更正后重新发送；本次没有写入任何内容。")),
    429: (_("请求太多"), _("请过一会儿再试。")),
    500: (_("服务器出错"), _("这不是您的错；请稍后再试。")),
    503: (_("暂时不能提供"), _("名单正在更新；请按 Retry-After 稍后再试。")),
}
_LONGEST_NAME: Final = 100
_log: Final = logging.getLogger("django.request")


class Problem(Exception):
    """A request cannot be served: a status of :data:`STATUSES`, why, and which parameters are wrong.

    Texts are translatable, so that they can be told in both languages; ``faults`` are (parameter, text);
    ``headers`` go with the answer.
    """

    def __init__(
        self,
        status: int,
        detail: Text = "",
        faults: Iterable[tuple[str, Text]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        super().__init__(status, detail)


def handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """The answer to whatever a view raised; ``EXCEPTION_HANDLER`` of the REST framework.

    What nobody foresaw is logged with its trace and told as 500 without any of it.
    """
    problem = _problem(error)
    if problem is None:
        request = context["request"]._request
        got_request_exception.send(sender=None, request=request)
        _log.error(
            "Internal Server Error: %s",
            request.path,
            exc_info=error,
            extra={"status_code": 500, "request": request},
        )
        problem = Problem(500)
    body = orjson.dumps(told(problem))
    return HttpResponse(body, status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers)


def _problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, SuspiciousOperation):
        return Problem(400, _("请求的形式不能接受，例如参数太多。"))
    if isinstance(error, APIException) and error.status_code in STATUSES:
        return Problem(error.status_code)
    return None


def told(problem: Problem) -> dict[str, Any]:
    """A problem as it is told, in both languages."""
    title, usual = STATUSES[problem.status]
    found: dict[str, Any] = {
        "type": "about:blank",
        **both("title", title),
        "status": problem.status,
        **both("detail", problem.detail or usual),
    }
    if problem.faults:
        found["errors"] = [
            {"parameter": parameter[:_LONGEST_NAME], **both("detail", detail)}
            for parameter, detail in problem.faults
        ]
    return found


def both(name: str, text: Text) -> dict[str, str]:
    """A text under a name in Chinese, and in English under the same with ``_en``."""
    return {name: _in("zh-hans", text), f"{name}_en": _in("en", text)}


def _in(language: str, text: Text) -> str:
    with translation.override(language):
        return str(text)
