"""Issued documents (PDF) on the verification page: ours, and not."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ratings.services.documents import content as document_content
from tests.issued import KIND, issued
from tests.pharmacy_lookup.open_data_city import upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = settings.MEDIA_ROOT = tmp_path


def told(client: Client, content: bytes) -> str:
    answer = upload(client, content)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_that_we_issued(client: Client) -> None:
    issued(KIND.QUARTERLY)
    row = issued(KIND.QUARTERLY)
    text = told(client, document_content(row))
    assert "真实：是我们签发的文书，一字不差" in text
    assert f'href="/d/{row.code}/"' in text


def test_that_we_did_not(client: Client) -> None:
    original = document_content(issued(KIND.QUARTERLY))
    for content in (
        original + b"\n",
        original[:-1],
        original.replace(b"%PDF-1", b"\n%PDF-1"),
        b"%PDF-1.7",
    ):
        text = told(client, content)
        assert "我们没有签发过这个文件" in text
        assert "不一定是伪造的" in text
        assert "一字不差" not in text
