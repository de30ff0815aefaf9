"""One pharmacy and its history by API; and that nothing leaves which is not public."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import Pharmacy, Rating, RatingPeriod
from ratings.services.publication import publish_adjustment
from tests import desk, factories
from tests.pharmacy_lookup.api_places import LIST, NEAR, ask, get, graded, place
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def shop(**values: object) -> Pharmacy:
    where = {"latitude": 30.001, "longitude": 120.58, "source_datum": "WGS-84"}
    return factories.pharmacy(**{"recorded_at": desk.NOW, **where, **values})


def published(*results: Result, period: str = "2025H2") -> RatingPeriod:
    return lives.published(lives.run_of(scheme_in_force(), *results, period=period))


class TestOne:
    def test_place_grade_meaning_and_penalties(self) -> None:
        one = shop(street="府山街道", address="某路1号", designated_until=date(2027, 1, 1))
        published(Result(one, 1, 85_400))
        penal = factories.violation(one, measures="责令退回", decided_on=date(2026, 1, 5), recorded_at=NOW)
        factories.violation(one, track="AGREEMENT", document_no="协议处理1号", recorded_at=NOW)
        refresh_places()
        told = ask(f"{LIST}{one.code}/")
        assert {
            name: told[name] for name in ("code", "name", "service", "rating", "datum", "designated_on")
        } == {
            "code": one.code,
            "name": one.name,
            "service": "IN_SERVICE",
            "rating": "RATED",
            "datum": "wgs84",
            "designated_on": "2015-03-01",
        }
        assert (told["longitude"], told["latitude"], told["designated_until"]) == (
            120.58,
            30.001,
            "2027-01-01",
        )
        assert (told["grade"]["name"], told["grade"]["score_thousandths"]) == ("B", 85_400)
        assert len(told["grade"]["meaning"]) > 5
        (shown,) = told["penalties"]
        assert (shown["document_no"], shown["kind_label"], shown["measures"], shown["decided_on"]) == (
            penal.document_no,
            penal.get_kind_display(),
            "责令退回",
            "2026-01-05",
        )
        assert told["history"] == f"http://testserver{LIST}{one.code}/history/"
        assert "distance_m" not in told

    def test_as_a_feature(self) -> None:
        one = place(**graded(-1))
        told = ask(f"{LIST}{one.code}/", format="geojson", datum="gcj02")
        plain = ask(f"{LIST}{one.code}/")
        assert told["geometry"]["coordinates"] == [120.58, 30.001]
        left_out = {"longitude", "latitude", "datum"}
        assert told["properties"] == {name: value for name, value in plain.items() if name not in left_out}
        assert plain["grade"]["meaning"] == ""

    def test_in_another_datum(self) -> None:
        one = place()
        told = ask(f"{LIST}{one.code}/", datum="gcj02")
        assert (told["datum"], told["longitude"] > 120.583) == ("gcj02", True)

    def test_one_whose_designation_has_ended_is_still_told(self) -> None:
        one = place(designated_until=date(2026, 3, 1))
        assert ask(f"{LIST}{one.code}/")["service"] == "ENDED"
        assert one.code not in str(ask())

    @pytest.mark.parametrize("end", ["", "history/"])
    @pytest.mark.parametrize(
        "code",
        ["P33060299999", "p33060200001", "P3306", "%00", "P3306020000%00", "药店", "P" * 3_000, "..", "-"],
    )
    def test_unknown_and_malformed_codes(self, code: str, end: str) -> None:
        response = get(f"{LIST}{code}/{end}")
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
        assert len(response.content) < 1_000

    @pytest.mark.parametrize("end", ["", "history/"])
    def test_other_parameters_are_refused(self, end: str) -> None:
        one = place(**graded())
        published(Result(shop()))
        for parameters in ({"radius": "500"}, {"near": NEAR}, {"datum": "x"}, {"format": "csv"}):
            ask(f"{LIST}{one.code}/{end}", status=400, **parameters)
        ask(f"{LIST}{one.code}/{end}", format="json")

    def test_constant_number_of_queries(self) -> None:
        one = shop()
        published(Result(one))
        refresh_places()
        ask(f"{LIST}{one.code}/")  # what the scheme's grades mean is read once
        for number in range(3):
            factories.violation(one, decided_on=date(2026, 1, 1) + timedelta(days=number), recorded_at=NOW)
            for end, most in (("", 2), ("history/", 2)):
                with CaptureQueriesContext(connection) as queries:
                    ask(f"{LIST}{one.code}/{end}")
                assert len(queries) == most


class TestHistory:
    def test_newest_first_through_what_may_be_shown(self) -> None:
        one = shop()
        published(Result(one, 2, 70_000), period="2025H1")
        life = published(Result(one, 1, 85_400))
        again = desk.rerating(Rating.objects.get(run=life.run, pharmacy=one))
        row = desk.adjustment(life, again.rating, cause="INTERIM", rerating=again, to_grade=3)
        publish_adjustment(desk.decided(row), by=APPROVER)
        refresh_places()
        told = ask(f"{LIST}{one.code}/history/")
        assert (told["code"], told["name"]) == (one.code, one.name)
        assert [(row["period"], row["name"], row["event"]) for row in told["results"]] == [
            ("2025H2", "D", "INTERIM"),
            ("2025H2", "B", "PERIODIC"),
            ("2025H1", "C", "PERIODIC"),
        ]
        assert len(told["results"][0]) == len(APPLICATION.fields)

    def test_of_one_never_rated(self) -> None:
        assert ask(f"{LIST}{place().code}/history/")["results"] == []


def everything(code: str) -> Iterator[bytes]:
    """Each answer about a pharmacy, raw."""
    for form in ("json", "geojson"):
        yield get(near=NEAR, format=form, service="IN_SERVICE,SUSPENDED,ENDED,NOT_YET").content
        yield get(format=form).content
        yield get(f"{LIST}{code}/", format=form).content
    yield get(f"{LIST}{code}/history/").content


class TestNothingLeaks:
    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL"])
    @pytest.mark.parametrize("before", [False, True])
    def test_of_a_period_that_is_not_published(self, state: str, before: bool) -> None:
        """Neither its grade, nor score, nor that it was rated at all."""
        one = shop()
        if before:
            published(Result(one, 0, 95_000), period="2025H1")
        draft = lives.run_of(scheme_in_force(), Result(one, 3, 43_217), period="2025H2")
        period = desk.life(draft, state)
        rating = Rating.objects.get(run=draft)
        if state != "COMPUTED":
            desk.adjustment(period, rating, from_grade=3, to_grade=2, text="拟调整之说明")
        refresh_places()
        for content in everything(one.code):
            assert one.code.encode() in content
            for secret in ("43217", "43.217", "2025H2", "较差", '"D"', "拟调整之说明"):
                assert secret.encode() not in content
            assert (b"95000" in content) == before

    def test_of_owner_telephone_complaints_and_measures_under_the_agreement(self) -> None:
        owner = factories.enterprise(name="某某医药连锁有限公司")
        one = shop(enterprise=owner, contact="0575-88886666", is_chain=True)
        complaint = factories.complaint(one)
        factories.violation(one, track="AGREEMENT", document_no="协议处理第77号", decided_on=date(2026, 1, 5))
        published(Result(one))
        refresh_places()
        secrets = (
            *(owner.name, owner.uscc, one.contact, "88886666"),
            *(
                complaint.reference_no,
                "协议处理第77号",
                "contact",
                "enterprise",
                "complaint",
                "rank",
            ),
        )
        for content in everything(one.code):
            assert one.code.encode() in content
            for secret in secrets:
                assert secret.encode() not in content
