"""The ledger's pages: seen, downloaded and verified by those with the right; tampering is told."""

import pytest

from ratings.models import AuditEvent, Publication, PublishedGrade
from tests.ratings.services.test_runs import laid_aside_guards

from .conftest import HERE, THERE, Desk, page_of, said, text_of, url


@pytest.fixture
def one(desk: Desk) -> Publication:
    desk.to("PUBLISHED")
    return Publication.objects.get()


@pytest.mark.parametrize("who", ["clerk", "reviewer", "approver", "inspector"])
def test_a_publication(desk: Desk, one: Publication, who: str) -> None:
    assert one.merkle_root[:16] in text_of(desk[who], url("publication", "changelist"))
    page = text_of(desk[who], page_of(one))
    for part in (one.merkle_root, one.signature, one.public_key, "第一次发布", "approver", "定期评价"):
        assert part in page
    assert "核验通过" in said(desk[who], url("publication", "verify", one.number))
    assert desk[who].get(url("publication", "verify", one.number)).status_code == 405
    event = AuditEvent.objects.get(action="核验发布")
    assert (event.actor, event.detail["sound"]) == (who, True)


def test_tampering_is_told(desk: Desk, one: Publication) -> None:
    row = PublishedGrade.objects.earliest("seq")
    with laid_aside_guards():
        PublishedGrade.objects.filter(pk=row.pk).update(grade_label="改过")
    page = said(desk["inspector"], url("publication", "verify", one.number))
    assert "核验不通过" in page
    assert row.code in page
    assert AuditEvent.objects.get(action="核验发布").detail["sound"] is False


def test_the_file(desk: Desk, one: Publication) -> None:
    answer = desk["inspector"].get(url("publication", "file", one.number))
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == one.statement
    assert len(lines) == 4 + one.rows
    event = AuditEvent.objects.get(action="导出")
    assert (event.subject, event.detail["rows"]) == (f"publication:{one.pk}", one.rows)


def test_published_grades_of_the_own_district(desk: Desk, one: Publication) -> None:
    address = url("publishedgrade", "changelist")
    assert desk["clerk"].get(address).context["cl"].result_count == one.rows
    local = desk.local(THERE)
    rows = local.get(address).context["cl"].result_list
    assert {row.district for row in rows} == {THERE}
    other = PublishedGrade.objects.filter(district=HERE).earliest("seq")
    assert local.get(page_of(other)).status_code == 404
    found = desk["clerk"].get(address, {"q": other.code}).context["cl"].result_list
    assert [row.pk for row in found] == [other.pk]
    assert desk["clerk"].get(address, {"publication__number__exact": "2"}).context["cl"].result_count == 0


def test_the_history_stands_on_the_pages_of_pharmacy_and_rating(desk: Desk, one: Publication) -> None:
    link = page_of(one)
    for page in (page_of(desk.shops[0]), page_of(desk.rating())):
        assert link in text_of(desk["clerk"], page)
    grade = PublishedGrade.objects.get(pharmacy=desk.shops[0])
    assert "（本行）" in text_of(desk["clerk"], page_of(grade))


def test_rows_without_a_grade_say_why(desk: Desk, one: Publication) -> None:
    row = PublishedGrade.objects.get(position=-1)
    page = text_of(desk["clerk"], url("publishedgrade", "changelist"))
    assert "无等级" in page
    assert row.reason in page
