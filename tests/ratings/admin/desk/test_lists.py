"""Lists issued from a period's page: who may, of which districts, in which states; nothing without a POST."""

import pytest

from ratings.models import AuditEvent, IssuedDocument, RatingPeriod
from ratings.services import documents, roles
from tests.pdf_text import text

from .conftest import HERE, THERE, Desk, page_of, said, text_of, url


def whole(period: RatingPeriod) -> str:
    return url("ratingperiod", "list", period.pk)


def of(period: RatingPeriod, code: int) -> str:
    return url("ratingperiod", "list_district", period.pk, code)


@pytest.mark.parametrize(
    ("role", "may"), [("clerk", True), ("reviewer", True), ("approver", True), ("inspector", False)]
)
def test_who_may(desk: Desk, role: str, may: bool) -> None:
    period = desk.to("PUBLIC_NOTICE")
    page = text_of(desk[role], page_of(period))
    for address in (whole(period), of(period, HERE)):
        assert (address in page) == may
        assert desk[role].get(address).status_code == (200 if may else 403)
        assert not IssuedDocument.objects.exists()
        assert desk[role].post(address).status_code == (302 if may else 403)
        assert IssuedDocument.objects.count() == may
        if may:
            document = IssuedDocument.objects.get()
            assert (document.kind, document.period, document.issued_by) == (
                "NOTICE_LIST",
                period.period,
                role,
            )
            break


def test_staff_of_a_district_issue_its_list_and_no_other(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    local = desk.local(THERE, roles.CLERK)
    page = text_of(local, page_of(period))
    assert of(period, THERE) in page
    assert of(period, HERE) not in page and f'"{whole(period)}"' not in page
    assert local.post(whole(period)).status_code == 403
    assert local.post(of(period, HERE)).status_code == 404
    assert not IssuedDocument.objects.exists()
    assert "已签发" in said(local, of(period, THERE))
    document = IssuedDocument.objects.get()
    assert document.district_id == THERE
    found = text(documents.content(document))
    assert not [shop for shop in desk.shops[::2] if shop.code in found]
    assert [shop for shop in desk.shops[1::2] if shop.code in found] == desk.shops[1::2]


@pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "FINAL"])
def test_where_there_is_no_list(desk: Desk, state: str) -> None:
    period = desk.to(state)
    assert whole(period) not in text_of(desk["clerk"], page_of(period))
    assert "没有可签发的名单" in text_of(desk["clerk"], whole(period))
    assert "没有可签发的名单" in said(desk["clerk"], whole(period))
    assert AuditEvent.objects.filter(action="未获准", actor="clerk").exists()
    assert not IssuedDocument.objects.exists()


def test_after_publication(desk: Desk) -> None:
    period = desk.to("PUBLISHED")
    assert of(period, HERE) in text_of(desk["clerk"], page_of(period))
    assert "已签发" in said(desk["clerk"], whole(period))
    assert "公布名单" in IssuedDocument.objects.get().title


def test_a_district_that_is_not_of_the_period(desk: Desk) -> None:
    from tests import factories

    factories.district(330604, "上虞区")
    period = desk.to("PUBLIC_NOTICE")
    assert "没有上虞区的评价结果" in said(desk["clerk"], of(period, 330604))
    assert not IssuedDocument.objects.exists()
