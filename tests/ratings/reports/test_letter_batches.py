"""The job: exactly one document for each rating, whoever is killed or works at the same time; gaps told before."""

import csv
import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from ratings.models import (
    AuditEvent,
    IssuedDocument,
    Letter,
    LetterBatch,
    NoticeLink,
    Pharmacy,
    RatingPeriod,
)
from ratings.reports import letter_batches, letter_files
from ratings.reports.letter_batches import find_gaps, write_letters
from ratings.services import documents
from ratings.services.errors import Refused
from ratings.services.letters import retry_faults, start_batch
from ratings.tasks import write_letters as task
from tests import factories, signing_keys
from tests.ratings.services.regrading import (
    CLERK,
    GOOD,
    PENALISED,
    at_the_same_moment,
    city_in,
    publish,
    rating_of,
)

from .lettering import SITE, noticed, plain, text_of

pytestmark = pytest.mark.django_db
#: In no font of ours.
RARE = "𠮷"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def batch_of(period: RatingPeriod, **options: Any) -> LetterBatch:
    return start_batch(
        period, options.pop("district", None), **{"with_links": False, "site": SITE, "by": CLERK, **options}
    )


def rename(shop: Pharmacy, name: str) -> None:
    Pharmacy.objects.filter(pk=shop.pk).update(name=name)


class TestWriting:
    def test_one_document_for_each_rating_in_the_order_of_codes(self) -> None:
        _shops, period = noticed()
        batch = batch_of(period, with_links=True)
        assert task(batch.pk) == 7
        batch.refresh_from_db()
        assert batch.finished_at is not None
        rows = (
            Letter.objects.filter(batch=batch).order_by("id").select_related("document", "rating__pharmacy")
        )
        codes = [row.rating.pharmacy.code for row in rows]
        assert codes == sorted(codes)
        assert [row.document.number for row in rows if row.document] == sorted(
            IssuedDocument.objects.values_list("number", flat=True)
        )
        for row in rows:
            assert row.document is not None
            assert row.rating.pharmacy.code in text_of(row.document)
            assert row.document.issued_by == CLERK.name
        actions = AuditEvent.objects.filter(action__contains="告知").values_list("action", flat=True)
        assert sorted(actions) == ["发起告知书批次", "告知书批次写完"]
        assert task(batch.pk) == 0
        assert IssuedDocument.objects.count() == 7

    def test_killed_in_the_third_letter_it_goes_on_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _shops, period = noticed()
        batch, issue, count = batch_of(period, with_links=True), documents.issue, [0]

        def killed(*args: Any, **options: Any) -> IssuedDocument:
            row = issue(*args, **options)
            count[0] += 1
            if count[0] == 3:
                raise KeyboardInterrupt
            return row

        monkeypatch.setattr(documents, "issue", killed)
        with pytest.raises(KeyboardInterrupt):
            write_letters(batch)
        assert (IssuedDocument.objects.count(), NoticeLink.objects.count()) == (2, 2)
        monkeypatch.undo()
        assert write_letters(batch) == 5
        assert Letter.objects.filter(batch=batch, document__isnull=False).count() == 7
        assert (IssuedDocument.objects.count(), NoticeLink.objects.count()) == (7, 7)

    def test_what_cannot_be_written_is_told_and_the_others_go_on(self) -> None:
        shops, period = noticed()
        rename(shops[GOOD], f"{RARE}药房")
        batch = batch_of(period)
        assert write_letters(batch) == 7
        fault = Letter.objects.get(batch=batch, document=None)
        assert fault.rating.pharmacy == shops[GOOD]
        assert "U+20BB7" in fault.fault
        batch.refresh_from_db()
        assert batch.finished_at is None
        rename(shops[GOOD], "吉药房")
        assert retry_faults(batch, by=CLERK) == 1
        assert write_letters(batch) == 1
        batch.refresh_from_db()
        assert batch.finished_at is not None
        with pytest.raises(Refused, match="没有未签发成功的"):
            retry_faults(batch, by=CLERK)

    def test_it_stops_when_its_time_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _shops, period = noticed()
        batch, clock = batch_of(period), iter(range(100))
        monkeypatch.setattr(letter_batches.time, "monotonic", lambda: float(next(clock)))
        assert write_letters(batch, seconds=3) == 2
        assert write_letters(batch, seconds=6) == 5
        batch.refresh_from_db()
        assert batch.finished_at is not None, "its time ended with the last letter"

    def test_a_key_that_cannot_sign_is_told_once_and_marks_no_letter(
        self, settings: Any, tmp_path: Path
    ) -> None:
        _shops, period = noticed()
        batch = batch_of(period)
        path = signing_keys.key_file(tmp_path / "key")
        signing_keys.use(settings, path, "wrong")
        with pytest.raises(Refused, match="密码不符"):
            write_letters(batch)
        assert batch.letters.filter(document=None, fault="").count() == batch.letters.count() > 0
        with pytest.raises(Refused, match="密码不符"):
            batch_of(period)
        signing_keys.use(settings, path)
        assert write_letters(batch) == batch.letters.count()
        assert not batch.letters.filter(document__signed=False).exists()

    def test_not_once_the_stage_is_over(self) -> None:
        _shops, period = noticed()
        batch = batch_of(period)
        RatingPeriod.objects.filter(pk=period.pk).update(state="UNDER_REVIEW")
        with pytest.raises(Refused, match="审核中"):
            write_letters(batch)
        RatingPeriod.objects.filter(pk=period.pk).update(state="PUBLIC_NOTICE")
        publish(period, timezone.now())
        for go_on in (write_letters, lambda batch: retry_faults(batch, by=CLERK)):
            with pytest.raises(Refused, match="等级现已发布"):
                go_on(batch)
        assert not Letter.objects.exclude(fault="").exists()
        assert not IssuedDocument.objects.exists()

    def test_a_key_that_cannot_sign_stops_it_and_is_no_fault_of_letters(
        self, settings: Any, tmp_path: Path
    ) -> None:
        _shops, period = noticed()
        batch = batch_of(period)
        settings.PDF_SIGNING_FILE = str(tmp_path / "gone.p12")
        for go_on in (
            write_letters,
            lambda batch: retry_faults(batch, by=CLERK),
            lambda _: batch_of(period, district=factories.district()),
        ):
            with pytest.raises(Refused, match="电子签名的密钥不能使用"):
                go_on(batch)
        assert batch.letters.filter(document=None, fault="").count() == 7
        settings.PDF_SIGNING_FILE = ""
        assert write_letters(batch) == 7

    def test_each_letter_takes_as_many_queries(self) -> None:
        _shops, period = noticed()
        few, more = batch_of(period, district=factories.district(330603)), []

        def counted(batch: LetterBatch, letters: int) -> int:
            with CaptureQueriesContext(connection) as seen:
                for _ in range(letters):
                    write_letters(batch, seconds=0.0001)
            return len(seen)

        counted(few, 1)
        one = counted(few, 1)
        write_letters(few)
        more = batch_of(period, district=factories.district(330602))
        assert counted(more, 3) <= 3 * one + 6


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_letters() -> None:
    _shops, period = noticed()
    batch = batch_of(period, with_links=True)
    written: list[int] = []
    told = at_the_same_moment(*[lambda: written.append(task(batch.pk))] * 2)
    assert told == ["done", "done"]
    assert sum(written) == 7
    assert IssuedDocument.objects.count() == Letter.objects.filter(document__isnull=False).count() == 7
    assert NoticeLink.objects.filter(revoked_at=None).count() == 7
    batch.refresh_from_db()
    assert batch.finished_at is not None


class TestAsking:
    def test_a_district(self) -> None:
        shops, period = noticed()
        batch = batch_of(period, district=factories.district(330603))
        assert {row.rating.pharmacy for row in batch.letters.all()} == {shops[1], shops[3], shops[5]}
        with pytest.raises(Refused, match=f"批次 #{batch.pk} 还没有写完"):
            batch_of(period)
        assert batch_of(period, district=factories.district()).letters.count() == 4

    def test_links_only_under_notice(self) -> None:
        _shops, period = city_in("PUBLISHED")
        with pytest.raises(Refused, match="告知链接只在公示期内签发"):
            batch_of(period, with_links=True)
        batch = batch_of(period)
        assert write_letters(batch) == 7
        assert not NoticeLink.objects.exists()
        assert set(IssuedDocument.objects.values_list("seq", flat=True)) == set(range(1, 8))

    def test_what_was_left_unwritten_under_notice_keeps_no_published_letter_back(self) -> None:
        _shops, period = noticed()
        left = batch_of(period)
        publish(period, timezone.now())
        batch = batch_of(period)
        with pytest.raises(Refused, match=f"批次 #{batch.pk} 还没有写完"):
            batch_of(period)
        assert write_letters(batch) == 7
        assert left.letters.filter(document=None, fault="").count() == 7

    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "FINAL", "ABANDONED"])
    def test_no_other_state(self, state: str) -> None:
        _shops, period = city_in(state)
        with pytest.raises(Refused, match=period.get_state_display()):
            batch_of(period)
        assert not LetterBatch.objects.exists()

    def test_as_many_queries_for_three_as_for_one(self) -> None:
        _shops, period = noticed()
        with CaptureQueriesContext(connection) as seen:
            batch = batch_of(period)
        assert batch.letters.count() == 7
        # the period, the waiting ones, the batch, its letters, the audit event with its link, and savepoints
        assert len(seen) <= 12


class TestGaps:
    def test_none_where_all_can_be_drawn(self) -> None:
        _shops, period = noticed()
        assert find_gaps(period, None) == []

    def test_each_with_its_pharmacy_and_field(self) -> None:
        shops, period = noticed()
        rename(shops[GOOD], f"{RARE}药房")
        # Recorded after the cutoff: it may count once the pharmacy is reckoned again.
        fact = factories.violation(
            shops[PENALISED], document_no=f"某{RARE}罚〔2025〕1号", recorded_at=timezone.now()
        )
        (first, second) = sorted(find_gaps(period, None), key=lambda gap: gap.field)
        assert (first.code, first.field, first.shown) == (
            shops[GOOD].code,
            "药店名称",
            f"U+20BB7（{RARE}）",
        )
        assert (second.code, second.field) == (shops[PENALISED].code, f"违法违规 #{fact.pk} 的机关和文号")
        assert second.rating == rating_of(shops[PENALISED], period).pk
        assert find_gaps(period, factories.district(330603)) == []

    @pytest.mark.parametrize("setting", ["OFFICE_NAME", "OBJECTION_CONTACT"])
    def test_what_every_letter_says(self, settings: Any, setting: str) -> None:
        _shops, period = noticed()
        setattr(settings, setting, f"{RARE}窗口")
        (gap,) = find_gaps(period, None)
        assert (gap.rating, gap.characters) == (None, RARE)

    def test_a_predecessor_is_told_of_too(self) -> None:
        shops, period = noticed()
        old = factories.pharmacy(
            designated_on=date(2010, 1, 1), designated_until=date(2015, 1, 1), recorded_at=timezone.now()
        )
        factories.complaint(old, reference_no=f"{RARE}1", recorded_at=timezone.now())
        Pharmacy.objects.filter(pk=shops[GOOD].pk).update(predecessor=old)
        (gap,) = find_gaps(period, None)
        assert gap.code == shops[GOOD].code


class TestFiles:
    def test_the_archive_has_every_letter_and_a_list(self) -> None:
        shops, period = noticed()
        rename(shops[GOOD], f"{RARE}药房")
        rename(shops[PENALISED], "某/某..药房")
        batch = batch_of(period)
        write_letters(batch)
        with zipfile.ZipFile(io.BytesIO(b"".join(letter_files.archive(batch)))) as packed:
            assert packed.testzip() is None
            assert {one.compress_type for one in packed.infolist()} == {zipfile.ZIP_STORED}
            names = packed.namelist()
            head, *rows = csv.reader(io.StringIO(packed.read("目录.csv").decode("utf-8-sig")))
            held = {row[5]: packed.read(row[5]) for row in rows if row[5]}
        assert head[0] == "定点编码"
        assert len(rows) == 7
        assert set(names) == {*held, "目录.csv"}
        assert f"{shops[1].code}-{shops[1].name}.pdf" in held
        for row in rows:
            if row[0] == shops[GOOD].code:
                assert "U+20BB7" in row[6]
            else:
                kept = IssuedDocument.objects.get(pharmacy__code=row[0])
                assert held[row[5]] == documents.content(kept)
                assert row[4] == kept.sha256

    def test_files_have_names_that_every_system_takes_and_no_two_the_same(self) -> None:
        shops, period = noticed()
        for shop, name in zip(
            shops, ("甲/药房", "乙/药房", "..\\药房", 'a:b*c?"<d>|', "长" * 200, "\u202e药\n房"), strict=False
        ):
            rename(shop, name)
        batch = batch_of(period)
        write_letters(batch)
        with zipfile.ZipFile(io.BytesIO(b"".join(letter_files.archive(batch)))) as packed:
            names = [name for name in packed.namelist() if name.endswith(".pdf")]
        codes = {letter.rating.pharmacy.code for letter in batch.letters.exclude(document=None)}
        assert len(codes) > 4
        assert {name.partition("-")[0] for name in names} == codes
        assert not set('\\/:*?"<>|\u202e\n') & set("".join(names))
        assert max(len(name.encode()) for name in names) < 255

    def test_a_lost_file_is_listed(self) -> None:
        _shops, period = noticed()
        batch = batch_of(period)
        write_letters(batch)
        lost = IssuedDocument.objects.earliest("number")
        Path(lost.file.path).unlink()
        with zipfile.ZipFile(io.BytesIO(b"".join(letter_files.archive(batch)))) as packed:
            assert len(packed.namelist()) == 7
            assert "已丢失" in packed.read("目录.csv").decode()
        with pytest.raises(Refused, match="已丢失"):
            letter_files.volume(batch, 1)

    def test_each_letter_of_a_volume_begins_on_an_odd_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shops, period = noticed()
        rename(shops[GOOD], f"{RARE}药房")
        monkeypatch.setattr(letter_files, "VOLUME", 4)
        batch = batch_of(period)
        write_letters(batch)
        assert letter_files.volumes(batch) == 2
        found = {}
        for number, size in ((1, 4), (2, 3)):
            book = PdfReader(io.BytesIO(letter_files.volume(batch, number)))
            assert len(book.pages) % 2 == 0
            front = plain(book.pages[0].extract_text())
            assert f"第{number}册/共2册" in front
            letters = batch.letters.order_by("id").select_related("document")[(number - 1) * 4 :][:size]
            for letter in letters:
                if letter.document is None:
                    assert "未签发" in front
                    continue
                shown = letter.document.shown_number
                pages = [
                    place
                    for place, page in enumerate(book.pages, 1)
                    if f"编号{shown}" in plain(page.extract_text())
                ]
                assert pages[0] % 2 == 1
                assert f"{shown}{pages[0]}" in front
                found[shown] = number
        assert len(found) == 6
