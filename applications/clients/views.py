"""What an API for programs stands on: who asks, may they, how often, and a record of each call."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final, cast

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from applications.api import signatures
from applications.api.problems import Problem
from applications.api.throttle import spend
from applications.api.views import ApiView
from applications.clients.bearer import BearerToken, HasScope, PerClient, demand_serving
from applications.clients.calls import CountedStream, record_call
from applications.clients.models import Client

#: How many refusals of known clients' tokens are kept for an address in a minute: the record is for good.
REFUSALS_A_MINUTE: Final = 30


class ClientView(ApiView):
    """Only for clients with a token that has the view's scope; answers are signed, calls are recorded.

    A view calls :meth:`note` with what the record shall say, gives plain dicts to :meth:`answer` or blocks of
    bytes to :meth:`answer_stream`, and raises ``applications.api.problems.Problem`` for what is wrong.
    """

    authentication_classes = (BearerToken,)
    permission_classes = (HasScope,)
    throttle_classes = (PerClient,)
    http_method_names = ["get", "head", "post"]
    caching = "private, no-cache"

    #: the scope that a token must have
    scope: ClassVar[str]
    #: its name in the record of calls
    operation: str

    #: whose call is to be recorded
    _known: Client | None = None
    _noted: dict[str, Any] = {}
    #: the answer's stream records it
    _in_stream = False

    @property
    def client(self) -> Client:
        """Who asks; with its organisation."""
        return cast(Client, self.request.auth.application)

    def note(self, *, rows: int = 0, subject: str = "", purpose: str = "") -> None:
        """What the record of this call shall say; rows count only if they leave."""
        self._noted = {"rows": rows, "subject": subject, "purpose": purpose}

    def answer_stream(
        self, blocks: Iterator[bytes], content_type: str, file_name: str, headings: int = 0
    ) -> StreamingHttpResponse:
        """Blocks as they come; the call is recorded when they end.

        Each line is a row given, save for the ``headings`` at the start and the one line that closes the whole.
        """
        stream = CountedStream(blocks, self._record_stream, headings)
        self._in_stream = True
        if self.request.method == "HEAD":
            stream.finish()
        else:
            # So that one whose server is killed half-way is on record too.
            self._record(200, rows=0, operation=f"{self.operation}_begun")
        disposition = f'attachment; filename="{file_name}"'
        return StreamingHttpResponse(
            stream,
            content_type=content_type,
            headers={"Content-Disposition": disposition, "Cache-Control": self.caching},
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Finds out first who asks, so that whatever else is refused stands in the record."""
        self.format_kwarg = None
        self.perform_authentication(request)
        self._known = self.client
        try:
            demand_serving(request.auth, request._request)
        except Problem:
            budget = spend(request._request, "refused", REFUSALS_A_MINUTE)
            if budget and budget.spent:
                self._known = None
            raise
        self.check_throttles(request)
        self.check_permissions(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Signs the answer and records the call."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response = signatures.finish(request._request, response)
        if not self._in_stream and not self._is_flood(response.status_code):
            given = 200 <= response.status_code < 300 and request.method != "HEAD"
            self._record(response.status_code, rows=self._noted.get("rows", 0) if given else 0)
        return response

    def _is_flood(self, status: int) -> bool:
        """Beyond its budget, a client's first call in each minute is recorded: the record is for good."""
        return status == 429 and self.budget is not None and self.budget.used > self.budget.limit + 1

    def _record_stream(self, rows: int, complete: bool) -> None:
        self._record(200, rows=rows, complete=complete)

    def _record(self, status: int, *, rows: int, complete: bool = True, operation: str = "") -> None:
        if self._known is not None:
            texts = {name: self._noted.get(name, "") for name in ("subject", "purpose")}
            record_call(
                self.request._request,
                self._known,
                operation or self.operation,
                status,
                rows=rows,
                complete=complete,
                **texts,
            )
