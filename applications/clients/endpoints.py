"""Where clients get tokens (RFC 6749, 4.4) and give them back (RFC 7009)."""

import json
import re
from typing import Any, Final

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.settings import oauth2_settings

from applications.api.throttle import Budget, spend
from applications.clients.calls import record_call
from applications.clients.oauth import VISIBLE, Validator

#: How often an address may ask for tokens, or guess at secrets, in a minute; a token serves for ten.
ATTEMPTS_A_MINUTE: Final = 60
#: No proper request has ten thousand bytes.
_LENGTH: Final = re.compile("[0-9]{1,4}")
#: The same whatever was wrong: who guesses learns nothing from it.
_INVALID_CLIENT: Final = (
    "Unknown client, wrong, expired or revoked secret, client not in use,"
    " or not from a network or with a certificate that it is registered with."
)


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(sensitive_post_parameters("client_secret", "token"), name="dispatch")
class ClientFormView(View):
    """A form that a client sends with its secret: it asks for a token, or takes one back.

    Problems are told as RFC 6749, 5.2 has it. A token of another client is told from none by nothing.
    """

    http_method_names = ["post"]
    #: its name in the record of calls, and the method of the toolkit's server that answers
    operation = ""
    method = ""

    def post(self, request: HttpRequest) -> HttpResponse:
        budget = spend(request, "token", ATTEMPTS_A_MINUTE)
        if budget and budget.spent:
            return _refusal(429, "temporarily_unavailable", "Too many attempts; see Retry-After.", budget)
        fault = _fault(request)
        if fault:
            return _refusal(400, *fault, budget)
        validator = Validator(request)
        server = oauth2_settings.OAUTH2_SERVER_CLASS(validator, **oauth2_settings.server_kwargs)
        with transaction.atomic():
            _headers, body, status = getattr(server, self.method)(
                request.path,
                body=list(request.POST.items()),
                headers={"Authorization": request.META.get("HTTP_AUTHORIZATION", "")},
            )
            told = json.loads(body) if body else {}
            if validator.client:
                subject = validator.refusal or told.get("error") or told.get("scope", "")
                record_call(request, validator.client, self.operation, status, subject=subject)
        if status == 401:
            return _refusal(status, "invalid_client", _INVALID_CLIENT, budget)
        return _answer(told, status, budget)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = _refusal(405, "invalid_request", "Use POST.", None)
        response["Allow"] = "POST"
        return response


def _fault(request: HttpRequest) -> tuple[str, str] | None:
    """Error and description of a request that is no proper form; so that nothing odd goes further."""
    if request.META.get("QUERY_STRING"):
        return "invalid_request", "Parameters belong in the body."
    if request.content_type != "application/x-www-form-urlencoded":
        return "invalid_request", "Send application/x-www-form-urlencoded."
    if not _LENGTH.fullmatch(request.META.get("CONTENT_LENGTH") or "0"):
        return "invalid_request", "The body is too long."
    try:
        parameters = list(request.POST.lists())
    except (BadRequest, SuspiciousOperation, UnreadablePostError):
        return "invalid_request", "The body cannot be read."
    for name, values in parameters:
        if len(values) > 1:
            return "invalid_request", "A parameter is given more than once."
        if not VISIBLE.fullmatch(name + values[0]):
            return "invalid_request", "Parameters are made of visible ASCII characters."
        if name == "resource":
            return "invalid_target", "Tokens serve for the whole API; resource is not supported."
    return None


def _refusal(status: int, error: str, description: str, budget: Budget | None) -> HttpResponse:
    response = _answer({"error": error, "error_description": description}, status, budget)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="creditsys"'
    return response


def _answer(told: dict[str, Any], status: int, budget: Budget | None) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"} | (budget.headers() if budget else {})
    return JsonResponse(told, status=status, headers=headers)
