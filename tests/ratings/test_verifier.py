"""Published files: any change of any byte is found, and rows are named."""

import json
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ratings import verifier
from ratings.verifier import (
    FORMAT,
    MerkleTree,
    Verdict,
    check_proof,
    fingerprint,
    leaf,
    node,
    prove,
    read_keys,
    verify_file,
    write_file,
)

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
COLUMNS = ("seq", "code", "name", "score")
HEADER = 4


def rows(count: int, first: int = 98) -> list[bytes]:
    return [f"{seq}\tP330602{seq:05}\t药房{seq}\t\\N".encode() for seq in range(first, first + count)]


def publication(lines: list[bytes], *, first: int = 98, key: Ed25519PrivateKey = KEY, **told: Any) -> bytes:
    """A published file of ``lines``, honestly signed; ``told`` is stated instead of the truth."""
    tree = MerkleTree()
    for line in lines:
        tree.append(leaf(line))
    fingerprints = b"".join(fingerprint(leaf(line)) for line in lines)
    statement = {
        "format": FORMAT,
        "city": "绍兴市",
        "number": 1,
        "event": "PERIODIC",
        "period": "2025H2",
        "at": "2026-02-01T01:02:03+00:00",
        "rows": len(lines),
        "first_seq": first,
        "last_seq": first + len(lines) - 1,
        "merkle_root": tree.root().hex(),
        "fingerprints_sha256": sha256(fingerprints).hexdigest(),
        "columns": list(COLUMNS),
        "previous": "",
        "audit": {"number": 7, "sha256": "0" * 64},
        "public_key": key.public_key().public_bytes_raw().hex(),
        **told,
    }
    signed = json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    out = BytesIO()
    write_file(out, signed, key.sign(signed), fingerprints, COLUMNS, lines)
    return out.getvalue()


def verified(data: bytes, keys: tuple[bytes, ...] = (PUBLIC,), previous: bytes | None = None) -> Verdict:
    return verify_file(BytesIO(data), keys, previous)


def seqs(verdict: Verdict, kind: str) -> list[int]:
    return [fault.seq for fault in verdict.faults if fault.kind == kind]


def with_rows(data: bytes, change: Any) -> Verdict:
    """The verdict on a file whose rows went through ``change``, a function of the list of lines."""
    lines = data.split(b"\n")[:-1]
    return verified(b"".join(line + b"\n" for line in [*lines[:HEADER], *change(lines[HEADER:])]))


def moved(lines: list[bytes], index: int, place: int) -> list[bytes]:
    rest = lines[:index] + lines[index + 1 :]
    return [*rest[:place], lines[index], *rest[place:]]


# RFC 6962, as its reference implementation tests it.
LEAVES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_merkle_roots_are_those_of_rfc_6962() -> None:
    tree = MerkleTree()
    seen = [tree.root().hex()]
    for text in LEAVES:
        tree.append(leaf(bytes.fromhex(text)))
        seen.append(tree.root().hex())
    assert seen == ROOTS


def tree_hash(leaves: list[bytes]) -> bytes:
    """The definition, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = max(2**power for power in range(20) if 2**power < len(leaves))
    return node(tree_hash(leaves[:split]), tree_hash(leaves[split:]))


@given(st.integers(1, 70), st.data())
def test_proofs(size: int, data: st.DataObject) -> None:
    leaves = [leaf(b"%d" % number) for number in range(size)]
    tree = MerkleTree()
    for one in leaves:
        tree.append(one)
    root = tree.root()
    assert root == tree_hash(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = prove(leaves, index)
    assert check_proof(leaves[index], index, size, path, root)
    assert not check_proof(leaf(b"x"), index, size, path, root)
    assert not check_proof(leaves[index], index, size, [*path, leaf(b"x")], root)
    assert not check_proof(leaves[index], size, size, path, root)
    if path:
        assert not check_proof(leaves[index], index, size, path[:-1], root)
        assert not check_proof(leaves[index], index ^ 1, size, path, root)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_an_honest_file_holds(count: int) -> None:
    verdict = verified(publication(rows(count)))
    assert verdict.holds
    assert verdict.statement["rows"] == count


FILE = publication(rows(7))
START = FILE.index(b"98\tP")


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found_and_its_row_named(at: int, by: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= by
    verdict = verified(bytes(changed))
    assert not verdict.holds
    if START <= at < len(FILE) - 1:
        row = 98 + FILE[START:at].count(b"\n")
        assert row in seqs(verdict, "altered") + seqs(verdict, "missing")


def test_every_bit_of_what_stands_above_the_rows_counts() -> None:
    for at in range(START):
        for bit in range(8):
            changed = bytearray(FILE)
            changed[at] ^= 1 << bit
            assert not verified(bytes(changed)).holds, (at, bit)


@given(st.integers(0, len(FILE)), st.binary(min_size=1, max_size=3))
def test_bytes_put_in_are_found(at: int, more: bytes) -> None:
    assert not verified(FILE[:at] + more + FILE[at:]).holds


@given(st.integers(0, len(FILE) - 1), st.integers(1, 200))
def test_bytes_taken_out_are_found(at: int, count: int) -> None:
    assert not verified(FILE[:at] + FILE[at + count :]).holds


class TestRows:
    def test_altered_with_its_code(self) -> None:
        verdict = with_rows(FILE, lambda lines: [line.replace(b"100\xe8", b"100\xe9") for line in lines])
        assert verdict.holds
        verdict = with_rows(FILE, lambda lines: [line.replace("药房100".encode(), b"x") for line in lines])
        (fault,) = verdict.faults
        assert (fault.kind, fault.seq, fault.code) == ("altered", 100, "P33060200100")
        assert fault.text(0) == "序号 100（P33060200100）被改动"
        assert fault.text(1) == "row 100 (P33060200100) was altered"

    def test_removed(self) -> None:
        for index in range(7):
            verdict = with_rows(FILE, lambda lines, index=index: lines[:index] + lines[index + 1 :])
            assert seqs(verdict, "missing") == [98 + index]
            assert verdict.counts == {"missing": 1}

    def test_swapped(self) -> None:
        def swap(lines: list[bytes]) -> list[bytes]:
            lines[1], lines[5] = lines[5], lines[1]
            return lines

        verdict = with_rows(FILE, swap)
        assert sorted(seqs(verdict, "moved")) == [99, 103]
        assert {fault.code for fault in verdict.faults} == {"P33060200099", "P33060200103"}

    def test_one_row_moved_blames_no_other(self) -> None:
        for index in range(7):
            for place in range(7):
                verdict = with_rows(FILE, lambda lines, index=index, place=place: moved(lines, index, place))
                # two neighbours that change places: either may be the one that moved
                assert verdict.counts == ({} if index == place else {"moved": 1})
                if abs(index - place) > 1:
                    assert seqs(verdict, "moved") == [98 + index]

    @pytest.mark.parametrize("place", [0, 3, 7])
    def test_duplicated(self, place: int) -> None:
        verdict = with_rows(FILE, lambda lines: [*lines[:place], lines[2], *lines[place:]])
        assert verdict.counts["added"] == 1
        assert [fault.code for fault in verdict.faults if fault.kind == "added"] == ["P33060200100"]

    @pytest.mark.parametrize("line", [b"", b"105\tP9\tx\t1", b"100\tP9\tx\t1", b"\xff\x00", b"9" * 30])
    @pytest.mark.parametrize("place", [0, 3, 7])
    def test_added(self, line: bytes, place: int) -> None:
        verdict = with_rows(FILE, lambda lines: [*lines[:place], line, *lines[place:]])
        assert verdict.counts == {"added": 1}
        assert [fault.line for fault in verdict.faults] == [HEADER + 1 + place]

    def test_a_row_put_in_another_ones_place(self) -> None:
        verdict = with_rows(FILE, lambda lines: [*lines[:2], b"100\tP9\tx\t1", *lines[3:]])
        assert [(fault.kind, fault.seq, fault.code) for fault in verdict.faults] == [("altered", 100, "P9")]

    def test_only_the_first_are_named_and_all_are_counted(self) -> None:
        many = publication(rows(3000))
        verdict = with_rows(many, lambda lines: [line + b"x" for line in lines])
        assert seqs(verdict, "altered") == list(range(98, 98 + verifier.NAMED))
        assert verdict.counts == {"altered": 3000}
        verdict = with_rows(many, lambda lines: [])
        assert seqs(verdict, "missing") == list(range(98, 98 + verifier.NAMED))
        assert verdict.counts == {"missing": 3000}

    def test_a_code_that_would_write_to_the_terminal_is_made_harmless(self) -> None:
        verdict = with_rows(FILE, lambda lines: [*lines, b"999\t\x1b[2J\xff" + b"a" * 99 + b"\tx\t1"])
        assert verdict.faults[0].text(0).isprintable()

    def test_the_same_fingerprints_over_other_rows_fail_at_the_root(self) -> None:
        data = publication(rows(7), merkle_root="0" * 64)
        assert [fault.kind for fault in verified(data).faults] == ["root"]

    def test_a_line_without_an_end(self) -> None:
        assert [fault.kind for fault in verified(FILE + b"x" * (1 << 20) + b"\n").faults] == ["line"]


class TestStatement:
    def test_only_a_trusted_key_counts(self) -> None:
        forged = publication(rows(7), key=OTHER)
        assert [fault.kind for fault in verified(forged).faults] == ["key"]
        other = OTHER.public_key().public_bytes_raw()
        assert verified(forged, (PUBLIC, other)).holds
        assert not verified(forged, ()).holds

    def test_a_trusted_key_named_over_another_ones_signature(self) -> None:
        lines = publication(rows(7), key=OTHER).split(b"\n")
        lines[1] = lines[1].replace(
            OTHER.public_key().public_bytes_raw().hex().encode(), PUBLIC.hex().encode()
        )
        assert [fault.kind for fault in verified(b"\n".join(lines)).faults] == ["signature"]

    def test_a_statement_that_names_another_key(self) -> None:
        assert [fault.kind for fault in verified(publication(rows(7), public_key="00" * 32)).faults] == [
            "key"
        ]

    @pytest.mark.parametrize(
        "told",
        [
            {"format": "creditsys-publication-2"},
            {"rows": 8},
            {"rows": 0, "last_seq": 97},
            {"rows": True, "last_seq": 98},
            {"last_seq": 105},
            {"number": 2},
            {"previous": "0" * 64},
            {"columns": ["code", "seq"]},
            {"columns": ["seq", "name"]},
            {"columns": 7},
            {"audit": {}},
            {"audit": None},
            {"merkle_root": "0"},
            {"city": None},
        ],
    )
    def test_signed_but_malformed(self, told: dict[str, Any]) -> None:
        assert [fault.kind for fault in verified(publication(rows(7), **told)).faults] == ["statement"]

    def test_other_columns_than_stated(self) -> None:
        told = publication(rows(7), columns=["seq", "code", "name", "grade"])
        assert [fault.kind for fault in verified(told).faults] == ["columns"]

    def test_fewer_fingerprints_than_rows(self) -> None:
        data = publication(rows(7), fingerprints_sha256=sha256().hexdigest()).split(b"\n")
        data[2] = b""
        assert [fault.kind for fault in verified(b"\n".join(data)).faults] == ["fingerprints"]

    @pytest.mark.parametrize("data", [b"", b"\n", b"{}\n{}\n", b"[" * 100_000 + b"\n[[\n", b"\xff\n\xff\n"])
    def test_something_else(self, data: bytes) -> None:
        assert not verified(data).holds

    def test_the_publication_before(self) -> None:
        assert verified(FILE, previous=b"").holds
        before = verified(FILE).statement_sha256
        second = publication(rows(3, 105), first=105, number=2, previous=before.hex())
        assert verified(second, previous=before).holds
        for wrong in (b"", sha256(b"x").digest()):
            assert [fault.kind for fault in verified(second, previous=wrong).faults] == ["previous"]


class TestScript:
    """As a third party runs it: this one file, outside the project."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "verifier.py").write_bytes(Path(verifier.__file__).read_bytes())
        (tmp_path / "key.pem").write_bytes(
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        first = verified(FILE).statement_sha256.hex()
        (tmp_path / "1.tsv").write_bytes(FILE)
        (tmp_path / "2.tsv").write_bytes(publication(rows(3, 105), first=105, number=2, previous=first))
        (tmp_path / "bad.tsv").write_bytes(FILE.replace("药房100".encode(), "药房１".encode()))
        return tmp_path

    @pytest.mark.parametrize(
        ("arguments", "status", "told"),
        [
            (["key.pem", "1.tsv"], 0, "相符 OK"),
            (["key.pem", "1.tsv", "2.tsv"], 0, "发布 2 绍兴市"),
            ([PUBLIC.hex(), "2.tsv"], 0, "相符 OK"),
            (["key.pem", "2.tsv", "1.tsv"], 1, "不相接"),
            (["key.pem", "bad.tsv", "2.tsv"], 1, "row 100 (P33060200100) was altered"),
            ([OTHER.public_key().public_bytes_raw().hex(), "1.tsv"], 1, "不是你信任的公钥"),
            (["1.tsv", "1.tsv"], 2, "no Ed25519 public key"),
            (["key.pem", "none.tsv"], 2, "未核验"),
            (["key.pem"], 2, "usage"),
        ],
    )
    def test_exit_status(self, folder: Path, arguments: list[str], status: int, told: str) -> None:
        command = [sys.executable, "-I", "-X", "utf8", "verifier.py", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, told in done.stdout + done.stderr) == (status, True), done


def test_keys() -> None:
    pem = OTHER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    other = OTHER.public_key().public_bytes_raw()
    assert read_keys(pem + "\n" + pem) == [other, other]
    assert read_keys(f" {PUBLIC.hex().upper()}\n") == [PUBLIC]
    wrong = (
        X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for text in ("", "ab", wrong.decode(), pem + wrong.decode()):
        with pytest.raises(ValueError, match="no Ed25519"):
            read_keys(text)
