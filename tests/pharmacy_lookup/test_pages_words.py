"""Words of the pages, their two languages, and the size of print."""

import re
from datetime import date
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from applications.pharmacy_lookup.finder import Service
from applications.pharmacy_lookup.pages import words
from applications.pharmacy_lookup.query import PARAMETERS
from applications.pharmacy_lookup.refresh import refresh_places
from ratings import published
from ratings.rules.periods import Period
from tests import factories
from tests.pharmacy_lookup import shown
from tests.pharmacy_lookup.shown import NEAR, Page, penalty, shop
from tests.ratings.services.lives import Result


class TestWords:
    @pytest.mark.parametrize(
        ("metres", "told"),
        [
            (0, "10 米"),
            (14.9, "10 米"),
            (848, "850 米"),
            (994, "990 米"),
            (995, "1.0 公里"),
            (1_949, "1.9 公里"),
        ],
    )
    def test_distance(self, metres: float, told: str) -> None:
        assert words.distance_words(metres) == told

    @given(st.integers(100, 5_000), st.floats(0.001, 45_000))
    def test_what_was_too_far_is_never_told_as_within(self, radius: int, more: float) -> None:
        number, unit = words.beyond_words(radius + more).split()
        assert float(number) * {"米": 1, "公里": 1000}[unit] > radius

    @pytest.mark.parametrize("code", ["2025", "2025H1", "2025H2", "2025Q1", "2025Q4", "2025-07", "2025-12"])
    def test_periods_are_called_as_elsewhere(self, code: str) -> None:
        assert words.period_words(code) == Period.parse(code).label

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            ("2025", "2025"),
            ("2025H2", "Second half of 2025"),
            ("2025Q3", "Third quarter of 2025"),
            ("2025-07", "July 2025"),
        ],
    )
    def test_periods_in_english(self, code: str, told: str) -> None:
        with translation.override("en"):
            assert words.period_words(code) == told

    def test_validity_names_its_last_day(self) -> None:
        assert words.validity_words(date(2026, 2, 28), date(2026, 3, 1)) == "2026年2月28日至2026年2月28日"
        assert words.validity_words(date(2026, 2, 28), None) == "2026年2月28日起"

    @pytest.mark.parametrize(
        ("score", "told"), [(100_000, "100"), (95_500, "95.5"), (0, "0"), (-1_250, "-1.25")]
    )
    def test_scores(self, score: int, told: str) -> None:
        assert words.score_words(score) == told

    def test_every_event_service_and_parameter_has_its_word(self) -> None:
        assert {event: str(word) for event, word in words.EVENTS.items()} == published.EVENTS
        assert set(words.SERVICES) == set(Service)
        assert set(words.PARAMETERS) == set(PARAMETERS) - {"limit"}


@pytest.mark.django_db
class TestLanguages:
    @pytest.fixture
    def code(self) -> str:
        """A pharmacy with something of everything."""
        one = shop(name="言语大药房")
        penalty(one, measures="责令退回")
        factories.service_status(one)
        shop(1, designated_until=date(2026, 1, 1))
        shop(3_000)
        shown.published(Result(one, 1), period="2024H1", days=400)
        shown.published(Result(shop(2), -1))
        return one.code

    @pytest.mark.parametrize(
        "address",
        ["", f"?near={NEAR}&service=ENDED&service=SUSPENDED&service=IN_SERVICE", f"?near={NEAR}&radius=100&q=zzz",
         f"?near={NEAR}&radius=500&grade=none", "?near=116.4,39.9", "?near=1,2&radius=1&cursor=x", "?q=nobody",
         "?district=330602&ordering=grade", "pharmacy/{code}/", "pharmacy/x/"],
    )  # fmt: skip
    def test_english_pages_have_no_chinese_but_names_and_what_is_marked(
        self, client: Client, code: str, address: str
    ) -> None:
        text = client.get(f"/en/{address.format(code=code)}").content.decode()
        assert '<html lang="en"' in text
        names = re.compile("绍兴市|越城区|海王|解放路|言语大药房(?= - )")
        assert Page(names.sub("", text)).unmarked == []

    @pytest.mark.parametrize("address", ["/", "/?q=%E8%8D%AF&radius=500", "/pharmacy/P33060200001/"])
    def test_each_page_leads_to_itself_in_the_other_language(self, client: Client, address: str) -> None:
        refresh_places()
        english = f"/en{address}"
        assert f'href="{english.replace("&", "&amp;")}"' in client.get(address).content.decode()
        assert f'href="{address.replace("&", "&amp;")}"' in client.get(english).content.decode()

    def test_links_stay_in_the_language(self, client: Client, code: str) -> None:
        links = Page(client.get(f"/en/?near={NEAR}").content.decode()).links
        assert f"/en/pharmacy/{code}/" in links and f"/pharmacy/{code}/" not in links


@pytest.mark.django_db
class TestPrint:
    def test_is_switched_for_a_year_and_goes_back(self, client: Client) -> None:
        refresh_places()
        page = f"/?near={NEAR}&radius=500"
        assert 'class="pl-large"' not in client.get(page).content.decode()
        link = f"/display/?large_print=1&next={quote(page, safe='')}"
        response = client.get(link)
        assert (response.status_code, response["Location"]) == (302, page)
        cookie = response.cookies["large_print"]
        assert (cookie.value, cookie["max-age"], cookie["samesite"]) == ("1", 31_536_000, "Lax")
        assert "no-store" in response["Cache-Control"]
        large = client.get(page).content.decode()
        assert 'class="pl-large"' in large and 'id="map"' not in large
        client.get("/display/?large_print=0&next=/")
        assert 'class="pl-large"' not in client.get(page).content.decode()

    @pytest.mark.parametrize(
        "away",
        [
            "https://evil.example/",
            "//evil.example",
            "javascript:alert(1)",
            "",
            "/" + "x" * 2_000,
            "http:///evil.example",
        ],
    )
    def test_never_leads_away(self, client: Client, away: str) -> None:
        address = f"?large_print=1&next={quote(away, safe='')}"
        assert client.get(f"/display/{address}")["Location"] == "/"
        assert client.get(f"/en/display/{address}")["Location"] == "/en/"
