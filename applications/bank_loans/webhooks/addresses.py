"""Where messages may go: https, to addresses of the public internet (guard against SSRF).

A name is resolved once; all that it resolves to is checked, and the connection is made to what was checked.
"""

import ipaddress
import queue
import socket
import threading
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from ratings.services.errors import Refused

_PORTS: Final = {"https": 443, "http": 80}
#: Seconds that a name may take to resolve.
RESOLVING = 5.0
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
#: Within what Python calls global: ways into IPv4 (6to4 and its relays, IETF's own), documentation.
_NOT_GLOBAL: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20"))
)


@dataclass(frozen=True, slots=True)
class Target:
    """An address of a receiver, taken apart."""

    scheme: str
    #: without brackets
    host: str
    port: int
    #: path and query
    path: str


def target(url: str) -> Target:
    """What a URL names; Refused unless it is one that messages may go to as far as its text tells."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Refused("接收地址只能用 ASCII 字符（中文域名写作 xn--…），不含空格和反斜杠。")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("接收地址写法有误。") from None
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not _networks()):
        raise Refused("接收地址须以 https:// 开头。")
    if not parts.hostname:
        raise Refused("接收地址没有主机名。")
    if "@" in parts.netloc or parts.fragment:
        raise Refused("接收地址不得带用户名、密码和 # 片段。")
    usual = _PORTS[parts.scheme]
    port = usual if port is None else port
    if port != usual and port < 1024:
        raise Refused(f"端口 {port} 不允许：用 443 或 1024 以上的端口。")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        pass
    else:
        _check(literal, parts.scheme)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path)


def resolve(to: Target) -> tuple[str, ...]:
    """The addresses that a receiver has now, all of them allowed; Refused otherwise, or where there are none."""
    found = []
    for text in dict.fromkeys(_looked_up(to)):
        address = ipaddress.ip_address(text)
        _check(address, to.scheme)
        found.append(text)
    return tuple(found)


def is_allowed(address: Address) -> bool:
    """Whether messages may be sent there: global, or in WEBHOOK_PRIVATE_NETWORKS."""
    return _is_private(address) or _is_global(address)


def _check(address: Address, scheme: str) -> None:
    if not is_allowed(address):
        raise Refused(f"不向 {address} 发送：它不是公网地址。")
    if scheme == "http" and not _is_private(address):
        raise Refused("接收地址须以 https:// 开头。")


def _is_global(address: Address) -> bool:
    if address.is_multicast or not address.is_global or address.is_reserved:
        return False
    if address.version == 6 and address not in _GLOBAL_6:  # IPv4-mapped, NAT64 and the like
        return False
    return not any(address in network for network in _NOT_GLOBAL if network.version == address.version)


def _is_private(address: Address) -> bool:
    return any(address in network for network in _networks() if network.version == address.version)


def _networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in settings.WEBHOOK_PRIVATE_NETWORKS]


def _looked_up(to: Target) -> list[str]:
    """In a thread of its own: the system's resolver knows no time limit."""
    answers: queue.SimpleQueue[list[str] | Refused] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers.put(Refused(f"域名 {to.host} 无法解析。"))
        else:
            answers.put([str(row[4][0]) for row in rows])

    threading.Thread(target=ask, daemon=True, name="webhook-resolver").start()
    try:
        found = answers.get(timeout=RESOLVING)
    except queue.Empty:
        raise Refused(f"域名 {to.host} 在 {RESOLVING:g} 秒内没有解析出来。") from None
    if isinstance(found, Refused):
        raise found
    return found
