"""The report: for whom and what for, all parts, pages numbered, the way to what is public, rare characters."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import NoReverseMatch

from applications.enterprise_credit import report as reports
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.profiles import Profile, profile
from applications.enterprise_credit.report import Cover, public_address, report
from applications.enterprise_credit.viewing import Viewer
from tests.enterprise_credit import building
from tests.enterprise_credit.profiling import NOW, TODAY, A, B, D, assessed, chain
from tests.pdf_text import fonts, text

pytestmark = pytest.mark.django_db
COVER = Cover("市场监督管理局", "甲", NOW, "评先评优", "〔2026〕12号", 7)


def seen(subject: CreditSubject) -> Profile:
    found = profile(subject.uscc, Viewer(building.department(), "甲"), catalogue_on(TODAY), TODAY)
    assert found is not None
    return found


def test_it_says_for_whom_when_and_what_for_on_each_page() -> None:
    subject, _ = chain(*([A] * 60))
    document = report(seen(subject), COVER, "https://credit.example.org")
    found = text(document).replace("\n", "")
    pages = found.count("查询记录 7")
    assert pages >= 2
    assert (
        found.count("仅供市场监督管理局用于“评先评优”，案号或项目号 〔2026〕12号，不得另作他用") == pages + 1
    )
    assert f"第 {pages} 页 / 共 {pages} 页" in found
    assert "查询人甲查询时间2026年2月11日 10:00" in found
    embedded = fonts(document)
    assert embedded and all(embedded.values())


def test_it_has_all_parts_and_the_chart() -> None:
    subject, shops = chain(A, D)
    assessed(subject, on=TODAY - timedelta(days=90))
    assessed(subject, on=TODAY - timedelta(days=60), rated=0, grades={}, lowest=None, weight=0, weighted=0)
    assessed(subject, on=TODAY - timedelta(days=30), weighted=85_000)
    assessed(subject, weighted=88_000)
    building.record(subject, document_no="绍市监罚1号", data={"content": "警告"})
    # without line breaks: a piece ends where the next character stands in another part of the font
    found = text(report(seen(subject), COVER, "https://credit.example.org")).replace("\n", "")
    for part in ("评定说明", "所属药店", "红黑名单", "历次企业信用分", "时间线", "企业信用分"):
        assert part in found
    assert "B 88" in found
    assert "绍市监罚1号" in found
    assert all(shop.code in found for shop in shops)


def test_without_anything_it_is_a_report_all_the_same() -> None:
    found = text(report(seen(building.subject(district=None)), COVER, "https://credit.example.org"))
    found = found.replace("\n", "")
    assert "尚未评定" in found
    assert "没有可供本部门查询的有效信用信息" in found


def test_rare_characters_are_never_left_out() -> None:
    found = text(report(seen(building.subject("\U0002a6d6氏<b>&药房")), COVER, "https://x.example")).replace(
        "\n", ""
    )
    assert "〔U+2A6D6〕氏<b>&药房" in found


def test_the_code_leads_to_what_is_public(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    one, (shop,) = chain(A)
    several, _ = chain(A, B, name="另一连锁", period="2025H1")
    assert public_address(seen(one), "https://x.example/") == f"https://x.example/pharmacy/{shop.code}/"
    assert public_address(seen(several), "https://x.example") == "https://x.example/"
    settings.SITE_URL = "https://credit.example.org"
    assert public_address(seen(several), "https://x.example") == "https://credit.example.org/"

    def missing(*_: Any, **__: Any) -> str:
        raise NoReverseMatch

    monkeypatch.setattr(reports, "reverse", missing)
    assert public_address(seen(one), "https://x.example") == "https://credit.example.org/"
