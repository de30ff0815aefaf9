"""Hostile documents: refused in a moment, with a message, never with an exception of Python's."""

import time

import pytest

from ratings.rules import SchemeError, parse_scheme, shipped_schemes
from ratings.rules.limits import MOST_PROBLEMS

BASE = shipped_schemes()["shaoxing-style"].read_text()
SIZE = 200_000
#: Seconds; on an idle machine the slowest takes a half.
MOST = 10


def many(part: str) -> str:
    return "".join(part.format(number) for number in range(SIZE // len(part)))


def swapped(before: str, after: str) -> str:
    assert before in BASE
    return BASE.replace(before, after, 1)


HOSTILE = {
    "nested lists": "a = " + "[" * SIZE,
    "nested lists, closed": "a = " + "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "nested tables": "a = " + "{a=" * (SIZE // 3),
    "nested conditions": swapped(
        "when = ", "when = " + "{ not = " * 300 + '{ quantity = "chain", eq = 1 }' + " }" * 300 + "\n#"
    ),
    "a huge whole number": swapped("floor = 0", "floor = " + "9" * SIZE),
    "a huge hexadecimal number": swapped("floor = 0", "floor = 0x" + "f" * SIZE),
    "endless decimals": swapped("floor = 0", "floor = 0." + "1" * SIZE),
    "a huge exponent": swapped("floor = 0", "floor = 1e999999999"),
    "a tiny number": swapped("floor = 0", "floor = 1e-999999999"),
    "no number": swapped("base_score = 100", "base_score = nan"),
    "unknown keys": many("k{0:06d} = 1\n") + BASE,
    "keys nearly right": many("titl{0:05d} = 1\n") + BASE,
    "unknown keys in a part": swapped("[score]\n", "[score]\n" + many("k{0:06d} = 1\n")),
    "a long key": "k" * SIZE + " = 1\n" + BASE,
    "a key of many parts": ".".join("a" * (SIZE // 2)) + " = 1\n" + BASE,
    "a key of many quoted parts": ".".join(['"a"'] * (SIZE // 4)) + " = 1\n" + BASE,
    "many bad indicators": BASE + many('\n[[indicators]]\nid = "i{0}"\n'),
    "many indicators": BASE
    + many(
        '\n[[indicators]]\nid = "i{0}"\ncomponent = "credit"\nkind = "measure"\ntitle = "t"\nclause = "c"\n'
        'measure = "m"\nif_missing = "points"\nmissing_points = 0\npoints_per_unit = 1\n'
    ),
    "many unknown words": swapped('topics = ["FRAUD"]', "topics = [" + many('"FRAU{0:05d}",') + "]"),
    "a long word": swapped('topics = ["FRAUD"]', 'topics = ["' + "FRAUD" * (SIZE // 5) + '"]'),
    "many conditions": swapped(
        "when = ", "when = { any = [" + '{ quantity = "chain", eq = 1 },' * (SIZE // 32) + "] }\n#"
    ),
    "many grades": BASE + many('\n[[grades]]\nname = "g{0}"\nlabel = "l"\nmeaning = "m"\n'),
    "many headers": many("[a{0}]\n"),
    "many empty items": "[[indicators]]\n" * (SIZE // 15),
    "quotes": '"' * SIZE,
    "unclosed text": 'a = """' + '"\\' * (SIZE // 2),
    "unclosed text again and again": '"""\\' * (SIZE // 4),
    "full-width quotes": "“" * SIZE,
    "apostrophes": "'''\n" * (SIZE // 4),
    "line ends": "\n" * SIZE,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(SchemeError) as refused:
        parse_scheme(HOSTILE[name], "规则文本")
    assert time.perf_counter() - start < MOST
    assert 1 <= len(refused.value.problems) <= MOST_PROBLEMS + 1
    assert all(problem.what and problem.remedy for problem in refused.value.problems)


def test_the_last_of_very_many_problems_says_that_there_are_more() -> None:
    with pytest.raises(SchemeError) as refused:
        parse_scheme(HOSTILE["many indicators"])
    assert "其余未列出" in refused.value.problems[-1].what


def test_the_line_is_named() -> None:
    with pytest.raises(SchemeError) as refused:
        parse_scheme('title = "x"\nnote = ' + "[" * 41)
    assert refused.value.problems[0].path == "第2行"


@pytest.mark.parametrize(
    "text", ["[" * 41 + "]" * 41, ".".join("a" * 21) + " = 1", "a" * 101 + " = 1", '"a" . ' * 21]
)
def test_what_is_beyond_a_limit(text: str) -> None:
    with pytest.raises(SchemeError, match=r"超过 40 层|过多的部分|过长"):
        parse_scheme(text)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 40 + "]" * 40, ".".join("a" * 20) + " = 1", "a" * 100 + " = 1"]
)
def test_what_is_within_the_limits_is_read(text: str) -> None:
    with pytest.raises(SchemeError, match="缺少必写的 key"):
        parse_scheme(text)
