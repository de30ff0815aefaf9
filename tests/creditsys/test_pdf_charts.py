"""Charts on paper: no text outside of its drawing, hatches within their bars, text that can be copied out."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.graphics.shapes import Drawing, Group, Path, Rect, Shape, String
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from creditsys import pdf, pdf_charts
from creditsys.chart_parts import FILLS, Cell, Series, plain
from creditsys.chart_plans import ScorePoint
from tests.pdf_text import fonts, text

GRADES = [
    Series(name, fill)
    for name, fill in zip(("A 优秀", "B 良好", "C 一般", "D 较差", "E 很差", "无等级"), FILLS, strict=False)
]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DAY = date(2026, 1, 1)


def drawings(story: list[Flowable]) -> list[Drawing]:
    return [one for one in story if isinstance(one, Drawing)]


def shapes(group: Any) -> list[Shape]:
    """All that is drawn, of groups too."""
    return [
        shape
        for one in group.contents
        for shape in ([one, *shapes(one)] if isinstance(one, Group) else [one])
    ]


def texts_inside(drawing: Drawing) -> None:
    scale = drawing.transform[0]
    for one in shapes(drawing):
        if not isinstance(one, String):
            continue
        wide = stringWidth(one.text, one.fontName, one.fontSize)
        left = one.x - {"start": 0.0, "middle": wide / 2, "end": wide}[one.textAnchor]
        assert left * scale >= -0.6
        assert (left + wide) * scale <= drawing.width + 0.6
        assert 0 <= one.y * scale <= drawing.height - one.fontSize * scale * 0.8


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(WORDS, st.lists(st.integers(0, 10**7), min_size=6, max_size=6)), min_size=1, max_size=8
    ),
    st.lists(st.none() | st.integers(-(10**6), 10**6), min_size=8, max_size=8),
    st.sampled_from([pdf.PORTRAIT.width, pdf.LANDSCAPE.width]),
    WORDS,
)
def test_no_text_lies_outside_of_its_drawing(
    rows: list[tuple[str, list[int]]], values: list[int | None], width: float, words: str
) -> None:
    names = [label for label, _ in rows]
    points = [
        ScorePoint(DAY + timedelta(days=90 * place), words, value, "" if value is None else "A", 0)
        for place, value in enumerate(values)
    ]
    story = [
        *pdf_charts.stacked(words, GRADES, rows, width=width),
        *pdf_charts.stacked(words, GRADES, rows, share=False, width=width),
        *pdf_charts.bars(words, plain(words, "乙"), [(name, row[:2]) for name, row in rows], mark=(0, words)),
        *pdf_charts.lines(
            words, plain("甲", words), names, [values[: len(names)]] * 2, mark=(0, words), width=width
        ),
        *pdf_charts.score_line(points, "ABCD", width=width),
    ]
    for drawing in drawings(story):
        assert drawing.width <= width + 0.01
        texts_inside(drawing)


def test_hatches_are_cut_off_at_the_edges_of_their_bar() -> None:
    story = pdf_charts.stacked("题", GRADES, [("甲", [9, 8, 7, 6, 5, 4])])
    drawing = drawings(story)[-1]
    hatched = [one for one in shapes(drawing) if isinstance(one, Group)]
    # in the bar, and in what the fills mean
    assert len(hatched) == 2 * len([one for one in GRADES if FILLS[one.fill].hatch])
    frames = {
        (one.x, one.y, one.x + one.width, one.y + one.height)
        for one in shapes(drawing)
        if isinstance(one, Rect) and one.strokeColor
    }
    for group in hatched:
        clip, lines = group.contents
        assert isinstance(clip, Path) and isinstance(lines, Path)
        assert clip.isClipPath and not lines.isClipPath
        across, up = clip.points[0::2], clip.points[1::2]
        assert (min(across), min(up), max(across), max(up)) in frames


def test_every_hatch_differs_and_is_dense_enough_to_be_seen() -> None:
    drawn = {}
    for fill in FILLS.values():
        if fill.hatch:
            hatch = pdf_charts._hatch(fill, 0, 0, 14, 14)
            assert len(hatch.operators) >= 4
            drawn[fill.ground, fill.hatch] = tuple(hatch.points)
    assert len(set(drawn.values())) >= 5
    assert len(drawn) == len([one for one in FILLS.values() if one.hatch])


def test_a_hundred_districts_go_on_over_pages_at_one_scale() -> None:
    rows = [(f"第{number}区", [number + 1, 1, 0, 0, 0, 0]) for number in range(100)]
    story = pdf_charts.stacked("等级", GRADES, rows, share=False)
    charts = drawings(story)
    assert len(charts) == 4
    frame = pdf.PORTRAIT.down - 2 * pdf.PORTRAIT.margin - 40
    assert all(one.height < frame for one in charts)
    wide = [
        max(
            one.width
            for one in shapes(chart)
            if isinstance(one, Rect) and one.strokeColor and one.height > 14
        )
        for chart in charts
    ]
    assert [round(one / wide[-1], 2) for one in wide] == [0.28, 0.56, 0.84, 1.0]
    found = text(pdf.render("题", "页眉", story, sheet=pdf.PORTRAIT))
    # a piece of text ends where the next character stands in another part of the font
    joined = found.replace("\n", "")
    assert all(label in joined for label, _ in rows)


def test_everything_can_be_copied_out_and_stays_the_same() -> None:
    story = [
        *pdf_charts.stacked("分布", GRADES, [("越城区", [12_000, 3, 2, 1, 0, 5])]),
        *pdf_charts.matrix(
            "变动", "前 ＼ 后", ["A", "D"], [("A", [Cell("1,234", 0.9, sub="99.9 %", kept=True), Cell("0")])]
        ),
        *pdf_charts.score_line([ScorePoint(DAY, "2025年", 95_500, "A", 0)], "ABCD"),
    ]
    document = pdf.render("题", "页眉", story, sheet=pdf.PORTRAIT)
    found = text(document).replace("\n", "")
    for words in (
        "分布",
        "A 优秀",
        "无等级",
        "越城区",
        "12,000",
        "12,011",
        "1,234（99.9 %）",
        "A 95.5",
        "2025年",
        "2026年1月1日",
    ):
        assert words in found
    assert all(fonts(document).values())


def test_without_anything_there_is_nothing() -> None:
    assert pdf_charts.stacked("题", GRADES, []) == []
    assert pdf_charts.stacked("题", GRADES, [("甲", [0] * 6)]) == []
    assert pdf_charts.bars("题", plain("甲"), [("甲", [None])]) == []
    assert pdf_charts.lines("题", plain("甲"), ["一"], [[None]]) == []
    assert pdf_charts.score_line([ScorePoint(DAY, "", None, "", -1)], "ABCD") == []
    assert pdf_charts.matrix("题", "", ["A"], []) == []


def test_characters_that_the_font_lacks_are_noted() -> None:
    with pdf.noting_gaps() as gaps:
        pdf_charts.stacked("题", GRADES, [("\U0002a6d6区", [1, 0, 0, 0, 0, 0])])
        pdf_charts.lines("题", plain("甲"), ["\U0002a6d7"], [[1.0]])
        pdf_charts.score_line([ScorePoint(DAY, "\U0002a6d8", 1, "A", 0)], "ABCD")
    assert list(gaps) == ["\U0002a6d6", "\U0002a6d7", "\U0002a6d8"]
