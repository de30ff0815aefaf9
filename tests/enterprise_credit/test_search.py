"""Finding enterprises by code and name, and what it costs."""

from typing import Any

import pytest

from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.names import grams, name_key
from applications.enterprise_credit.searching import MOST, is_whole_code, search
from tests import factories
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db


def names(typed: str) -> list[str]:
    return [one.name for one in search(typed).matches]


@pytest.fixture
def three() -> list[CreditSubject]:
    factories.district()
    made = ("绍兴明州大药房连锁有限公司", "绍兴长生堂（集团）药店", "越城ABC医药有限公司")
    return [building.subject(name) for name in made]


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("绍兴明州大药房连锁有限公司", 0),
        ("明州", 0),
        ("mingzhou", 0),
        ("MZDYF", 0),
        ("mz", 0),
        ("明州 连锁", 0),
        ("长生堂集团", 1),
        ("绍兴长生堂(集团)药店", 1),
        ("changshengtang", 1),
        ("ＡＢＣ医药", 2),
        ("abc", 2),
    ],
)
def test_by_name(three: list[CreditSubject], typed: str, place: int) -> None:
    assert names(typed) == [three[place].name]


@pytest.mark.parametrize(
    "typed", ["", " ", "！？", "m", "没有这家", "zhouming", "明大", "P33060200672", "%", "_"]
)
def test_what_finds_nothing(three: list[CreditSubject], typed: str) -> None:
    assert search(typed).matches == ()


def test_by_code(three: list[CreditSubject]) -> None:
    first = three[0]
    (found,) = search(f" {first.uscc[:9].lower()} {first.uscc[9:]} ").matches
    assert (found.uscc, found.name, found.district, found.district_name) == (
        first.uscc, first.name, 330602, "越城区",
    )  # fmt: skip
    assert len(search(first.uscc[:6]).matches) == 3
    assert search("913307").matches == ()
    assert search("91330602MA288UYN8Y").matches == ()
    assert is_whole_code(first.uscc.lower())
    assert not is_whole_code(first.uscc[:17])
    assert not is_whole_code("绍兴明州大药房连锁有限公司绍兴明州大")


def test_without_pharmacies_there_is_no_district() -> None:
    building.subject("某某商贸有限公司", district=None)
    (found,) = search("某某商贸").matches
    assert (found.district, found.district_name) == (None, "")


def _many(count: int, name: str) -> None:
    CreditSubject.objects.bulk_create(
        CreditSubject(
            uscc=factories.uscc(), name=name, name_key=name_key(name), grams=grams(name), origin="REGISTRY",
            recorded_by="测试",
        )
        for _ in range(count)
    )  # fmt: skip


def test_at_most_fifty_are_shown_and_more_are_told() -> None:
    _many(MOST, "同名大药房")
    assert (len(search("同名").matches), search("同名").more) == (MOST, False)
    _many(1, "同名大药房")
    assert (len(search("同名").matches), search("同名").more) == (MOST, True)
    assert search("91330602").more


def test_exactly_so_named_ones_come_first() -> None:
    _many(3, "明州大药房第二分公司")
    building.subject("明州大药房")
    assert names("明州大药房")[0] == "明州大药房"
    assert len(names("明州大药房")) == 4


def test_a_constant_number_of_queries(django_assert_max_num_queries: Any) -> None:
    building.subject("明州大药房")
    with django_assert_max_num_queries(4):
        search("明州")
    _many(60, "明州大药房")
    with django_assert_max_num_queries(4):
        search("明州")
    with django_assert_max_num_queries(2):
        search("913306")
