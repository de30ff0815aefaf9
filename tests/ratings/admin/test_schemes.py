"""Schemes in the admin: readable, checked, kept as drafts, activated with a reason."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from ratings import schemes
from ratings.models import AuditEvent, SchemeVersion
from ratings.services.audit import SYSTEM
from ratings.services.schemes import store_scheme

SHIPPED = sorted(Path(schemes.__file__).parent.glob("*.toml"))


def url(page: str, *args: object) -> str:
    return reverse(f"admin:ratings_schemeversion_{page}", args=args)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_schemes_are_readable(path: Path, city_clerk: Client) -> None:
    scheme = store_scheme(path.read_text(), by=SYSTEM)
    page = city_clerk.get(url("change", scheme.pk))
    text = page.content.decode()
    assert page.context["content"] is not None
    for wanted in ("等级的划分", "不予评级的情形", "原文（TOML）", scheme.sha256):
        assert wanted in text
    document = page.context["content"]["document"]
    for part in (*document.indicators, *document.adjustments):
        assert part.title in text
    timed = [rule for rule in (*document.eligibility, *document.caps) if rule.at_once]
    assert text.count("（期间即时生效）") == len(timed)
    assert ("本规则没有规定调整的事由" in text) == (not document.adjustments)
    assert "逐件审核" in text


def test_a_bad_document_is_told_by_place_clause_and_remedy(city_clerk: Client) -> None:
    text = SHIPPED[0].read_text().replace("floor = 0", 'floor = "none"', 1)
    page = city_clerk.post(url("draft"), {"document": text, "store": "1"})
    problem = page.context["problems"][0]
    assert problem.what in page.content.decode().replace("&quot;", '"')
    assert problem.remedy in page.content.decode()
    assert SchemeVersion.objects.count() == 0


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "请粘贴规则文本"),
        ({"file": SimpleUploadedFile("a.toml", "规则".encode("gb18030"))}, "不是 UTF-8"),
        ({"file": SimpleUploadedFile("a.toml", b"#" * 1_000_001)}, "文件过大"),
        ({"document": "= ="}, "问题"),
    ],
)
def test_what_is_no_document(form: dict[str, object], told: str, city_clerk: Client) -> None:
    assert told in city_clerk.post(url("draft"), {**form, "check": "1"}).content.decode()


def test_checking_stores_nothing(city_clerk: Client) -> None:
    page = city_clerk.post(url("draft"), {"document": SHIPPED[0].read_text(), "check": "1"})
    assert "检查通过" in page.content.decode()
    assert SchemeVersion.objects.count() == 0


def test_from_draft_to_force(city_clerk: Client) -> None:
    file = SimpleUploadedFile("a.toml", SHIPPED[0].read_bytes())
    answer = city_clerk.post(url("draft"), {"file": file, "store": "1"})
    scheme = SchemeVersion.objects.get()
    assert answer["Location"] == url("change", scheme.pk)
    assert scheme.stored_by == "city"
    assert "启用……" in city_clerk.get(url("change", scheme.pk)).content.decode()
    city_clerk.get(url("activate", scheme.pk))
    assert "请填写启用理由" in city_clerk.post(url("activate", scheme.pk), {"reason": ""}).content.decode()
    scheme.refresh_from_db()
    assert not scheme.in_force
    city_clerk.post(url("activate", scheme.pk), {"reason": "局务会通过"})
    scheme.refresh_from_db()
    assert scheme.activated_by == "city"
    assert AuditEvent.objects.get(action="启用评价规则").reason == "局务会通过"
    assert "启用……" not in city_clerk.get(url("change", scheme.pk)).content.decode()


def test_schemes_are_the_citys(clerk: Client, powerless: Client, city_clerk: Client) -> None:
    scheme = store_scheme(SHIPPED[0].read_text(), by=SYSTEM)
    assert clerk.get(url("change", scheme.pk)).status_code == 200
    for client in (clerk, powerless):
        assert client.get(url("draft")).status_code == 403
        assert client.post(url("activate", scheme.pk), {"reason": "x"}).status_code == 403
    scheme.refresh_from_db()
    assert not scheme.in_force
