"""Signatures of documents: verified by other programs, found broken by any change, refused with an unusable key."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.checks import run_checks
from django.utils import timezone
from pytest_django import Settings

from creditsys import pdf, pdf_signing
from tests import signing_keys
from tests.conftest import missing

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 3, 2, 9, 30, 15, tzinfo=SHANGHAI)
YEAR = timedelta(days=365)
REASON = "信用评价结果告知书（2025年下半年）"


def document() -> bytes:
    return pdf.render("题", "页眉", [pdf.paragraph("某某大药房")], sheet=pdf.PORTRAIT, made_at=AT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(params=["RSA", "ECDSA P-256", "ECDSA P-384"])
def signed(request: pytest.FixtureRequest, settings: Settings, folder: Path) -> bytes:
    """A document signed by a key of each kind."""
    path = signing_keys.key_file(folder, request.param, begins=AT - YEAR, ends=AT + YEAR)
    signing_keys.use(settings, path)
    return pdf_signing.signed(document(), at=AT, reason=REASON)


def pdfsig(content: bytes, folder: Path) -> str:
    """What Poppler says of the signatures."""
    if not shutil.which("pdfsig"):
        missing("pdfsig (poppler-utils)")
    path = folder / "told.pdf"
    path.write_bytes(content)
    # Without a home it looks into no browser's store of certificates.
    process = subprocess.run(
        ["pdfsig", "-nocert", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "Asia/Shanghai", "HOME": str(folder)},
    )
    return process.stdout + process.stderr


def covered(content: bytes) -> tuple[int, int, int, int]:
    """Where the signed ranges begin, and how long they are."""
    found = re.search(rb"/ByteRange \[\s*(\d+) (\d+) (\d+) (\d+)\s*\]", content)
    assert found
    one, two, three, four = map(int, found.groups())
    return one, two, three, four


class TestSignature:
    def test_poppler_finds_it_valid(self, signed: bytes, folder: Path) -> None:
        told = pdfsig(signed, folder)
        for line in (
            "Signature Validation: Signature is Valid.",
            "Total document signed",
            "Signature Type: ETSI.CAdES.detached",
            "Signing Hash Algorithm: SHA-256",
            "Signer Certificate Common Name: 某市医保局（测试）",
            "Signing Time: Mar 02 2026 09:30:15",
        ):
            assert line in told, told

    def test_openssl_finds_it_valid_with_the_chain_that_it_brings(self, signed: bytes, folder: Path) -> None:
        if not shutil.which("openssl"):
            missing("openssl")
        start, length, second, rest = covered(signed)
        assert (start, second + rest) == (0, len(signed))
        hexadecimal = signed[length + 1 : second - 1].decode()
        (folder / "cms.der").write_bytes(bytes.fromhex(hexadecimal))
        (folder / "content").write_bytes(signed[:length] + signed[second:])
        # Only the root is given: the CA between comes with the signature.
        process = subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der", "-content", "content",
             "-CAfile", "root.pem", "-purpose", "any", "-attime", str(int(AT.timestamp())), "-out", "out"],
            cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        printed = subprocess.run(
            ["openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", "cms.der"],
            cwd=folder, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        # What PAdES baseline demands and forbids (ETSI EN 319 142-1, table 1).
        assert "signing-certificate" in printed.lower() or "id-smime-aa-signingCertificateV2" in printed
        assert "signingTime" not in printed
        assert printed.count("d.certificate:") == 2

    def test_what_was_drawn_is_still_there(self, signed: bytes) -> None:
        assert signed.startswith(document())

    def test_any_byte_that_is_changed_is_found(self, signed: bytes, folder: Path) -> None:
        start, length, second, _rest = covered(signed)
        places = [
            20,
            len(document()) // 2,
            signed.index(b"/M (D"),
            length - 30,
            second + 5,
            len(signed) - 20,
        ]
        for place in (start, *places):
            altered = bytearray(signed)
            altered[place] ^= 1
            told = pdfsig(bytes(altered), folder)
            assert "Signature is Valid" not in told, (place, told)

    def test_what_is_added_behind_is_not_covered(self, signed: bytes, folder: Path) -> None:
        """An incremental update, as a reader writes it with a remark."""
        told = pdfsig(signed + revision(signed), folder)
        assert "Not total document signed" in told, told

    def test_while_a_loop_runs_in_the_thread(self, settings: Settings, folder: Path) -> None:
        async def inside() -> bytes:
            return pdf_signing.signed(document(), at=timezone.now(), reason=REASON)

        signing_keys.use(settings, signing_keys.key_file(folder))
        # Not in this thread, in which a browser's loop runs where its tests went before.
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(asyncio.run, inside()).result().startswith(document())

    def test_it_certifies_that_nothing_may_change(self, signed: bytes) -> None:
        assert re.search(rb"/DocMDP\b", signed)
        assert re.search(rb"/TransformParams.*?/P 1\b", signed, re.DOTALL)


def revision(content: bytes) -> bytes:
    """An update that replaces the document's information."""
    last = re.findall(rb"startxref\s+(\d+)", content)[-1].decode()
    root = re.findall(rb"/Root (\d+ \d+ R)", content)[-1].decode()
    size = int(re.findall(rb"/Size (\d+)", content)[-1])
    place = len(content)
    body = f"{size} 0 obj\n<< /Title (x) >>\nendobj\n"
    return (
        f"{body}xref\n{size} 1\n{place:010d} 00000 n \ntrailer\n<< /Size {size + 1} /Root {root} "
        f"/Info {size} 0 R /Prev {last} >>\nstartxref\n{place + len(body)}\n%%EOF\n"
    ).encode()


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"usages": ("key_encipherment",)}, "密钥用途"),
            ({"usages": None}, "密钥用途"),
            ({"kind": "Ed25519"}, "RSA 或 ECDSA"),
            ({"certified": False}, "没有私钥，或没有与它相配的证书"),
            ({"password": "another"}, "密码不符"),
            ({"password": ""}, "密码不符"),
        ],
    )
    def test_a_key_that_may_not_sign(
        self, settings: Settings, folder: Path, given: dict[str, Any], told: str
    ) -> None:
        signing_keys.use(settings, signing_keys.key_file(folder, **given))
        refused(told)

    @pytest.mark.parametrize("usage", ["digital_signature", "content_commitment"])
    def test_either_usage_does(self, settings: Settings, folder: Path, usage: str) -> None:
        signing_keys.use(settings, signing_keys.key_file(folder, usages=(usage,)))
        assert pdf_signing.signed(document(), at=timezone.now(), reason=REASON)

    def test_without_a_password(self, settings: Settings, folder: Path) -> None:
        signing_keys.use(settings, signing_keys.key_file(folder, password=""), "")
        assert pdf_signing.signed(document(), at=timezone.now(), reason=REASON)

    def test_a_file_that_is_none(self, settings: Settings, folder: Path) -> None:
        signing_keys.use(settings, folder / "none.p12")
        refused("文件不存在或不可读")
        signing_keys.use(settings, folder)
        refused("文件不存在或不可读")
        (folder / "text.p12").write_text("-----BEGIN PRIVATE KEY-----")
        signing_keys.use(settings, folder / "text.p12")
        refused("不是 PKCS #12 格式")

    def test_the_moments_at_which_the_certificate_begins_and_ends(
        self, settings: Settings, folder: Path
    ) -> None:
        first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
        signing_keys.use(settings, signing_keys.key_file(folder, begins=first, ends=last))
        for at in (first, last):
            assert pdf_signing.signed(document(), at=at, reason=REASON)
        second = timedelta(seconds=1)
        refused("自 2026-01-01 08:00 起才有效", at=first - second)
        refused("已于 2026-12-31 08:00 到期", at=last + second)

    def test_a_new_file_is_used_without_a_restart(self, settings: Settings, folder: Path) -> None:
        path = signing_keys.key_file(folder, ends=timezone.now() - timedelta(days=1))
        signing_keys.use(settings, path)
        refused("到期")
        signing_keys.key_file(folder)
        assert pdf_signing.signed(document(), at=timezone.now(), reason=REASON)


def refused(told: str, at: datetime | None = None) -> None:
    with pytest.raises(pdf_signing.Unsignable, match=told) as error:
        pdf_signing.signed(document(), at=at or timezone.now(), reason=REASON)
    assert "PDF_SIGNING_FILE" in str(error.value)


class TestCheck:
    def found(self) -> list[str]:
        return [str(message.id) for message in run_checks() if str(message.id).startswith("creditsys.")]

    def test_no_key_is_no_fault(self, settings: Settings) -> None:
        settings.PDF_SIGNING_FILE = ""
        assert self.found() == []

    def test_of_an_unusable_key(self, settings: Settings, folder: Path) -> None:
        signing_keys.use(settings, folder / "none.p12")
        assert self.found() == ["creditsys.W001"]

    @pytest.mark.parametrize(("days", "told"), [(31, []), (29, ["creditsys.W002"]), (-1, ["creditsys.W001"])])
    def test_of_one_that_ends(self, settings: Settings, folder: Path, days: int, told: list[str]) -> None:
        signing_keys.use(settings, signing_keys.key_file(folder, ends=timezone.now() + timedelta(days=days)))
        assert self.found() == told


def test_pyhanko_is_not_loaded_before_something_is_signed() -> None:
    """It doubles the time that a command takes to start."""
    code = "import django; django.setup(); import sys; import ratings.services.documents; print('pyhanko' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "creditsys.settings"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert process.stdout.strip() == "False"
