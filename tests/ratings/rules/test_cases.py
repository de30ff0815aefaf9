"""The rating cases, and that they stand on both sides of every threshold that is shipped."""

import pytest

from ratings.rules import NO_GRADE, RATED, explain, shipped_schemes
from ratings.rules.columns import POINT
from tests.ratings.rules.cases import Case, rated, read_cases, scheme_of
from tests.ratings.rules.thresholds import sides_seen

CASES = read_cases()


def _id(case: Case) -> str:
    return f"{case.scheme}：{case.name}"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_case(case: Case) -> None:
    scheme, signals, peers, outcomes = rated(case)
    expect = case.expect
    state, grade = int(outcomes.state[0]), int(outcomes.grade[0])
    if "not_rated" in expect:
        assert state and scheme.reasons[state - 1].id == expect["not_rated"]
        assert grade == NO_GRADE
    else:
        assert state == RATED
        assert int(outcomes.score[0]) == expect["score"] * POINT
        assert scheme.grades[grade].name == expect["grade"]
    if "why" in expect or "caps" in expect:
        told = explain(scheme, signals, peers)
        assert [cap.id for cap in told.caps if cap.lowers] == expect.get("caps", [])
        for words in expect.get("why", []):
            assert words in told.text()
    else:
        assert grade == outcomes.grade_before_caps[0]


@pytest.mark.parametrize("key", sorted(shipped_schemes()))
def test_every_threshold_has_a_case_at_it_and_on_both_sides(key: str) -> None:
    mine = [case for case in CASES if case.scheme == key]
    assert mine, f"tests/cases 中没有 {key} 的案例"
    scheme = scheme_of(mine[0])
    seen, needed = sides_seen(scheme, [rated(case) for case in mine])
    side_names = {-1: "刚好在下", 0: "正好", 1: "刚好在上"}
    lacking = [
        f"{name}：缺少{side_names[side]}的案例"
        for name, sides in needed.items()
        for side in sorted(sides - seen[name])
    ]
    assert lacking == []


def test_names_are_unique() -> None:
    names = [_id(case) for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_every_file_is_for_a_shipped_scheme() -> None:
    assert {case.scheme for case in CASES} == set(shipped_schemes())
