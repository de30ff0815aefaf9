"""Issued documents: numbered, found by a code nobody guesses, kept encrypted, gone when their transaction fails."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from pytest_django import Settings

from creditsys import pdf
from ratings.models import AuditEvent, IssuedDocument
from ratings.services import documents
from ratings.services.documents import About, Stamp, content, issue
from ratings.services.errors import Refused
from tests import desk, factories, signing_keys
from tests.issued import BY, KIND, SITE, draw, issued
from tests.pdf_text import text

AT = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)  # already 2027 in Shanghai
#: In no font that is shipped.
RARE = "\U0002a6d6"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.django_db
class TestIssue:
    def test_what_is_on_the_document_and_on_record(self, folder: Path) -> None:
        shop = factories.pharmacy()
        row = issued(pharmacy=shop, district=shop.district, period="2025H2", at=AT)
        row.refresh_from_db()
        assert re.fullmatch(r"2027-\d{7}", row.shown_number)
        assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", row.code)
        assert (row.issued_at, row.issued_by, row.signed) == (AT, desk.CLERK, False)
        document = content(row)
        assert row.size == len(document)
        shown = re.sub(r"\s", "", text(document))
        grouped = "-".join(re.findall("....", row.code))
        for told in (row.shown_number, grouped, f"{SITE}/d/{row.code}/"):
            assert told in shown
        event = AuditEvent.objects.get(action="签发文书")
        assert event.subject == f"issueddocument:{row.number}"
        assert (event.actor, event.address) == (BY.name, BY.address)
        assert event.detail["pharmacy"] == shop.code
        assert event.detail["sha256"] == row.sha256

    def test_numbers_go_up_and_codes_differ(self) -> None:
        rows = [issued(pharmacy=factories.pharmacy()) for _ in range(3)]
        numbers = [row.number for row in rows]
        assert numbers == sorted(set(numbers))
        assert len({row.code for row in rows}) == 3

    def test_codes_use_every_letter_that_is_not_mistaken(self) -> None:
        seen = set("".join(issued(KIND.QUARTERLY).code for _ in range(40)))
        assert seen <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        assert len(seen) > 25

    def test_the_address_in_settings_goes_before(self, settings: Settings) -> None:
        settings.SITE_URL = "https://other.example.org"
        stamps: list[Stamp] = []
        issue(
            About(KIND.QUARTERLY, "表"), lambda stamp: stamps.append(stamp) or draw(stamp), by=BY, site=SITE
        )
        assert stamps[0].address.startswith("https://other.example.org/d/")

    def test_many_at_once_are_put_on_record_by_who_asked(self) -> None:
        issue(About(KIND.QUARTERLY, "表"), draw, by=BY, site=SITE, on_record=False)
        assert not AuditEvent.objects.filter(action="签发文书").exists()

    def test_characters_that_the_font_lacks(self, folder: Path) -> None:
        with pytest.raises(Refused, match=r"没有签发：U\+2A6D6"):
            issued(pharmacy=factories.pharmacy(), words=f"某{RARE}大药房")
        assert (kept(folder), IssuedDocument.objects.exists()) == ([], False)
        assert not AuditEvent.objects.filter(action="签发文书").exists()
        # And whoever renders next is not told of it.
        with pdf.noting_gaps() as gaps:
            assert pdf.readable("某")
        assert gaps == {}

    def test_signed_where_there_is_a_key(self, settings: Settings, tmp_path: Path) -> None:
        signing_keys.use(settings, signing_keys.key_file(tmp_path / "key"))
        row = issued(pharmacy=factories.pharmacy())
        assert row.signed
        assert b"/ETSI.CAdES.detached" in content(row)

    def test_not_without_a_signature_where_the_key_cannot_sign(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        path = signing_keys.key_file(
            tmp_path / "key", ends=datetime(2026, 6, 1, tzinfo=UTC), begins=AT.replace(year=2025)
        )
        signing_keys.use(settings, path)
        with pytest.raises(Refused, match="没有签发：电子签名的密钥不能使用：证书已于"):
            issued(KIND.QUARTERLY, at=AT)
        assert not IssuedDocument.objects.exists()


@pytest.mark.django_db
class TestKept:
    def test_nobody_reads_it_in_the_folder(self, folder: Path) -> None:
        row = issued(pharmacy=factories.pharmacy(), at=AT)
        (path,) = kept(folder)
        assert path.relative_to(folder).as_posix() == f"documents/2027/{row.number:07d}.pdf.sealed"
        sealed, document = path.read_bytes(), content(row)
        assert document.startswith(b"%PDF-")
        for written in (sealed, base64.urlsafe_b64decode(sealed)):
            assert not any(document[at : at + 8] in written for at in range(0, len(document) - 8, 8))
        assert path.stat().st_mode & 0o077 == 0

    def test_a_new_secret_reads_what_the_old_one_wrote(self, settings: Settings) -> None:
        row = issued(pharmacy=factories.pharmacy())
        before = content(row)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
        assert content(row) == before
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(Refused, match="SECRET_KEY"):
            content(row)

    def test_gone(self, folder: Path) -> None:
        row = issued(pharmacy=factories.pharmacy())
        kept(folder)[0].unlink()
        with pytest.raises(Refused, match=f"文书 {row.shown_number} 的文件已丢失"):
            content(row)

    def test_altered(self, folder: Path) -> None:
        row = issued(pharmacy=factories.pharmacy())
        path = kept(folder)[0]
        sealed = bytearray(path.read_bytes())
        for place in (0, 20, len(sealed) // 2, len(sealed) - 1):
            altered = sealed.copy()
            altered[place] ^= 1
            path.write_bytes(altered)
            with pytest.raises(Refused, match="与签发时的指纹不符"):
                content(row)
        path.write_bytes(b"")
        with pytest.raises(Refused):
            content(row)

    def test_another_document_in_its_place(self, folder: Path) -> None:
        one, other = (issued(pharmacy=factories.pharmacy()) for _ in range(2))
        mine, theirs = kept(folder)
        mine.write_bytes(theirs.read_bytes())
        assert content(other)
        with pytest.raises(Refused):
            content(one)


@pytest.mark.django_db
class TestRegister:
    @pytest.mark.parametrize(
        "values", [{"code": "0" * 16}, {"signed": True}, {"seq": 1}, {"title": "x"}, {"sha256": "0" * 64}]
    )
    def test_nothing_is_changed(self, values: dict[str, Any]) -> None:
        row = issued(pharmacy=factories.pharmacy())
        with pytest.raises(DatabaseError), transaction.atomic():
            IssuedDocument.objects.filter(pk=row.pk).update(**values)

    def test_nothing_is_deleted(self) -> None:
        row = issued(pharmacy=factories.pharmacy())
        with pytest.raises(DatabaseError), transaction.atomic():
            IssuedDocument.objects.filter(pk=row.pk).delete()
        assert content(IssuedDocument.objects.get(pk=row.pk))


@pytest.mark.django_db(transaction=True)
class TestRollback:
    def test_the_file_goes_with_the_row(self, folder: Path) -> None:
        shop = factories.pharmacy()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            issued(pharmacy=shop)
            assert len(kept(folder)) == 1
            raise ZeroDivisionError
        assert (kept(folder), IssuedDocument.objects.exists()) == ([], False)

    def test_when_it_cannot_be_put_on_record(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(documents, "record", fail)
        with pytest.raises(ZeroDivisionError):
            issued(KIND.QUARTERLY)
        assert (kept(folder), IssuedDocument.objects.exists()) == ([], False)

    def test_it_stays_once_committed(self, folder: Path) -> None:
        row = issued(KIND.QUARTERLY)
        assert len(kept(folder)) == 1
        assert content(row)
