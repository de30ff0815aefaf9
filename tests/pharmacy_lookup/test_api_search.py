"""The search by API: every parameter good and bad, formats, datums, pages, and what it costs."""

import json
import random
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from applications.pharmacy_lookup.models import Place
from creditsys import geo
from tests.pharmacy_lookup.api_places import LIST, NEAR, ask, directory, faults, get, graded, place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unlimited(settings: Settings) -> None:
    settings.API_REQUESTS_A_MINUTE = 1_000_000
    cache.clear()


class TestShape:
    def test_a_rated_pharmacy_near_by(self) -> None:
        shop = place(**graded(1, seq=7, score=85_400))
        answer = ask(near=NEAR)
        assert {**answer, "results": []} == {"count": 1, "next": None, "datum": "wgs84", "results": []}
        assert answer["results"] == [
            {
                "code": shop.code,
                "name": "某某大药房",
                "district": "330602",
                "district_name": "越城区",
                "street": "府山街道",
                "address": "某路1号",
                "longitude": 120.58,
                "latitude": 30.001,
                "distance_m": 110.9,
                "service": "IN_SERVICE",
                "rating": "RATED",
                "grade": {
                    "name": "B",
                    "label": "良好",
                    "position": 1,
                    "score_thousandths": 85_400,
                    "period": "2025H2",
                    "scheme": "shaoxing-style@1",
                    "event": "PERIODIC",
                    "seq": 7,
                    "valid_from": "2020-01-01",
                    "valid_until": None,
                    "reason": "",
                    "under_objection": False,
                },
            }
        ]

    def test_without_a_point_nothing_is_counted_nor_measured(self) -> None:
        place(latitude=None, longitude=None)
        answer = ask()
        assert answer["count"] is None
        (row,) = answer["results"]
        assert (row["distance_m"], row["longitude"], row["latitude"]) == (None, None, None)
        assert (row["rating"], row["grade"]) == ("NEVER_RATED", None)

    @pytest.mark.parametrize(
        ("position", "days", "state"),
        [
            (0, 1, "RATED"),
            (0, 0, "EXPIRED"),
            (-1, 1, "NOT_RATED"),
            (-1, 0, "EXPIRED"),
            (-1, None, "NOT_RATED"),
        ],
    )
    def test_whether_there_is_a_grade_today(self, position: int, days: int | None, state: str) -> None:
        """``valid_until`` is the first day on which a row holds no more."""
        until = None if days is None else timezone.localdate() + timedelta(days=days)
        place(**graded(position, valid_until=until, reason="" if position >= 0 else "定点不足六个月"))
        (row,) = ask()["results"]
        assert (row["rating"], row["grade"]["position"]) == (state, position)

    @pytest.mark.parametrize("datum", ["wgs84", "cgcs2000", "gcj02", "bd09", "GCJ-02"])
    def test_coordinates_go_in_and_out_in_the_same_datum(self, datum: str) -> None:
        place()
        name = {"gcj02": geo.GCJ02, "GCJ-02": geo.GCJ02, "bd09": geo.BD09}.get(datum, geo.WGS84)
        latitude, longitude = geo.from_wgs84(30.0, 120.58, name)
        answer = ask(near=f"{longitude:.9f},{latitude:.9f}", datum=datum)
        (row,) = answer["results"]
        assert answer["datum"] == datum.lower().replace("-", "")
        assert row["distance_m"] == 110.9
        shown = geo.from_wgs84(30.001, 120.58, name)
        assert (row["latitude"], row["longitude"]) == (round(shown[0], 7), round(shown[1], 7))


class TestGeoJson:
    def test_by_parameter_and_by_accept(self) -> None:
        place()
        named = get(near=NEAR, format="geojson")
        accepted = Client().get(LIST, {"near": NEAR}, headers={"accept": "application/geo+json"})
        assert named.content == accepted.content
        assert named["Content-Type"] == accepted["Content-Type"] == "application/geo+json"
        assert get(format="json")["Content-Type"] == "application/json"

    def test_valid_and_always_in_wgs84(self) -> None:
        shop = place(**graded())
        latitude, longitude = geo.from_wgs84(30.0, 120.58, geo.BD09)
        answer = ask(near=f"{longitude:.9f},{latitude:.9f}", datum="bd09", format="geojson")
        assert (answer["type"], answer["count"], answer["next"]) == ("FeatureCollection", 1, None)
        (feature,) = answer["features"]
        assert (feature["type"], feature["id"]) == ("Feature", shop.code)
        assert feature["geometry"] == {"type": "Point", "coordinates": [120.58, 30.001]}
        (row,) = ask(near=f"{longitude:.9f},{latitude:.9f}", datum="bd09")["results"]
        assert feature["properties"] == {
            name: value for name, value in row.items() if name not in {"longitude", "latitude"}
        }

    def test_without_a_place_the_geometry_is_null(self) -> None:
        place(latitude=None, longitude=None)
        assert ask(format="geojson")["features"][0]["geometry"] is None

    @pytest.mark.parametrize("asked", [["xml"], ["json", "geojson"], [""], ["JSON"]])
    def test_other_formats_are_refused(self, asked: list[str]) -> None:
        assert faults(format=asked) == {"format": "There is no such format; use one of json geojson."}


GOOD: list[dict[str, Any]] = [
    {"near": "120.58,30"},
    {"near": "+120.58, 30.0"},
    {"near": NEAR, "radius": 100},
    {"near": NEAR, "radius": 5000},
    {"near": "73,3"},
    {"near": "136,54"},
    {"grade": "A"},
    {"grade": "A,B, none"},
    {"grade": ["A", "B"]},
    {"service": "in_service,ENDED"},
    {"district": "330602"},
    {"district": "330602", "street": "府山街道"},
    {"district": "330602", "ordering": "grade"},
    {"near": NEAR, "ordering": "code"},
    {"q": "大药房"},
    {"q": "x" * 50},
    {"q": "a b1 c1 d1"},
    {"limit": 1},
    {"limit": 1000},
    {"near": ""},
    {"near": [NEAR, NEAR]},
    {"cursor": ""},
]
BAD: list[tuple[dict[str, Any], set[str]]] = [
    ({"near": "30.0,120.58"}, {"near"}),
    ({"near": "120.58"}, {"near"}),
    ({"near": "120.58,30.0,1"}, {"near"}),
    ({"near": "nan,nan"}, {"near"}),
    ({"near": "inf,30"}, {"near"}),
    ({"near": "1e2,3e1"}, {"near"}),
    ({"near": "北纬,东经"}, {"near"}),
    ({"near": "１２０.５８,３０"}, {"near"}),
    ({"near": "0,0"}, {"near"}),
    ({"near": "72.999,30"}, {"near"}),
    ({"near": "120,54.001"}, {"near"}),
    ({"near": "9" * 100_000 + ",30"}, {"near"}),
    ({"near": "\0,\0"}, {"near"}),
    ({"near": [NEAR, "120.5,30"]}, {"near"}),
    ({"near": NEAR, "datum": "nad27"}, {"datum"}),
    ({"near": NEAR, "radius": 0}, {"radius"}),
    ({"near": NEAR, "radius": 99}, {"radius"}),
    ({"near": NEAR, "radius": 5001}, {"radius"}),
    ({"near": NEAR, "radius": 10_000_000}, {"radius"}),
    ({"near": NEAR, "radius": "2km"}, {"radius"}),
    ({"near": NEAR, "radius": "-1"}, {"radius"}),
    ({"near": NEAR, "radius": "1e3"}, {"radius"}),
    ({"near": NEAR, "radius": "9" * 100_000}, {"radius"}),
    ({"grade": "Z"}, {"grade"}),
    ({"grade": "A,Z"}, {"grade"}),
    ({"grade": "A\0"}, {"grade"}),
    ({"grade": "A" * 100_000}, {"grade"}),
    ({"service": "OPEN"}, {"service"}),
    ({"district": "330699"}, {"district"}),
    ({"district": "越城区"}, {"district"}),
    ({"street": "府山街道"}, {"street"}),
    ({"district": "330602", "street": "没有街道"}, {"street"}),
    ({"district": "330602", "street": "府山街道\0"}, {"street"}),
    ({"q": "药" * 51}, {"q"}),
    ({"q": "药" * 10_000}, {"q"}),
    ({"q": "药\0房"}, {"q"}),
    ({"q": "%"}, {"q"}),
    ({"q": "a"}, {"q"}),
    ({"q": "一 二 三 四 五 六"}, {"q"}),
    ({"ordering": "name"}, {"ordering"}),
    ({"ordering": "distance"}, {"ordering"}),
    ({"ordering": "grade"}, {"ordering"}),
    ({"near": NEAR, "ordering": "code,grade"}, {"ordering"}),
    ({"limit": 0}, {"limit"}),
    ({"limit": 1001}, {"limit"}),
    ({"limit": ["1", "2"]}, {"limit"}),
    ({"cursor": "made-up"}, {"cursor"}),
    ({"cursor": "e30"}, {"cursor"}),
    ({"cursor": "A" * 100_000}, {"cursor"}),
    ({"cursor": "游标"}, {"cursor"}),
    ({"radiuss": 500}, {"radiuss"}),
    ({"no" * 5_000: 1}, {("no" * 5_000)[:100]}),
    ({"near": "x", "limit": "x", "datum": "x", "x": "x"}, {"near", "limit", "datum", "x"}),
]


class TestParameters:
    @pytest.mark.parametrize("parameters", GOOD, ids=lambda asked: "&".join(asked))
    def test_good(self, parameters: dict[str, Any]) -> None:
        directory()
        place(**graded())
        ask(**parameters)

    @pytest.mark.parametrize(
        ("parameters", "wrong"), BAD, ids=["&".join(sorted(wrong))[:20] for _, wrong in BAD]
    )
    def test_bad_is_told_in_both_languages_and_reaches_no_search(
        self, parameters: dict[str, Any], wrong: set[str]
    ) -> None:
        directory()
        with CaptureQueriesContext(connection) as queries:
            problem = ask(status=400, **parameters)
        assert not [query for query in queries if "pharmacy_lookup_place" in query["sql"]]
        assert {one["parameter"] for one in problem["errors"]} == wrong
        for one in problem["errors"]:
            assert re.search("[。？]$", one["detail"]) and re.search("[.?]$", one["detail_en"])
            assert len(one["detail"]) < 500

    def test_swapped_coordinates_are_given_back_right(self) -> None:
        assert faults(near="30.0,120.58")["near"].endswith("that is near=120.58,30.0.")

    def test_many_unknown_parameters_cost_little(self) -> None:
        problem = ask(status=400, **{f"name{number}": "1" for number in range(900)})
        assert len(problem["errors"]) == 10
        assert "detail_en" in ask(status=400, **{f"name{number}": "1" for number in range(1_100)})

    def test_signs_of_patterns_are_blanks_and_no_wildcards(self) -> None:
        place(name="百分百大药房")
        for typed in ("大 百", "大%百", "大_百", "大\\百"):
            assert ask(q=typed)["results"]
        assert ask(q="百大%店")["results"] == []


class TestPages:
    def test_next_is_absolute_and_keeps_what_was_asked(self) -> None:
        for _ in range(3):
            place()
        response = get(near=NEAR, limit=2, datum="wgs84")
        following = json.loads(response.content)["next"]
        assert following.startswith("http://testserver/api/v1/pharmacies/?near=120.5800%2C30.0000&limit=2&")
        assert response["Link"] == f'<{following}>; rel="next"'
        last = Client().get(following)
        assert (len(last.json()["results"]), last.json()["next"], "Link" in last) == (1, None, False)

    def test_next_has_the_sites_own_address(self, settings: Settings) -> None:
        settings.SITE_URL = "https://credit.example.org"
        place(), place()
        assert ask(limit=1)["next"].startswith("https://credit.example.org/api/v1/pharmacies/?limit=1&")

    def test_a_cursor_serves_its_own_search_only(self) -> None:
        place(), place()
        cursor = ask(near=NEAR, limit=1)["next"].rpartition("cursor=")[2]
        assert ask(near=NEAR, limit=5, cursor=cursor)["results"]
        assert "belongs to another search" in faults(near="120.5801,30", cursor=cursor)["cursor"]
        assert "belongs to another search" in faults(near=NEAR, radius=500, cursor=cursor)["cursor"]
        assert "not given out here" in faults(near=NEAR, cursor=cursor[:-4])["cursor"]

    @pytest.mark.parametrize(
        "asked",
        [
            {"near": NEAR},
            {"near": NEAR, "ordering": "grade"},
            {"near": NEAR, "ordering": "code"},
            {"district": "330602", "ordering": "grade"},
            {"district": "330602"},
            {},
        ],
        ids=str,
    )
    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seed=st.integers(0, 1_000_000), limit=st.integers(1, 12))
    def test_each_row_once_and_in_order(self, asked: dict[str, Any], seed: int, limit: int) -> None:
        """Many at the same spot and with the same grade, so that only the code tells them apart."""
        directory()
        Place.objects.all().delete()
        dice = random.Random(seed)
        for _ in range(dice.randrange(1, 25)):
            position = dice.choice([None, -1, 0, 1, 3])
            place(
                latitude=30 + dice.choice([0.001, 0.002, dice.random() / 100]),
                **({} if position is None else graded(position)),
            )
        whole = ask(limit=1000, **asked)["results"]
        found, answer = [], ask(limit=limit, **asked)
        while True:
            assert len(answer["results"]) <= limit
            found += answer["results"]
            if answer["next"] is None:
                break
            answer = Client().get(answer["next"]).json()
        assert found == whole
        assert len({row["code"] for row in whole}) == Place.objects.count()
        assert whole == sorted(
            whole, key=_KEYS[asked.get("ordering", "distance" if "near" in asked else "code")]
        )


def _rank(row: dict[str, Any]) -> int:
    return int(row["grade"]["position"]) if row["rating"] == "RATED" else 99


_KEYS = {
    "distance": lambda row: row["distance_m"],
    "grade": lambda row: (_rank(row), row["distance_m"] or 0),
    "code": lambda row: row["code"],
}


class TestCost:
    def test_constant_number_of_queries(self) -> None:
        directory()
        for _ in range(3):
            place(**graded())
            for asked, most in (
                ({"near": NEAR}, 1),
                ({"near": NEAR, "format": "geojson"}, 1),
                ({"district": "330602", "grade": "A"}, 2),
                ({"q": "大药房"}, 2),
            ):
                with CaptureQueriesContext(connection) as queries:
                    ask(**asked)
                assert len(queries) == most, asked


_TEXT = st.one_of(st.text(max_size=30), st.from_regex(r"[-+0-9.,%_eE]{0,20}", fullmatch=True))
_NAMES = st.sampled_from(
    [
        "near",
        "datum",
        "radius",
        "grade",
        "service",
        "district",
        "street",
        "q",
        "ordering",
        "limit",
        "cursor",
        "format",
    ]
)


class TestAnything:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        asked=st.lists(
            st.tuples(
                st.one_of(_NAMES, st.text(max_size=8)),
                st.one_of(
                    _TEXT,
                    st.sampled_from(
                        [NEAR, "gcj02", "500", "A", "none", "ENDED", "330602", "府山街道", "grade", "geojson"]
                    ),
                ),
            ),
            max_size=6,
        ),
        headers=st.fixed_dictionaries(
            {},
            optional={
                "Accept": st.sampled_from(["*/*", "application/geo+json", ";;,", "a/b;q=x, */*;q=0.1"]),
                "If-None-Match": st.sampled_from(["*", '"x"', 'W/"', "\\"]),
            },
        ),
    )
    def test_is_answered_or_refused(self, asked: list[tuple[str, str]], headers: dict[str, str]) -> None:
        directory()
        if not Place.objects.exists():
            place(**graded())
        many: dict[str, list[str]] = {}
        for name, value in asked:
            many.setdefault(name.encode(errors="replace").decode(), []).append(
                value.encode(errors="replace").decode()
            )
        response = Client().get(LIST, many, headers=headers)
        assert response.status_code in {200, 304, 400} | ({406} if "Accept" in headers else set())
        if response.status_code >= 400:
            assert response["Content-Type"] == "application/problem+json"
            assert response.json()["detail"] and response.json()["detail_en"]
