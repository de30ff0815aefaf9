"""Charts say in words what they show, escape what they are given, and differ in more than colour."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from creditsys import chart_plans, charts, maps
from creditsys.charts import FILLS, Cell, Series
from creditsys.marks import grade_colour

NASTY = "<script>\"&'"
TWO = charts.plain("用信", "还款")


def parsed(drawing: str) -> ElementTree.Element:
    """It is well-formed, titled, and told to those who do not see it."""
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    title = root.find("title")
    assert title is not None
    assert title.text
    ids = [each.get("id") for each in root.iter("pattern")]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", drawing))
    assert used <= set(ids)
    return root


def rects(root: ElementTree.Element) -> list[ElementTree.Element]:
    defs = root.find("defs")
    hidden = set(defs.iter("rect")) if defs is not None else set()
    return [
        each
        for each in root.iter("rect")
        if each not in hidden and (each.get("fill") or "").startswith("url")
    ]


def words(root: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in root.iter("text")]


def test_bars_are_as_tall_as_their_values() -> None:
    root = parsed(charts.bars("标题", TWO, [("一", (100, 50)), ("二", (0, None))], mark=(1, "起始")))
    heights = [float(each.get("height") or 0) for each in rects(root)]
    assert heights == [150, 75, 0, 0]
    assert {"一", "二", "100", "50", "0", "—", "起始"} <= set(words(root))
    assert charts.bars("标题", TWO, []) == ""
    assert charts.bars("标题", TWO, [("一", (0, 0))]) == ""


def test_bars_spell_values_in_a_unit() -> None:
    root = parsed(charts.bars("标题", TWO, [("一", (123_456_789, 20_000))], unit=10_000))
    assert "12,346" in words(root)
    assert "2.0" in words(root)


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=5, max_size=5), min_size=1, max_size=6))
def test_pieces_of_a_bar_are_in_proportion(rows: list[list[int]]) -> None:
    series = [Series(str(number), fill) for number, fill in enumerate(("0", "1", "2", "worst", "none"))]
    for share in (True, False):
        drawing = charts.stacked("标题", series, [(str(n), row) for n, row in enumerate(rows)], share=share)
        if not any(map(sum, rows)):
            assert drawing == ""
            continue
        root = parsed(drawing)
        wide = iter(float(each.get("width") or 0) for each in rects(root))
        most = max(map(sum, rows))
        for row in rows:
            whole = sum(row) if share else most
            for value in filter(None, row):
                assert next(wide) == pytest.approx(max(420 * value / whole, 0.5), abs=0.06)


def test_a_bar_of_one_piece_says_its_number_once() -> None:
    series = charts.plain("一", "二")
    root = parsed(charts.stacked("标题", series, [("全", (300, 0)), ("两段", (100, 100))], share=False))
    assert [words(root).count(number) for number in ("300", "100", "200")] == [1, 2, 1]


@pytest.mark.parametrize(
    "values",
    [[[1.0, None, 3.5]], [[-2.0, 0.0, 2.0]], [[5.0, 5.0, 5.0]], [[0.0, 0.0, 0.0]], [[1e6, 3.0, None]]],
)
def test_lines_have_a_gap_where_nothing_is_known(values: list[list[float | None]]) -> None:
    drawing = charts.lines("标题", charts.plain("增幅"), ["a", "b", "c"], values, unit="%", mark=(1, "起始"))
    root = parsed(drawing)
    known = [value for value in values[0] if value is not None]
    assert len(list(root.iter("circle"))) == len(known)
    path = next(each for each in root.iter("path") if each.get("stroke-width") == "2")
    assert (path.get("d") or "").count("M") == (2 if values[0][1] is None else 1)


def test_lines_of_four_series_differ_in_dash_and_mark() -> None:
    series = charts.plain("一", "二", "三", "四")
    root = parsed(charts.lines("标题", series, ["x", "y"], [[1, 2], [2, 3], [3, 4], [4, 5]]))
    drawn = [each for each in root.iter("path") if each.get("fill") == "none"]
    assert len({each.get("stroke-dasharray") for each in drawn}) == 4
    assert charts.lines("标题", series[:1], ["x"], [[None]]) == ""


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_scales_hold_their_values(one: float, other: float) -> None:
    low, high, ticks = chart_plans.scale(min(0.0, one, other), max(0.0, one, other))
    assert low <= min(0.0, one, other) + 1e-3
    assert high >= max(0.0, one, other) - 1e-3
    assert 2 <= len(ticks) <= 9


def test_cells_of_a_matrix_are_a_table() -> None:
    drawing = charts.matrix(
        "标题",
        "前 ＼ 后",
        ["甲", "乙"],
        [("甲", [Cell("3", 1.0, "/x?a=1&b=2", "75 %", kept=True), Cell("0")])],
    )
    root = ElementTree.fromstring(drawing)
    assert root.tag == "table"
    assert [each.text for each in root.iter("th")] == ["前 ＼ 后", "甲", "乙", "甲"]
    first, second = root.iter("td")
    assert first.get("class") == "cs-heat-5 cs-kept"
    assert second.get("class") == "cs-heat-0"
    assert next(first.iter("a")).get("href") == "/x?a=1&b=2"


def test_texts_are_escaped_everywhere() -> None:
    series = [Series(NASTY, "a")]
    drawings = [
        charts.bars(NASTY, series, [(NASTY, (1,))], mark=(0, NASTY)),
        charts.stacked(NASTY, series, [(NASTY, (1,))]),
        charts.lines(NASTY, series, [NASTY], [[1.0]], unit=NASTY),
        charts.matrix(NASTY, NASTY, [NASTY], [(NASTY, [Cell(NASTY, 1, NASTY, NASTY)])]),
        charts.legend(series, NASTY),
        maps.key(series),
        maps.dots(NASTY, series, np.array([120.0]), np.array([30.0]), np.array([0]), [(NASTY, 120.0, 30.0)]),
    ]
    for drawing in drawings:
        assert "<script" not in Template("{{ it }}").render(Context({"it": drawing}))
        ElementTree.fromstring(f"<x>{drawing}</x>")


def test_grades_are_told_apart_without_colour() -> None:
    fills = ["0", "1", "2", "3", "worst", "none"]
    assert len({FILLS[fill][1] for fill in fills}) == len(fills)
    assert len({maps.shape(fill, 0, 0, 5) for fill in fills}) == len(fills)
    assert [charts.grade_fill(position, 4) for position in (0, 1, 2, 3, -1)] == [
        grade_colour(position, 4) for position in (0, 1, 2, 3, -1)
    ]


def test_few_points_are_drawn_one_by_one_and_many_in_a_grid() -> None:
    series = [Series("A", "0"), Series("D", "worst")]
    generator = np.random.default_rng(1)
    for count, light in ((500, 60_000), (30_000, 120_000)):
        longitude, latitude = generator.uniform(119, 122, count), generator.uniform(28, 31, count)
        kind = (generator.random(count) < 0.05).astype(np.int64)
        drawing = maps.dots(
            "图", series, longitude, latitude, kind, [("越城区", 120.5, 29.5), ("柯桥区", 120.5, 29.5)]
        )
        root = parsed(drawing)
        shapes = [each.get("d") or "" for each in root.iter("path") if each.get("stroke") == "#fff"]
        marks = sum(path.count("M") for path in shapes)
        assert (marks == count) == (count <= maps.MOST_POINTS)
        assert marks <= 2_500
        assert len(drawing) < light
        assert words(root).count("越城区") == 1
        assert "柯桥区" not in words(root)  # it would cover the other
        assert ("方格" in (root.get("aria-label") or "")) == (count > maps.MOST_POINTS)
        assert any("公里" in each for each in words(root))
    assert maps.dots("图", series, np.array([]), np.array([]), np.array([]), []) == ""


def test_north_is_up_and_a_degree_as_long_as_it_is() -> None:
    frame = maps._Frame(np.array([120.0, 121.0]), np.array([30.0, 31.0]))
    (west, east), (south, north) = frame.places(np.array([120.0, 121.0]), np.array([30.0, 31.0]))
    assert south > north
    assert west < east
    assert (east - west) / (south - north) == pytest.approx(np.cos(np.radians(30.5)))
