"""PDF documents: Chinese text comes out again, the font is embedded, what it lacks is told, pages are numbered."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from creditsys import pdf
from tests.pdf_text import fonts, text


def one(words: str) -> str:
    return text(pdf.render("题", "页眉", [pdf.paragraph(words)]))


def test_text_comes_out_as_it_went_in() -> None:
    found = one("绍兴市越城区某某大药房<b>&amp; 〔2026〕12号（A 级）")
    assert "绍兴市越城区某某大药房<b>&amp; 〔2026〕12号（A 级）" in found
    assert "页眉" in found
    assert "第 1 页 / 共 1 页" in found


def test_fonts_are_embedded() -> None:
    made = pdf.render("题", "页眉", [pdf.paragraph("某某大药房"), pdf.qr("x"), pdf.facts([("甲", "乙")])])
    assert fonts(made)
    assert all(fonts(made).values())
    # nor one that readers are to have, which has no description to embed it by
    assert b"Helvetica" not in made


def test_characters_beyond_the_first_plane_come_out_too() -> None:
    assert "\N{CJK UNIFIED IDEOGRAPH-2B75A}" not in "某"
    beyond = next(chr(code) for code in pdf._font().face.charToGlyph if code > 0xFFFF)
    assert f"某{beyond}公司" in one(f"某{beyond}公司")


def test_what_the_font_lacks_is_written_as_its_code_point() -> None:
    assert pdf.readable("某\U0002a6d6\n\t公司") == "某〔U+2A6D6〕  公司"
    assert "某〔U+2A6D6〕公司" in one("某\U0002a6d6公司")


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_is_left_out_in_silence(words: str) -> None:
    known = pdf._font().face.charToGlyph
    assert all(ord(character) in known for character in pdf.readable(words))


def test_long_tables_go_on_with_their_headers() -> None:
    rows = [(f"第{number}行", "内容") for number in range(200)]
    found = text(pdf.render("题", "页眉", [*pdf.heading("表"), pdf.table(("甲列", "乙列"), rows, (1, 3))]))
    pages = found.count("甲列")
    assert pages > 2
    assert f"第 {pages} 页 / 共 {pages} 页" in found
    places = [found.index(f"第{number}行") for number in (0, 99, 199)]
    assert all(before < after for before, after in pairwise(places))


def test_facts_and_codes_are_drawn() -> None:
    found = pdf.render(
        "题",
        "页眉",
        [pdf.facts([("名称", "某公司"), ("代码", "9"), ("区县", "越城区")]), pdf.gap(), pdf.qr("x")],
    )
    assert "越城区" in text(found)


def test_utf_16_of_characters() -> None:
    assert (pdf._utf16(0x4E00), pdf._utf16(0x20000)) == (0x4E00, 0xD840DC00)
