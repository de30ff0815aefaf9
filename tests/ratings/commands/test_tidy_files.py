"""manage.py tidy_files: what it lists, what it deletes, and what it leaves alone."""

import os
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from ratings.models import AuditEvent
from ratings.services import evidence, stray_files
from ratings.services.audit import Actor
from tests import desk, factories
from tests.issued import KIND, issued
from tests.ratings.services.uploads import upload

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 24 * 60 * 60


def output(*arguments: str) -> str:
    out = StringIO()
    call_command("tidy_files", *arguments, stdout=out)
    return out.getvalue()


def aged(path: Path, seconds: int) -> Path:
    """A file that was written so long ago."""
    path.touch()
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """The evidence folder with one file that a row names, older than any other."""
    settings.MEDIA_ROOT = tmp_path
    row = desk.repair(factories.violation(factories.pharmacy()))
    kept = evidence.add_evidence(row, upload(), by=Actor(desk.CLERK))
    return aged(Path(kept.file.path), 30 * DAY).parent


def test_lists_and_deletes_what_no_row_names_after_a_day(folder: Path) -> None:
    old, young = aged(folder / "old.pdf", DAY + 60), aged(folder / "young.pdf", DAY - 60)
    beside = aged(folder.parent / "beside.pdf", 9 * DAY)
    before = {*folder.iterdir()}
    assert output().startswith("  evidence/old.pdf\n找到 1 个")
    assert {*folder.iterdir()} == before
    assert not AuditEvent.objects.filter(action="清理无主文件").exists()

    assert output("--delete") == "  evidence/old.pdf\n已删除 1 个无主的文件。\n"
    assert {*folder.iterdir()} == before - {old}
    assert young.exists()
    assert beside.exists()
    event = AuditEvent.objects.get(action="清理无主文件")
    assert event.detail["files"] == ["evidence/old.pdf"]
    assert "manage.py tidy_files" in event.actor

    assert output("--delete") == "已删除 0 个无主的文件。\n"
    assert AuditEvent.objects.filter(action="清理无主文件").count() == 1


def test_documents_too(folder: Path) -> None:
    row = issued(KIND.QUARTERLY)
    kept = aged(Path(row.file.path), 30 * DAY)
    old = aged(kept.parent / "9999999.pdf.sealed", DAY + 60)
    young = aged(kept.parent / "9999998.pdf.sealed", DAY - 60)
    name = f"documents/{kept.parent.name}/9999999.pdf.sealed"
    assert output() == (
        f"  {name}\n找到 1 个无主的文件。\n删除前请确认数据库不是刚从旧备份恢复的；加 --delete 删除。\n"
    )
    output("--delete")
    assert [path.exists() for path in (kept, old, young)] == [True, False, True]


def test_deletes_nothing_that_is_not_on_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = aged(folder / "old.pdf", 2 * DAY)

    def fail(*args: Any, **values: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(stray_files, "record", fail)
    with pytest.raises(RuntimeError):
        output("--delete")
    assert old.exists()


def test_before_any_file(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "none"
    assert output() == "找到 0 个无主的文件。\n"
