"""HTTP to a receiver: one connection to a checked address, with hard limits of time and size.

Not followed: redirects. Not used: proxies of the environment. TLS is checked against the host's name.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from applications.bank_loans.webhooks.addresses import resolve, target
from ratings.services.errors import Refused

#: Seconds for one address to take the connection, for everything from there to the end of the answer's head,
#: and for the rest of an answer that says what we want to know in its head.
CONNECTING = 3.0
WHOLE = 10.0
REST = 1.0
#: Bytes of an answer that are read.
MOST_READ: Final = 4096
#: Addresses of a name that are tried.
_TRIED: Final = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered, or why there is none."""

    #: None = no answer
    status: int | None
    body: bytes = b""
    #: Chinese; "" = none
    problem: str = ""
    #: seconds (Retry-After)
    retry_after: float | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Line:
    """A connection to one receiver, kept open from message to message. To be closed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: HTTPConnectionPool | None = None
        self._handle: socket.socket | None = None
        self._path = ""
        self._cut = False

    def post(self, body: bytes, headers: Mapping[str, str], *, read: bool = False) -> Answer:
        """Send one message and tell the answer; ``read``: with the body of a good one. Never raises for the network."""
        try:
            pool = self._pool or self._open()
        except Refused as refused:
            return Answer(None, problem=str(refused))
        self._cut = False
        started = time.monotonic()
        watch = self._cut_after(WHOLE)
        try:
            response = pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=CONNECTING, read=WHOLE),
            )
            if self._cut:  # http.client takes a head that breaks off for a whole one
                response.close()
                raise TimeoutError
            if not read:  # its head has told all
                watch.cancel()
                watch = self._cut_after(min(REST, max(0.0, WHOLE - (time.monotonic() - started))))
            return self._answer(response, read)
        except (HTTPError, OSError, ValueError) as error:
            self.close()
            return Answer(None, problem=self._told(error))
        finally:
            watch.cancel()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        self._hold(None)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> HTTPConnectionPool:
        to = target(self.url)
        pool_class, connection_class = _CLASSES[to.scheme]
        self._path = to.path
        self._pool = pool_class(
            to.host, to.port, maxsize=1, addresses=resolve(to)[:_TRIED], opened=self._hold
        )
        self._pool.ConnectionCls = connection_class
        return self._pool

    def _hold(self, sock: socket.socket | None) -> None:
        """Keep a second handle on the connection, by which it can be cut off whoever reads it."""
        if self._handle is not None:
            self._handle.close()
        self._handle = None if sock is None else sock.dup()

    def _cut_after(self, seconds: float) -> threading.Timer:
        """A limit for each read alone lets an answer drip for ever: this one is for all of them."""
        timer = threading.Timer(seconds, self._cut_off)
        timer.daemon = True
        timer.start()
        return timer

    def _cut_off(self) -> None:
        handle = self._handle
        if handle is not None:
            self._cut = True
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def _answer(self, response: Any, read: bool) -> Answer:
        status = int(response.status)
        good = 200 <= status < 300
        body = b""
        try:
            body = response.read(MOST_READ)
            whole = not response.read(1)
        except (HTTPError, OSError):
            if good and read:
                raise
            whole = False
        if whole:
            response.release_conn()
        else:  # the rest is nobody's concern
            response.close()
            self.close()
        if good:
            return Answer(status, body if read else b"")
        if 300 <= status < 400:
            return Answer(status, problem=f"答复 {status}：要求转到别处，不予跟随")
        told = " ".join(_readable(body).split())[:200]
        return Answer(
            status,
            problem=f"答复 {status}{f'：{told}' if told else ''}",
            retry_after=_retry_after(response) if status in {429, 503} else None,
        )

    def _told(self, error: Exception) -> str:
        if self._cut or isinstance(error, TimeoutError | ReadTimeoutError):
            return f"{WHOLE:g} 秒内没有答完"
        if isinstance(error, NewConnectionError):
            return "连接不上"
        if isinstance(error, ConnectTimeoutError):
            return f"{CONNECTING:g} 秒内没有连上"
        if isinstance(error, SSLError):
            return f"TLS 握手失败：{error}"[:300]
        return f"连接中断或答复无法识别（{type(error).__name__}）"


class _Pinned:
    """A connection that goes to addresses which were checked, whatever the name resolves to by now."""

    addresses: tuple[str, ...]
    opened: Callable[[socket.socket], None]
    port: int
    timeout: float | None

    def _new_conn(self) -> socket.socket:
        problem: OSError = OSError("no address")
        for address in self.addresses:
            try:
                sock = socket.create_connection((address, self.port), CONNECTING)
            except OSError as error:
                problem = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened(sock)
            return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, str(problem)) from problem
        raise NewConnectionError(self, str(problem)) from problem  # type: ignore[arg-type]


class _PinnedHTTP(_Pinned, HTTPConnection):
    def __init__(self, *args: Any, addresses: tuple[str, ...], opened: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.addresses, self.opened = addresses, opened


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    def __init__(self, *args: Any, addresses: tuple[str, ...], opened: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.addresses, self.opened = addresses, opened


_CLASSES: Final[dict[str, tuple[Any, Any]]] = {
    "http": (HTTPConnectionPool, _PinnedHTTP),
    "https": (HTTPSConnectionPool, _PinnedHTTPS),
}


def _readable(body: bytes) -> str:
    """Text of an answer for people, whatever it is."""
    return "".join(sign if sign.isprintable() else " " for sign in body.decode(errors="replace"))


def _retry_after(response: HTTPResponse) -> float | None:
    """Seconds until a receiver wants to be asked again, from either form of Retry-After."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
