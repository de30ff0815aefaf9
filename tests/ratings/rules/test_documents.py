"""Schemes of very different shape, by document alone."""

import pytest

from ratings.rules import Scheme, rate
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import LAST, all_schemes


def graded(scheme: Scheme, *shops: Shop) -> list[tuple[float, str]]:
    outcomes = rate(scheme, build(shops))
    return [
        (score / 1000, scheme.grades[grade].name if grade >= 0 else "")
        for score, grade in zip(outcomes.score.tolist(), outcomes.grade.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("hygiene", "structure", "management", "grade"),
    [
        (0, 0, 0, "5"),
        (5, 5, 5, "5"),
        (10, 0, 5, "4"),  # 15 in all, but one above 5
        (10, 5, 5, "4"),
        (10, 10, 0, "4"),
        (20, 0, 0, "1"),  # 20 in all, but 20 in one
        (15, 5, 0, "2"),
        (10, 10, 5, "3"),
        (10, 10, 10, "3"),
        (15, 10, 5, "2"),  # 30 in all, but one above 10
        (15, 10, 10, "2"),
        (15, 15, 10, "2"),
        (15, 15, 15, "1"),
        (20, 15, 15, "1"),
        (25, 0, 0, "0"),
        (20, 15, 20, "0"),  # 55
        (25, 25, 30, "0"),
    ],
)
def test_a_total_and_a_limit_on_the_worst_single_one(
    hygiene: int, structure: int, management: int, grade: str
) -> None:
    measures = {
        "hygiene": hygiene * 1000,
        "structure": structure * 1000,
        "management": management * 1000,
    }
    assert graded(all_schemes()["food-hygiene"], Shop(measures=measures)) == [
        (hygiene + structure + management, grade)
    ]


def test_a_sub_score_that_is_missing_leaves_unrated() -> None:
    scheme = all_schemes()["food-hygiene"]
    outcomes = rate(scheme, build([Shop(measures={"hygiene": 0, "management": 0})]))
    assert scheme.reasons[outcomes.state[0] - 1].title == "缺少“场所结构”的数值"


@pytest.mark.parametrize(
    ("facts", "score", "grade"),
    [
        ([], 3, "1"),  # base 2, and 1 because no growth can be reckoned
        ([Fact("ITEM_SUBSTITUTION", LAST, "GENERAL")], 10, "1"),
        ([Fact("ITEM_SUBSTITUTION", LAST, "GENERAL", amount_fen=99_999)], 10, "1"),
        ([Fact("ITEM_SUBSTITUTION", LAST, "GENERAL", amount_fen=100_000)], 11, "1"),
        ([Fact("ITEM_SUBSTITUTION", LAST, "GENERAL", amount_fen=600_000)], 11, "1"),
        ([Fact("ITEM_SUBSTITUTION", LAST, "GENERAL", amount_fen=600_001)], 15, "2"),  # 14.5, up
        ([Fact("ITEM_SUBSTITUTION", LAST, "SERIOUS", "AGREEMENT")], 5, "1"),
        ([Fact("ITEM_SUBSTITUTION", LAST, "SERIOUS")], 31, "3"),
        ([Fact("NO_CONSENT", LAST)] * 5, 23, "2"),
        ([Fact("NO_CONSENT", LAST)] * 6, 27, "3"),  # a single indicator beyond twenty
        ([Fact("NO_CONSENT", LAST)] * 40, 123, "3"),  # the indicator's ceiling
    ],
)
def test_fewer_points_are_better(facts: list[Fact], score: int, grade: str) -> None:
    assert graded(all_schemes()["restaurant-points"], Shop(violations=facts)) == [(score, grade)]


def test_growth_without_peers_and_many_complaints() -> None:
    scheme = all_schemes()["restaurant-points"]
    grown = Shop(last_year=[100] * 12, this_year=[110] * 12)
    assert graded(scheme, grown) == [(6, "1")]  # 2 + 10 * 0.333, up
    complained = Shop(complaints=[Fact("OTHER", LAST)] * 3)
    assert graded(scheme, complained) == [(8, "2")]


@pytest.mark.parametrize(
    ("gravities", "score", "grade"),
    [
        ("", 100, "A"),
        ("G", 92, "B"),
        ("S", 84, "C"),
        ("GG", 84, "C"),
        ("SMM", 78, "D"),
        ("MM", 94, "A"),
        ("MMM", 91, "B"),
        ("MMMMM", 85, "B"),
    ],
)
def test_jinhua(gravities: str, score: int, grade: str) -> None:
    names = {"M": "MINOR", "G": "GENERAL", "S": "SERIOUS"}
    facts = [Fact("NO_CONSENT", LAST, names[gravity]) for gravity in gravities]
    assert graded(all_schemes()["jinhua"], Shop(violations=facts)) == [(score, grade)]


def test_guangdong_starts_in_the_middle_and_a_serious_list_is_the_worst_grade() -> None:
    scheme = all_schemes()["guangdong"]
    assert graded(
        scheme,
        Shop(),
        Shop(measures={"bonus": 50_000}),
        Shop(measures={"bonus": 150_000, "serious_list": 1000}),
        Shop(violations=[Fact("NO_CONSENT", LAST, "SERIOUS")]),
    ) == [(850, "B"), (900, "A"), (1000, "E"), (700, "C")]


def test_chongqing_starts_at_nothing() -> None:
    scheme = all_schemes()["chongqing"]
    assert graded(
        scheme,
        Shop(measures={"earned": 90_000}),
        Shop(measures={"earned": 89_990}),
        Shop(measures={"earned": 80_000}),
        Shop(measures={"earned": 79_990}),
        Shop(measures={"earned": 1000}, violations=[Fact("NO_CONSENT", LAST)]),
    ) == [(90, "A"), (89.99, "B"), (80, "B"), (79.99, "C"), (0, "E")]


def test_shenzhen_grades_chains_and_single_shops_apart() -> None:
    scheme = all_schemes()["shenzhen"]

    def shops(chain: bool, facts: int) -> list[Shop]:
        return [
            Shop(chain=chain, violations=[Fact("NO_CONSENT", LAST)] * (number + facts))
            for number in range(20)
        ]

    found = [grade for _, grade in graded(scheme, *shops(True, 0), *shops(False, 10))]
    expected = ["A+"] + ["A"] * 12 + ["B"] * 6 + ["C"]
    assert found == expected * 2


def test_an_imported_flag_caps_a_curve() -> None:
    scheme = all_schemes()["stars"]
    shops = [Shop(measures={"satisfaction": 60_000 + number}) for number in range(8)]
    shops += [Shop(measures={"satisfaction": 95_000, "under_investigation": 1000})]
    outcomes = rate(scheme, build(shops))
    assert scheme.grades[outcomes.grade_before_caps[-1]].name == "5"
    assert scheme.grades[outcomes.grade[-1]].name == "2"


def test_a_band_whose_condition_fails_passes_on_to_the_next() -> None:
    scheme = all_schemes()["stars"]
    good = {"satisfaction": 95_000}
    facts = [Fact("NO_CONSENT", LAST), Fact("NO_CONSENT", LAST)]
    shops = [Shop(measures=good, violations=facts)] + [Shop(violations=[Fact("OTHER_FRAUD", LAST)])] * 9
    assert graded(scheme, *shops)[0][1] == "4"
