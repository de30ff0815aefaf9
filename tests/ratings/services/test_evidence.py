"""Evidence: judged by what is in the file, private, whole, and gone when its transaction fails."""

import io
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from creditsys.documents import MAX_PIXELS, clean_name
from ratings.models import AuditEvent, Evidence
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.evidence import (
    MAX_FILES,
    add_evidence,
    check_upload,
    open_evidence,
)
from tests import desk, factories
from tests.ratings.services.uploads import PDF, picture, upload

BY = Actor(desk.CLERK, "127.0.0.1")


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "evidence"


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("run.bat", "echo")
    return out.getvalue()


def huge_png() -> bytes:
    """A PNG that claims more pixels than a phone has and unpacks to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", MAX_PIXELS // 1000 + 1, 1000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


class TestCheck:
    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("证明.pdf", PDF, "application/pdf"),
            ("证明.PDF", PDF + b"\r\n\0\0", "application/pdf"),
            ("门店.jpg", picture("JPEG"), "image/jpeg"),
            ("门店.JPEG", picture("JPEG", (3000, 2000)), "image/jpeg"),
            ("手机.jpg", picture("JPEG") + b"\0\0x\0\0\0SEFT", "image/jpeg"),
            ("截图.png", picture("PNG"), "image/png"),
        ],
    )
    def test_takes(self, name: str, content: bytes, kind: str) -> None:
        assert check_upload(upload(name, content)) == kind

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("空.pdf", b"", "是空的"),
            ("木马.pdf", b"MZ\x90\0" + bytes(200), "不是 PDF、JPEG 或 PNG"),
            ("网页.pdf", b"<html>" + PDF, "不是 PDF、JPEG 或 PNG"),
            ("图.svg", b"<svg onload='x()'/>", "不是 PDF、JPEG 或 PNG"),
            ("证明.exe", PDF, "扩展名与内容不符：内容是 PDF，扩展名应为 .pdf"),
            ("证明", PDF, "扩展名与内容不符"),
            ("图.pdf", picture("PNG"), "扩展名应为 .png"),
            ("图.png", picture("JPEG"), "扩展名应为 .jpg或.jpeg"),
            ("断.pdf", PDF[:-8], "不完整"),
            ("夹.pdf", PDF + b"MZ\x90\0", "结尾之后另有内容"),
            ("夹.pdf", PDF + archive(), "夹带了压缩包"),
            ("夹.jpg", picture("JPEG") + archive(), "夹带了压缩包"),
            ("夹.png", picture("PNG") + archive(), "夹带了压缩包"),
            ("夹.jpg", picture("JPEG") + b"<?php x(); ?>", "图片之后另有内容"),
            ("夹.png", picture("PNG") + b"<script>", "图片之后另有内容"),
            ("断.jpg", picture("JPEG", (400, 400))[:500] + b"\xff\xd9", "已损坏"),
            ("断.png", picture("PNG")[:40] + picture("PNG")[-12:], "已损坏"),
            ("大.png", huge_png(), "百万像素"),
        ],
    )
    def test_refuses(self, name: str, content: bytes, told: str) -> None:
        with pytest.raises(Refused, match=told) as refused:
            check_upload(upload(name, content))
        assert f"“{name}”" in str(refused.value)

    def test_size_on_both_sides(self, settings: Any) -> None:
        settings.EVIDENCE_MAX_MB = 1
        room = 1024 * 1024 - len(PDF)
        assert check_upload(upload(content=PDF[:9] + b" " * room + PDF[9:])) == "application/pdf"
        with pytest.raises(Refused, match="超过 1 MB"):
            check_upload(upload(content=PDF[:9] + b" " * (room + 1) + PDF[9:]))

    def test_the_shipped_limit(self, settings: Any) -> None:
        assert settings.EVIDENCE_MAX_MB == 10

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("../../etc/passwd.pdf", "passwd.pdf"),
            ("C:\\用户\\证明.pdf", "证明.pdf"),
            ("a\r\nSet-Cookie: x.pdf", "a Set-Cookie: x.pdf"),
            ("证明\u202efdp.exe", "证明fdp.exe"),
            ("  .pdf ", "pdf"),
            ("", "未命名"),
            ("长" * 300 + ".jpeg", "长" * 195 + ".jpeg"),
        ],
    )
    def test_names_are_cleaned(self, given: str, kept: str) -> None:
        assert clean_name(given) == kept


@pytest.mark.django_db
class TestKeeping:
    def test_one_file(self, files: Path) -> None:
        row = desk.repair(factories.violation(factories.pharmacy()))
        kept = add_evidence(row, upload("整改 证明.pdf"), by=BY)
        assert (kept.repair, kept.adjustment, kept.objection) == (row, None, None)
        assert (kept.name, kept.size, kept.content_type) == ("整改 证明.pdf", len(PDF), "application/pdf")
        assert re.fullmatch(r"evidence/[0-9a-f]{32}\.pdf", kept.file.name)
        assert open_evidence(kept).read() == PDF
        (path,) = files.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        event = AuditEvent.objects.get(action="添加证据材料")
        assert (event.actor, event.detail["sha256"]) == (desk.CLERK, kept.sha256)

    def test_the_same_file_once(self, files: Path) -> None:
        row = desk.repair(factories.violation(factories.pharmacy()))
        add_evidence(row, upload(), by=BY)
        with pytest.raises(Refused, match="已经上传过"):
            add_evidence(row, upload("另名.pdf"), by=BY)
        assert len(list(files.iterdir())) == 1

    def test_number_of_files(self, files: Path) -> None:
        row = desk.repair(factories.violation(factories.pharmacy()))
        for number in range(MAX_FILES):
            add_evidence(row, upload(content=PDF[:9] + b" " * number + PDF[9:]), by=BY)
        with pytest.raises(Refused, match=f"已有 {MAX_FILES} 个"):
            add_evidence(row, upload(content=PDF + b"\n"), by=BY)

    def test_only_while_open(self, files: Path) -> None:
        row = desk.repair(factories.violation(factories.pharmacy()))
        row.state = "WITHDRAWN"
        row.save()
        with pytest.raises(Refused, match="已办结"):
            add_evidence(row, upload(), by=BY)
        assert not files.exists()

    def test_a_file_that_changed_or_went_is_not_handed_out(self, files: Path) -> None:
        kept = add_evidence(desk.repair(factories.violation(factories.pharmacy())), upload(), by=BY)
        path = Path(kept.file.path)
        path.write_bytes(PDF + b" ")
        with pytest.raises(Refused, match="与上传时的指纹不符"):
            open_evidence(kept)
        path.unlink()
        with pytest.raises(Refused, match="已丢失"):
            open_evidence(kept)


class Stop(Exception):
    """Something that goes wrong later in a transaction."""


@pytest.mark.django_db(transaction=True)
def test_a_rollback_leaves_no_file(files: Path) -> None:
    row = desk.repair(factories.violation(factories.pharmacy()))
    kept = add_evidence(row, upload(), by=BY)

    def fail() -> None:
        with transaction.atomic():
            add_evidence(row, upload("乙.png", picture()), by=BY)
            assert len(list(files.iterdir())) == 2
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert [path.name for path in files.iterdir()] == [Path(kept.file.name).name]
    with transaction.atomic():
        with pytest.raises(Stop):  # only the inner part is undone
            fail()
        add_evidence(row, upload("丙.jpg", picture("JPEG")), by=BY)
    assert {Path(one.file.name).name for one in Evidence.objects.all()} == {
        path.name for path in files.iterdir()
    }
    assert Evidence.objects.count() == 2
