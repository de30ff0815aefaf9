"""Long lists in PDF: every row once, headers on each page, no line wider than its column."""

import io

import pytest
from pypdf import PdfReader

from creditsys import pdf, pdf_lists
from tests.pdf_text import text

WIDE = pdf.PORTRAIT.width


def made(rows: list[tuple[str, ...]], shares: tuple[float, ...] = (1, 3)) -> bytes:
    roll = pdf_lists.roll(("甲列", "乙列"), rows, shares, WIDE)
    return pdf.render("题", "页眉", [pdf.paragraph("前言"), roll, pdf.paragraph("后记")], sheet=pdf.PORTRAIT)


def pages(document: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]


@pytest.mark.parametrize("count", [0, 1, 40, 41, 42, 43, 44, 45, 300])
def test_every_row_once_in_order_under_headers(count: int) -> None:
    rows = [(f"第{number}行", f"乙{number}") for number in range(count)]
    document = made(rows)
    lines = [line for line in text(document).split("\n") if line.startswith("第") and line.endswith("行")]
    assert lines == [first for first, _ in rows]
    assert [("甲列" in page) == ("行" in page) for page in pages(document) if count] == [True] * (
        len(pages(document)) if count else 0
    )


def test_a_row_that_does_not_fit_goes_to_the_next_page_whole() -> None:
    rows = [(f"第{number}行", "长" * 100) for number in range(60)]
    document = made(rows)
    for page in pages(document):
        assert page.count("行") * 100 == page.count("长")


@pytest.mark.parametrize("room", ["full", "none"])
def test_where_nothing_is_left_of_the_page(room: str) -> None:
    height = pdf.PORTRAIT.down - 2 * pdf.PORTRAIT.margin - 60 if room == "none" else 0
    roll = pdf_lists.roll(("甲列",), [("一行",)], (1,), WIDE)
    document = pdf.render("题", "页眉", [pdf.gap(height), roll], sheet=pdf.PORTRAIT)
    assert text(document).count("一行") == 1


def test_what_the_font_lacks_is_noted() -> None:
    with pdf.noting_gaps() as gaps:
        document = made([("甲", "某\N{CJK UNIFIED IDEOGRAPH-2A6D6}")])
    assert list(gaps) == ["\N{CJK UNIFIED IDEOGRAPH-2A6D6}"]
    assert "某〔U+2A6D6〕" in text(document)
