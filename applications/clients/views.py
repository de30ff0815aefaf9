"""What an API for programs stands on: who asks, may they, how often, and a record of each call."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.views import APIView

from applications.clients.models import Client


class ClientView(APIView):
    """Only for clients with a token that has the view's scope; answers are signed, calls are recorded.

    A view calls :meth:`note` with what the record shall say, gives plain dicts to :meth:`answer` or blocks of
    bytes to :meth:`answer_stream`, and raises ``applications.api.problems.Problem`` for what is wrong.
    """

    #: the scope that a token must have
    scope: ClassVar[str]
    #: its name in the record of calls
    operation: ClassVar[str]

    @property
    def client(self) -> Client:
        """Who asks; with its organisation."""
        raise NotImplementedError

    def note(self, *, rows: int = 0, subject: str = "", purpose: str = "") -> None:
        """What the record of this call shall say."""
        raise NotImplementedError

    def answer(self, data: Any, status: int = 200) -> HttpResponse:
        """The answer as JSON, or 304 where the asker has it already."""
        raise NotImplementedError

    def answer_stream(
        self, blocks: Iterator[bytes], content_type: str, file_name: str
    ) -> StreamingHttpResponse:
        """Blocks as they come; the call is recorded at the end, with one row a newline, the last line left out."""
        raise NotImplementedError
