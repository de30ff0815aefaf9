"""The record of calls."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.http import HttpRequest

from applications.clients.models import Call, Client
from creditsys.addresses import client_address

_log: Final = logging.getLogger(__name__)
#: What operations and purposes are called on pages; applications add theirs.
_TITLES: dict[str, str] = {"token": "申请令牌", "revoke": "撤销令牌"}


def entitle(titles: Mapping[str, str]) -> None:
    """Say in Chinese what an application's operations and purposes are called; once, when it is made ready."""
    _TITLES.update(titles)


def title_of(name: str) -> str:
    """What an operation or a purpose is called: the name itself where nobody said."""
    return _TITLES.get(name, name)


def record_call(
    request: HttpRequest,
    client: Client,
    operation: str,
    status: int,
    *,
    subject: str = "",
    purpose: str = "",
    rows: int = 0,
    complete: bool = True,
) -> None:
    """Put a call of a client on record; texts are cut to what fits."""
    Call.objects.create(
        client=client,
        address=client_address(request),
        operation=operation,
        subject=_storable(subject)[:120],
        purpose=_storable(purpose)[:40],
        status=status,
        rows=rows,
        complete=complete,
    )


def _storable(text: str) -> str:
    """Without what PostgreSQL takes in no text: NUL and halves of pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


class CountedStream:
    """Blocks of bytes that pass through, their lines counted; tells rows and whether all left, once, at the end.

    Not a generator: one that was never begun would not notice that it is closed.
    """

    def __init__(self, blocks: Iterator[bytes], told: Callable[[int, bool], None], headings: int = 0) -> None:
        self._blocks = blocks
        self._told = told
        self._headings = headings
        self._lines = 0
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            block = next(self._blocks)
        except StopIteration:
            self.finish()
            raise
        self._lines += block.count(b"\n")
        return block

    def finish(self) -> None:
        """All that is to leave has left."""
        self._end(self._lines - self._headings - 1, complete=True)

    def close(self) -> None:
        """By the server, at the end or when the client has gone."""
        try:
            self._end(self._lines - self._headings, complete=False)
        except Exception:
            # Django drops what goes wrong while a response is closed.
            _log.exception("A call that was cut off could not be recorded")

    def _end(self, rows: int, *, complete: bool) -> None:
        if self._ended:
            return
        self._ended = True
        if close := getattr(self._blocks, "close", None):
            close()
        self._told(max(rows, 0), complete)
