"""Letters in the admin: by role and district, told beforehand what cannot be drawn, written within requests, as files."""

import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from ratings.admin import letters as pages
from ratings.models import AuditEvent, IssuedDocument, Letter, LetterBatch, NoticeLink, Pharmacy, RatingPeriod
from ratings.reports.letter_batches import write_letters
from ratings.services import documents
from ratings.services.letters import start_batch
from tests import factories, pdf_text

from .conftest import HERE, REVIEWER, THERE, Desk, page_of, said, text_of, url

RARE = "𠮷"


def start_of(period: RatingPeriod, district: int | None = None) -> str:
    if district is None:
        return url("letterbatch", "start", period.pk)
    return url("letterbatch", "start_district", period.pk, district)


def batch_of(period: RatingPeriod, district: int | None = None, *, links: bool = False) -> LetterBatch:
    """A batch that is written."""
    place = factories.district(district) if district else None
    batch = start_batch(period, place, with_links=links, site="http://testserver", by=REVIEWER)
    write_letters(batch)
    batch.refresh_from_db()
    return batch


def content(answer: Any) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize("who", ["clerk", "reviewer"])
def test_letters_to_all_from_the_page_of_the_period(desk: Desk, who: str) -> None:
    period = desk.to("PUBLIC_NOTICE")
    address = start_of(period)
    assert address in text_of(desk[who], page_of(period))
    asked = text_of(desk[who], address)
    assert "7 家" in asked
    assert "预评结果告知书" in asked
    shown = said(desk[who], address, {"with_links": "on"})
    assert "已写 7 份" in shown
    assert "已签发 7 份" in shown
    batch = LetterBatch.objects.get()
    assert (batch.asked_by, batch.with_links, batch.site) == (who, True, "http://testserver/")
    assert NoticeLink.objects.count() == 7
    assert str(batch.pk) in text_of(desk["inspector"], url("letterbatch", "changelist"))


def test_after_publication_without_links(desk: Desk) -> None:
    period = desk.to("PUBLISHED")
    asked = text_of(desk["clerk"], start_of(period))
    assert "with_links" not in asked
    said(desk["clerk"], start_of(period), {"with_links": "on"})
    assert IssuedDocument.objects.exclude(seq=None).count() == 7
    assert not NoticeLink.objects.exists()


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "FINAL"])
def test_other_states_say_why_not(desk: Desk, state: str) -> None:
    period = desk.to(state)
    assert start_of(period) not in text_of(desk["clerk"], page_of(period))
    assert "不签发告知书" in text_of(desk["clerk"], start_of(period))
    assert "不签发告知书" in said(desk["clerk"], start_of(period))
    assert not LetterBatch.objects.exists()


@pytest.mark.parametrize("who", ["approver", "inspector"])
def test_who_may_only_look(desk: Desk, who: str) -> None:
    period = desk.to("PUBLIC_NOTICE")
    batch = batch_of(period)
    assert start_of(period) not in text_of(desk[who], page_of(period))
    for address in (
        start_of(period),
        start_of(period, HERE),
        url("letterbatch", "write", batch.pk),
        url("letterbatch", "retry", batch.pk),
    ):
        assert desk[who].post(address).status_code == 403
    assert "继续" not in text_of(desk[who], page_of(batch))
    assert content(desk[who].get(url("letterbatch", "archive", batch.pk)))[:2] == b"PK"


@pytest.mark.parametrize("who", ["approver", "inspector"])
def test_letters_with_links_are_for_those_who_may_issue_them(desk: Desk, who: str) -> None:
    batch = batch_of(desk.to("PUBLIC_NOTICE"), links=True)
    document = IssuedDocument.objects.earliest("number")
    addresses = (
        url("letterbatch", "archive", batch.pk),
        url("letterbatch", "volume", batch.pk, 1),
        url("issueddocument", "file", document.pk),
    )
    page = text_of(desk[who], page_of(batch)) + text_of(
        desk[who], url("issueddocument", "change", document.pk)
    )
    assert "只由可以签发告知链接的人员下载" in page
    for address in addresses:
        assert address not in page
        assert desk[who].get(address).status_code == 403
        assert desk["clerk"].get(address).status_code == 200


def test_districts(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    local = desk.local(THERE, "经办员")
    page = text_of(local, page_of(period))
    assert start_of(period, THERE) in page
    assert f'"{start_of(period)}"' not in page
    assert local.get(start_of(period)).status_code == 403
    assert local.post(start_of(period)).status_code == 403
    assert local.post(start_of(period, HERE)).status_code == 404
    assert local.post(url("letterbatch", "single", desk.rating(0).pk)).status_code == 404
    here, city = batch_of(period, HERE), batch_of(period)
    for batch in (here, city):
        for page in ("archive", "write", "retry"):
            assert local.post(url("letterbatch", page, batch.pk)).status_code == 404
        assert local.get(page_of(batch)).status_code == 404
    assert "已写 3 份" in said(local, start_of(period, THERE))
    own = LetterBatch.objects.latest("pk")
    assert local.get(url("letterbatch", "changelist")).context["cl"].result_count == 1
    assert content(local.get(url("letterbatch", "archive", own.pk)))[:2] == b"PK"


def test_what_the_font_lacks_is_told_before_anything_is_issued(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    Pharmacy.objects.filter(pk=desk.shops[2].pk).update(name=f"{RARE}药房")
    asked = text_of(desk["clerk"], start_of(period))
    for told in (desk.shops[2].code, "药店名称", "U+20BB7", "PDF_FONT"):
        assert told in asked
    assert "勾选" in said(desk["clerk"], start_of(period))
    assert not LetterBatch.objects.exists()
    shown = said(desk["clerk"], start_of(period), {"anyway": "on"})
    assert "已签发 6 份，未能签发 1 份" in shown
    assert page_of(desk.rating(2)) in shown
    assert "U+20BB7" in shown
    batch = LetterBatch.objects.get()
    Pharmacy.objects.filter(pk=desk.shops[2].pk).update(name="吉药房")
    assert "已签发 7 份。" in said(desk["clerk"], url("letterbatch", "retry", batch.pk))


def test_a_request_writes_for_a_while_and_the_page_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = desk.to("PUBLIC_NOTICE")
    monkeypatch.setattr(pages, "_SECONDS", 0.0001)
    shown = said(desk["clerk"], start_of(period))
    batch = LetterBatch.objects.get()
    assert "已签发 1 份，待写 6 份" in shown
    assert "data-go-on" in shown
    assert 'http-equiv="refresh"' not in shown
    assert "data-go-on" not in text_of(desk["clerk"], page_of(batch))
    assert "data-go-on" not in text_of(desk["inspector"], f"{page_of(batch)}?going=1")
    assert "已签发 2 份" in said(desk["clerk"], url("letterbatch", "write", batch.pk))
    monkeypatch.setattr(pages, "_SECONDS", 600)
    shown = said(desk["clerk"], url("letterbatch", "write", batch.pk))
    assert "已签发 7 份。" in shown
    assert "data-go-on" not in shown


def test_with_workers_the_page_asks_again_by_itself(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    period, sent = desk.to("PUBLIC_NOTICE"), list[int]()
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(pages.write_letters, "delay", sent.append)
    shown = said(desk["clerk"], start_of(period))
    assert sent == [LetterBatch.objects.get().pk]
    assert "待写 7 份" in shown
    assert '<meta http-equiv="refresh" content="3">' in shown


def test_an_interrupted_stage_is_told_and_nothing_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    period = desk.to("PUBLIC_NOTICE")
    monkeypatch.setattr(pages, "_SECONDS", 0.0001)
    said(desk["clerk"], start_of(period))
    RatingPeriod.objects.filter(pk=period.pk).update(state="UNDER_REVIEW")
    shown = said(desk["clerk"], url("letterbatch", "write", LetterBatch.objects.get().pk))
    assert "现为“审核中”，不签发告知书" in shown
    assert Letter.objects.exclude(fault="").count() == 0


def test_a_stage_that_ends_while_workers_write_is_told(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal that a worker meets is seen by nobody: the page says it, and asks again no more."""
    period, sent = desk.to("PUBLIC_NOTICE"), list[int]()
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(pages.write_letters, "delay", sent.append)
    said(desk["clerk"], start_of(period))
    batch = LetterBatch.objects.get()
    RatingPeriod.objects.filter(pk=period.pk).update(state="UNDER_REVIEW")
    shown = text_of(desk["clerk"], f"{page_of(batch)}?going=1")
    assert "现在不能写" in shown
    assert "现为“审核中”" in shown
    assert 'http-equiv="refresh"' not in shown
    assert "继续" not in shown
    assert "现为“审核中”" in said(desk["clerk"], url("letterbatch", "write", batch.pk))
    assert sent == [batch.pk]


def test_files_are_on_record(desk: Desk) -> None:
    batch = batch_of(desk.to("PUBLIC_NOTICE"), HERE)
    answer = desk["clerk"].get(url("letterbatch", "archive", batch.pk))
    assert "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(content(answer))) as packed:
        assert len(packed.namelist()) == 5
    book = PdfReader(io.BytesIO(content(desk["clerk"].get(url("letterbatch", "volume", batch.pk, 1)))))
    assert len(book.pages) % 2 == 0
    assert desk["clerk"].get(url("letterbatch", "volume", batch.pk, 2)).status_code == 404
    events = AuditEvent.objects.filter(action="下载告知书", subject=f"letterbatch:{batch.pk}")
    assert sorted(events.values_list("detail__form", flat=True)) == ["ZIP", "第 1 册"]


@pytest.mark.parametrize("who", ["clerk", "reviewer", "approver"])
def test_one_letter_from_the_page_of_a_rating(desk: Desk, who: str) -> None:
    desk.to("PUBLIC_NOTICE")
    rating = desk.rating(0)
    address = url("letterbatch", "single", rating.pk)
    assert address in text_of(desk[who], page_of(rating))
    assert ("with_links" in text_of(desk[who], address)) == (who != "approver")
    page = said(desk[who], address, {"with_links": "on"})
    document = IssuedDocument.objects.get()
    assert url("issueddocument", "file", document.pk) in page
    assert desk.shops[0].code in pdf_text.text(documents.content(document)).replace("\n", "")
    assert NoticeLink.objects.exists() == (who != "approver")
    assert AuditEvent.objects.filter(action="签发文书", actor=who).count() == 1


def test_no_letter_from_a_rating_before_notice(desk: Desk) -> None:
    desk.to("UNDER_REVIEW")
    address = url("letterbatch", "single", desk.rating(0).pk)
    assert address not in text_of(desk["clerk"], page_of(desk.rating(0)))
    assert "现为“审核中”" in text_of(desk["clerk"], address)
    assert desk["inspector"].post(address).status_code == 403
    said(desk["clerk"], address)
    assert not IssuedDocument.objects.exists()


def test_the_page_takes_as_many_queries_for_three_faults_as_for_one(
    desk: Desk, django_assert_max_num_queries: Any
) -> None:
    batch = batch_of(desk.to("PUBLIC_NOTICE"), HERE)

    def counted(client: Client) -> int:
        with django_assert_max_num_queries(30) as seen:
            client.get(page_of(batch))
        return len(seen)

    period = desk.period
    shops = [shop for shop in desk.shops if shop.district_id == HERE]
    Pharmacy.objects.filter(pk=shops[0].pk).update(name=RARE)
    batch = batch_of(period, HERE)
    counted(desk["clerk"])
    one = counted(desk["clerk"])
    Pharmacy.objects.filter(pk__in=[shop.pk for shop in shops]).update(name=RARE)
    batch = batch_of(period, HERE)
    assert batch.letters.exclude(fault="").count() == 3
    assert counted(desk["clerk"]) == one
