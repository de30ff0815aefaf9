"""Issuing the report on a period: from its page, by those who issue documents, of what they may see."""

import pytest

from ratings.models import IssuedDocument
from ratings.services import documents, roles
from tests import factories
from tests.pdf_text import text

from .conftest import HERE, THERE, Desk, page_of, said, text_of, url

BUTTON = "签发评价周期报告"


def address(desk: Desk) -> str:
    return url("ratingperiod", "report", desk.period.pk)


def test_it_is_offered_once_published(desk: Desk) -> None:
    desk.to("FINAL")
    assert BUTTON not in text_of(desk["clerk"], page_of(desk.period))
    assert "请在发布以后签发" in text_of(desk["clerk"], address(desk))
    assert "请在发布以后签发" in said(desk["clerk"], address(desk), {"scope": "all"})
    assert not IssuedDocument.objects.exists()
    desk.to("PUBLISHED")
    assert BUTTON in text_of(desk["clerk"], page_of(desk.period))


@pytest.mark.parametrize("who", ["clerk", "reviewer", "approver"])
def test_those_who_issue_documents_issue_it(desk: Desk, who: str) -> None:
    desk.to("PUBLISHED")
    page = said(desk[who], address(desk), {"scope": "all"})
    row = IssuedDocument.objects.get()
    assert row.kind == IssuedDocument.Kind.PERIOD_REPORT and row.district is None
    assert row.issued_by == who and row.period == desk.period.period
    assert f"已签发：{row}" in page
    assert "（全市）" in text(documents.content(row))


def test_a_look_issues_nothing(desk: Desk) -> None:
    desk.to("PUBLISHED")
    found = text_of(desk["clerk"], address(desk))
    assert "全市" in found and "越城区" in found and "柯桥区" in found
    assert not IssuedDocument.objects.exists()


def test_inspectors_change_nothing(desk: Desk) -> None:
    desk.to("PUBLISHED")
    assert BUTTON not in text_of(desk["inspector"], page_of(desk.period))
    assert desk["inspector"].get(address(desk)).status_code == 403
    assert desk["inspector"].post(address(desk), {"scope": "all"}).status_code == 403


@pytest.mark.parametrize("scope", ["all", "", str(THERE), "nonsense"])
def test_a_districts_officer_has_no_other_scope(desk: Desk, scope: str) -> None:
    desk.to("PUBLISHED")
    local = desk.local(HERE, roles.CLERK)
    page = text_of(local, address(desk))
    assert "越城区" in page and "柯桥区" not in page
    assert local.post(address(desk), {"scope": scope}).status_code == 200
    assert not IssuedDocument.objects.exists()


def test_a_districts_officer_issues_it_for_the_district(desk: Desk) -> None:
    desk.to("PUBLISHED")
    said(desk.local(HERE, roles.CLERK), address(desk), {"scope": str(HERE)})
    row = IssuedDocument.objects.get()
    assert row.district_id == HERE
    assert "柯桥区" not in text(documents.content(row)).replace("\n", "")


def test_a_district_that_was_not_rated_has_none(desk: Desk) -> None:
    desk.to("PUBLISHED")
    factories.district(330604, "上虞区")
    assert desk.local(330604, roles.CLERK).post(address(desk), {"scope": "330604"}).status_code == 200
    assert not IssuedDocument.objects.exists()
