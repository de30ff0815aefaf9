"""A batch of letters as files: a ZIP archive of all, and volumes (合订本) to be printed on both sides."""

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Final

from django.utils import timezone
from pypdf import PdfReader, PdfWriter
from reportlab.platypus import Flowable

from creditsys import documents as files
from creditsys import pdf
from ratings.models import IssuedDocument, Letter, LetterBatch, Pharmacy
from ratings.rules.periods import Period
from ratings.services import documents
from ratings.services.errors import Refused
from ratings.services.imports.reports import harmless

#: Letters of one volume.
VOLUME: Final = 100
_INDEX: Final = "目录.csv"
#: Of a pharmacy's name, characters in a file's name: with its code at most 200 bytes of UTF-8.
_NAMED: Final = 60
#: What Windows takes in no file's name.
_NOT_IN_NAMES: Final = str.maketrans('\\/:*?"<>|', "＼／：＊？＂＜＞｜")
_HEADERS: Final = ("定点编码", "药店名称", "文书编号", "验证码", "SHA-256", "文件名", "说明")


def letters_of(batch: LetterBatch) -> Iterator[Letter]:
    """The letters in the order of codes, read in pieces."""
    rows = batch.letters.select_related("document", "rating__pharmacy").defer("rating__trace")
    return rows.order_by("id").iterator(chunk_size=VOLUME)


# The archive


class _Passing:
    """Takes what the archive writes and hands it on; it cannot be sought in, so nothing is written twice."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, content: bytes, /) -> int:
        self._held.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nor is anything open."""

    def taken(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held


def archive(batch: LetterBatch) -> Iterator[bytes]:
    """A ZIP archive, piece by piece: each issued letter, uncompressed, and at the end a list of all as CSV.

    The list names letters that were not issued, or whose file is lost, and why.
    """
    passing, listed = _Passing(), io.StringIO()
    listed.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(listed)
    writer.writerow(_HEADERS)
    with zipfile.ZipFile(passing, "w", zipfile.ZIP_STORED) as packed:
        for letter in letters_of(batch):
            shop, row = letter.rating.pharmacy, letter.document
            if row is None:
                writer.writerow([shop.code, harmless(shop.name), "", "", "", "", letter.fault or "尚未签发"])
                continue
            name, remark = _file_name(shop), ""
            try:
                packed.writestr(_entry(name, row), documents.content(row))
            except Refused as refused:
                name, remark = "", str(refused)
            code = documents.grouped(row.code)
            writer.writerow(
                [shop.code, harmless(shop.name), row.shown_number, code, row.sha256, name, remark]
            )
            yield passing.taken()
        packed.writestr(_INDEX, listed.getvalue())
    yield passing.taken()


def _file_name(shop: Pharmacy) -> str:
    """Code and name, as every system takes it."""
    return files.clean_name(f"{shop.code}-{shop.name[:_NAMED].translate(_NOT_IN_NAMES)}.pdf")


def _entry(name: str, row: IssuedDocument) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, timezone.localtime(row.issued_at).timetuple()[:6])


# Volumes


def volumes(batch: LetterBatch) -> int:
    """How many volumes a batch has. A letter keeps its volume, issued or not yet."""
    return -(-batch.letters.count() // VOLUME)


def volume(batch: LetterBatch, number: int) -> bytes:
    """Volume ``number`` (from 1) for printing both sides: a list in front, and each letter begins on an odd page.

    For print only: what is bound carries no electronic signatures. Raises Refused where a letter's file
    is lost.
    """
    rows = batch.letters.select_related("document", "rating__pharmacy").defer("rating__trace").order_by("id")
    letters = list(rows[(number - 1) * VOLUME : number * VOLUME])
    bound = [PdfReader(io.BytesIO(documents.content(row.document))) for row in letters if row.document]
    front = PdfReader(io.BytesIO(_front(batch, number, letters, [0] * len(bound))))
    starts, page = [], _even(len(front.pages)) + 1
    for one in bound:
        starts.append(page)
        page += _even(len(one.pages))
    front = PdfReader(io.BytesIO(_front(batch, number, letters, starts)))
    writer = PdfWriter()
    for one in (front, *bound):
        for sheet in one.pages:
            # Fields of signatures would stand there without what they sign.
            sheet.pop("/Annots", None)
            writer.add_page(sheet)
        if len(one.pages) % 2:
            writer.add_blank_page()
    writer.add_metadata({"/Title": f"告知书合订本 {batch.pk} 第 {number} 册"})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _even(pages: int) -> int:
    return pages + pages % 2


def _front(batch: LetterBatch, number: int, letters: list[Letter], starts: list[int]) -> bytes:
    """The list of what is bound, with the pages on which letters begin."""
    beginning = iter(starts)
    rows = [
        (
            str((number - 1) * VOLUME + place),
            letter.rating.pharmacy.code,
            letter.rating.pharmacy.name,
            letter.document.shown_number if letter.document else "未签发",
            str(next(beginning)) if letter.document else "—",
        )
        for place, letter in enumerate(letters, 1)
    ]
    whole = f"第 {number} 册 / 共 {volumes(batch)} 册"
    issued = sum(letter.document is not None for letter in letters)
    story: list[Flowable] = [
        pdf.paragraph(f"告知书合订本　{whole}", pdf.TITLE),
        pdf.facts(
            [
                ("评价周期", Period.parse(batch.period.period).label),
                ("范围", batch.scope),
                ("批次", f"#{batch.pk}"),
                ("份数", f"{issued}，每份从单数页起"),
            ],
            pdf.PORTRAIT.width,
        ),
        pdf.gap(),
        pdf.table(
            ("序号", "定点编码", "药店名称", "文书编号", "PDF 页"),
            rows,
            (0.8, 2, 4.8, 2, 1),
            pdf.PORTRAIT.width,
        ),
    ]
    return pdf.render(f"告知书合订本 {whole}", f"告知书批次 #{batch.pk}　{whole}", story, sheet=pdf.PORTRAIT)
