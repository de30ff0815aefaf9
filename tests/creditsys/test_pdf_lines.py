"""Lines of Chinese: nothing is lost, none is too wide, none begins or ends with a sign that may not stand there."""

from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from creditsys import pdf, pdf_lines

SIGNS = "，。；：》）”《（“"


def lines(text: str, *widths: float) -> list[str]:
    pdf.lacking("")  # has the font registered
    return pdf_lines.lines(text, widths, pdf.FONT, 10)


def test_signs_stay_with_what_they_belong_to() -> None:
    assert lines("按《规则（示例）》第一版", 80) == ["按《规则（示", "例）》第一版"]
    assert lines("甲乙丙丁“戊己”", 50) == ["甲乙丙丁", "“戊己”"]


def test_numbers_are_not_cut_and_keep_their_unit() -> None:
    assert lines("金额为1,234.56元整", 70) == ["金额为", "1,234.56元整"]
    assert lines("自定点起2021年10月底止", 80) == ["自定点起2021年", "10月底止"]


def test_what_no_line_holds_is_cut_anywhere() -> None:
    found = lines("https://credit.example.org/d/7K3M9QXW40ZTB8HE/", 60)
    assert len(found) > 2
    assert "".join(found) == "https://credit.example.org/d/7K3M9QXW40ZTB8HE/"


@given(
    st.text("甲乙丙丁12.年 a" + SIGNS, min_size=1, max_size=80), st.integers(30, 200), st.integers(30, 200)
)
def test_all_of_it_in_lines_that_fit(text: str, first: int, rest: int) -> None:
    found = lines(text, first, rest)
    assert "".join("".join(found).split()) == "".join(text.split())
    for number, line in enumerate(found):
        # the blank half of a closing sign may hang out
        blank = 5 if line.rstrip()[-1:] in set("，。；：》）") else 0
        assert stringWidth(line.rstrip(), pdf.FONT, 10) - blank <= (rest if number else first) + 0.1


def test_paragraphs_break_so() -> None:
    paragraph = pdf.paragraph("按《规则（示例）》第一版", pdf.BODY)
    paragraph.wrap(8 * pdf.BODY.fontSize, 500)
    assert [line[1][0] for line in paragraph.blPara.lines] == ["按《规则（示", "例）》第一版"]
