"""The finder against slow reckoning and geographiclib: what is found, in which order, page by page."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from geographiclib.geodesic import Geodesic

from applications.pharmacy_lookup import finder
from applications.pharmacy_lookup.finder import DESIGNATED, NO_GRADE, Ordering, Search, Service, find
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Place
from applications.pharmacy_lookup.query import read_query
from creditsys import geo
from creditsys.spelling import words
from tests.pharmacy_lookup.places import TODAY, graded, place

pytestmark = pytest.mark.django_db
HERE = Point(30.0, 120.58)
DAY = timedelta(days=1)
ALL = tuple(Service)


def away(metres: float, direction: float = 0, start: Point = HERE) -> dict[str, float]:
    """Where one comes to from a point, as columns of a place."""
    there = Geodesic.WGS84.Direct(start.latitude, start.longitude, direction, metres)
    return {"latitude": there["lat2"], "longitude": there["lon2"]}


def codes(search: Search, on: date = TODAY) -> list[str]:
    return [row["code"] for row in find(search, on).rows]


def found(*places: Place) -> list[str]:
    return sorted(one.code for one in places)


def pages(search: Search, on: date = TODAY) -> Iterator[list[dict[str, Any]]]:
    """Every page of a search, each asked for by the last row of the one before."""
    while True:
        page = find(search, on)
        yield page.rows
        if not page.last:
            return
        search = replace(search, after=page.last)


class TestNear:
    def test_exactly_those_within_two_kilometres(self) -> None:
        """Two millimetres within and without, in every direction, at points all over China."""
        chance = random.Random(7)
        for _ in range(12):
            here = Point(chance.uniform(18, 53), chance.uniform(74, 134))
            inside, outside = [], []
            for direction in range(0, 360, 30):
                turned = direction + chance.uniform(0, 30)
                inside.append(place(**away(1_999.998, turned, here)))
                outside.append(place(**away(2_000.002, turned, here)))
            page = find(Search(near=here, ordering=Ordering.DISTANCE, limit=100), TODAY)
            assert sorted(row["code"] for row in page.rows) == found(*inside)
            assert page.total == len(inside)
            assert {round(row["distance"], 3) for row in page.rows} == {1_999.998}
            Place.objects.all().delete()

    def test_distances_as_geographiclib_has_them(self) -> None:
        chance = random.Random(8)
        for _ in range(200):
            place(**away(chance.uniform(0, 5_100), chance.uniform(0, 360)))
        page = find(Search(near=HERE, radius=5_000, ordering=Ordering.DISTANCE, limit=1_000), TODAY)
        truth = {
            one.code: Geodesic.WGS84.Inverse(HERE.latitude, HERE.longitude, one.latitude, one.longitude)[
                "s12"
            ]
            for one in Place.objects.all()
        }
        within = {code: metres for code, metres in truth.items() if metres <= 5_000}
        assert 150 < len(within) < 200
        assert [row["code"] for row in page.rows] == sorted(within, key=lambda code: within[code])
        assert all(abs(row["distance"] - truth[row["code"]]) < 0.001 for row in page.rows)

    @pytest.mark.parametrize(
        ("stored", "asked"),
        [*product((geo.WGS84, geo.GCJ02, geo.BD09), ("wgs84", "gcj02", "bd09", "cgcs2000"))],
    )
    def test_across_datums(self, stored: str, asked: str) -> None:
        """Places known from one datum's map, asked for by the coordinates of another's."""
        for metres in (1_999.99, 2_000.01):
            spot = away(metres, 77)
            drawn = geo.from_wgs84(spot["latitude"], spot["longitude"], stored)
            latitude, longitude = geo.to_wgs84(*drawn, stored)
            place(name=f"{metres}", latitude=latitude, longitude=longitude)
        datum = {"gcj02": geo.GCJ02, "bd09": geo.BD09}.get(asked, geo.WGS84)
        latitude, longitude = geo.from_wgs84(HERE.latitude, HERE.longitude, datum)
        query = read_query({"near": [f"{longitude:.10f},{latitude:.10f}"], "datum": [asked]})
        assert [row["name"] for row in find(query.search, TODAY).rows] == ["1999.99"]

    def test_places_without_coordinates_are_not_near_anything(self) -> None:
        known, unknown = place(), place(latitude=None, longitude=None)
        assert codes(Search(near=HERE)) == [known.code]
        assert codes(Search()) == found(known, unknown)

    def test_together_with_every_other_condition(self) -> None:
        this = place(
            **graded("D"), district=330604, district_name="上虞区", street="曹娥街道", name="一心堂药店"
        )
        place(**graded("A"), district=330604, street="曹娥街道", name="一心堂药店")
        place(**graded("D"), street="曹娥街道", name="一心堂药店")
        place(**graded("D"), district=330604, street="百官街道", name="一心堂药店")
        place(**graded("D"), district=330604, street="曹娥街道", name="老百姓药店")
        place(**graded("D"), district=330604, street="曹娥街道", name="一心堂药店", **away(2_100))
        search = Search(
            near=HERE, district=330604, street="曹娥街道", words=tuple(words("一心堂")), grades=("D",)
        )
        assert codes(search) == [this.code]
        assert find(search, TODAY).total == 1


class TestFilters:
    def test_by_grade(self) -> None:
        best, worst = place(**graded("A")), place(**graded("D"))
        never, refused = place(), place(**graded(""))
        expired = place(**graded("A", valid_until=TODAY))
        assert codes(Search(grades=("A",))) == [best.code]
        assert codes(Search(grades=("A", "D"))) == found(best, worst)
        assert codes(Search(grades=(NO_GRADE,))) == found(never, refused, expired)
        assert codes(Search(grades=("D", NO_GRADE))) == found(worst, never, refused, expired)
        assert codes(Search(grades=("E",))) == []
        assert len(codes(Search())) == 5

    def test_a_grade_holds_until_the_day_on_which_it_ends(self) -> None:
        place(**graded("A", valid_until=TODAY + DAY))
        for on, holds in ((TODAY, True), (TODAY + DAY, False)):
            assert [row["holds"] for row in find(Search(), on).rows] == [holds]
            assert bool(codes(Search(grades=("A",)), on)) is holds
            assert bool(codes(Search(grades=(NO_GRADE,)), on)) is not holds

    def test_a_grade_without_an_end_holds(self) -> None:
        place(**graded("B", valid_until=None))
        assert find(Search(grades=("B",)), date(2099, 1, 1)).rows[0]["holds"] is True

    @pytest.mark.parametrize(
        ("values", "days"),
        [
            # (days from TODAY, what it is then)
            ({}, [(0, "IN_SERVICE")]),
            ({"designated_on": TODAY}, [(-1, "NOT_YET"), (0, "IN_SERVICE")]),
            ({"designated_until": TODAY}, [(-1, "IN_SERVICE"), (0, "ENDED"), (1, "ENDED")]),
            (
                {"statuses": [["2026-03-01", "SUSPENDED"], ["2026-03-03", "IN_SERVICE"]]},
                [(-1, "IN_SERVICE"), (0, "SUSPENDED"), (1, "SUSPENDED"), (2, "IN_SERVICE")],
            ),
            (
                {"statuses": [["2026-03-01", "SUSPENDED"], ["2026-03-02", "TERMINATED"]]},
                [(0, "SUSPENDED"), (1, "ENDED"), (400, "ENDED")],
            ),
            # What ends the designation outweighs what was written of the service.
            (
                {"statuses": [["2026-03-01", "IN_SERVICE"]], "designated_until": TODAY + 2 * DAY},
                [(1, "IN_SERVICE"), (2, "ENDED")],
            ),
            (
                {"statuses": [["2026-02-01", "SUSPENDED"]], "designated_on": TODAY},
                [(-1, "NOT_YET"), (0, "SUSPENDED")],
            ),
        ],
    )
    def test_by_service_on_the_days_around(self, values: dict[str, Any], days: list[tuple[int, str]]) -> None:
        this = place(**values)
        for offset, service in days:
            on = TODAY + offset * DAY
            assert [row["service"] for row in find(Search(services=ALL), on).rows] == [service]
            for asked in Service:
                assert codes(Search(services=(asked,)), on) == ([this.code] if asked == service else [])
                assert codes(Search(near=HERE, services=(asked,)), on) == codes(Search(services=(asked,)), on)
            assert codes(Search(), on) == ([this.code] if service in DESIGNATED else [])

    def test_by_several_services(self) -> None:
        kinds = {
            Service.IN_SERVICE: place(),
            Service.SUSPENDED: place(statuses=[["2026-01-01", "SUSPENDED"]]),
            Service.ENDED: place(designated_until=TODAY),
            Service.NOT_YET: place(designated_on=TODAY + DAY),
        }
        for wanted in product((False, True), repeat=4):
            services = tuple(service for service, one in zip(Service, wanted, strict=True) if one)
            if services:
                assert codes(Search(services=services)) == found(*(kinds[service] for service in services))

    def test_by_district_and_street(self) -> None:
        one = place(district=330603, district_name="柯桥区", street="柯岩街道")
        two = place(district=330603, district_name="柯桥区", street="华舍街道")
        place(street="柯岩街道")
        assert codes(Search(district=330603)) == found(one, two)
        assert codes(Search(district=330603, street="柯岩街道")) == [one.code]

    def test_by_words_in_name_address_and_code(self) -> None:
        one = place(name="震元大药房", address="解放北路289号")
        two = place(name="老百姓大药房", address="胜利西路5号")
        for typed, expected in (
            ("震元", [one]),
            ("大药房", [one, two]),
            ("解放北路", [one]),
            ("大药房 胜利", [two]),
            ("震元 胜利", []),
            ("zhenyuan", [one]),
            ("zydyf", [one]),
            ("lbx 289", []),
            ("lbx 大药房", [two]),
            (one.code, [one]),
            (one.code.lower(), [one]),
            ("P330602", [one, two]),
            ("p8", []),
        ):
            assert codes(Search(words=tuple(words(typed)))) == found(*expected), typed

    def test_all_pieces_of_a_word_are_not_the_word(self) -> None:
        """The index leads to this name by its pieces; the name itself then says no."""
        one = place(name="房药店大药房")
        asked = tuple(words("大药房药店"))
        assert set(asked[0].meanings[0].grams) <= set(one.grams)
        assert codes(Search(words=asked)) == []

    def test_a_word_that_lies_across_name_and_address_is_none(self) -> None:
        place(name="震元药房", address="解放北路")
        assert codes(Search(words=tuple(words("房解")))) == []


class TestOrder:
    def test_by_distance_then_code(self) -> None:
        far, near = place(**away(900)), place(**away(100))
        same = place(**away(900))
        assert codes(Search(near=HERE, ordering=Ordering.DISTANCE)) == [near.code, far.code, same.code]

    def test_by_grade_then_distance_then_code(self) -> None:
        """Who has none today comes last, whatever it was."""
        none, expired = place(**away(1)), place(**graded("A", valid_until=TODAY), **away(2))
        refused = place(**graded(""), **away(3))
        worst = place(**graded("D"), **away(4))
        far, near = place(**graded("A"), **away(900)), place(**graded("A"), **away(100))
        same = place(**graded("A"), **away(900))
        expected = [near, far, same, worst, none, expired, refused]
        assert codes(Search(near=HERE, ordering=Ordering.GRADE)) == [one.code for one in expected]

    def test_by_grade_in_a_district(self) -> None:
        none, worst, best, too = place(), place(**graded("D")), place(**graded("A")), place(**graded("A"))
        search = Search(district=330602, ordering=Ordering.GRADE)
        assert codes(search) == [one.code for one in (best, too, worst, none)]

    def test_by_code(self) -> None:
        places = [place(code=f"P3306020{number:04d}") for number in (3, 1, 2)]
        for search in (Search(), Search(district=330602), Search(near=HERE)):
            assert codes(search) == found(*places)


class TestPages:
    def _set(self) -> list[Place]:
        """With ties of grade, of distance and of both."""
        chance = random.Random(9)
        return [
            place(
                name=chance.choice(("震元大药房", "老百姓大药房")),
                **(graded(chance.choice("ABD")) if chance.random() < 0.8 else {}),
                **away(chance.choice((0, 300, 300.5, 1_900)), chance.choice((0, 90))),
            )
            for _ in range(40)
        ]

    @pytest.mark.parametrize("limit", [1, 7, 20, 39, 40, 41])
    @pytest.mark.parametrize(
        "search",
        [
            Search(near=HERE, ordering=Ordering.DISTANCE),
            Search(near=HERE, ordering=Ordering.GRADE),
            Search(near=HERE),
            Search(district=330602, ordering=Ordering.GRADE),
            Search(district=330602),
            Search(),
            Search(words=tuple(words("大药房"))),
        ],
        ids=["near", "near by grade", "near by code", "district by grade", "district", "all", "word"],
    )
    def test_each_once_and_in_order(self, search: Search, limit: int) -> None:
        places = self._set()
        whole = [row["code"] for row in find(replace(search, limit=100), TODAY).rows]
        assert sorted(whole) == found(*places)
        parts = list(pages(replace(search, limit=limit)))
        assert [row["code"] for part in parts for row in part] == whole
        assert [len(part) for part in parts[:-1]] == [limit] * (len(parts) - 1)
        assert 0 < len(parts[-1]) <= limit

    def test_a_page_behind_a_row_that_is_gone(self) -> None:
        places = self._set()
        search = Search(near=HERE, ordering=Ordering.DISTANCE, limit=10)
        first = find(search, TODAY)
        Place.objects.filter(code=first.rows[-1]["code"]).delete()
        rest = [row["code"] for part in pages(replace(search, after=first.last)) for row in part]
        assert sorted(rest + [row["code"] for row in first.rows]) == found(*places)

    def test_the_count_is_of_all_that_fit_on_every_page(self) -> None:
        self._set()
        search = Search(near=HERE, ordering=Ordering.DISTANCE, limit=15)
        first = find(search, TODAY)
        assert (first.total, find(replace(search, after=first.last), TODAY).total) == (40, 40)
        assert find(Search(district=330602), TODAY).total is None

    def test_nothing(self) -> None:
        for search in (Search(near=HERE), Search(near=HERE, ordering=Ordering.GRADE)):
            assert find(search, TODAY) == finder.Page([], 0, ())
        for search in (Search(), Search(district=330602)):
            assert find(search, TODAY) == finder.Page([], None, ())


class TestWindow:
    """Many are found by looking on, few by an index: whichever it is, the same come."""

    SEARCHES = (
        Search(),
        Search(words=tuple(words("药房"))),
        Search(words=tuple(words("震元 大药房"))),
        Search(words=tuple(words("dyf"))),
        Search(words=tuple(words("P3306"))),
        Search(grades=("D",)),
        Search(grades=(NO_GRADE, "A")),
        Search(services=(Service.SUSPENDED,)),
        Search(services=(Service.ENDED, Service.NOT_YET)),
        Search(services=ALL, grades=("B",), words=tuple(words("老百姓"))),
    )

    @pytest.fixture(autouse=True)
    def _places(self, db: None) -> None:
        chance = random.Random(10)
        for _ in range(120):
            place(
                name=chance.choice(("震元大药房", "老百姓大药房", "仁和药店")),
                **(graded(chance.choice("ABD")) if chance.random() < 0.8 else {}),
                statuses=[["2026-01-01", "SUSPENDED"]] if chance.random() < 0.1 else None,
                designated_until=TODAY if chance.random() < 0.1 else None,
                designated_on=TODAY + DAY if chance.random() < 0.05 else date(2015, 3, 1),
            )

    @pytest.mark.parametrize("search", SEARCHES)
    @pytest.mark.parametrize("limit", [1, 10, 200])
    def test_the_same_either_way(self, search: Search, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        search = replace(search, limit=limit)
        wide = [row for part in pages(search) for row in part]
        monkeypatch.setattr(finder, "WINDOW_A_ROW", 0)
        for window in (0, 1, 30):
            monkeypatch.setattr(finder, "WINDOW", window)
            assert [row for part in pages(search) for row in part] == wide

    def test_what_fits_many_takes_one_query_and_what_fits_few_two(self) -> None:
        for search, queries in (
            (Search(limit=5), 1),
            (Search(limit=5, words=tuple(words("药"))), 1),
            (Search(limit=200), 2),
            (Search(words=tuple(words("火锅"))), 2),
            (Search(district=330602, ordering=Ordering.GRADE), 1),
            (Search(near=HERE), 1),
            (Search(near=HERE, radius=100, words=tuple(words("火锅"))), 1),
        ):
            with CaptureQueriesContext(connection) as caught:
                find(search, TODAY)
            assert len(caught) == queries


class TestNearest:
    def test_whatever_the_radius(self) -> None:
        place(**away(9_000))
        near = place(**away(7_000, 90))
        row = finder.nearest(Search(near=HERE, radius=500), TODAY)
        assert row and row["code"] == near.code
        assert abs(row["distance"] - 7_000) < 0.001

    def test_that_fits(self) -> None:
        place(**away(3_000), **graded("A"))
        fits = place(**away(30_000), **graded("D"))
        row = finder.nearest(Search(near=HERE, grades=("D",)), TODAY)
        assert row and row["code"] == fits.code

    def test_none_within_reach(self) -> None:
        place(**away(50_010))
        assert finder.nearest(Search(near=HERE), TODAY) is None
        place(**away(49_990))
        assert finder.nearest(Search(near=HERE), TODAY) is not None

    def test_at_most_one_query_for_each_reach(self) -> None:
        for expected in (len(finder.REACH), len(finder.REACH)):
            with CaptureQueriesContext(connection) as caught:
                finder.nearest(Search(near=HERE), TODAY)
            assert len(caught) == expected
        place(**away(5_000))
        with CaptureQueriesContext(connection) as caught:
            finder.nearest(Search(near=HERE), TODAY)
        assert len(caught) == 1


class TestOne:
    def test_by_its_code_even_when_it_has_ended(self) -> None:
        this = place(**graded("B"), designated_until=TODAY)
        row = finder.get_place(this.code, TODAY)
        assert row and (row["service"], row["grade"], row["holds"], row["distance"]) == (
            "ENDED",
            "B",
            True,
            None,
        )
        assert tuple(row) == finder.ROW

    def test_none(self) -> None:
        assert finder.get_place("P33060200000", TODAY) is None


def test_the_row_says_what_the_place_says() -> None:
    this = place(**graded("B", under_objection=True, reason="某条"))
    expected = {name: getattr(this, name) for name in finder.ROW if hasattr(this, name)}
    for search in (Search(), Search(near=HERE), Search(district=330602), Search(words=tuple(words("某某")))):
        (row,) = find(search, TODAY).rows
        assert {name: row[name] for name in expected} == expected
        assert set(row) - set(expected) == {"service", "holds", "distance"}


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count: int) -> None:
    for _ in range(count):
        place(**graded("A"))
    for search, queries in ((Search(near=HERE), 1), (Search(district=330602), 1), (Search(), 2)):
        with CaptureQueriesContext(connection) as caught:
            assert len(find(search, TODAY).rows) == count
        assert len(caught) == queries
