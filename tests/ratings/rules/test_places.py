"""Where a problem lies: the line of every key, in every form that TOML allows."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ratings.rules import Problem, SchemeError, parse_scheme, shipped_schemes
from ratings.rules.places import line_numbers
from ratings.rules.problems import path_text

FORMS = '''# 说明 = [ "不算"
title = "一 = [ 二"
dotted.key = 1
"quoted key" = { deep = [1, { here = 2 }], "also this" = 3 }
long = [
    "甲",  # 注 ] }
    { points = -5, nested = ["x",
                             "y"] },
]
text = """
[不是标题]
a = 1
"""
raw = \'\'\'
b = [
\'\'\'

[score]
floor = 0

[[indicators]]
id = "one"
[[indicators.rows]]
title = "甲"
[[indicators.rows]]
title = "乙"
ageing = { shape = "none" }
[[indicators]]
id = "two"
[indicators.default]
points = { MINOR = -1, SERIOUS = -2 }
'''


def lines(text: str, *paths: str) -> list[int]:
    return line_numbers(text, [Problem("x", path, "", "", "") for path in paths])


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("title", 2),
        ("dotted.key", 3),
        ("quoted key.deep[1].here", 4),
        ("quoted key.also this", 4),
        ("long", 5),
        ("long[0]", 6),
        ("long[1].points", 7),
        ("long[1].nested[1]", 8),
        ("text", 10),
        ("raw", 14),
        ("score.floor", 19),
        ("score.ceiling", 18),
        ("indicators", 21),
        ("indicators[0].rows[1].title", 26),
        ("indicators[0].rows[1].ageing.shape", 27),
        ("indicators[1]", 28),
        ("indicators[1].default.points.SERIOUS", 31),
        ("indicators[1].default.title", 30),
        ("indicators[7].id", 21),
        ("nothing.of.this", 1),
        ("（全文）", 1),
        ("第12行第3列", 12),
        ("第999行", 31),
        ("文件末尾", 31),
    ],
)
def test_a_path_has_the_line_where_its_innermost_part_begins(path: str, line: int) -> None:
    tomllib.loads(FORMS)
    assert lines(FORMS, path) == [line]


@pytest.mark.parametrize("path", shipped_schemes().values(), ids=lambda path: path.stem)
def test_every_value_of_a_shipped_scheme_stands_on_its_line(path: Path) -> None:
    text = path.read_text()
    found = dict(_leaves(tomllib.loads(text), ()))
    rows = text.split("\n")
    for number, value in zip(lines(text, *map(path_text, found)), found.values(), strict=True):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        assert shown in rows[number - 1]


def _leaves(node: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(value, (*path, key))
    else:
        yield path, node


def test_lines_of_a_document_that_is_refused() -> None:
    text = shipped_schemes()["curve"].read_text().replace('rounding = "half_up"', 'rounding = "halfup"', 1)
    with pytest.raises(SchemeError) as refused:
        parse_scheme(text)
    (number,) = line_numbers(text, refused.value.problems)
    assert text.split("\n")[number - 1].startswith('rounding = "halfup"')


@pytest.mark.parametrize(
    "text", ["]", "}", "a = ]", "a = {", "=", "[", "a = [[", "{", '"', "a = {b", "= = ="]
)
def test_text_that_is_no_document_has_lines_too(text: str) -> None:
    assert lines(text, "a.b[0]", "x") == [1, 1]
