"""Files made on the spot, a place to keep them, and a small registry."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ratings.models import ImportBatch, Pharmacy
from ratings.services.audit import Actor
from ratings.services.imports import accept_import, check_import, import_file
from tests import factories

CODES = ("P33060200001", "P33060200002", "P33060200003")
CLERK = Actor("经办员", "192.0.2.1")


@pytest.fixture(autouse=True)
def kept_files(settings: Any, tmp_path: Path) -> Path:
    """Where imported files go in this test."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files" / "imports"


@pytest.fixture
def shops(db: None) -> list[Pharmacy]:
    """Three pharmacies of 越城区, coded CODES."""
    return [factories.pharmacy(code=code) for code in CODES]


def csv_bytes(rows: Sequence[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_bytes(rows: Sequence[Sequence[object]], sheet: str = "Sheet1", more: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = sheet
    for row in rows:
        first.append(list(row))
    for name in more:
        book.create_sheet(name)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


Content = bytes | str | Sequence[Sequence[object]]


def as_file(content: Content) -> io.BytesIO:
    if isinstance(content, str):
        content = content.encode()
    return io.BytesIO(content if isinstance(content, bytes) else csv_bytes(content))


def check(kind: str, content: Content, name: str = "文件.csv", **options: Any) -> ImportBatch:
    return check_import(kind, as_file(content), name, by=CLERK, **options)


def bring(kind: str, content: Content, **options: Any) -> ImportBatch:
    """Check and accept; RowsRefused when rows are refused."""
    return accept_import(check(kind, content, **options), by=CLERK)


def bring_at_once(kind: str, content: Content, **options: Any) -> ImportBatch:
    return import_file(kind, as_file(content), "文件.csv", by=CLERK, **options)


def counts(batch: ImportBatch) -> tuple[int, int, int, int]:
    """(added, changed, unchanged, refused)."""
    return batch.added, batch.changed, batch.unchanged, batch.refused


def messages(batch: ImportBatch) -> list[str]:
    return [problem["message"] for problem in batch.problems]


Way = Callable[..., ImportBatch]


@pytest.fixture(params=[bring, bring_at_once], ids=["in two steps", "at once"])
def way(request: pytest.FixtureRequest) -> Way:
    """Both ways of bringing a file in."""
    return request.param  # type: ignore[no-any-return]
