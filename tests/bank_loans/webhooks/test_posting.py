"""One POST, and what a receiver can do to it."""

import datetime
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from applications.bank_loans.webhooks import posting
from applications.bank_loans.webhooks.posting import Answer, Line
from tests.bank_loans.webhooks.receiver import Receiver, Reply

HEADERS = {"Content-Type": "application/json"}


def post(url: str, **values: Any) -> Answer:
    with Line(url) as line:
        return line.post(b"{}", HEADERS, **values)


def answered(receiver: Receiver, reply: Reply | int, **values: Any) -> Answer:
    receiver.answer = lambda got: reply
    return post(receiver.url, **values)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_good(status: int, receiver: Receiver) -> None:
    assert answered(receiver, status).is_good
    assert receiver.got[0].body == b"{}"
    assert receiver.got[0].headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_what_a_receiver_says_of_its_trouble(status: int, receiver: Receiver) -> None:
    answer = answered(receiver, Reply(status, "坏\x00了\n 再来".encode()))
    assert (answer.is_good, answer.status, answer.problem) == (False, status, f"答复 {status}：坏 了 再来")
    assert answer.retry_after is None


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        answer = answered(receiver, Reply(307, headers={"Location": elsewhere.url}))
        assert (answer.is_good, answer.status, elsewhere.got) == (False, 307, [])
    assert "不予跟随" in answer.problem


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(manner="hang"), "没有答完"),
        (Reply(manner="drip"), "没有答完"),
        (Reply(late=1.5), "没有答完"),
        (Reply(manner="close"), "连接中断"),
        (Reply(manner="garbage"), "连接中断"),
    ],
)
def test_no_answer(reply: Reply, problem: str, receiver: Receiver) -> None:
    started = time.monotonic()
    answer = answered(receiver, reply)
    assert (answer.is_good, answer.status) == (False, None)
    assert problem in answer.problem
    assert time.monotonic() - started < 4


def test_a_body_that_drips_takes_nothing_back(receiver: Receiver) -> None:
    """The head says that it has arrived; who wants the body hears that there is none."""
    started = time.monotonic()
    reply = Reply(200, manner="drip body")
    assert answered(receiver, reply).is_good
    assert not answered(receiver, reply, read=True).is_good
    answer = answered(receiver, Reply(500, manner="drip body"))
    assert (answer.is_good, answer.status) == (False, 500)
    assert time.monotonic() - started < 6


def test_of_a_body_some_is_read(receiver: Receiver) -> None:
    reply = Reply(200, b"x" * 1_000_000)
    assert len(answered(receiver, reply, read=True).body) == posting.MOST_READ
    assert answered(receiver, reply).body == b""


def test_a_connection_serves_for_many_and_is_made_anew(receiver: Receiver) -> None:
    ports = set()
    receiver.answer = lambda got: 204
    with Line(receiver.url) as line:
        for _ in range(3):
            assert line.post(b"{}", HEADERS).is_good
            assert line._handle is not None
            ports.add(line._handle.getsockname())
        receiver.answer = lambda got: Reply(manner="close")
        assert not line.post(b"{}", HEADERS).is_good
        receiver.answer = lambda got: 204
        assert line.post(b"{}", HEADERS).is_good
    assert len(ports) == 1


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        answer = post(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (answer.status, answer.problem) == (None, "连接不上")


def test_a_connection_that_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    assert "没有连上" in post("http://127.0.0.1:9999/").problem


def test_an_address_that_is_not_allowed(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = []
    assert post("https://127.0.0.1:8443/").problem == "不向 127.0.0.1 发送：它不是公网地址。"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, receiver: Receiver) -> None:
    def told(value: str) -> float | None:
        return answered(receiver, Reply(status, headers={"Retry-After": value})).retry_after

    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    assert told("120") == 120
    assert 90 < (told(format_datetime(later, usegmt=True)) or 0) <= 100
    assert told("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert told("soon") is None
    assert told("-5") is None
    assert answered(receiver, status).retry_after is None


# TLS


def certificate(folder: Path, name: str) -> Path:
    """Key and self-signed certificate of a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "receiver.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver with TLS for hooks.bank.example, whose certificate is trusted."""
    path = certificate(tmp_path, "hooks.bank.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Receiver(context=context) as receiver:
        yield receiver


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """The name resolves to each of these in turn; returned are the questions that were asked."""
    asked: list[str] = []

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if str(host).startswith("127."):  # a connection to an address that is known
            return usual(host, port, *args, **kwargs)
        address = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    usual = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_the_address_that_was_checked_is_the_one_connected_to(
    secure: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is bound anew between check and connection leads nowhere else; TLS goes by the name."""
    asked = resolves(monkeypatch, "127.0.0.1", "169.254.169.254")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    answer = post(f"https://hooks.bank.example:{secure.port}/hook")
    assert answer == Answer(204)
    assert asked == ["hooks.bank.example"]
    assert secure.got[0].headers["host"] == f"hooks.bank.example:{secure.port}"


def test_a_certificate_of_another_name(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "127.0.0.1")
    answer = post(f"https://other.bank.example:{secure.port}/hook")
    assert answer.problem.startswith("TLS 握手失败")
    assert secure.got == []


def test_a_certificate_that_nobody_vouches_for(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE")
    assert post(f"https://hooks.bank.example:{secure.port}/hook").problem.startswith("TLS 握手失败")


def test_a_handshake_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        answer = post(f"https://hooks.bank.example:{silent.getsockname()[1]}/")
    assert "没有" in answer.problem
    assert time.monotonic() - started < 5
