"""The text of PDF documents as ``creditsys.pdf`` writes them: what anyone who copies it out gets."""

import base64
import re
import zlib
from typing import Final

_STREAM: Final = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_DRAWN: Final = re.compile(rb"/(F\d+(?:\+\d+)?) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\) Tj", re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)


def streams(document: bytes) -> list[bytes]:
    """The content of each stream, unpacked."""
    found = []
    for raw in _STREAM.findall(document):
        packed = base64.a85decode(raw.strip().removesuffix(b"~>")) if raw.rstrip().endswith(b"~>") else raw
        unpacked = zlib.decompressobj()
        try:
            found.append(unpacked.decompress(packed))
        except zlib.error:
            found.append(packed)
    return found


def text(document: bytes) -> str:
    """The text of all pages, a line for each piece that was drawn."""
    maps = _maps(document)
    lines = []
    for stream in streams(document):
        if b" Tj" not in stream:
            continue
        font = ""
        for name, drawn in _DRAWN.findall(stream):
            if name:
                font = name.decode()
            else:
                known = maps.get(font, {})
                lines.append("".join(known.get(byte, chr(byte)) for byte in _plain(drawn)))
    return "\n".join(lines)


def fonts(document: bytes) -> dict[str, bool]:
    """The fonts by name, and whether each is embedded."""
    return {
        name.decode(): b"/FontFile2" in body
        for body, name in re.findall(rb"(<<[^>]*?/FontName /([^ \n/]+).*?>>)", document, re.DOTALL)
    }


def _plain(drawn: bytes) -> bytes:
    def byte(found: re.Match[bytes]) -> bytes:
        code = found[1]
        named = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
        return bytes([int(code, 8)]) if code.isdigit() else named.get(code, code)

    return _ESCAPED.sub(byte, drawn)


def _maps(document: bytes) -> dict[str, dict[int, str]]:
    """By the name of a font on the pages, what each of its bytes means (ToUnicode)."""
    objects = dict(re.findall(rb"(\d+) 0 obj\n?(.*?)endobj", document, re.DOTALL))
    found = {}
    for body in objects.values():
        name = re.search(rb"/Name /(F\d+\+\d+)", body)
        meaning = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if name and meaning:
            (cmap,) = streams(objects[meaning[1]])
            pairs = re.findall(rb"<([0-9A-F]{2})> <([0-9A-F]{4,})>\n", cmap.replace(b"\r", b""))
            found[name[1].decode()] = {
                int(code, 16): bytes.fromhex(to.decode()).decode("utf-16-be") for code, to in pairs
            }
    return found
