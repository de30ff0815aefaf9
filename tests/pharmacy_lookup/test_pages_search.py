"""The search page: what is asked and found, what is not found, and what must never be on it."""

import re
from datetime import date, timedelta
from html import unescape
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from applications.pharmacy_lookup.refresh import refresh_places
from creditsys import geo
from ratings.models import Rating, RatingPeriod
from tests import desk, factories
from tests.pharmacy_lookup import shown
from tests.pharmacy_lookup.shown import LATITUDE, LONGITUDE, NEAR, Page, published, shop
from tests.ratings.services.lives import Result, run_of

pytestmark = pytest.mark.django_db
#: The first of the scheme: what a result without a grade is given.
REASON = "服务协议已解除"


def seen(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def listed(text: str) -> list[str]:
    return re.findall(r'<li id="(P\d+)"', text)


def row(text: str, code: str) -> str:
    found = re.search(rf'<li id="{code}".*?</li>', text, re.S)
    assert found
    return found[0]


class TestWithoutAQuestion:
    def test_offers_the_ways_to_ask_and_lists_nothing(self, client: Client) -> None:
        factories.district(330603, "柯桥区")
        published(Result(shop()), Result(shop(district_id=330603)))
        text = seen(client, "/")
        assert listed(text) == []
        assert {"/?district=330602", "/?district=330603"} <= set(Page(text).links)
        assert 'data-locate="?near="' in text and 'id="map"' in text
        assert "守信情况优秀" in text

    @pytest.mark.parametrize("address", ["/?q=&district=", "/?radius=500", "/?unknown=1"])
    def test_what_is_left_empty_asks_nothing(self, client: Client, address: str) -> None:
        published(Result(shop()))
        assert listed(seen(client, address)) == []

    def test_an_empty_city_says_so(self, client: Client) -> None:
        refresh_places()
        assert "还没有可以查询的药店" in seen(client, "/")


class TestFinding:
    def test_near_by_distance_with_all_that_a_row_says(self, client: Client) -> None:
        far, near = shop(1_540, name="远大药房"), shop(848, name="近大药房")
        published(Result(far, 3), Result(near, 0))
        text = seen(client, f"/?near={NEAR}")
        assert listed(text) == [near.code, far.code]
        first = row(text, near.code)
        assert "850 米" in first and "1.5 公里" in row(text, far.code)
        assert "近大药房" in first and near.address in first
        assert "cs-grade-0" in first and ">A<" in first and "优秀" in first
        assert {f"/pharmacy/{near.code}/", f"/pharmacy/{near.code}/#way"} <= set(Page(text).links)
        assert "共 2 家" in text and "2025年上半年" in text

    @pytest.mark.parametrize(("radius", "found"), [("", 1), ("&radius=1000", 0), ("&radius=3000", 2)])
    def test_radius_of_2_km_unless_another_is_chosen(self, client: Client, radius: str, found: int) -> None:
        published(Result(shop(1_900)), Result(shop(2_100)))
        text = seen(client, f"/?near={NEAR}{radius}")
        assert ("共 1 家" in text, "共 2 家" in text) == (found == 1, found == 2)

    def test_by_grade_and_filtered(self, client: Client) -> None:
        best, worst = shop(1_000), shop(100)
        published(Result(best, 0), Result(worst, 3))
        assert listed(seen(client, f"/?near={NEAR}&ordering=grade")) == [best.code, worst.code]
        text = seen(client, f"/?near={NEAR}&grade=D")
        assert listed(text) == [worst.code]
        assert f"?near={NEAR.replace(',', '%2C')}" in Page(text).links, "the link without filters"

    @pytest.mark.parametrize("typed", ["鉴水", "jianshui", "js", "人民中路"])
    def test_by_words(self, client: Client, typed: str) -> None:
        wanted, other = shop(name="鉴水堂药房", address="人民中路2号"), shop()
        published(Result(wanted), Result(other))
        text = seen(client, f"/?q={quote(typed)}")
        assert listed(text) == [wanted.code]
        assert f"“{typed}”的查询结果" in text

    def test_by_district_and_street(self, client: Client) -> None:
        factories.district(330603, "柯桥区")
        here, there = shop(street="塔山街道"), shop()
        away = shop(district_id=330603, street="柯岩街道")
        published(*map(Result, (here, there, away)))
        text = seen(client, "/?district=330602")
        assert listed(text) == sorted([here.code, there.code])
        assert "塔山街道" in text and "柯岩街道" not in text
        assert listed(seen(client, f"/?district=330602&street={quote('塔山街道')}")) == [here.code]
        left_over = seen(client, f"/?district=330603&street={quote('塔山街道')}")
        assert listed(left_over) == [away.code], "a street of the district chosen before is forgotten"

    def test_pages_keep_what_was_asked(self, client: Client) -> None:
        shops = [shop(10 * number) for number in range(1, 24)]
        published(*map(Result, shops))
        address = f"/?near={NEAR}&radius=500&grade=A&service=IN_SERVICE"
        first = seen(client, address)
        assert listed(first) == [one.code for one in shops[:20]]
        following = next(link for link in Page(first).links if "cursor=" in link)
        assert "radius=500" in following and "grade=A" in following and "service=IN_SERVICE" in following
        second = seen(client, f"/{following}")
        assert listed(second) == [one.code for one in shops[20:]]
        assert 'rel="next"' not in second and "回到第一页" in second

    def test_constant_number_of_queries(self, client: Client) -> None:
        published(Result(shop(100)))
        counts = []
        for found in (1, 3):
            for address in (f"/?near={NEAR}&grade=A", "/?district=330602", "/?q=dyf"):
                seen(client, address)
                with CaptureQueriesContext(connection) as queries:
                    assert len(listed(seen(client, address))) == found
                counts.append(len(queries))
            if found == 1:
                published(Result(shop(200)), Result(shop(300)), period="2025H2", days=20)
        assert counts[:3] == counts[3:]
        assert max(counts) <= 4


class TestStanding:
    def test_why_there_is_no_grade(self, client: Client) -> None:
        never, refused, over = shop(1), shop(2), shop(3)
        published(Result(over, 1), period="2024H1", days=400)
        published(Result(refused, -1))
        text = seen(client, f"/?near={NEAR}")
        assert "尚未评级" in row(text, never.code)
        assert "不予评级" in row(text, refused.code) and REASON in row(text, refused.code)
        assert "有效期已满" in row(text, over.code) and "B 到" in row(text, over.code)
        assert listed(seen(client, f"/?near={NEAR}&grade=none")) == [never.code, refused.code, over.code]

    def test_service_and_objection_are_marked(self, client: Client) -> None:
        ended, halted, coming, plain = (
            shop(1, designated_until=date(2026, 1, 1)),
            shop(2),
            shop(3, designated_on=timezone.localdate() + timedelta(days=5)),
            shop(4),
        )
        factories.service_status(halted)
        life = published(Result(plain))
        desk.objection(life, Rating.objects.get(pharmacy=plain), against="PUBLISHED")
        refresh_places()
        everything = "&service=IN_SERVICE&service=SUSPENDED&service=ENDED&service=NOT_YET"
        text = seen(client, f"/?near={NEAR}{everything}")
        marks = {ended: "已不再定点", halted: "暂停医保服务", coming: "起定点", plain: "异议处理中"}
        for one, mark in marks.items():
            assert [mark in row(text, each.code) for each in marks] == [each is one for each in marks]
        assert listed(seen(client, f"/?near={NEAR}")) == [halted.code, plain.code]


class TestNothing:
    @pytest.mark.parametrize(
        ("metres", "told", "link"),
        [
            (2_001, "2.01 公里", "radius=3000"),
            (2_999, "3 公里", "radius=3000"),
            (3_001, "3.01 公里", "radius=5000"),
        ],
    )
    def test_nothing_within_the_radius(self, client: Client, metres: int, told: str, link: str) -> None:
        one = shop(metres)
        published(Result(one))
        text = seen(client, f"/?near={NEAR}")
        assert "2 公里内没有符合条件的药店" in text and f"最近的一家在 {told}外" in text
        wider = next(found for found in Page(text).links if found.endswith(link))
        assert listed(seen(client, f"/{wider}")) == [one.code]

    def test_beyond_the_widest_the_search_goes_there(self, client: Client) -> None:
        one = shop(8_000)
        published(Result(one))
        text = seen(client, f"/?near={NEAR}")
        assert "最近的一家在 8" in text and "查这家药店附近" in text
        there = next(found for found in Page(text).links if f"{one.latitude:.3f}" in found)
        assert listed(seen(client, f"/{there}")) == [one.code]

    def test_far_outside_offers_the_districts(self, client: Client) -> None:
        published(Result(shop()))
        text = seen(client, "/?near=116.4,39.9")
        assert "这里离本市太远" in text and "/?district=330602" in Page(text).links

    def test_a_grade_that_nobody_near_has_is_not_far_away(self, client: Client) -> None:
        published(Result(shop()))
        text = seen(client, f"/?near={NEAR}&grade=none")
        assert "离本市太远" not in text and "没有找到符合条件的药店" in text and "取消筛选" in text

    @pytest.mark.parametrize("address", ["/?q=%E6%97%A0%E6%AD%A4", "/?district=330602&grade=D"])
    def test_nothing_by_words_or_district(self, client: Client, address: str) -> None:
        published(Result(shop()), Result(shop(district=factories.district(330603, "柯桥区")), 3))
        assert "没有找到符合条件的药店" in seen(client, address)


class TestFaults:
    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ("near=30,120.58", "经纬度写反了"),
            ("near=NaN,1", "不是“经度,纬度”两个数"),
            ("near=2.35,48.85", "不在中国境内"),
            (f"near={NEAR}&radius=99", "100 至 5000"),
            (f"near={NEAR}&radius=5001", "100 至 5000"),
            (f"near={NEAR}&grade=Z", "没有等级“Z”"),
            ("district=1", "没有区县“1”"),
            ("q=" + "x" * 10_000, "写了 10000 个字"),
            ("q=%00", "里面有不能用"),
            (f"near={NEAR}&cursor=made-up", "不是本接口给出的游标"),
            ("street=%E5%A1%94%E5%B1%B1", "选街道须同时写明区县"),
        ],
    )
    def test_are_told_on_the_page(self, client: Client, asked: str, told: str) -> None:
        published(Result(shop()))
        text = unescape(seen(client, f"/?{asked}", 400))
        assert told in text and "查询条件有误" in text and "/?district=330602" in Page(text).links

    def test_keep_what_was_typed_and_are_told_at_once(self, client: Client) -> None:
        published(Result(shop()))
        text = seen(client, "/?q=a&district=330602&near=x&radius=1", 400)
        assert text.count("<li><b>") == 3
        assert 'value="a"' in text and re.search(r'value="330602" selected', text)

    def test_no_post(self, client: Client) -> None:
        assert client.post("/").status_code == 405


class TestSafety:
    def test_what_is_not_published_is_nowhere(self, client: Client) -> None:
        """One period under notice and one in draft, both D with a score of their own; published is A."""
        one, new = shop(contact="13800001111", name="公示大药房"), shop(contact="13800001111")
        factories.complaint(one, reference_no="TS777")
        published(Result(one, 0, 91_234))
        before = timezone.localdate()
        noticed = desk.life(
            run_of(shown.scheme(), Result(one, 3, 12_345), Result(new, 3, 12_345), period="2025H2"),
            "PUBLIC_NOTICE",
        )
        RatingPeriod.objects.filter(pk=noticed.pk).update(
            notice_from=before, notice_until=before + timedelta(days=5)
        )
        desk.life(run_of(shown.scheme(), Result(one, 3, 12_346), period="2026H1"), "UNDER_REVIEW")
        refresh_places()
        pages = [
            f"?near={NEAR}",
            "?district=330602",
            "?q=gsdyf",
            f"?near={NEAR}&grade=A",
            f"pharmacy/{one.code}/",
        ]
        pages += [f"pharmacy/{new.code}/"]
        for address in (f"{language}{page}" for language in ("/", "/en/") for page in pages):
            text = seen(client, address)
            shops, _, _ = text.partition('class="pl-legend"')
            for secret in ("2025年下半年", "Second half of 2025", "2026年上半年", "First half of 2026", "12.34",
                           "13800001111", "TS777", "cs-grade-worst"):  # fmt: skip
                assert secret not in shops, (address, secret)
        assert listed(seen(client, f"/?near={NEAR}&grade=D", 400)) == [], "nobody has one in public"

    def test_names_are_text(self, client: Client) -> None:
        evil = "<script>alert(1)</script>\"'"
        one = shop(name=evil, address=evil, street=evil)
        published(Result(one))
        for address in (
            f"/?near={NEAR}",
            "/?district=330602",
            f"/?q={quote(evil)}",
            f"/?q={quote(evil)}&near={NEAR}&radius=x",
            f"/pharmacy/{one.code}/",
            f"/pharmacy/{quote(evil.replace('/', ''))}/",
        ):
            text = client.get(address).content.decode()
            assert "<script>alert" not in text and "alert(1)</script" not in text
            assert "&lt;script&gt;alert(1)" in text
            assert not [link for link in Page(text).links if '"' in link or "<" in link]

    def test_headers(self, client: Client) -> None:
        published(Result(shop()))
        response = client.get(f"/?near={NEAR}")
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert "Cookie" in response["Vary"] and "private" in response["Cache-Control"]
        text = response.content.decode()
        assert not re.search(r"\son\w+=|\sstyle=|<style", text), "nothing that the policy forbids"


class TestMap:
    def test_pins_and_rings_are_in_the_page(self, client: Client) -> None:
        one = shop(500)
        published(Result(one))
        text = seen(client, f"/?near={NEAR}&radius=3000&grade=A")
        assert f'data-at="{LONGITUDE:.6f},{one.latitude:.6f}"' in text
        assert 'data-centre="120.580000,30.000000"' in text
        assert 'data-rings="750:750 米|1500:1.5 公里|3000:3 公里"' in text
        assert 'data-tap="?grade=A&amp;radius=3000&amp;near="' in text and 'data-tiles=""' in text

    def test_with_tiles_of_another_datum_all_that_is_drawn_is_converted(
        self, client: Client, settings: Settings
    ) -> None:
        one = shop(0)
        published(Result(one))
        settings.MAP_TILES, settings.MAP_TILES_DATUM = "https://tiles.example.org/{z}/{x}/{y}", "gcj02"
        settings.MAP_TILES_ORIGIN = "https://tiles.example.org"
        response = client.get(f"/?near={NEAR}")
        text = response.content.decode()
        latitude, longitude = geo.from_wgs84(LATITUDE, LONGITUDE, geo.GCJ02)
        drawn = f"{longitude:.6f},{latitude:.6f}"
        assert f'data-at="{drawn}"' in text and f'data-centre="{drawn}"' in text
        assert 'data-tap="?datum=gcj02&amp;near="' in text and 'data-locate="?near="' in text
        assert "img-src 'self' data: https://tiles.example.org" in response["Content-Security-Policy"]
        again = seen(client, f"/?datum=gcj02&near={drawn}")
        assert "10 米" in row(again, one.code), "a tap comes back to where it was"
