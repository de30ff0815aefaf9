"""What is asked for, read into a search; what is wrong, told with parameter and remedy."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from applications.pharmacy_lookup import query
from applications.pharmacy_lookup.finder import DESIGNATED, NO_GRADE, Ordering, Search, Service
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.query import BadQuery, Query, read_query
from creditsys import geo
from tests.pharmacy_lookup.api_places import directory


def read(**parameters: Any) -> Query:
    return read_query(
        {name: values if isinstance(values, list) else [values] for name, values in parameters.items()}
    )


def wrong(language: str = "zh-hans", **parameters: Any) -> dict[str, str]:
    with pytest.raises(BadQuery) as caught, translation.override(language):
        read(**parameters)
    with translation.override(language):
        return {fault.parameter: str(fault.detail) for fault in caught.value.faults}


class TestRead:
    def test_nothing_asked(self) -> None:
        found = read()
        assert found.search == Search(services=DESIGNATED)
        assert (found.datum, found.typed, found.search.ordering) == (geo.WGS84, "", Ordering.CODE)

    def test_all_of_a_search_near_a_point(self) -> None:
        found = read(
            near="120.58,30.0", radius="500", service="ended", ordering="code", limit="7", q=" 大药房 "
        )
        assert (found.search.near, found.search.radius, found.search.limit) == (Point(30.0, 120.58), 500, 7)
        assert (found.search.services, found.search.ordering) == ((Service.ENDED,), Ordering.CODE)
        assert (found.typed, [one.pattern for word in found.search.words for one in word.meanings]) == (
            "大药房",
            ["%大药房%"],
        )

    def test_a_point_is_usually_ordered_by_distance(self) -> None:
        assert read(near="120.58,30.0").search.ordering is Ordering.DISTANCE

    @pytest.mark.parametrize("datum", list(query.DATUMS))
    def test_a_point_is_turned_into_wgs84(self, datum: str) -> None:
        latitude, longitude = geo.from_wgs84(30.0, 120.58, query.DATUMS[datum])
        found = read(near=f"{longitude!r},{latitude!r}", datum=datum.upper())
        assert found.datum == query.DATUMS[datum]
        assert found.search.near is not None
        assert (found.search.near.latitude, found.search.near.longitude) == pytest.approx(
            (30.0, 120.58), abs=1e-8
        )

    def test_unknown_parameters_are_a_matter_of_strictness(self) -> None:
        assert read_query({"from": ["poster"]}, strict=False).search == Search()
        assert wrong("en", radus="500") == {"radus": "There is no such parameter; did you mean radius?"}
        with pytest.raises(BadQuery):
            read_query({"near": ["120.58,30.0"]}, parameters=["datum"])

    def test_all_faults_at_once(self) -> None:
        assert set(wrong(near="x", radius="x", limit="x", cursor="x", q="a")) == {
            *("near", "radius", "limit", "cursor", "q")
        }


@pytest.mark.django_db
class TestDirectory:
    def test_is_read_once_and_only_where_it_is_needed(self) -> None:
        directory()
        with CaptureQueriesContext(connection) as queries:
            read(near="120.58,30.0", q="大药房")
        assert len(queries) == 0
        with CaptureQueriesContext(connection) as queries:
            found = read(grade="A,none", district="330602", street="府山街道")
        assert len(queries) == 1
        assert (found.search.grades, found.search.district, found.search.street) == (
            ("A", NO_GRADE),
            330602,
            "府山街道",
        )

    def test_a_street_belongs_to_its_district(self) -> None:
        directory()
        assert set(wrong(district="330603", street="府山街道")) == {"street"}
        assert "district" in wrong(street="府山街道")["street"]

    def test_what_there_is_to_choose_from_is_told(self) -> None:
        directory()
        assert "A B C D none" in wrong(grade="E")["grade"]
        assert "330602 330603" in wrong(district="330600")["district"]


class TestCursor:
    @given(
        distance=st.floats(0, 5_000),
        position=st.integers(0, 99),
        code=st.from_regex(query.CODE, fullmatch=True),
    )
    def test_comes_back_exact(self, distance: float, position: int, code: str) -> None:
        for parameters, last in (
            ({"near": "120.58,30.0"}, (distance, code)),
            ({"near": "120.58,30.0", "ordering": "grade"}, (position, distance, code)),
            ({}, (code,)),
        ):
            again = read(**parameters, cursor=read(**parameters).cursor(last))
            assert again.search.after == last

    @given(st.text(max_size=60))
    def test_anything_else_is_refused(self, text: str) -> None:
        if text:
            assert set(wrong(cursor=text)) == {"cursor"}

    @pytest.mark.parametrize(
        "last",
        [
            (),
            ("P33060200001", 1),
            (-1.0, "P33060200001"),
            (1e9, "P33060200001"),
            (True, "P33060200001"),
            ("1", "P33060200001"),
            (1.0, "x"),
            (1.0, None),
            ([1.0], "P33060200001"),
        ],
        ids=str,
    )
    def test_one_that_is_no_sort_key_is_refused(self, last: tuple[Any, ...]) -> None:
        asked = read(near="120.58,30.0")
        assert set(wrong(near="120.58,30.0", cursor=asked.cursor(last))) == {"cursor"}

    def test_says_nothing_of_how_many_at_a_time(self) -> None:
        cursor = read(limit="3").cursor(("P33060200001",))
        assert read(limit="9", cursor=cursor).search.after == ("P33060200001",)

    @pytest.mark.parametrize("name", ["near", "datum", "radius", "service", "q"])
    def test_belongs_to_its_search(self, name: str) -> None:
        base = {"near": "120.58,30.0", "datum": "wgs84", "radius": "500", "service": "ENDED", "q": "药房"}
        other = {"near": "120.59,30.0", "datum": "gcj02", "radius": "501", "service": "SUSPENDED", "q": "药"}
        cursor = read(**base).cursor((1.0, "P33060200001"))
        assert read(**base, cursor=cursor).search.after
        assert set(wrong(**{**base, name: other[name]}, cursor=cursor)) == {"cursor"}


def test_every_text_has_its_english() -> None:
    """Also that placeholders are the same in both."""
    package = Path(query.__file__).parent
    catalogue = (package / "locale/en/LC_MESSAGES/django.po").read_text()
    pairs = dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', catalogue, re.MULTILINE))
    texts = re.findall(r'_\("([^"]+)"\)', (package / "query.py").read_text())
    assert len(texts) >= 15
    for text in texts:
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", pairs[text]))
        with translation.override("en"):
            assert translation.gettext(text) == pairs[text].replace('\\"', '"')
