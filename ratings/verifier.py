# /// script
# requires-python = ">=3.11"
# dependencies = ["cryptography>=46"]
# ///
"""Published files: how they are written, and how anyone can verify them with this one file.

    python verifier.py KEY FILE [FILE ...]

KEY is the publisher's Ed25519 public key, got from a place you trust: a PEM file or 64 hex digits.
Files are given in the order of their numbers. Exit status: 0 all hold, 1 one does not, 2 not verified.

A file is UTF-8 text. Line 1: the statement, canonical JSON (sorted keys, no spaces); its bytes are
what is signed. Line 2: {"public_key":hex,"signature":hex}. Line 3: the fingerprint of every row, 16 hex
digits each. Line 4: the columns. Then one row a line, as PostgreSQL's COPY writes text (tabs, \\N for
null). Leaf hashes, tree and proofs are those of RFC 6962; a fingerprint is a leaf hash's first 8 bytes.
"""

import json
import os
import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT: Final = "creditsys-publication-1"
#: So many rows are named for each kind of fault; the others are counted.
NAMED: Final = 20
#: Longest line read, but for the fingerprints, whose length the signed statement gives.
_LONGEST: Final = 1 << 20
_HASH: Final = re.compile("[0-9a-f]{64}")
_HEX: Final = re.compile(b"[0-9a-f]*")
_SEEN, _SUSPECT = 1, 2
_TEXTS: Final = {
    "line": ("第 {line} 行过长、缺失或没有换行，文件不完整", "line {line} is too long, missing or cut off"),
    "key": ("签名所用的公钥不是你信任的公钥", "signed with a key that you do not trust"),
    "signature": ("签名不符：发布声明或签名被改动", "bad signature: the statement or signature was altered"),
    "statement": ("发布声明不合格式", "malformed statement"),
    "previous": (
        "与所给的前一个文件不相接：文件须按发布号依次给出，中间不能缺",
        "does not follow the file before it: give the files in order of their numbers, none left out",
    ),
    "fingerprints": ("各行指纹（第 3 行）被改动", "the fingerprints (line 3) were altered"),
    "columns": ("列名（第 4 行）被改动", "the column names (line 4) were altered"),
    "altered": ("序号 {seq}（{code}）被改动", "row {seq} ({code}) was altered"),
    "missing": ("序号 {seq} 缺失", "row {seq} is missing"),
    "moved": ("序号 {seq}（{code}）不在原位", "row {seq} ({code}) is out of place"),
    "added": ("文件第 {line} 行（{code}）是添加的", "line {line} of the file ({code}) was added"),
    "root": ("各行的默克尔根与发布声明不符", "the rows do not have the stated Merkle root"),
}


def leaf(line: bytes) -> bytes:
    """The leaf hash of a canonical row, without its newline."""
    return sha256(b"\0" + line).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\1" + left + right).digest()


def fingerprint(leaf_hash: bytes) -> bytes:
    """What is kept of every row: enough to name the one that was changed."""
    return leaf_hash[:8]


class MerkleTree:
    """Takes leaf hashes one by one and keeps one hash for each level of the tree."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        """The next leaf."""
        self.size += 1
        size = self.size
        while not size & 1:
            leaf_hash = node(self._peaks.pop(), leaf_hash)
            size >>= 1
        self._peaks.append(leaf_hash)

    def root(self) -> bytes:
        """The root over the leaves so far; of none, the hash of nothing."""
        if not self._peaks:
            return sha256().digest()
        *rest, root = self._peaks
        for peak in reversed(rest):
            root = node(peak, root)
        return root


def prove(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf ``index``: what :func:`check_proof` needs beside it, from below."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:split], leaves[split:]
    near, far = (left, right) if index < split else (right, left)
    tree = MerkleTree()
    for one in far:
        tree.append(one)
    return [*prove(near, index if index < split else index - split), tree.root()]


def check_proof(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``leaf_hash`` is leaf ``index`` of the tree of ``size`` leaves under ``root``."""
    at, last, reached = index, size - 1, leaf_hash
    if not 0 <= index < size:
        return False
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached = node(sibling, reached)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            reached = node(reached, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and reached == root


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: ``kind`` is a key of the texts; the row's seq, code and line if known."""

    kind: str
    seq: int = 0
    code: str = "?"
    line: int = 0

    def text(self, language: int) -> str:
        """In Chinese (0) or English (1)."""
        return _TEXTS[self.kind][language].format(seq=self.seq, code=self.code, line=self.line)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file: the signed statement (empty if its signature is bad) and the faults.

    ``faults`` names at most NAMED of each kind, ``counts`` says how many there are.
    """

    statement: dict[str, Any]
    statement_sha256: bytes
    faults: tuple[Fault, ...]
    counts: dict[str, int]

    @property
    def holds(self) -> bool:
        return not self.faults


class _Stop(Exception):
    """Carries a fault after which nothing further can be told."""


def write_file(
    out: BinaryIO,
    statement: bytes,
    signature: bytes,
    fingerprints: bytes,
    columns: Sequence[str],
    lines: Iterable[bytes],
) -> None:
    """Write a published file; ``statement`` is the signed bytes, ``lines`` the rows without newlines."""
    keys = _canonical({"public_key": json.loads(statement)["public_key"], "signature": signature.hex()})
    for line in chain((statement, keys, fingerprints.hex().encode(), "\t".join(columns).encode()), lines):
        out.write(line + b"\n")


def verify_file(
    source: str | os.PathLike[str] | BinaryIO, public_keys: Iterable[bytes], previous: bytes | None = None
) -> Verdict:
    """Verify one published file, streaming; memory grows by some 50 bytes a row.

    ``public_keys`` are the trusted raw Ed25519 keys; a key named by the file alone counts for nothing.
    ``previous`` is the SHA-256 of the statement before (b"" = there is none; None = not compared).
    Raises OSError if the file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as stream:
            return verify_file(stream, public_keys, previous)
    statement: dict[str, Any] = {}
    digest = b""
    found: list[Fault] = []
    counts: dict[str, int] = {}
    try:
        signed = _line(source, 1)
        statement = _signed_statement(signed, _line(source, 2), set(public_keys))
        digest = sha256(signed).digest()
        if not _well_formed(statement) or _canonical(statement) != signed:
            raise _Stop(Fault("statement"))
        if previous is not None and statement["previous"] != previous.hex():
            found.append(Fault("previous"))
        text = _line(source, 3, 16 * statement["rows"] + 1)
        whole = len(text) == 16 * statement["rows"] and _HEX.fullmatch(text)
        fingerprints = bytes.fromhex(text.decode()) if whole else b""
        if not whole or sha256(fingerprints).hexdigest() != statement["fingerprints_sha256"]:
            raise _Stop(Fault("fingerprints"))
        if _line(source, 4) != "\t".join(statement["columns"]).encode():
            found.append(Fault("columns"))
        found += _row_faults(source, statement, fingerprints, counts)
    except _Stop as stop:
        found.append(stop.args[0])
    return Verdict(statement, digest, tuple(found), {fault.kind: 1 for fault in found} | counts)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _line(stream: BinaryIO, number: int, longest: int = _LONGEST) -> bytes:
    """The next line without its newline."""
    line = stream.readline(longest)
    if not line.endswith(b"\n"):
        raise _Stop(Fault("line", line=number))
    return line[:-1]


def _signed_statement(signed: bytes, line: bytes, trusted: set[bytes]) -> dict[str, Any]:
    """The statement, once a trusted key has signed these very bytes and it names that key."""
    try:
        keys = json.loads(line)
        key, signature = bytes.fromhex(keys["public_key"]), bytes.fromhex(keys["signature"])
        if _canonical({"public_key": key.hex(), "signature": signature.hex()}) != line:
            raise ValueError
        if key not in trusted:
            raise _Stop(Fault("key"))
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
        statement: dict[str, Any] = json.loads(signed)
        if statement["public_key"] != key.hex():
            raise ValueError
    except (InvalidSignature, ValueError, TypeError, KeyError, RecursionError):
        raise _Stop(Fault("signature")) from None
    return statement


def _well_formed(told: dict[str, Any]) -> bool:
    """Whether a statement says all it must."""
    counted = ("number", "rows", "first_seq", "last_seq")
    try:
        return (
            told["format"] == FORMAT
            and all(type(told[key]) is int and told[key] >= 1 for key in counted)
            and told["last_seq"] == told["first_seq"] + told["rows"] - 1
            and all(isinstance(told[key], str) for key in ("city", "event", "period", "at"))
            and all(_HASH.fullmatch(told[key]) for key in ("merkle_root", "fingerprints_sha256"))
            and (told["previous"] == "" if told["number"] == 1 else bool(_HASH.fullmatch(told["previous"])))
            and told["columns"][0] == "seq"
            and "code" in told["columns"]
            and all(isinstance(name, str) for name in told["columns"])
            and type(told["audit"]["number"]) is int
            and isinstance(told["audit"]["sha256"], str)
        )
    except (TypeError, KeyError, IndexError):
        return False


def _row_faults(
    stream: BinaryIO, statement: dict[str, Any], fingerprints: bytes, counts: dict[str, int]
) -> Iterator[Fault]:
    """Read the rows; name what was altered, added, moved or is missing, and count it in ``counts``.

    A row is genuine if its fingerprint is the signed one of the seq that it bears.
    """
    first, rows, code_at = statement["first_seq"], statement["rows"], statement["columns"].index("code")
    tree, state = MerkleTree(), bytearray(rows)
    order = array("q")  # the genuine rows as they come
    irregular: dict[int, Fault] = {}  # lines not in their turn, by line
    number, turn = 4, 0
    while line := stream.readline(_LONGEST):
        number += 1
        if not line.endswith(b"\n"):
            raise _Stop(Fault("line", line=number))
        line = line[:-1]
        hashed = leaf(line)
        tree.append(hashed)
        bears = line.partition(b"\t")[0]
        index = int(bears) - first if bears.isdigit() and len(bears) < 20 else -1
        known = 0 <= index < rows
        genuine = known and hashed[:8] == fingerprints[8 * index : 8 * index + 8]
        kind = "moved"
        if genuine and not state[index] & _SEEN:
            state[index] |= _SEEN
            order.append(index)
        elif known and not genuine and not state[index]:
            state[index], kind = _SUSPECT, "altered"
        else:
            kind = "added"
            counts[kind] = counts.get(kind, 0) + 1
        if (kind != "moved" or index != turn) and len(irregular) < 50 * NAMED:
            irregular[number] = Fault(kind, first + index if known else 0, _code(line, code_at), number)
        turn = index + 1
    yield from _told(irregular.values(), state, order, first, counts)
    if tree.root().hex() != statement["merkle_root"] and not counts:
        yield Fault("root")


def _told(
    irregular: Iterable[Fault], state: bytearray, order: Sequence[int], first: int, counts: dict[str, int]
) -> Iterator[Fault]:
    """What the lines that came out of turn were, now that all are seen."""
    moved = {first + at for at in _out_of_order(order)}
    both = state.count(_SEEN | _SUSPECT)  # a false line whose genuine row turned up as well was added
    counts["added"] = counts.get("added", 0) + both
    counts |= {"altered": state.count(_SUSPECT), "missing": state.count(0), "moved": len(moved)}
    named: dict[str, list[Fault]] = {"altered": [], "missing": [], "moved": [], "added": []}
    for fault in irregular:
        kind = fault.kind
        if kind == "altered" and state[fault.seq - first] & _SEEN:
            kind = "added"
        if kind != "moved" or fault.seq in moved:
            named[kind].append(Fault(kind, fault.seq, fault.code, fault.line))
    missing = (at for at, seen in enumerate(state) if not seen)
    named["missing"] = [Fault("missing", first + at) for at in islice(missing, NAMED)]
    for kind, faults in named.items():
        yield from faults[:NAMED]
        if not counts[kind]:
            del counts[kind]


def _out_of_order(order: Sequence[int]) -> set[int]:
    """The fewest that need be taken out so that the rest ascend (patience sorting)."""
    tops: list[int] = []
    piles = array("q")
    for at in order:
        pile = bisect_left(tops, at)
        tops[pile : pile + 1] = [at]
        piles.append(pile)
    out: set[int] = set()
    pile, before = len(tops) - 1, max(tops, default=0) + 1
    for at, own in zip(reversed(order), reversed(piles), strict=True):
        if own == pile and at < before:
            pile, before = pile - 1, at
        else:
            out.add(at)
    return out


def _code(line: bytes, column: int) -> str:
    """The designated code in a line that may be anything: fit to be printed."""
    fields = line.split(b"\t", column + 1)
    return ascii(fields[column][:40].decode(errors="replace"))[1:-1] if column < len(fields) else "?"


def read_keys(text: str) -> list[bytes]:
    """The raw Ed25519 public keys in ``text``: PEM blocks, or one key as 64 hex digits.

    Raises ValueError if there is none, or one of another kind.
    """
    if _HASH.fullmatch(text.strip().lower()):
        return [bytes.fromhex(text)]
    blocks = re.findall("-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", text, re.DOTALL)
    keys = [load_pem_public_key(block.encode()) for block in blocks]
    good = [key.public_bytes_raw() for key in keys if isinstance(key, Ed25519PublicKey)]
    if not good or len(good) < len(keys):
        raise ValueError("没有 Ed25519 公钥 no Ed25519 public key")
    return good


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    if len(arguments) < 2:
        sys.stderr.write("用法 usage: python verifier.py KEY.pem|64HEX FILE [FILE ...]\n")
        return 2
    given, *files = arguments
    status, previous = 0, None
    try:
        keys = read_keys(given if _HASH.fullmatch(given.lower()) else Path(given).read_text())
        for file in files:
            verdict = verify_file(file, keys, previous)
            status |= not verdict.holds
            previous = verdict.statement_sha256 or None
            sys.stdout.write(_report(file, verdict))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        sys.stderr.write(f"未核验 not verified: {error}\n")
        return 2
    return status


def _report(file: str, verdict: Verdict) -> str:
    told = verdict.statement
    about = [told.get(key, "-") for key in ("number", "city", "period", "event", "rows")]
    lines = [f"{file}: {'相符 OK' if verdict.holds else '不符 FAILED'}"]
    if told:
        lines.append("发布 {} {} {} {}，{} 行 rows".format(*about))
        lines.append(f"SHA-256 {verdict.statement_sha256.hex()}")
    lines += [f"{fault.text(0)} / {fault.text(1)}" for fault in verdict.faults]
    more = {kind: count for kind, count in verdict.counts.items() if count > NAMED}
    lines += [
        f"{kind}: 共 {count} 处，未全部列出 / {count} in all, not all shown" for kind, count in more.items()
    ]
    return "\n  ".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
