"""Grades have one set of shapes, on pages and on paper."""

import re

import pytest

from creditsys import pdf
from creditsys.marks import grade_badge
from creditsys.pdf_marks import OUTLINES, grade_mark
from tests.pdf_text import text

NAMES = [(letter, "词") for letter in "ABCDE"]


def corners(path: str) -> tuple[tuple[float, float], ...]:
    """The corners that an SVG path of straight lines goes through."""
    x = y = 0.0
    found = []
    for command, numbers in re.findall(r"([MLlhHvV]?)([-\d. ]+)", path):
        values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "h":
            x += values[0]
        elif command == "l":
            x, y = x + values[0], y + values[1]
        else:
            pairs = list(zip(values[::2], values[1::2], strict=True))
            found += pairs[:-1]
            x, y = pairs[-1]
        found.append((x, y))
    return tuple(found)


@pytest.mark.parametrize(("kind", "position"), [("2", 2), ("3", 3), ("worst", 4)])
def test_outlines_are_those_of_the_pages(kind: str, position: int) -> None:
    path = re.search(r'<path d="([^"]+)z"', grade_badge(position, NAMES))
    assert path
    drawn = [place for corner in corners(path[1]) for place in corner]
    assert drawn == pytest.approx([place for corner in OUTLINES[kind] for place in corner])


@pytest.mark.parametrize(("position", "told"), [(0, "A"), (4, "E"), (-1, "")])
def test_the_letter_stands_in_the_shape(position: int, told: str) -> None:
    letter = NAMES[position][0] if position >= 0 else "无等级"
    found = text(pdf.render("题", "", [grade_mark(position, len(NAMES), letter, 80)], bare=True))
    assert found == told


def test_a_long_name_stays_outside() -> None:
    assert text(pdf.render("题", "", [grade_mark(0, 3, "AAA", 80)], bare=True)) == ""


def test_steps_are_summed() -> None:
    """Of the reader above: relative steps add up."""
    assert corners("M1 2l3 4h5") == ((1, 2), (4, 6), (9, 6))
