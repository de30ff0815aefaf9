"""A real receiver on 127.0.0.1 that can misbehave."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    """A request that arrived."""

    body: bytes
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Reply:
    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: "hang", "drip" (the head), "drip body", "close", "garbage"
    manner: str = ""
    #: seconds before it answers
    late: float = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hung up on us is none of our business."""


class Receiver:
    """``answer`` says what is answered to a request; ``got`` what came, in order."""

    def __init__(
        self, answer: Callable[[Got], Reply | int] = lambda got: 204, context: ssl.SSLContext | None = None
    ):
        self.answer = answer
        self.got: list[Got] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                got = Got(
                    self.rfile.read(int(self.headers["Content-Length"])),
                    {key.lower(): value for key, value in self.headers.items()},
                )
                outer.got.append(got)
                reply = outer.answer(got)
                outer.reply(self, reply if isinstance(reply, Reply) else Reply(reply))

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [got.id for got in self.got]

    def reply(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.late:
            self.over.wait(reply.late)
        match reply.manner:
            case "hang":
                self.over.wait(20)
                handler.close_connection = True
            case "close":
                handler.connection.shutdown(socket.SHUT_RDWR)
                handler.close_connection = True
            case "garbage":
                handler.wfile.write(b"\x00\xffnothing like HTTP\r\n\r\n")
                handler.close_connection = True
            case "drip":
                self.drip(handler, b"HTTP/1.1 204 No Content\r\n" + b"X-Drip: 1\r\n" * 1000 + b"\r\n")
            case "drip body":
                handler.send_response(reply.status)
                handler.send_header("Content-Length", "2000")
                handler.end_headers()
                self.drip(handler, b"x" * 2000)
            case _:
                handler.send_response(reply.status)
                for name, value in reply.headers.items():
                    handler.send_header(name, value)
                if reply.status != 204:
                    handler.send_header("Content-Length", str(len(reply.body)))
                handler.end_headers()
                handler.wfile.write(reply.body)

    def drip(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """A byte at a time: no single read takes long."""
        handler.close_connection = True
        for place in range(len(content)):
            if self.over.wait(0.02):
                return
            handler.wfile.write(content[place : place + 1])

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
