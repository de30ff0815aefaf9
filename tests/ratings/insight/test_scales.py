"""Grades of several schemes beside each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.insight.scales import common_scale, merged


@pytest.mark.parametrize(
    ("before", "after", "scale"),
    [
        ("ABCD", "ABCD", ([0, 1, 2, 3], [0, 1, 2, 3])),
        ("ABCD", "ABCDE", ([0, 1, 2, 3], [0, 1, 2, 3, 4])),
        ("ABCDE", "ABD", ([0, 1, 2, 3, 4], [0, 1, 3])),
        ("AB", "BA", None),
        ("ABC", "ABX", None),
        ("123", "ABCD", None),
    ],
)
def test_scales_in_common(before: str, after: str, scale: object) -> None:
    assert common_scale(tuple(before), tuple(after)) == scale


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        ([], ""),
        (["ABCD"], "ABCD"),
        (["ABCD", "ABCDE"], "ABCDE"),
        (["ABCD", "+AB"], "+ABCD"),
        (["ABD", "ABCD"], "ABCD"),
        (["ABCD", "ABCX"], "ABCDX"),
        (["ABCD", "123"], "ABCD123"),
        (["AB", "BA"], "AB"),
    ],
)
def test_grades_of_several_schemes_stand_best_first(scales: list[str], expected: str) -> None:
    assert "".join(merged(map(tuple, scales))) == expected


@given(st.lists(st.permutations("ABCDEF").flatmap(lambda names: st.sampled_from([names, names[1:4]]))))
def test_every_name_comes_once(scales: list[list[str]]) -> None:
    found = merged(scales)
    assert sorted(found) == sorted({name for names in scales for name in names})
    if scales:
        assert [name for name in found if name in scales[0]] == scales[0]
